"""From encoded bytes to samples, in blocks and under caps (SPEC 3.4, 5.1, 16).

WAV is read by the chunks (`domain.wav`), FLAC, Ogg and MP3 by libsndfile, WebM by FFmpeg, a block
at a time. Refuses NaN and infinite samples, files that hold less sound than they declare, and whatever
the caps do not allow. Container metadata is never looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from sottovoce.domain import wav
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.encoded import Encoded, EncodedBytes, View
from sottovoce.domain.joined import Joined
from sottovoce.domain.sound import MediaFormat
from sottovoce.errors import TruncatedMedia, UnreadableMedia
from sottovoce.speech import webm
from sottovoce.speech.caps import Caps
from sottovoce.speech.sniff import Kind, check_ogg_ends, sniff

Samples = NDArray[np.float32]

_BLOCK: Final = 1 << 16
_UNKNOWN: Final = 1 << 62
"""libsndfile reports a count near 2**63 where the file does not say."""
_LOUDEST: Final = 8.0
"""Lossy codecs overshoot 1.0 a little; far beyond it are integers posing as floats."""


def decode(data: Confidential[bytes], *, caps: Caps) -> tuple[Samples, MediaFormat]:
    """Float32 of shape (channels, frames), and how it was encoded.

    Raises UnreadableMedia, TruncatedMedia or MediaTooLarge; their messages hold nothing of the file.
    """
    with opened(EncodedBytes(data), caps=caps) as (shape, blocks):
        pieces = [np.ascontiguousarray(block.T) for block in blocks]
    if not pieces:
        raise UnreadableMedia("the file holds no sound", hint="fetch the recording again")
    return np.concatenate(pieces, axis=1), shape


@contextmanager
def opened(source: Encoded, *, caps: Caps) -> Iterator[tuple[MediaFormat, Iterator[Samples]]]:
    """The format, and blocks of shape (frames, channels) to be read once, in constant memory."""
    view = source.view()
    kind = sniff(view)
    caps.check_bytes(len(view))
    with source.open() as file, ExitStack() as stack:
        if kind is Kind.WEBM:
            shape, blocks = stack.enter_context(webm.reading(file, caps=caps))
            yield shape, _checked(blocks, shape, caps=caps, declared=None)
            return
        if kind is Kind.OGG:
            check_ogg_ends(view)
        reader, shape, declared = _open_wav(view, file, caps) if kind is Kind.WAV else _open(file, kind)
        stack.enter_context(reader)
        caps.check_shape(channels=shape.channels, rate=shape.rate)
        if declared is not None:
            caps.check_length(frames=declared, channels=shape.channels, rate=shape.rate)
        yield shape, _checked(_blocks(reader), shape, caps=caps, declared=declared)


def _open_wav(view: View, file: BinaryIO, caps: Caps) -> tuple[soundfile.SoundFile, MediaFormat, int]:
    layout = wav.parse(view)
    caps.check_shape(channels=layout.channels, rate=layout.rate)
    source = soundfile.SoundFile(
        Joined(file, layout.data),
        samplerate=layout.rate,
        channels=layout.channels,
        format="RAW",
        subtype=layout.codec,
        endian="LITTLE",
    )
    shape = MediaFormat(container="WAV", codec=layout.codec, rate=layout.rate, channels=layout.channels)
    return source, shape, layout.frames


def _open(file: BinaryIO, kind: Kind) -> tuple[soundfile.SoundFile, MediaFormat, int | None]:
    try:
        source = soundfile.SoundFile(file)
    except (soundfile.LibsndfileError, RuntimeError, ValueError):
        raise _unreadable() from None
    if source.format != kind.value:
        source.close()
        raise _unreadable()
    shape = MediaFormat(container=source.format, codec=source.subtype, rate=source.samplerate, channels=source.channels)
    return source, shape, None if source.frames >= _UNKNOWN else source.frames


def _blocks(source: soundfile.SoundFile) -> Iterator[Samples]:
    while True:
        try:
            block = source.read(_BLOCK, dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, RuntimeError):
            raise _unreadable() from None
        if not len(block):
            return
        yield block


def _checked(blocks: Iterator[Samples], shape: MediaFormat, *, caps: Caps, declared: int | None) -> Iterator[Samples]:
    delivered = 0
    for block in blocks:
        delivered += len(block)
        caps.check_length(frames=delivered, channels=shape.channels, rate=shape.rate)
        if not np.isfinite(block).all() or np.abs(block).max(initial=0.0) > _LOUDEST:
            raise UnreadableMedia("the file holds samples that are no sound", hint="export the recording again")
        yield block
    if declared is not None and delivered != declared:
        raise TruncatedMedia(
            "the file holds less sound than it declares", hint="it was cut off or damaged: fetch it again"
        )


def _unreadable() -> UnreadableMedia:
    return UnreadableMedia("the file is damaged or not what it says", hint="fetch or export the recording again")
