"""A plan applied to words: every word on a planned stretch becomes one label (SPEC 7.4).

A word is all a transcript holds of what was said: text, times and probability go together, and nothing
else in it carries speech.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Final

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.finding import PlannedSpan, RedactionPlan
from sottovoce.domain.spans import Span, merged
from sottovoce.domain.transcript import ChannelTranscript, Segment, Transcript, Word
from sottovoce.errors import RedactionError

_CERTAIN: Final = 1.0


def redact_transcript(transcript: Transcript, plan: RedactionPlan) -> Transcript:
    """The transcript of the redacted sound, with `[LABEL]` where something was taken out.

    A stretch without words gets its label too; an echo of another channel only where it hides words.
    """
    if transcript.rate != plan.rate:
        raise RedactionError("the transcript and the plan count time differently")
    return replace(transcript, channels=tuple(_channel(c, plan) for c in transcript.channels))


def _channel(channel: ChannelTranscript, plan: RedactionPlan) -> ChannelTranscript:
    planned = tuple(p for p in plan.spans if p.channel == channel.channel)
    cuts = merged(p.span for p in planned)
    kept = [s for segment in channel.segments if (s := _without(segment, cuts)) is not None]
    labels = [_label(p) for p in _shown(planned, channel)]
    unheard = tuple(u for u in channel.unheard if not _touched(u, cuts))
    return replace(channel, segments=tuple(sorted([*kept, *labels], key=lambda s: s.span)), unheard=unheard)


def _without(segment: Segment, cuts: Sequence[Span]) -> Segment | None:
    words = tuple(w for w in segment.words if not _touched(w.span, cuts))
    if not words:
        return None
    return replace(segment, words=words, span=Span(words[0].span.start, max(w.span.end for w in words)))


def _touched(word: Span, cuts: Sequence[Span]) -> bool:
    """Whether a word overlaps one of the sorted, disjoint cuts, or lies within one without having a length."""
    after = bisect_right(cuts, word.start, key=lambda c: c.start)
    within = after > 0 and word.start < cuts[after - 1].end
    return within or (after < len(cuts) and cuts[after].start < word.end)


def _shown(planned: Iterable[PlannedSpan], channel: ChannelTranscript) -> list[PlannedSpan]:
    """Those that were found on this channel itself, or hide words of it."""
    spans = sorted(w.span for w in channel.words)
    ends = list(accumulate((s.end for s in spans), max))

    def hides_words(cut: Span) -> bool:
        before = bisect_left(spans, cut.start, key=lambda s: s.start)
        begins_inside = before < len(spans) and spans[before].start < cut.end
        return begins_inside or (before > 0 and ends[before - 1] > cut.start)

    return [p for p in planned if any(f.channel == channel.channel for f in p.findings) or hides_words(p.span)]


def _label(planned: PlannedSpan) -> Segment:
    word = Word(text=Confidential(f"[{planned.label}]"), span=planned.span, probability=_CERTAIN)
    return Segment(span=planned.span, words=(word,))
