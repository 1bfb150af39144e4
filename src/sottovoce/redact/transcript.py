"""A plan applied to words: every word on a planned stretch becomes one label (SPEC 7.4).

A word is all a transcript holds of what was said: text, times and probability go together, and nothing
else in it carries speech.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.finding import PlannedSpan, RedactionPlan
from sottovoce.domain.spans import Span
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
    kept = [s for segment in channel.segments if (s := _without(segment, planned)) is not None]
    labels = [_label(p) for p in planned if _shows(p, channel)]
    unheard = tuple(u for u in channel.unheard if not any(p.span.overlaps(u) for p in planned))
    return replace(channel, segments=tuple(sorted([*kept, *labels], key=lambda s: s.span)), unheard=unheard)


def _without(segment: Segment, planned: tuple[PlannedSpan, ...]) -> Segment | None:
    words = tuple(w for w in segment.words if not any(_touches(w.span, p.span) for p in planned))
    if not words:
        return None
    return replace(segment, words=words, span=Span(words[0].span.start, max(w.span.end for w in words)))


def _touches(word: Span, planned: Span) -> bool:
    """Overlaps, or lies within without having a length."""
    return word.overlaps(planned) or planned.start <= word.start < planned.end


def _shows(planned: PlannedSpan, channel: ChannelTranscript) -> bool:
    own = any(f.channel == channel.channel for f in planned.findings)
    return own or any(_touches(w.span, planned.span) for w in channel.words)


def _label(planned: PlannedSpan) -> Segment:
    word = Word(text=Confidential(f"[{planned.label}]"), span=planned.span, probability=_CERTAIN)
    return Segment(span=planned.span, words=(word,))
