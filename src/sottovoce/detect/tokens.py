"""The transcript's words, cut into tokens that the grammars can read.

A transcriber writes one thing in many ways (`4716-2293,`, `forty-seven`, `S-M-I-T-H.`, `0.4.`). A token
is the smallest piece with a meaning of its own, lower-cased and bare of punctuation; what the
punctuation said (money, a sentence's end, capitals) stays with it as claims. A word that gives several
tokens shares its span out among them by length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import Word

_PIECE = re.compile(r"\d+|[^\W\d_]+(?:['’][^\W\d_]+)*|[@&+#*._/\\-]")
_SENTENCE_END = re.compile(r"[.?!][\"'”’)]*$")
_SYMBOLS = {"@": "at", ".": "dot", "_": "underscore"}
_MONEY = "$£€¥"
MOST_AMOUNT_DIGITS = 10
"""More are a card number that a transcriber wrote as thousands: `4,716,229,318,345,570`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One piece of one word. `raw` keeps the transcriber's capitals."""

    text: str = field(repr=False)
    raw: str = field(repr=False)
    span: Span
    probability: float
    word: int
    """Which of the channel's words it came from."""
    is_amount: bool = False
    """Written with a currency sign, a percent sign, or as a time of day."""
    ends_sentence: bool = False
    asks: bool = False
    """The word ended in a question mark."""

    @property
    def is_numeral(self) -> bool:
        return self.text.isdecimal()


def tokens_of(words: Iterable[Word]) -> tuple[Token, ...]:
    """All tokens of a channel's words, in order."""
    return tuple(t for i, w in enumerate(words) for t in _split(i, w))


def _split(index: int, word: Word) -> Iterator[Token]:
    raw = word.text.reveal().strip()
    pieces = _pieces(raw)
    total = sum(len(p) for p in pieces)
    is_amount = _is_amount(raw)
    at = 0
    for i, piece in enumerate(pieces):
        start, at = at, at + len(piece)
        last = i == len(pieces) - 1
        yield Token(
            text=_SYMBOLS.get(piece, piece.lower().replace("’", "'")),
            raw=piece,
            span=_share(word.span, start, at, total),
            probability=word.probability,
            word=index,
            is_amount=is_amount,
            ends_sentence=last and bool(_SENTENCE_END.search(raw)),
            asks=last and raw.endswith("?"),
        )


def _is_amount(raw: str) -> bool:
    """Whether a word is written as money, percent, a time or thousands; no amount has eleven digits."""
    written = raw[:1] in _MONEY or raw.rstrip(".,?!").endswith("%") or bool(_CLOCK.match(raw))
    return written and sum(c.isdigit() for c in raw) <= MOST_AMOUNT_DIGITS


_CLOCK = re.compile(r"^\d{1,2}:\d{2}|^\d{1,3}(?:,\d{3})+\b(?!,)")
"""A time of day, or thousands."""


def _pieces(raw: str) -> list[str]:
    """Letters and digits apart; a sign between two pieces is spoken (`a.b@c.d`), elsewhere it is not."""
    found = list(_PIECE.finditer(raw))
    kept = []
    for i, m in enumerate(found):
        piece = m.group()
        if piece[0].isalnum() or (_is_spoken(piece, raw, found, i)):
            kept.append(piece)
    return kept


def _is_spoken(piece: str, raw: str, found: list[re.Match[str]], i: int) -> bool:
    if piece == "@":
        return True
    if piece not in "._" or not 0 < i < len(found) - 1:
        return False
    before, after = found[i - 1].group(), found[i + 1].group()
    wordlike = len(before) > 1 and len(after) > 1 and (before.isalpha() or after.isalpha())
    return wordlike or "@" in raw


def _share(span: Span, start: int, end: int, total: int) -> Span:
    return Span(span.start + span.length * start // total, span.start + -(-span.length * end // total))
