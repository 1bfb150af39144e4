"""From sealed objects to a parcel in the vendor's form: the only place where this room meets sound.

What is opened is authenticated by its seal. Originals are never opened here, whatever else was sealed with them.
Nothing of a container's own metadata survives: samples go in, an encoder of ours writes what comes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sottovoce.delivery.parcel import CallFacts, Errand, Item, Parcel, Waybill
from sottovoce.delivery.profile import Profile
from sottovoce.delivery.protocol import Opens, Studio
from sottovoce.delivery.sidecar import CONTENT_TYPES, Facts, write_sidecar
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import Sealed, SealedObject
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.spans import merged
from sottovoce.errors import UnreadableMedia

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SOUNDS: Final = ("redacted", "sample")
"""Kinds of sealed objects that hold sound for others, the best first; `redacted-8k` is one of the first kind."""
TRANSCRIPT: Final = "transcript"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How a destination wants a recording."""

    errand: Errand
    profile: Profile
    minimum_active_ratio: float
    with_transcript: bool = False


class Packer:
    """Opens, converts and wraps, in memory."""

    def __init__(self, *, vault: Opens, studio: Studio, version: str) -> None:
        self._vault = vault
        self._studio = studio
        self._version = version

    def pack(self, sealed: Sealed, about: CallFacts, order: Order) -> Parcel:
        """Sound, metadata where the profile has any, and the transcript where it is asked for.

        Raises UnreadableMedia for a recording without sound to send, SealBroken, KeyShredded, KeyUnavailable,
        StorageError.
        """
        own = self._sound(sealed, about)
        sound, form = self._shaped(own, order.profile), order.profile.audio
        shape = form.shape(rate=sound.rate, channels=sound.channels)
        mark = order.errand.mark
        audio = Item(
            part="audio",
            name=form.name.format(id=mark),
            content_type=form.content_type,
            data=self._studio.write(sound, shape),
        )
        active = self._active_permille(own)
        items = [audio, *self._sidecar(order, about, sound, audio, active), *self._transcript(sealed, order)]
        waybill = Waybill(
            mark=mark,
            labels=tuple(item.label for item in items),
            format=f"{form.container}/{form.codec}/{shape.rate}/{shape.channels}",
            active_permille=active,
            is_quiet=active < round(1000 * order.minimum_active_ratio),
        )
        return Parcel(waybill=waybill, items=tuple(items))

    def _sound(self, sealed: Sealed, about: CallFacts) -> Sound:
        """All channels at the recording's own rate, whether they were sealed together or each for itself."""
        import numpy as np

        read = [self._studio.read(self._vault.open_object(sealed.ref.key, each)) for each in _sounds(sealed.objects)]
        if not read:
            raise UnreadableMedia("nothing that was sealed holds redacted sound", hint="run the recording again")
        lengths = {(shape.rate, samples.shape[1]) for samples, shape in read}
        if len(lengths) > 1:
            raise UnreadableMedia("the channels that were sealed do not belong together")
        samples = np.concatenate([samples for samples, _ in read], axis=0)
        roles = about.roles if len(about.roles) == len(samples) else (Role.BOTH,) * len(samples)
        return Sound(samples=np.ascontiguousarray(samples), rate=read[0][1].rate, roles=roles)

    def _shaped(self, sound: Sound, profile: Profile) -> Sound:
        """In the channels, their order and the rate that the vendor wants."""
        import numpy as np

        samples, roles = sound.samples, sound.roles
        if profile.audio.channels == "mixed" and sound.channels > 1:
            samples, roles = samples.mean(axis=0, keepdims=True, dtype=np.float32), (Role.BOTH,)
        elif set(roles) == {Role.AGENT, Role.CUSTOMER} and len(roles) == 2:
            wanted = [Role(each) for each in profile.audio.order]
            samples, roles = samples[[roles.index(role) for role in wanted]], tuple(wanted)
        rate = profile.audio.rate_for(sound.rate)
        resampled: NDArray[np.float32] = self._studio.resample(samples, from_rate=sound.rate, to_rate=rate)
        return Sound(samples=np.ascontiguousarray(resampled), rate=rate, roles=roles)

    def _active_permille(self, sound: Sound) -> int:
        """Of the whole, how much is speech on any channel."""
        spans = merged(span for row in sound.samples for span in self._studio.active_spans(row, sound.rate))
        return round(1000 * sum(span.length for span in spans) / sound.frames) if sound.frames else 0

    def _sidecar(self, order: Order, about: CallFacts, sound: Sound, audio: Item, active: int) -> list[Item]:
        form = order.profile.sidecar
        if form is None:
            return []
        facts: Facts = {
            "id": order.errand.mark,
            "audio_name": audio.name,
            "audio_digest": audio.label.sha256,
            "audio_bytes": audio.label.size,
            "started_at": about.started_at.isoformat() if about.started_at else None,
            "ended_at": about.ended_at.isoformat() if about.ended_at else None,
            "duration_s": round(sound.duration_s, 3),
            "language": about.language,
            "direction": about.direction,
            "queue_category": about.queue_category,
            "agent": order.errand.pseudonym(about.agent_token),
            "customer": order.errand.pseudonym(about.customer_token),
            "channels": "+".join(role.value for role in sound.roles),
            "active_ratio": active / 1000,
            "pipeline_version": self._version,
        }
        name = form.name.format(id=order.errand.mark)
        data = Confidential(write_sidecar(form, facts))
        return [Item(part="sidecar", name=name, content_type=CONTENT_TYPES[form.format], data=data)]

    def _transcript(self, sealed: Sealed, order: Order) -> list[Item]:
        """The redacted transcript, as it was sealed."""
        kept = _transcripts(sealed.objects) if order.with_transcript else []
        if not kept:
            return []
        return [
            Item(
                part=TRANSCRIPT,
                name=order.profile.transcript_name.format(id=order.errand.mark),
                content_type="application/json",
                data=self._vault.open_object(sealed.ref.key, kept[-1]),
            )
        ]


def used_objects(sealed: Sealed, *, with_transcript: bool) -> list[SealedObject]:
    """What a parcel is made from."""
    return _sounds(sealed.objects) + (_transcripts(sealed.objects)[-1:] if with_transcript else [])


def _transcripts(objects: Sequence[SealedObject]) -> list[SealedObject]:
    return [each for each in objects if each.kind.partition("-")[0] == TRANSCRIPT]


def _sounds(objects: Sequence[SealedObject]) -> list[SealedObject]:
    """Those that hold the redacted sound: one of all channels, or one a channel in their order."""
    for kind in SOUNDS:
        found = [each for each in objects if each.kind.partition("-")[0] == kind]
        whole = [each for each in found if each.channel is None]
        if found:
            return whole[:1] or sorted(found, key=lambda each: each.channel or 0)
    return []
