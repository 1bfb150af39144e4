"""Dates of birth, and ages over 89 (45 CFR 164.514(b)(2)(i)(C)), from words alone.

A month with a day and a past year is taken for a birth date; a month and a day without a year, or with a
year still to come, is an appointment's, and stays unless a prompt asked for it (see `context`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sottovoce.detect.grammar import Piece, Said, ordinal, pieces_of
from sottovoce.detect.lexicon import FILLERS, MONTHS
from sottovoce.detect.lines import Line
from sottovoce.detect.protocol import HeardCall
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding

OLDEST_YEAR, YOUNGEST_YEAR = 1900, 2015
SHORT_YEARS_AHEAD = frozenset({"24", "25", "26", "27", "28", "29", "30"})
"""Two-digit years that are likelier this decade's than a caller's birth year."""
REACH = 5
_JOINS = frozenset({"of", "the", "in", "and", "on", "oh", "o"}) | FILLERS
_AGE_BEFORE = frozenset({"aged", "age", "turned", "turning", "turn"})
_AGE_AFTER = frozenset({"years", "year"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """Finds DATE_OF_BIRTH and AGE_OVER_89."""

    name: str = "dates"

    def find(self, call: HeardCall) -> tuple[Finding, ...]:
        return tuple(f for line in call.lines for f in self._on(line))

    def _on(self, line: Line) -> Iterator[Finding]:
        pieces = {p.first: p for p in pieces_of(line.tokens)}
        for first, last in births_in(line, pieces):
            yield self._finding(Entity.DATE_OF_BIRTH, line, first, last, 0.8)
        for piece in pieces.values():
            if _is_old_age(piece, line):
                yield self._finding(Entity.AGE_OVER_89, line, piece.first, piece.last, 0.8)

    def _finding(self, entity: Entity, line: Line, first: int, last: int, score: float) -> Finding:
        span = line.voiced(first, last)
        return Finding(entity=entity, channel=line.channel, span=span, detector=self.name, score=score)


def births_in(line: Line, pieces: dict[int, Piece]) -> Iterator[tuple[int, int]]:
    """Token ranges of dates with a past year."""
    for i, token in enumerate(line.tokens):
        if token.text in MONTHS:
            first = _before(line, i)
            last, digits = _after(line, i, pieces)
            if digits and _names_past_year(digits, has_day=first < i):
                yield first, last


def _before(line: Line, month: int) -> int:
    """`the fifth of` before the month."""
    first = month
    for i in range(month - 1, max(-1, month - 4), -1):
        token = line.tokens[i]
        if ordinal(token) or (token.is_numeral and len(token.text) <= 2) or token.text in {"st", "nd", "rd", "th"}:
            first = i
        elif token.text not in {"of", "the"}:
            break
    return first


def _after(line: Line, month: int, pieces: dict[int, Piece]) -> tuple[int, list[str]]:
    digits: list[str] = []
    i = last = month + 1
    while i < min(len(line.tokens), month + 1 + 3 * REACH) and i - last <= 2:
        piece, token = pieces.get(i), line.tokens[i]
        if piece is not None and _is_dated(piece, line):
            digits.append(piece.digits)
            i = last = piece.last
        elif (day := ordinal(token)) is not None:
            digits.append(str(day))
            i = last = i + 1
        elif token.text in _JOINS or token.text in {"st", "nd", "rd", "th"}:
            i += 1
        else:
            break
    return last, digits


def _is_dated(piece: Piece, line: Line) -> bool:
    follower = line.tokens[piece.last].text if piece.last < len(line.tokens) else ""
    return piece.said not in {Said.AMOUNT, Said.FAINT} or follower in {"st", "nd", "rd", "th"}


def _names_past_year(digits: list[str], *, has_day: bool) -> bool:
    said = "".join(digits)
    if len(said) >= 4:
        return any(OLDEST_YEAR <= int(said[k : k + 4]) <= YOUNGEST_YEAR for k in range(len(said) - 3)) or (
            len(digits) >= 2 and said[-4:-2] not in {"20", "19"} and said[-2:] not in SHORT_YEARS_AHEAD
        )
    enough = len(digits) >= 2 or has_day
    return enough and len(said) >= 2 and said[-2:] not in SHORT_YEARS_AHEAD and (has_day or len(said) >= 3)


def _is_old_age(piece: Piece, line: Line) -> bool:
    if len(piece.digits) not in {2, 3} or not 90 <= int(piece.digits) <= 120:
        return False
    before = line.tokens[piece.first - 1].text if piece.first else ""
    after = [t.text for t in line.tokens[piece.last : piece.last + 2]]
    return before in _AGE_BEFORE or (after[:1] != [] and after[0] in _AGE_AFTER and after[1:] == ["old"])
