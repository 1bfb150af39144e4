"""From findings to the stretches that go: a pure function of findings, rules and sound (SPEC 7.1).

Order: the role's list, the margin, outward to the nearest pause, merge, crosstalk, merge, labels. Every
step only widens. A finding outside the sound is an error, because ignoring it would leave speech in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

import numpy as np

from sottovoce.domain.finding import Finding, PlannedSpan, RedactionPlan
from sottovoce.domain.sound import Sound
from sottovoce.domain.spans import Span
from sottovoce.errors import RedactionError
from sottovoce.redact.echoes import Piece, echoes_on
from sottovoce.redact.ground import Ground, ground_of
from sottovoce.redact.rules import RedactionRules
from sottovoce.redact.tiles import SoundTape

SNAP_S: Final = 0.3
"""How far outward a pause is looked for. Telephone speech pauses this often, even within numbers."""


def make_plan(findings: Iterable[Finding], *, rules: RedactionRules, sound: Sound) -> RedactionPlan:
    """As `plan_for`, for a sound in memory."""
    ground = ground_of(sound)
    return plan_for(findings, rules=rules, ground=ground, echoes=partial(echoes_on, SoundTape(sound), [ground.frames]))


def plan_for(
    findings: Iterable[Finding],
    *,
    rules: RedactionRules,
    ground: Ground,
    echoes: Callable[[Sequence[Piece]], list[Piece]],
) -> RedactionPlan:
    """What is replaced, sorted by start and channel, disjoint within a channel.

    RedactionError when a finding names no channel of the sound or lies outside it.
    """
    gap = rules.merge_ms * ground.rate // 1000
    margin = -(-rules.margin_ms * ground.rate // 1000)
    pieces: list[Piece] = []
    for finding in findings:
        _check(finding, ground)
        if rules.wants(finding.entity, ground.roles[finding.channel], score=finding.score):
            wide = finding.span.widened(margin, margin, limit=ground.frames)
            pieces.append((finding.channel, _snapped(wide, ground, finding.channel), (finding,)))
    pieces = _joined(pieces, gap)
    if rules.crosstalk:
        pieces = _joined([*pieces, *echoes(pieces)], gap)
    return RedactionPlan(
        spans=_labelled(pieces), fill=rules.fill, rate=ground.rate, frames=ground.frames, margin_ms=rules.margin_ms
    )


def _check(finding: Finding, ground: Ground) -> None:
    if not 0 <= finding.channel < ground.channels or finding.span.start >= ground.frames:
        raise RedactionError(
            f"the detector {finding.detector} found something outside the sound",
            hint="the transcript may be another recording's; nothing was released",
        )


def _snapped(span: Span, ground: Ground, channel: int) -> Span:
    """Outward to the nearest pause within 300 ms, or to the quietest point where there is none."""
    frame = ground.frame
    reach = round(SNAP_S * ground.rate / frame)
    first, last = span.start // frame, -(-span.end // frame)
    before = _steps(ground, channel, range(first, max(-1, first - reach), -1)) if span.start else 0
    after = _steps(ground, channel, range(last - 1, min(ground.levels.shape[1], last - 1 + reach)))
    start = min(span.start, (first - before) * frame)
    end = max(span.end, (last + after) * frame)
    return Span(max(0, start), min(ground.frames, end))


def _steps(ground: Ground, channel: int, frames: range) -> int:
    """How many frames outward the cut should move."""
    at = np.fromiter(frames, dtype=np.intp)
    pauses = np.flatnonzero(ground.quiet[channel, at])
    return int(pauses[0]) if len(pauses) else int(np.argmin(ground.levels[channel, at]))


def _joined(pieces: Sequence[Piece], gap: int) -> list[Piece]:
    """Within each channel, stretches at most `gap` samples apart become one."""
    out: list[tuple[int, Span, dict[Finding, None]]] = []
    for channel, span, findings in sorted(pieces, key=lambda p: (p[0], p[1])):
        if out and out[-1][0] == channel and span.start <= out[-1][1].end + gap:
            _, before, together = out.pop()
            out.append((channel, Span(before.start, max(before.end, span.end)), together))
        else:
            out.append((channel, span, {}))
        out[-1][2].update(dict.fromkeys(findings))
    return [(channel, span, tuple(findings)) for channel, span, findings in out]


def _labelled(pieces: Sequence[Piece]) -> tuple[PlannedSpan, ...]:
    """Numbered in the order of the call, by the surest finding of each stretch."""
    seen: Counter[str] = Counter()
    spans = []
    for channel, span, findings in sorted(pieces, key=lambda p: (p[1].start, p[0])):
        entity = max(findings, key=lambda f: f.score).entity
        seen[entity] += 1
        spans.append(PlannedSpan(channel=channel, span=span, findings=findings, label=f"{entity}_{seen[entity]}"))
    return tuple(spans)
