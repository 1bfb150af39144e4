"""Names and e-mail addresses said letter by letter, and e-mail addresses said in words.

    A S M I T H        S-M-I-T-H        b as in bravo        double s        john dot smith at gmail dot com

A letter's name is often written as a word (`be`, `see`, `are`): such words count only among letters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sottovoce.detect.lexicon import BACKCHANNELS, FILLERS, LETTER_NAMES, REPEATS, SPELLING_WORDS, listed
from sottovoce.detect.lines import Line
from sottovoce.detect.protocol import HeardCall
from sottovoce.detect.tokens import Token
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding
from sottovoce.domain.spans import Span

FEWEST_LETTERS = 3
MOST_TOGETHER = 5
MOST_BETWEEN = 1
PAUSE_S = 2.0
MAX_LOCAL = 24
"""Tokens of an e-mail address before its `at`."""
ACRONYMS = listed(
    "usa usb atm pin aaa faq pdf dvd gps ceo fbi cia irs ssn cvv bbc nhs dob url www sim vip vat asap iban dna hiv"
)
DOMAINS = listed("gmail yahoo hotmail outlook aol icloud protonmail msn live comcast googlemail")
TOPS = listed("com org net edu gov co uk io ca au us info biz ie me")
_NOT_LOCAL = listed(
    "is it's its email e-mail mail address my the to that's it at on in me you your for was and so yes yeah okay sure"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """Finds SPELLED_OUT and EMAIL."""

    name: str = "spelling"

    def find(self, call: HeardCall) -> tuple[Finding, ...]:
        return tuple(f for line in call.lines for f in self._on(line))

    def _on(self, line: Line) -> Iterator[Finding]:
        for first, last in spelled_in(line):
            yield self._finding(Entity.SPELLED_OUT, line, line.voiced(*line.with_doubtful(first, last, most=3)))
        for first, last in emails_in(line):
            yield self._finding(Entity.EMAIL, line, line.voiced(first, last))

    def _finding(self, entity: Entity, line: Line, span: Span) -> Finding:
        return Finding(entity=entity, channel=line.channel, span=span, detector=self.name, score=0.8)


def spelled_in(line: Line) -> Iterator[tuple[int, int]]:
    """Token ranges of letters said one after another."""
    open_: list[int] = []
    for i in range(len(line.tokens)):
        if not _may_be_letter(line, i):
            continue
        if open_ and not _goes_on(line, open_[-1], i):
            yield from _closed(line, open_)
            open_ = []
        open_.append(i)
    yield from _closed(line, open_)


def _may_be_letter(line: Line, i: int) -> bool:
    token = line.tokens[i]
    if is_letter(token) or token.text in LETTER_NAMES or token.text in REPEATS:
        return True
    return _is_written_together(token)


def _is_written_together(token: Token) -> bool:
    """Letters said one by one and written as one: `SM`, `ITH`."""
    return token.raw.isupper() and token.raw.isalpha() and 2 <= len(token.raw) <= MOST_TOGETHER


def is_letter(token: Token) -> bool:
    return len(token.text) == 1 and token.text.isalpha()


def _goes_on(line: Line, a: int, b: int) -> bool:
    between = line.tokens[a + 1 : b]
    if line.tokens[b].span.start - line.tokens[b - 1].span.end > PAUSE_S * line.rate:
        return False
    texts = [t.text for t in between]
    if texts and (texts[0] in {"for", "like", "as"} or texts[-1] in SPELLING_WORDS):
        return len(texts) <= 4
    return sum(t not in FILLERS for t in texts) <= MOST_BETWEEN and len(texts) <= 3


def _closed(line: Line, letters: list[int]) -> Iterator[tuple[int, int]]:
    """Letters that are enough, trimmed of words that only may be letters at both ends."""
    while letters and not _is_sure(line, letters[0]):
        letters = letters[1:]
    while letters and not _is_sure(line, letters[-1]):
        letters = letters[:-1]
    sure = [i for i in letters if _is_sure(line, i)]
    if sum(_count(line.tokens[i]) for i in letters) < FEWEST_LETTERS or len(sure) < 2 or 2 * len(sure) < len(letters):
        return
    if "".join(line.tokens[i].text for i in letters) in ACRONYMS:
        return
    last = letters[-1] + 1
    if [t.text for t in line.tokens[last : last + 2]] in (["as", "in"], ["for"], ["like"]):
        last = min(len(line.tokens), last + 3)
    yield letters[0], last


def _is_sure(line: Line, i: int) -> bool:
    """A single letter, or several beside one, and not the words `a` and `I` among words."""
    token = line.tokens[i]
    if not is_letter(token) and not _is_written_together(token):
        return False
    if is_letter(token) and token.text not in {"a", "i"}:
        return True
    before = () if line.is_apart(i) else line.tokens[max(0, i - 1) : i]
    after = () if i + 1 >= len(line.tokens) or line.is_apart(i + 1) else line.tokens[i + 1 : i + 2]
    around = (*before, *after)
    return any(is_letter(t) or _is_written_together(t) for t in around)


def _count(token: Token) -> int:
    return len(token.raw) if _is_written_together(token) else 1


def emails_in(line: Line) -> Iterator[tuple[int, int]]:
    """Token ranges of e-mail addresses."""
    for i, token in enumerate(line.tokens):
        if token.text == "at" and (last := _domain_end(line, i + 1)) is not None:
            yield _local_start(line, i), last


def _domain_end(line: Line, first: int) -> int | None:
    texts = [t.text for t in line.tokens[first : first + 14]]
    end = None
    for k, text in enumerate(texts):
        after = texts[k + 1] if k + 1 < len(texts) else ""
        if text in {"dot", "period", "point"} and after in TOPS:
            end = first + k + 2
        elif end is not None and first + k >= end:
            break
        elif text in DOMAINS and end is None and k <= 1:
            end = first + k + 1
    return end


def _local_start(line: Line, at: int) -> int:
    first = at
    for i in range(at - 1, max(-1, at - 1 - MAX_LOCAL), -1):
        token = line.tokens[i]
        if token.text in _NOT_LOCAL or token.ends_sentence or (token.text in BACKCHANNELS and token.text != "dot"):
            break
        first = i
    return first
