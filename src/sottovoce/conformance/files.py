"""One redacted file against its original: format, length, place, metadata."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from sottovoce.conformance.alignment import Placement
from sottovoce.conformance.findings import Failure, Found
from sottovoce.conformance.media import LOSSLESS, Heard
from sottovoce.conformance.metadata import dirt
from sottovoce.conformance.similarity import LAG, RATE

LENGTH_TOLERANCE: Final = RATE // 20


def form_failures(original: Heard, redacted: Heard) -> Iterator[Found]:
    """What is not as it was: rate, channels, codec, length; and what does not belong."""
    was, now = original.format, redacted.format
    if now.rate != was.rate:
        yield Found(failure=Failure.CHANGED_RATE, detail=f"{was.rate} to {now.rate} Hz")
    if now.channels != was.channels:
        yield Found(failure=Failure.CHANGED_CHANNELS, detail=f"{was.channels} to {now.channels}")
    if (now.container, now.codec) != (was.container, was.codec):
        yield Found(failure=Failure.CHANGED_CODEC, detail=f"{was.container}/{was.codec} to {now.container}/{now.codec}")
    yield from _length(original, redacted)
    kinds = dirt(redacted.data)
    if kinds:
        yield Found(failure=Failure.DIRTY_METADATA, detail=", ".join(kinds))


def wrong_length(original: Heard, redacted: Heard) -> bool:
    """More than 50 ms longer or shorter."""
    return bool(abs(redacted.sound.shape[1] - original.sound.shape[1]) > LENGTH_TOLERANCE)


def _length(original: Heard, redacted: Heard) -> Iterator[Found]:
    """To the sample where the codec can; within 50 ms where it cannot, or the rate is another."""
    exact = redacted.format.container in LOSSLESS and redacted.format.rate == original.format.rate
    changed = redacted.frames != original.frames if exact else wrong_length(original, redacted)
    if changed:
        more = redacted.frames / redacted.format.rate - original.frames / original.format.rate
        yield Found(failure=Failure.CHANGED_LENGTH, detail=f"by {more:+.4f} s")


def place_failures(placement: Placement) -> Iterator[Found]:
    """What is not where it was."""
    if abs(placement.shift) > LAG:
        yield Found(failure=Failure.TIME_SHIFTED, detail=f"by {placement.shift / RATE:+.3f} s")
    if placement.mixed:
        yield Found(failure=Failure.DOWNMIXED)
    elif placement.swapped:
        yield Found(failure=Failure.SWAPPED_CHANNELS)


def is_copy(original: Heard, redacted: Heard) -> bool:
    """The same bytes, or the same sound in another wrapping."""
    if original.data == redacted.data:
        return True
    return original.sound.shape == redacted.sound.shape and bool(np.array_equal(original.sound, redacted.sound))
