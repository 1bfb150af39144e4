"""A file as it is judged: its bytes, its format, and its sound at 8 kHz.

Everything is compared at 8 kHz, where telephone speech lies; other rates are resampled by soxr.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sottovoce.conformance.alignment import Channels
from sottovoce.conformance.protocol import Codec
from sottovoce.conformance.similarity import RATE
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.sound import MediaFormat
from sottovoce.errors import TruthInvalid, UnreadableMedia

AUDIO: Final = frozenset({".wav", ".wave", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".webm"})
LOSSLESS: Final = frozenset({"WAV", "FLAC"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """`sound` at 8 kHz; `frames` as many as the file has at its own rate."""

    data: bytes = field(repr=False)
    format: MediaFormat
    frames: int
    sound: Channels = field(repr=False)


def hear(path: Path, codec: Codec) -> Heard:
    """The decoded file. Raises MediaError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableMedia(f"{path.name} cannot be read ({error.strerror})") from None
    samples, shape = codec.read(Confidential(data))
    return Heard(data=data, format=shape, frames=samples.shape[1], sound=_at_8k(samples, shape.rate))


def hear_original(folder: Path, file: str, codec: Codec) -> Heard:
    """As `hear`; TruthInvalid where the truth names a file there is none of."""
    path = folder / file
    if not path.is_file():
        raise TruthInvalid(f"{path.name} is named in the truth and not there", hint="give the folder with the calls")
    return hear(path, codec)


def _at_8k(samples: NDArray[np.float32], rate: int) -> Channels:
    if rate == RATE:
        return samples.astype(np.float64)
    import soxr

    return np.ascontiguousarray(soxr.resample(samples.T.astype(np.float64), rate, RATE).T)


def fitted(sound: Channels, shape: tuple[int, int]) -> Channels:
    """Cut or filled with silence to (channels, frames); one channel counts for all."""
    if len(sound) == 1:
        sound = np.repeat(sound, shape[0], axis=0)
    out = np.zeros(shape)
    rows, length = min(shape[0], len(sound)), min(shape[1], sound.shape[1])
    out[:rows, :length] = sound[:rows, :length]
    return out
