"""The second ear: runs of spoken digits found in the sound, without the transcriber (SPEC 6.5, 7.6).

Two uses. Before redaction it is one more detector, so that a card number the transcriber dropped is still found;
after it, it listens to the redacted sound, so that the judge is not the one who did the work: a verifier that shares
the transcriber's model shares its blind spots. It knows where digits are, and never which.

Refuses sound that holds anything but finite samples. Says nothing of single digits: speech is full of "to", "for" and
"one", and three of anything are not yet a number, except right after a card number, where three are its CVV.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sottovoce.detect.acoustic import RATE, STEP, Ear
from sottovoce.detect.acoustic_words import SpokenDigit, digits_in
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.errors import DetectionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

NAME = "second_ear"

SURE_OF_DIGIT = 0.4
"""Mean probability below which a word is not taken for a digit at all."""
SURE_OF_FEW, SURE_OF_MANY, SURE_OF_BRISK = 0.75, 0.6, 0.58
"""Mean over a run's digits below which the run is chance: four doubtful words are, eleven in a row are hardly, and
five that follow each other briskly are hardly either, since what is mistaken for digits is mostly slow reading."""
BRISK = STEP / RATE * 2.2
"""Digits a step: 2.2 a second. People say 2.5 to 4."""
BRISK_WORDS = 5
PAUSE = round(1.2 * RATE / STEP)
"""Steps: digits closer than 1.2 s are one run."""
BREATH = 12 * RATE // STEP
"""Steps: runs closer than 12 s are groups of one number, such as four times four with "uh-huh" between."""
AFTER_CARD = 60 * RATE // STEP
FEWEST = 4
CVV_DIGITS = 3
CARD_DIGITS = 11
COMPLETE_DIGITS = 13
"""The shortest card number has thirteen digits (PCI DSS 4.0.1's range is 13 to 19); the ear may miss two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondEar:
    """Listens to every channel for digits said in a row."""

    ear: Ear = field(default_factory=Ear.packaged, repr=False)

    def find(self, sound: Sound) -> tuple[Finding, ...]:
        """Runs of four digits or more as findings, spans in samples of `sound`.

        CREDIT_DEBIT_NUMBER where eleven or more digits belong together, CREDIT_DEBIT_CVV for three or four within a
        minute after such where a customer may speak (an agent's
        are a read-back), otherwise ACCOUNT_NUMBER.
        Raises DetectionError for samples that are not finite.
        """
        return tuple(
            Finding(
                entity=entity,
                channel=channel,
                span=_span(run, sound),
                detector=NAME,
                score=run.score,
            )
            for channel in range(sound.channels)
            for entity, run in _named(
                _runs(self._digits(sound.samples[channel], sound.rate)), answers=sound.roles[channel] is not Role.AGENT
            )
        )

    def _digits(self, channel: Floats, rate: int) -> tuple[SpokenDigit, ...]:
        if not np.isfinite(channel).all():
            raise DetectionError("the sound holds samples that are not numbers", hint="decode the recording again")
        return digits_in(self.ear.hear(_at_8k(channel, rate)), self.ear.prior)


def _at_8k(channel: Floats, rate: int) -> Floats:
    if rate == RATE:
        return channel
    import soxr

    resampled: Floats = soxr.resample(channel, rate, RATE, quality="HQ")
    return resampled


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """Steps start..end of one stretch of digits."""

    start: int
    end: int
    words: int
    digits: int
    score: float


def _runs(words: Iterable[SpokenDigit]) -> list[_Run]:
    """Digits with short pauses between; those that are too few or too doubtful to be a number are left out."""
    grouped: list[list[SpokenDigit]] = []
    for word in words:
        if word.score < SURE_OF_DIGIT:
            continue
        if grouped and word.start - grouped[-1][-1].end <= PAUSE:
            grouped[-1].append(word)
        else:
            grouped.append([word])
    runs = [_run(group) for group in grouped]
    return [r for r in runs if r.digits >= CVV_DIGITS and r.score >= _enough(r)]


def _enough(run: _Run) -> float:
    """The score from which on a run is believed."""
    if run.words >= BRISK_WORDS and run.words >= BRISK * (run.end - run.start):
        return SURE_OF_BRISK
    many = min(1.0, max(0, run.words - FEWEST) / (CARD_DIGITS - FEWEST))
    return SURE_OF_FEW + (SURE_OF_MANY - SURE_OF_FEW) * many


def _run(words: list[SpokenDigit]) -> _Run:
    return _Run(
        start=words[0].start,
        end=words[-1].end,
        words=len(words),
        digits=sum(w.digits for w in words),
        score=round(sum(w.score for w in words) / len(words), 3),
    )


def _named(runs: list[_Run], *, answers: bool = True) -> Iterator[tuple[Entity, _Run]]:
    """Each run with what it most likely is; runs of three are kept only as part or sequel of a card number."""
    card_end: int | None = None
    for number in _numbers(runs):
        if sum(r.digits for r in number) >= CARD_DIGITS:
            card_end = number[-1].end
            yield from ((Entity.CREDIT_DEBIT_NUMBER, r) for r in number)
            continue
        for run in number:
            after = answers and card_end is not None and run.start - card_end <= AFTER_CARD
            if after and run.digits <= CVV_DIGITS + 1:
                yield Entity.CREDIT_DEBIT_CVV, run
            elif run.digits >= FEWEST:
                yield Entity.ACCOUNT_NUMBER, run


def _numbers(runs: list[_Run]) -> Iterator[list[_Run]]:
    """Runs that may be groups of one number; once a card number is complete the next run is another."""
    number: list[_Run] = []
    for run in runs:
        if number and (run.start - number[-1].end > BREATH or sum(r.digits for r in number) >= COMPLETE_DIGITS):
            yield number
            number = []
        number.append(run)
    if number:
        yield number


def _span(run: _Run, sound: Sound) -> Span:
    """One step wider on either side: a digit's first and last sounds are its faintest."""
    heard = Span(max(0, (run.start - 1) * STEP), (run.end + 1) * STEP)
    return heard.scaled(from_rate=RATE, to_rate=sound.rate).widened(0, 0, limit=sound.frames)
