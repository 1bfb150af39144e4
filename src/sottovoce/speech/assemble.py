"""One sound from the files of a recording (GENESYS.md: media keys "0", "1" or "S").

Separate channel files may differ by a few frames and are filled with silence to the longest; more
than half a second apart they are not one call. When channels and configured roles do not match in
number, no channel is taken for the agent's: every one is BOTH, which is searched for everything.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sottovoce.domain.sound import Media, MediaFormat, Role, Sound
from sottovoce.errors import UnreadableMedia
from sottovoce.speech.caps import Caps
from sottovoce.speech.decode import decode

_APART_S: Final = 0.5

Decoded = tuple[NDArray[np.float32], MediaFormat]


def assemble(media: Media, *, caps: Caps) -> tuple[Sound, MediaFormat]:
    """Decode every part and join them channel by channel, in the order of their keys."""
    if not media.parts:
        raise UnreadableMedia("the recording has no media", hint="fetch it again")
    keys = sorted(media.parts)
    parts = [decode(media.parts[key], caps=caps) for key in keys]
    samples = _joined(parts)
    caps.check_shape(channels=len(samples), rate=parts[0][1].rate)
    roles = [role for key, part in zip(keys, parts, strict=True) for role in _roles(media, key, part)]
    sound = Sound(samples=samples, rate=parts[0][1].rate, roles=tuple(roles))
    return sound, replace(parts[0][1], channels=sound.channels)


def _joined(parts: list[Decoded]) -> NDArray[np.float32]:
    rate = parts[0][1].rate
    lengths = [samples.shape[1] for samples, _ in parts]
    if any(shape.rate != rate for _, shape in parts) or max(lengths) - min(lengths) > _APART_S * rate:
        raise UnreadableMedia(
            "the recording's channels differ in rate or length", hint="they are not one call: fetch it again"
        )
    longest = max(lengths)
    return np.concatenate([np.pad(s, ((0, 0), (0, longest - s.shape[1]))) for s, _ in parts])


def _roles(media: Media, key: str, part: Decoded) -> tuple[Role, ...]:
    roles = tuple(media.roles.get(key, ()))
    channels = part[0].shape[0]
    return roles if len(roles) == channels else (Role.BOTH,) * channels
