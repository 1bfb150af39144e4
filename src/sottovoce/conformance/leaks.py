"""Which units of a passage can still be heard, and for how long.

A unit up to a second leaks when its sound is still there (similarity over 0.35). A longer one is judged in
frames of 100 ms, the faint ones left out, and leaks when more than a tenth of them are: the rule for a
phrase, of which one word may not remain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sottovoce.conformance.similarity import FRAME, HEARD, RATE, Cuts, Signal, frames_of, levels, samples, similarity

_FAINT: Final = 0.1
_TOLERATED: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One unit's answer: whether it leaked, and how many of its seconds."""

    leaked: bool
    seconds: float


def heard_units(original: Signal, other: Signal, units: Sequence[tuple[float, float]]) -> tuple[Unit, ...]:
    """Each unit of a passage judged on one channel, both sounds at 8 kHz and of one length."""
    bounds = [_bounds(unit, len(original)) for unit in units]
    cuts = [_live(original, start, end) if end - start > RATE else np.array([[start, end]]) for start, end in bounds]
    found = similarity(original, other, np.concatenate(cuts)) > HEARD
    parts = np.split(found, np.cumsum([len(c) for c in cuts])[:-1])
    return tuple(_judged(start, end, part) for (start, end), part in zip(bounds, parts, strict=True))


def _bounds(unit: tuple[float, float], limit: int) -> tuple[int, int]:
    start, end = samples(unit[0]), samples(unit[1])
    return min(start, limit), min(end, limit)


def _live(original: Signal, start: int, end: int) -> Cuts:
    """The frames that are more than a tenth as loud as the loudest."""
    frames = frames_of(start, end)
    loudness = levels(original, frames)
    return np.asarray(frames[loudness > _FAINT * loudness.max()])


def _judged(start: int, end: int, found: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Unit:
    if end - start <= RATE:
        leaked = bool(found[0])
        return Unit(leaked=leaked, seconds=(end - start) / RATE if leaked else 0.0)
    count = int(found.sum())
    leaked = count > _TOLERATED * len(found)
    return Unit(leaked=leaked, seconds=count * FRAME / RATE if leaked else 0.0)
