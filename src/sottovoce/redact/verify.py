"""Is what was planned gone from the sound, and only that? Asked of the samples, not of the plan's maker.

The first half of SPEC 7.6; the second is another detector that listens (`protocol.Ear`). Silence and
tone are compared with what they must be; noise must not resemble the original.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sottovoce.domain.finding import Fill, PlannedSpan, RedactionPlan
from sottovoce.domain.sound import Sound
from sottovoce.redact.crosstalk import correlation
from sottovoce.redact.fills import tone
from sottovoce.redact.sound import spans_of

_FRAME_S: Final = 0.1
_LAG_S: Final = 0.03
_ALIKE: Final = 0.35
"""The bound by which the shared score calls a unit leaked."""
_AUDIBLE: Final = 10 ** (-55 / 20)
_LOUD_SHARE: Final = 0.1
_SMEAR_S: Final = 0.1
"""How far a lossy codec's block carries sound over an edge; half of the least margin around a finding."""
_LEAST_S: Final = 0.01
"""Less sound than this says nothing and can only resemble by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What is wrong with a redacted sound, in counts. `residual` counts planned stretches still audible."""

    same_shape: bool
    changed_outside: int
    residual: int

    @property
    def passes(self) -> bool:
        return self.same_shape and not self.changed_outside and not self.residual


def inspect(original: Sound, redacted: Sound, plan: RedactionPlan) -> Inspection:
    """Compare a redacted sound with its original, sample by sample."""
    if original.samples.shape != redacted.samples.shape or original.rate != redacted.rate:
        return Inspection(same_shape=False, changed_outside=0, residual=len(plan.spans))
    residual = sum(not _replaced(*_pair(original, redacted, p), plan) for p in plan.spans)
    return Inspection(same_shape=True, changed_outside=_changed_outside(original, redacted, plan), residual=residual)


def inspect_file(original: Sound, reread: Sound, plan: RedactionPlan, *, lossless: bool) -> Inspection:
    """Compare what was decoded from a redacted file with the original's own decoding.

    A codec rounds the fill, so a stretch is judged by whether the original is still heard in it; outside
    the plan a lossless file must agree sample by sample.
    """
    if original.samples.shape != reread.samples.shape or original.rate != reread.rate:
        return Inspection(same_shape=False, changed_outside=0, residual=len(plan.spans))
    outside = _changed_outside(original, reread, plan) if lossless else 0
    edge = 0 if lossless else round(_SMEAR_S * plan.rate)
    residual = sum(_resembles(*_core(original, reread, p, edge), plan.rate) for p in plan.spans)
    return Inspection(same_shape=True, changed_outside=outside, residual=residual)


def _core(
    original: Sound, redacted: Sound, planned: PlannedSpan, edge: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    before, after = _pair(original, redacted, planned)
    inner = slice(min(edge, len(before) // 4), len(before) - min(edge, len(before) // 4))
    return before[inner], after[inner]


def _pair(original: Sound, redacted: Sound, planned: PlannedSpan) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    part = (planned.channel, slice(planned.span.start, planned.span.end))
    return original.samples[part], redacted.samples[part]


def _changed_outside(original: Sound, redacted: Sound, plan: RedactionPlan) -> int:
    changed = original.samples != redacted.samples
    for channel in range(original.channels):
        for span in spans_of(plan, channel):
            changed[channel, span.start : span.end] = False
    return int(np.count_nonzero(changed))


def _replaced(before: NDArray[np.float32], after: NDArray[np.float32], plan: RedactionPlan) -> bool:
    if plan.fill is Fill.NOISE:
        return not _resembles(before, after, plan.rate)
    expected = tone(len(after), rate=plan.rate) if plan.fill is Fill.TONE else np.zeros_like(after)
    return bool(np.array_equal(after, expected))


def _resembles(before: NDArray[np.float32], after: NDArray[np.float32], rate: int) -> bool:
    """Whether any loud tenth of a second of the original is still heard, within 30 ms."""
    width = min(len(before), round(_FRAME_S * rate))
    if width < _LEAST_S * rate:
        return False
    lag = min(round(_LAG_S * rate), max(1, width // 2))
    starts = range(0, len(before) - width + 1, max(1, width))
    loud = max((_rms(before[s : s + width]) for s in starts), default=0.0) * _LOUD_SHARE
    return any(
        _rms(before[s : s + width]) > max(loud, _AUDIBLE)
        and _rms(after[s : s + width]) > _AUDIBLE
        and correlation(_centred(before[s : s + width]), _centred(after[s : s + width]), lag=lag) > _ALIKE
        for s in starts
    )


def _rms(samples: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))) if len(samples) else 0.0


def _centred(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(samples - samples.mean(dtype=np.float64), dtype=np.float64)
