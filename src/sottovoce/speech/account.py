"""Holding words against audible speech: what does no word account for? (SPEC 5.3)

A transcriber that skips a passage often stretches the word before over it, so a word covers only as
long as saying it can take. A stretch of activity longer than 0.4 s without words is a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sottovoce.domain.spans import Span, merged, without
from sottovoce.domain.transcript import Word

GAP_S: Final = 0.4
_SLACK_S: Final = 0.25
"""Attention-based word times are 100 to 300 ms off (PERFORMANCE.md B3)."""
_LETTER_S: Final = 0.12
_DIGIT_S: Final = 0.7
_WORD_S: Final = 0.5


def gaps(speech: Sequence[Span], words: Iterable[Word], *, rate: int) -> tuple[Span, ...]:
    """Stretches of speech over 0.4 s that no word accounts for, in samples."""
    slack = round(_SLACK_S * rate)
    heard = merged(_reach(word, rate).widened(slack, slack, limit=1 << 62) for word in words)
    holes = (hole for span in speech for hole in without(span, heard))
    return tuple(hole for hole in holes if hole.length > GAP_S * rate)


def _reach(word: Word, rate: int) -> Span:
    """The word's span, no longer than it can take to say it."""
    text = word.text.reveal()
    digits = sum(c.isdigit() for c in text)
    seconds = _WORD_S + _DIGIT_S * digits + _LETTER_S * (len(text.strip()) - digits)
    return Span(word.span.start, min(word.span.end, word.span.start + round(seconds * rate)))
