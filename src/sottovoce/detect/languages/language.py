"""A language as data: what its speakers say, in the words the grammar reads.

The grammar, the runs and the dates read one vocabulary, that of `lexicon`. A language says how its own
phrases are put in those words (`quatre-vingt-dix-sept` → ninety seven, `einundzwanzig` → twenty one,
`cinco de mayo` → fifth of may), and which prompts its speakers use. What it does not name is masked, so that
`on`, `or` and `a` of another language are not taken for English. Refuses phrases given twice with two meanings.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from sottovoce.detect.lexicon import MONTHS, ORDINALS, TEENS, TENS
from sottovoce.detect.prompts import ENDING, LAST_FOUR, PROMPTS, REQUEST, TELLING, Answer, Prompt
from sottovoce.detect.tokens import Token
from sottovoce.domain.entities import Entity
from sottovoce.domain.spans import Span

Phrase = tuple[str, ...]
Telling = tuple[Entity, re.Pattern[str], Answer]

LONGEST_PHRASE: Final = 8
ONE_GO_S: Final = 0.8
"""Words further apart are two numbers: `soixante … douze` is no seventy-two."""
MASK: Final = "·"
_KEPT: Final = frozenset(["gmail", "hotmail", "outlook", "yahoo", "icloud", "com", "net", "org"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """`terms` are empty for the grammar's own language. `numbers` are 0 to 99 as they are usually said."""

    code: str
    numbers: tuple[str, ...] = field(repr=False)
    double: str
    pauses: tuple[str, ...] = field(repr=False)
    """What is said between digits and means nothing, corrections too."""
    terms: Mapping[Phrase, Phrase] = field(repr=False)
    prompts: tuple[Prompt, ...] = field(repr=False)
    request: re.Pattern[str] = field(repr=False)
    telling: tuple[Telling, ...] = field(repr=False)
    ending: re.Pattern[str] = field(repr=False)
    last_four: re.Pattern[str] = field(repr=False)

    def read(self, tokens: tuple[Token, ...], *, rate: int) -> tuple[Token, ...]:
        """The same tokens in the grammar's words; a phrase of several words becomes as many as it means."""
        return tuple(self._read(tokens, rate)) if self.terms else tokens

    def said(self, tokens: Iterable[Token]) -> list[str]:
        """What prompts are matched against: the language's own words, without accents."""
        return [plain(t.raw) if self.terms else t.text for t in tokens]

    def _read(self, tokens: tuple[Token, ...], rate: int) -> Iterator[Token]:
        words = [plain(t.text) for t in tokens]
        i = 0
        while i < len(tokens):
            n = next((n for n in range(_reach(tokens, i, rate), 0, -1) if tuple(words[i : i + n]) in self.terms), 0)
            if n:
                yield from _rendered(tokens[i : i + n], self.terms[tuple(words[i : i + n])])
            else:
                yield _masked(tokens[i])
            i += max(n, 1)


def plain(text: str) -> str:
    """Lower case without accents; `ß` as `ss`."""
    folded = unicodedata.normalize("NFD", text.casefold().replace("’", "'"))
    return "".join(c for c in folded if not unicodedata.combining(c))


def _reach(tokens: Sequence[Token], i: int, rate: int) -> int:
    """How many tokens from `i` on may be one phrase."""
    n = 1
    while n < LONGEST_PHRASE and i + n < len(tokens):
        before, after = tokens[i + n - 1], tokens[i + n]
        if before.ends_sentence or after.span.start - before.span.end > ONE_GO_S * rate:
            break
        n += 1
    return n


def _rendered(phrase: Sequence[Token], words: Phrase) -> Iterator[Token]:
    """The phrase's time goes to its first word and stays with all of them: they are one word of the channel's."""
    whole = Span(phrase[0].span.start, max(t.span.end for t in phrase))
    for k, text in enumerate(words):
        yield replace(
            phrase[0],
            text=text,
            raw=" ".join(t.raw for t in phrase) if k == 0 else "",
            span=whole,
            probability=min(t.probability for t in phrase),
            ends_sentence=phrase[-1].ends_sentence and k == len(words) - 1,
            asks=phrase[-1].asks and k == len(words) - 1,
        )


def _masked(token: Token) -> Token:
    if token.is_numeral or len(token.text) == 1 or plain(token.text) in _KEPT:
        return token
    return replace(token, text=token.text + MASK)


def said_in_english(number: int) -> Phrase:
    """0 to 2099 in the grammar's words; years as they are read."""
    if number >= 2000:
        rest = number - 2000
        return ("two", "thousand", *(said_in_english(rest) if rest else ()))
    if number >= 1000:
        rest = number % 100
        return (*said_in_english(number // 100), *(said_in_english(rest) if rest else ("hundred",)))
    if number >= 100:
        rest = number % 100
        return (_ONES[number // 100], "hundred", *(said_in_english(rest) if rest else ()))
    if number < 10:
        return (_ONES[number],)
    if number < 20:
        return (_TEENS[number - 10],)
    return (_TENS[number // 10], *((_ONES[number % 10],) if number % 10 else ()))


def ordinal_in_english(number: int) -> Phrase:
    """1 to 31: `twenty first`."""
    known = {n: word for word, n in ORDINALS.items()}
    if number in known:
        return (known[number],)
    return (_TENS[number // 10], known[number % 10])


_ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = tuple(TEENS)
_TENS = {int(d): w for w, d in TENS.items() if w != "fourty"}


def terms_of(
    numbers: Mapping[str, int],
    *,
    days: Mapping[str, int],
    months: Sequence[str],
    joins: Sequence[str] = ("",),
    words: Mapping[str, str],
) -> dict[Phrase, Phrase]:
    """The terms of a language: its numbers, its days before its months, and single words.

    `numbers` and `days` map phrases to what they mean; `joins` stand between a day and its month; `words` map a word
    of the grammar to all that mean it. Raises ValueError where one phrase would mean two things.
    """
    terms: dict[Phrase, Phrase] = {}
    for phrase, number in numbers.items():
        _add(terms, phrase, said_in_english(number))
    for meant, phrases in words.items():
        for phrase in phrases.split(","):
            _add(terms, phrase, (meant,))
    names = [next(m for m in MONTHS if MONTHS[m] == k) for k in range(1, 13)]
    for spoken, name in zip(months, names, strict=True):
        _add(terms, spoken, (name,))
        for day, number in days.items():
            for join in joins:
                _add(terms, f"{day} {join} {spoken}", (*ordinal_in_english(number), name))
    return terms


def _add(terms: dict[Phrase, Phrase], phrase: str, meant: Phrase) -> None:
    key = tuple(plain(phrase).replace("-", " ").split())
    if terms.setdefault(key, meant) != meant:
        raise ValueError(f"{' '.join(key)} means two things")


def english() -> Language:
    """The grammar's own language: nothing to put in other words."""
    return Language(
        code="en",
        numbers=tuple(" ".join(said_in_english(n)) for n in range(100)),
        double="double",
        pauses=("um", "uh,", "okay", "and then", "no, sorry,", "wait, no"),
        terms={},
        prompts=PROMPTS,
        request=REQUEST,
        telling=TELLING,
        ending=ENDING,
        last_four=LAST_FOUR,
    )
