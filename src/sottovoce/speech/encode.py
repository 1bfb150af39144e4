"""From samples to encoded bytes, in memory and without metadata (SPEC 3.4, 7).

Ogg is written in blocks of ten seconds: libsndfile 1.2.2 dies of a stack overflow on one long Vorbis
write (PERFORMANCE.md D1). WAV headers are ours, because libsndfile adds a PEAK chunk with a timestamp.
"""

from __future__ import annotations

import io
from typing import Final

import numpy as np
import soundfile

from sottovoce.domain import wav
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.sound import Sound
from sottovoce.errors import UnreadableMedia
from sottovoce.speech import webm

_BLOCK_S: Final = 10
_COMPRESSION: Final = {"VORBIS": 0.0, "MPEG_LAYER_III": 0.1}
"""libsndfile's scale, where 0 is the best. At its own default Vorbis couples stereo so loosely that each
channel carries a quarter to two fifths of the other (measured on noise; 0.05 and less at 0)."""
_CONTAINERS: Final = frozenset({"FLAC", "OGG", "MP3"})


def encode(sound: Sound, *, container: str, codec: str) -> Confidential[bytes]:
    """The sound in the named container and codec, exactly as many frames long.

    Names are libsndfile's, or WEBM with OPUS. UnreadableMedia when the pair cannot carry the rate.
    """
    if container == "WAV" and codec in wav.CODECS:
        layout = wav.layout_for(codec=codec, channels=sound.channels, rate=sound.rate)
        return Confidential(wav.compose(layout, _written(sound, container="RAW", codec=codec)))
    if container == "WEBM":
        return Confidential(webm.write(sound.samples, rate=sound.rate, codec=codec))
    if container in _CONTAINERS and soundfile.check_format(container, codec):
        return Confidential(_written(sound, container=container, codec=codec))
    raise UnreadableMedia("that container and codec are not written", hint="use WAV, FLAC, MP3, Ogg or WebM")


def _written(sound: Sound, *, container: str, codec: str) -> bytes:
    out = io.BytesIO()
    block = _BLOCK_S * sound.rate
    endian = "LITTLE" if container == "RAW" else None
    try:
        with soundfile.SoundFile(
            out,
            "w",
            samplerate=sound.rate,
            channels=sound.channels,
            format=container,
            subtype=codec,
            endian=endian,
            compression_level=_COMPRESSION.get(codec),
        ) as target:
            for start in range(0, sound.frames, block):
                target.write(np.ascontiguousarray(sound.samples[:, start : start + block].T))
    except soundfile.LibsndfileError:
        raise UnreadableMedia("that codec cannot carry this sound", hint="the rate may not be one of its own") from None
    return out.getvalue()
