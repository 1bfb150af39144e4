"""Finding a phrase in what was heard: in order, nearly whole, and forgiving of a transcriber's slips.

A phrase matches where at least four fifths of its words come in order within a stretch two words longer; words of
five letters and more may differ in one letter. Short words must be exact: `no` is not `now`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sottovoce.domain.spans import Span

SHARE: Final = 0.8
SLACK: Final = 2
LONG: Final = 5
_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One word as it was heard. `text` is lower-case and bare."""

    text: str
    span: Span
    probability: float

    def __repr__(self) -> str:
        return "Said(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Where a phrase was said, and how surely: the share of its words times how sure the transcriber was."""

    span: Span
    confidence: float


def find(phrases: Sequence[str], said: Sequence[Said]) -> Iterator[Match]:
    """Every place where one of the phrases was said, in order; a stretch counts once."""
    wanted = [words_of(phrase) for phrase in phrases]
    at = 0
    while at < len(said):
        found = [m for words in wanted if words and (m := _at(words, said, at)) is not None]
        if not found:
            at += 1
            continue
        length, match = max(found, key=lambda pair: (pair[1].confidence, pair[0]))
        yield match
        at += length


@lru_cache(maxsize=4096)
def words_of(phrase: str) -> tuple[str, ...]:
    """A phrase as its words."""
    return tuple(_WORD.findall(phrase.lower().replace("\u2019", "'")))


def _at(words: tuple[str, ...], said: Sequence[Said], at: int) -> tuple[int, Match] | None:
    """The phrase beginning with the word at `at`, which must itself be one of its first two."""
    if not any(same(word, said[at].text) for word in words[: 1 + (len(words) > 4)]):
        return None
    window = said[at : at + len(words) + SLACK]
    taken = _in_order(words, window)
    if len(taken) < SHARE * len(words):
        return None
    used = [window[i] for i in taken]
    sure = sum(word.probability for word in used) / len(used)
    match = Match(span=Span(used[0].span.start, used[-1].span.end), confidence=len(taken) / len(words) * sure)
    return taken[-1] + 1, match


def _in_order(words: tuple[str, ...], window: Sequence[Said]) -> list[int]:
    """The longest common subsequence, as indices into the window."""
    best: list[list[list[int]]] = [[[] for _ in range(len(window) + 1)] for _ in range(len(words) + 1)]
    for i, word in enumerate(words, start=1):
        for j, heard in enumerate(window, start=1):
            if same(word, heard.text):
                best[i][j] = [*best[i - 1][j - 1], j - 1]
            else:
                best[i][j] = max(best[i - 1][j], best[i][j - 1], key=len)
    return best[-1][-1]


def same(a: str, b: str) -> bool:
    """Equal, or one letter apart where both are long."""
    if a == b:
        return True
    if min(len(a), len(b)) < LONG or abs(len(a) - len(b)) > 1:
        return False
    i = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return a[i + 1 :] == b[i + 1 :] or a[i:] == b[i + 1 :] or a[i + 1 :] == b[i:]
