"""Time as integer samples in half-open spans; seconds appear only at the edges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Samples `start <= i < end` of one channel at that channel's own rate."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if self.start < 0 or self.end < self.start:
            raise ValueError(f"not a span: {self.start}..{self.end}")

    @classmethod
    def of_seconds(cls, start_s: float, end_s: float, *, rate: int) -> Span:
        """The smallest span of whole samples that covers start_s..end_s."""
        return cls(max(0, int(start_s * rate)), max(0, -int(-end_s * rate // 1)))

    @property
    def length(self) -> int:
        return self.end - self.start

    def seconds(self, rate: int) -> tuple[float, float]:
        """(start, end) in seconds, rounded to a tenth of a millisecond, for people to read."""
        return round(self.start / rate, 4), round(self.end / rate, 4)

    def overlaps(self, other: Span) -> bool:
        return self.start < other.end and other.start < self.end

    def contains(self, other: Span) -> bool:
        return self.start <= other.start and other.end <= self.end

    def widened(self, before: int, after: int, *, limit: int) -> Span:
        """Grown by samples on both sides, kept within 0..limit."""
        return Span(max(0, self.start - before), max(0, min(limit, self.end + after)))

    def scaled(self, *, from_rate: int, to_rate: int) -> Span:
        """The same stretch of time at another rate, rounded outward."""
        return Span(self.start * to_rate // from_rate, -(-self.end * to_rate // from_rate))


def merged(spans: Iterable[Span], *, gap: int = 0) -> tuple[Span, ...]:
    """Sorted and disjoint; spans closer than or exactly `gap` samples apart become one."""
    out: list[Span] = []
    for span in sorted(spans):
        if out and span.start <= out[-1].end + gap:
            out[-1] = Span(out[-1].start, max(out[-1].end, span.end))
        else:
            out.append(span)
    return tuple(out)


def covered(spans: Iterable[Span]) -> int:
    """How many samples the spans cover together."""
    return sum(s.length for s in merged(spans))


def without(whole: Span, holes: Iterable[Span]) -> tuple[Span, ...]:
    """What is left of `whole` outside the holes."""
    left, at = [], whole.start
    for hole in merged(holes):
        if hole.start > at:
            left.append(Span(at, min(hole.start, whole.end)))
        at = max(at, hole.end)
        if at >= whole.end:
            break
    if at < whole.end:
        left.append(Span(at, whole.end))
    return tuple(s for s in left if s.length > 0)
