"""From samples to encoded bytes, in memory and without metadata (SPEC 3.4, 7).

Ogg is written in blocks of ten seconds: libsndfile 1.2.2 dies of a stack overflow on one long Vorbis
write (PERFORMANCE.md D1). WAV headers are ours, because libsndfile adds a PEAK chunk with a timestamp.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO, Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from sottovoce.domain import wav
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.sound import MediaFormat, Sound
from sottovoce.errors import UnreadableMedia
from sottovoce.speech import webm

_BLOCK_S: Final = 10
_COMPRESSION: Final = {"VORBIS": 0.0, "MPEG_LAYER_III": 0.1}
"""libsndfile's scale, where 0 is the best. At its own default Vorbis couples stereo so loosely that each
channel carries a quarter to two fifths of the other (measured on noise; 0.05 and less at 0)."""
_CONTAINERS: Final = frozenset({"FLAC", "OGG", "MP3"})


Write = Callable[[NDArray[np.float32]], None]
"""Takes the next samples, of shape (channels, any)."""


def encode(sound: Sound, *, container: str, codec: str) -> Confidential[bytes]:
    """The sound in the named container and codec, exactly as many frames long.

    Names are libsndfile's, or WEBM with OPUS. UnreadableMedia when the pair cannot carry the rate.
    """
    out = io.BytesIO()
    shape = MediaFormat(container=container, codec=codec, rate=sound.rate, channels=sound.channels)
    if container == "WAV" and codec in wav.CODECS:
        with _written(out, replace(shape, container="RAW")) as write:
            write(sound.samples)
        layout = wav.layout_for(codec=codec, channels=sound.channels, rate=sound.rate)
        return Confidential(wav.compose(layout, out.getvalue()))
    with writer(out, shape) as write:
        write(sound.samples)
    return Confidential(out.getvalue())


@contextmanager
def writer(out: BinaryIO, shape: MediaFormat) -> Iterator[Write]:
    """Writes sound of the shape as it comes, in constant memory; the file is whole when this is left.

    Not WAV, whose length stands in front. UnreadableMedia when the container and codec cannot carry the shape.
    """
    if shape.container == "WEBM":
        with webm.writer(out, rate=shape.rate, codec=shape.codec, channels=shape.channels) as write:
            yield _in_blocks(write, shape.rate)
    elif shape.container in _CONTAINERS and soundfile.check_format(shape.container, shape.codec):
        with _written(out, shape) as write:
            yield write
    else:
        raise UnreadableMedia("that container and codec are not written", hint="use WAV, FLAC, MP3, Ogg or WebM")


@contextmanager
def _written(out: BinaryIO, shape: MediaFormat) -> Iterator[Write]:
    raw = shape.container == "RAW"
    try:
        with soundfile.SoundFile(
            out,
            "w",
            samplerate=shape.rate,
            channels=shape.channels,
            format=shape.container,
            subtype=shape.codec,
            endian="LITTLE" if raw else None,
            compression_level=_COMPRESSION.get(shape.codec),
        ) as target:
            yield _in_blocks(lambda samples: target.write(np.ascontiguousarray(samples.T)), shape.rate)
    except soundfile.LibsndfileError:
        raise UnreadableMedia("that codec cannot carry this sound", hint="the rate may not be one of its own") from None


def _in_blocks(write: Write, rate: int) -> Write:
    """However much is given at once, the encoder gets ten seconds."""
    block = _BLOCK_S * rate

    def written(samples: NDArray[np.float32]) -> None:
        for start in range(0, samples.shape[1], block):
            write(samples[:, start : start + block])

    return written
