"""One passage on one channel: what of it is heard, what an attack brings back, and what went wrong beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sottovoce.conformance.findings import Failure, PassageScore
from sottovoce.conformance.leaks import heard_units
from sottovoce.conformance.similarity import RATE, Signal, samples
from sottovoce.conformance.tones import without_tones
from sottovoce.conformance.truth import Passage

_STEP: Final = RATE // 100
_BESIDE: Final = 2 * RATE
_REACH: Final = 3 * RATE // 10
"""Erased sound that reaches 300 ms past a passage is more than a margin."""
_GONE: Final = 0.7
_QUIETER, _LOUDER = 0.3, 10.0
_MOSTLY: Final = 0.5
_FAINT: Final = 2e-5
"""Fainter than the last bit of 16: digital silence, which shows no erasing."""
_UNTOUCHED: Final = 0.02

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A passage's score, and the failures that explain it."""

    score: PassageScore
    failures: tuple[Failure, ...]


def gone(passage: Passage, kind: str) -> PassageScore:
    """How a passage counts when there is no file to judge: as leaked."""
    seconds = sum(end - start for start, end in passage.units)
    return PassageScore(type=kind, units=len(passage.units), leaked=len(passage.units), leaked_s=seconds)


def judge(passage: Passage, kind: str, original: Signal, other: Signal, put_back: Signal | None) -> Judged:
    """`other` as the file has it and `put_back` with shift and swap undone, or None when nothing moved."""
    plain = heard_units(original, other, passage.units)
    undone = without_tones(original, other, passage.units, plain)
    moved = heard_units(original, put_back, passage.units) if put_back is not None else plain
    answers = zip(plain, (u.unit for u in undone), moved, strict=True)
    worst = [max(of_unit, key=lambda unit: unit.seconds) for of_unit in answers]
    leaked = sum(unit.leaked for unit in plain)
    mixed = any(u.mixed for u in undone)
    score = PassageScore(
        type=kind,
        units=len(plain),
        leaked=leaked,
        recovered=sum(unit.leaked for unit in worst) - leaked,
        leaked_s=sum(unit.seconds for unit in worst),
    )
    causes = () if mixed or not leaked else _causes(passage, original, other)
    return Judged(score=score, failures=(Failure.MIXED_TONE,) if mixed else causes)


def _causes(passage: Passage, original: Signal, other: Signal) -> tuple[Failure, ...]:
    """Why something of the passage is heard: erased beside it, erased in part, or not at all."""
    start, end = samples(passage.whole.start_s), min(samples(passage.whole.end_s), len(original))
    low, high = max(0, start - _BESIDE), min(len(original), end + _BESIDE)
    erased, known = _erased(original[low:high], other[low:high])
    first, last = (start - low) // _STEP, (end - low) // _STEP
    inside = erased[first:last].sum() / max(1, known[first:last].sum())
    head, tail = erased[:first], erased[last:]
    if max(_beyond(head[::-1], known[:first][::-1]), _beyond(tail, known[last:])) > _MOSTLY:
        return (Failure.SPANS_SHIFTED,)
    if inside < _UNTOUCHED and (head.sum() + tail.sum()) * _STEP > _REACH:
        return (Failure.SPANS_SHIFTED,)
    return (Failure.CUT_SHORT,) if inside > _UNTOUCHED else ()


def _beyond(erased: Flags, known: Flags) -> float:
    """The share that is erased between 300 and 600 ms from the passage, where no margin reaches."""
    near = slice(_REACH // _STEP, 2 * _REACH // _STEP)
    return float(erased[near].sum() / max(1, known[near].sum()))


def _erased(original: Signal, other: Signal) -> tuple[Flags, Flags]:
    """For each 10 ms: whether the original's sound is gone, and whether there was any to tell by."""
    length = min(len(original), len(other)) // _STEP * _STEP
    a, b = (s[:length].reshape(-1, _STEP) for s in (original, other))
    power, theirs = (a**2).mean(axis=1), (b**2).mean(axis=1)
    loud = power > 0.01 * power.max(initial=0.0)
    known = power > _FAINT**2
    replaced = ((a - b) ** 2).mean(axis=1) > _GONE * power
    ratio = np.sqrt(theirs / (power + 1e-20))
    level = (ratio < _QUIETER) | (ratio > _LOUDER)
    return known & np.where(loud, replaced, level), known


def sensitive(passages: tuple[Passage, ...], frames: int) -> Flags:
    """Which samples lie within half a second of a passage: nothing there is judged as removed without need."""
    mask = np.zeros(frames, dtype=bool)
    for passage in passages:
        mask[max(0, samples(passage.whole.start_s - 0.5)) : samples(passage.whole.end_s + 0.5)] = True
    return mask
