"""From the network's answers to digits in time: the likeliest path through silence, speech and digits (Viterbi).

Each digit is three states left to right, so that "four four" is two digits and a long "four" is one. Says where
digits were spoken and how sure it is of each, and never which digits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sottovoce.detect.acoustic import CLASSES, FIRST_DIGIT, OTHER, PARTS, SILENCE, TENS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

PRIOR_WEIGHT = 0.3
"""How far the classes' frequencies in training are taken back out: callers say more digits than training held."""
WORD_COST = 2.0
"""Nepers to begin a word: keeps a murmur from becoming many."""
NEAR = 25
"""Steps around a hint of a digit that are worth the search: half a second."""
HINT = 0.15
SHORTEST = 5
"""Steps: no digit is said in less than 100 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenDigit:
    """Steps start..end in which one digit (or a teen or ten) was spoken; `score` is the mean probability of that."""

    start: int
    end: int
    score: float
    digits: int = 1
    """How many digits it stands for: two for a teen or ten."""


def digits_in(logs: Floats, prior: Floats) -> tuple[SpokenDigit, ...]:
    """Every digit in (steps, CLASSES) log probabilities, in order of time."""
    number = np.exp(logs[:, FIRST_DIGIT:]).sum(axis=1) + np.exp(logs[:, TENS])
    scaled: Floats = (logs - PRIOR_WEIGHT * np.log(prior)).astype(np.float32)
    return tuple(
        word
        for start, end in _worth_a_search(number)
        for word in _words(_path(scaled[start:end]), number[start:end], start)
    )


def _worth_a_search(number: Floats) -> Iterator[tuple[int, int]]:
    hints = np.flatnonzero(number > HINT)
    if not len(hints):
        return
    breaks = np.flatnonzero(np.diff(hints) > 2 * NEAR)
    for first, last in zip(np.r_[0, breaks + 1], np.r_[breaks, len(hints) - 1], strict=True):
        yield max(0, int(hints[first]) - NEAR), min(len(number), int(hints[last]) + NEAR)


_BEGINS = np.array([SILENCE, OTHER, TENS, *range(FIRST_DIGIT, CLASSES, PARTS)])
_ENDS = np.array([SILENCE, OTHER, TENS, *range(FIRST_DIGIT + PARTS - 1, CLASSES, PARTS)])
_LATER = np.array([c for c in range(FIRST_DIGIT, CLASSES) if (c - FIRST_DIGIT) % PARTS])


def _path(scaled: Floats) -> NDArray[np.int64]:
    """The likeliest class for each step, with CLASSES added on the step at which it was entered."""
    best = np.full(CLASSES, -np.inf, np.float32)
    best[_BEGINS] = scaled[0, _BEGINS]
    came = np.empty((len(scaled), CLASSES), np.int64)
    came[0] = np.arange(CLASSES)
    here = np.arange(CLASSES)
    for step in range(1, len(scaled)):
        origin, score = here.copy(), best.copy()
        onward = best[_LATER - 1] > score[_LATER]
        origin[_LATER[onward]] = _LATER[onward] - 1
        score[_LATER[onward]] = best[_LATER[onward] - 1]
        left = _ENDS[best[_ENDS].argmax()]
        fresh = best[left] - WORD_COST > score[_BEGINS]
        origin[_BEGINS[fresh]] = left
        score[_BEGINS[fresh]] = best[left] - WORD_COST
        came[step], best = origin, score + scaled[step]
    return _traced(came, int(_ENDS[best[_ENDS].argmax()]))


def _traced(came: NDArray[np.int64], state: int) -> NDArray[np.int64]:
    path = np.empty(len(came), np.int64)
    for step in range(len(came) - 1, -1, -1):
        before = int(came[step, state])
        path[step] = state + (CLASSES if before != state else 0)
        state = before
    return path


def _words(path: NDArray[np.int64], number: Floats, offset: int) -> Iterator[SpokenDigit]:
    """Stretches that begin in a digit's first part and end with its last."""
    entered, states = path >= CLASSES, path % CLASSES
    begins = np.isin(states, _BEGINS[TENS:]) & entered
    begins |= np.isin(states, _BEGINS[TENS:]) & (np.arange(len(path)) == 0)
    for start in np.flatnonzero(begins):
        end = start + 1
        while end < len(path) and states[end] >= TENS and not (entered[end] and begins[end]):
            end += 1
        if end - start >= SHORTEST:
            yield SpokenDigit(
                start=int(start) + offset,
                end=int(end) + offset,
                score=round(float(number[start:end].mean()), 3),
                digits=2 if states[start] == TENS else 1,
            )
