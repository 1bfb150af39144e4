"""From findings to the stretches that go: a pure function of findings, rules and sound (SPEC 7.1).

Order: the role's list, the margin, outward to the nearest pause, merge, crosstalk, merge, labels. Every
step only widens. A finding outside the sound is an error, because ignoring it would leave speech in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from sottovoce.domain.finding import Finding, PlannedSpan, RedactionPlan
from sottovoce.domain.sound import Sound
from sottovoce.domain.spans import Span
from sottovoce.errors import RedactionError
from sottovoce.redact.crosstalk import carries, couples, is_copy
from sottovoce.redact.energy import Envelope, envelope
from sottovoce.redact.rules import RedactionRules

SNAP_S: Final = 0.3
"""How far outward a pause is looked for. Telephone speech pauses this often, even within numbers."""

_Piece = tuple[int, Span, tuple[Finding, ...]]
"""A channel, a stretch of it, and what was found there."""


def make_plan(findings: Iterable[Finding], *, rules: RedactionRules, sound: Sound) -> RedactionPlan:
    """What is replaced, sorted by start and channel, disjoint within a channel.

    RedactionError when a finding names no channel of the sound or lies outside it.
    """
    levels = envelope(sound)
    gap = rules.merge_ms * sound.rate // 1000
    margin = -(-rules.margin_ms * sound.rate // 1000)
    pieces: list[_Piece] = []
    for finding in findings:
        _check(finding, sound)
        if rules.wants(finding.entity, sound.roles[finding.channel], score=finding.score):
            wide = finding.span.widened(margin, margin, limit=sound.frames)
            pieces.append((finding.channel, _snapped(wide, levels, finding.channel, sound), (finding,)))
    pieces = _joined(pieces, gap)
    if rules.crosstalk:
        pieces = _joined([*pieces, *_echoes(pieces, sound)], gap)
    return RedactionPlan(
        spans=_labelled(pieces), fill=rules.fill, rate=sound.rate, frames=sound.frames, margin_ms=rules.margin_ms
    )


def _check(finding: Finding, sound: Sound) -> None:
    if not 0 <= finding.channel < sound.channels or finding.span.start >= sound.frames:
        raise RedactionError(
            f"the detector {finding.detector} found something outside the sound",
            hint="the transcript may be another recording's; nothing was released",
        )


def _snapped(span: Span, levels: Envelope, channel: int, sound: Sound) -> Span:
    """Outward to the nearest pause within 300 ms, or to the quietest point where there is none."""
    reach = round(SNAP_S * sound.rate / levels.frame)
    first, last = span.start // levels.frame, -(-span.end // levels.frame)
    before = _steps(levels, channel, range(first, max(-1, first - reach), -1)) if span.start else 0
    after = _steps(levels, channel, range(last - 1, min(levels.levels.shape[1], last - 1 + reach)))
    start = min(span.start, (first - before) * levels.frame)
    end = max(span.end, (last + after) * levels.frame)
    return Span(max(0, start), min(sound.frames, end))


def _steps(levels: Envelope, channel: int, frames: range) -> int:
    """How many frames outward the cut should move."""
    at = np.fromiter(frames, dtype=np.intp)
    pauses = np.flatnonzero(levels.quiet(channel)[at])
    return int(pauses[0]) if len(pauses) else int(np.argmin(levels.levels[channel][at]))


def _echoes(pieces: Sequence[_Piece], sound: Sound) -> list[_Piece]:
    """The same stretches on every other channel that carries them, there or throughout the call.

    Where the other channel is much the louder, what was found is its own speaker's, heard across: it is judged there.
    """
    sources = {channel for channel, _, _ in pieces}
    pairs = {(s, o) for s in sources for o in range(sound.channels) if o != s}
    coupled = {(s, o) for s, o in pairs if couples(sound, source=s, other=o)}
    return [
        (other, span, findings)
        for channel, span, findings in pieces
        for source, other in pairs
        if source == channel
        and not is_copy(sound, span, source=source, other=other)
        and ((source, other) in coupled or carries(sound, span, source=source, other=other))
    ]


def _joined(pieces: Sequence[_Piece], gap: int) -> list[_Piece]:
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


def _labelled(pieces: Sequence[_Piece]) -> tuple[PlannedSpan, ...]:
    """Numbered in the order of the call, by the surest finding of each stretch."""
    seen: Counter[str] = Counter()
    spans = []
    for channel, span, findings in sorted(pieces, key=lambda p: (p[1].start, p[0])):
        entity = max(findings, key=lambda f: f.score).entity
        seen[entity] += 1
        spans.append(PlannedSpan(channel=channel, span=span, findings=findings, label=f"{entity}_{seen[entity]}"))
    return tuple(spans)
