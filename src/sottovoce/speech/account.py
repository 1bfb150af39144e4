"""Holding words against audible speech: what does no word account for? (SPEC 5.3)

A transcriber that skips a passage often stretches the word before over it, so a word covers only as
long as saying it can take. A stretch of activity longer than 0.4 s without words is a gap; a shorter one
belongs to the words beside it, because word times are rough and a first digit must not lie outside.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from sottovoce.domain.spans import Span, covered, merged, without
from sottovoce.domain.transcript import ChannelTranscript, Segment, Word

GAP_S: Final = 0.4
_SLACK_S: Final = 0.25
"""Attention-based word times are 100 to 300 ms off (PERFORMANCE.md B3)."""
_REACH_S: Final = 0.8
"""How far a word may be stretched: the first word of an answer starts up to this late in Whisper's times
(99 of 100 on the shared calls)."""
_NEAR_S: Final = 0.3
_RULED_OUT: Final = 0.1
_BELIEVED: Final = 0.3
_LETTER_S: Final = 0.12
_DIGIT_S: Final = 0.7
_WORD_S: Final = 0.5


def gaps(speech: Sequence[Span], words: Iterable[Word], *, rate: int) -> tuple[Span, ...]:
    """Stretches of speech over 0.4 s that no word accounts for, in samples.

    A word the transcriber all but ruled out accounts for nothing: over speech it does not understand
    Whisper writes such words, and what was said under them may be anything.
    """
    slack = round(_SLACK_S * rate)
    heard = merged(_reach(w, rate).widened(slack, slack, limit=1 << 62) for w in words if w.probability >= _RULED_OUT)
    holes = (hole for span in speech for hole in without(span, heard))
    return tuple(hole for hole in holes if hole.length > GAP_S * rate)


def understood(channels: Iterable[ChannelTranscript]) -> float:
    """The share of all audible speech that lies under words the transcriber believed; 1 where there is none."""
    speech = missed = 0
    for channel in channels:
        believed = [w.span for w in channel.words if w.probability >= _BELIEVED]
        speech += covered(channel.speech)
        missed += sum(hole.length for span in channel.speech for hole in without(span, believed))
    return 1 - missed / speech if speech else 1.0


def confidence(channels: Iterable[ChannelTranscript]) -> float:
    """The mean probability of all words; 1 where there is none."""
    said = [w.probability for channel in channels for w in channel.words]
    return sum(said) / len(said) if said else 1.0


def stretched(segments: Sequence[Segment], speech: Sequence[Span], *, rate: int) -> list[Segment]:
    """The same words, grown over the activity beside them that no word claims.

    What lies between two words is given to both: if either is sensitive, so may the sound between be.
    """
    words = [w for s in segments for w in s.words]
    spans = {id(w): w.span for w in words}
    first, last = sorted(words, key=lambda w: w.span.start), sorted(words, key=lambda w: w.span.end)
    starts, ends = [w.span.start for w in first], [w.span.end for w in last]
    near, reach = round(_NEAR_S * rate), round(_REACH_S * rate)
    for hole in (h for span in speech for h in without(span, (w.span for w in words))):
        k = bisect_right(ends, hole.start) - 1
        if k >= 0 and hole.start - ends[k] <= near:
            old = spans[id(last[k])]
            spans[id(last[k])] = Span(old.start, max(old.end, min(hole.end, ends[k] + reach)))
        k = bisect_left(starts, hole.end)
        if k < len(starts) and starts[k] - hole.end <= near:
            old = spans[id(first[k])]
            spans[id(first[k])] = Span(min(old.start, max(hole.start, starts[k] - reach)), old.end)
    return [_resegmented(s, tuple(replace(w, span=spans[id(w)]) for w in s.words)) for s in segments]


def _resegmented(segment: Segment, words: tuple[Word, ...]) -> Segment:
    span = Span(min(w.span.start for w in words), max(w.span.end for w in words))
    return replace(segment, words=words, span=span)


def _reach(word: Word, rate: int) -> Span:
    """The word's span, no longer than it can take to say it."""
    text = word.text.reveal()
    digits = sum(c.isdigit() for c in text)
    seconds = _WORD_S + _DIGIT_S * digits + _LETTER_S * (len(text.strip()) - digits)
    return Span(word.span.start, min(word.span.end, word.span.start + round(seconds * rate)))
