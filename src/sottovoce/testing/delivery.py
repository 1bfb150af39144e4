"""What deliveries are tested with: sealed sound in memory, and one way to ask any destination what it was given."""

from __future__ import annotations

import hashlib
import io
import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import soundfile
from numpy.typing import NDArray

from sottovoce.delivery.failures import DeliveryLost, DeliveryUnknown
from sottovoce.delivery.parcel import Parcel
from sottovoce.delivery.protocol import Check, Confirmed, How, Placed
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import RecordingRef, Sealed, SealedObject
from sottovoce.domain.sound import Role
from sottovoce.errors import KeyShredded, SealBroken

RATE = 8000
ROLES = (Role.CUSTOMER, Role.AGENT)


@dataclass
class MemorySeals:
    """A vault's reading side: objects by their place, until they are shredded; `opened` says which were read."""

    objects: dict[str, bytes] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)
    is_shredded: bool = False
    is_broken: bool = False

    def open_object(self, rid: str, sealed: SealedObject) -> Confidential[bytes]:  # noqa: ARG002 - as the vault's
        if self.is_shredded:
            raise KeyShredded("the recording was erased")
        if self.is_broken:
            raise SealBroken("an object does not open")
        self.opened.append(sealed.kind)
        return Confidential(self.objects[sealed.location])

    def seal(self, key: str, parts: Mapping[tuple[str, int | None], bytes], *, source: str = "calls") -> Sealed:
        """What the vault would answer for these objects."""
        made = []
        for (kind, channel), data in parts.items():
            location = f"objects/{key}/{kind}-{channel}"
            self.objects[location] = data
            made.append(SealedObject(kind=kind, channel=channel, location=location, digest="0" * 64, size=len(data)))
        ref = RecordingRef(source=source, key=key, locator=Confidential("locator"))
        return Sealed(ref=ref, key_id="k-1", objects=tuple(made), facts={}, predecessor="0" * 64)


def two_voices(*, seconds: float = 2.0, rate: int = RATE, seed: int = 1) -> NDArray[np.float32]:
    """(2, frames): bursts on the first channel while the second is still, then the other way round."""
    noise = np.random.default_rng(seed)
    frames = int(seconds * rate)
    samples = 0.0005 * noise.standard_normal((2, frames))
    quarter = frames // 4
    samples[0, :quarter] += 0.2 * noise.standard_normal(quarter)
    samples[1, 2 * quarter : 3 * quarter] += 0.2 * noise.standard_normal(quarter)
    return np.clip(samples, -1, 1).astype(np.float32)


def as_flac(samples: NDArray[np.float32], *, rate: int = RATE) -> bytes:
    """Lossless, as the vault holds it."""
    out = io.BytesIO()
    soundfile.write(out, samples.T, rate, format="FLAC", subtype="PCM_16")
    return out.getvalue()


def redacted_parts(*, seed: int = 1, original: bytes = b"") -> dict[tuple[str, int | None], bytes]:
    """A redacted call with its transcript and map; with an original beside it where one is given."""
    parts: dict[tuple[str, int | None], bytes] = {
        ("redacted", None): as_flac(two_voices(seed=seed)),
        ("transcript", None): json.dumps({"channels": [{"words": [{"text": "[NAME_1]"}]}]}).encode(),
        ("map", None): b'{"spans": []}',
    }
    return {**({("original", None): original} if original else {}), **parts}


@dataclass
class MemoryDestination:
    """Keeps parcels by name. `meets` is used up, one for each put: an error to raise, after keeping it or not."""

    files: dict[str, bytes] = field(default_factory=dict)
    meets: deque[tuple[bool, BaseException]] = field(default_factory=deque)
    keys: list[str] = field(default_factory=list)
    cannot_be_asked: bool = False
    takes_keys_once: bool = False
    before_confirming: Callable[[], object] = lambda: None

    def put(self, parcel: Parcel, *, key: str) -> Placed:
        is_kept, failure = self.meets.popleft() if self.meets else (True, None)
        if is_kept:
            self.keys.append(key)
            self.files |= {item.name: item.data.reveal() for item in parcel.items}
        if failure is not None:
            raise failure
        return Placed(waybill=parcel.waybill, is_answered=True, reference="vendor-1")

    def confirm(self, placed: Placed) -> Confirmed:
        self.before_confirming()
        if self.cannot_be_asked:
            return self._believed(placed)
        for label in placed.waybill.labels:
            if hashlib.sha256(self.files.get(label.name, b"")).hexdigest() != label.sha256:
                raise DeliveryLost("it is not there")
        return Confirmed(how=How.READ_BACK, reference=placed.reference)

    def withdraw(self, placed: Placed) -> bool:
        for label in placed.waybill.labels:
            self.files.pop(label.name, None)
        return True

    def probe(self) -> Sequence[Check]:
        return [Check(name="memory", ok=True, says="it is there")]

    def _believed(self, placed: Placed) -> Confirmed:
        if placed.is_answered:
            return Confirmed(how=How.WAIVED, reference=placed.reference)
        if self.takes_keys_once:
            raise DeliveryLost("it gave no answer")
        raise DeliveryUnknown("nobody can tell")
