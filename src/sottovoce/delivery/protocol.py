"""What a destination does, and what this room needs of the vault and of speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from sottovoce.delivery.parcel import Parcel, Waybill
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import SealedObject
from sottovoce.domain.sound import MediaFormat, Sound
from sottovoce.domain.spans import Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class How(StrEnum):
    """Why a delivery is believed. Written to receipts; append only."""

    CHECKSUM = "checksum"
    """The destination states the digest of what it keeps."""
    READ_BACK = "read_back"
    """What lies there was read, and is what was sent."""
    WAIVED = "waived"
    """Somebody said that its word is enough."""
    VOUCHED = "vouched"
    """Nobody could tell, and a person asked them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What a destination took, or may have taken: `is_answered` where it said so itself.

    `reference` is what it calls it, `stated` a digest it gave with its answer.
    """

    waybill: Waybill
    is_answered: bool = False
    reference: str | None = field(default=None, repr=False)
    stated: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """It lies there, whole."""

    how: How
    reference: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was tried at a destination."""

    name: str
    ok: bool
    says: str
    mend: str = ""


class Destination(Protocol):
    """Somebody who is given parcels. Every method raises DeliveryError only, never in the other side's words."""

    def put(self, parcel: Parcel, *, key: str) -> Placed:
        """Hands it over, once; `key` is the same whenever the same parcel is tried.

        Raises DeliveryUnavailable, DeliveryForbidden, DeliveryRefused.
        """
        ...

    def confirm(self, placed: Placed) -> Confirmed:
        """That all of it is there, as its digests say. Also for one that was interrupted.

        Raises DeliveryLost when it is not, DeliveryUnknown when nobody can tell, DeliveryUnavailable.
        """
        ...

    def withdraw(self, placed: Placed) -> bool:
        """Takes it back; False where the destination has no way to. Idempotent."""
        ...

    def probe(self) -> Sequence[Check]:
        """Whether a delivery would work, by doing it with a canary where that leaves nothing behind."""
        ...


class Opens(Protocol):
    """The vault, as far as its sealed objects are read."""

    def open_object(self, rid: str, sealed: SealedObject) -> Confidential[bytes]:
        """Raises SealBroken for any other object, KeyShredded after an erasure."""
        ...


class Studio(Protocol):
    """Speech's own work on sound, which this room may not import."""

    def read(self, data: Confidential[bytes]) -> tuple[NDArray[np.float32], MediaFormat]: ...

    def write(self, sound: Sound, shape: MediaFormat) -> Confidential[bytes]: ...

    def resample(self, samples: NDArray[np.float32], *, from_rate: int, to_rate: int) -> NDArray[np.float32]: ...

    def active_spans(self, channel: NDArray[np.float32], rate: int) -> tuple[Span, ...]: ...
