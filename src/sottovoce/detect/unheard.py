"""Audible speech that no words account for: sensitive until somebody hears it (SPEC 5.3).

Two kinds: what the transcriber itself gave no words for, and a phrase whose words it guessed. Names
spelled out and numbers read fast are what it guesses at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sottovoce.detect.lexicon import BACKCHANNELS
from sottovoce.detect.lines import Line, Turn
from sottovoce.detect.protocol import HeardCall
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class UnheardSpeech:
    """Hands on what the transcriber said it could not hear."""

    name: str = "unheard"

    def find(self, call: HeardCall) -> tuple[Finding, ...]:
        return tuple(
            Finding(entity=Entity.UNHEARD_SPEECH, channel=c.channel, span=span, detector=self.name, score=1.0)
            for c in call.transcript.channels
            for span in c.unheard
            if span.length
        )


GUESSED = 0.33
"""Mean word probability of a phrase below which its words are guesses: on the shared calls ten such phrases are
answers and one is not; from 0.33 to 0.45 there are four of each."""
SHORT_TURN_S = 4.0
FEW_WORDS = 6
LONG_PHRASE_S = 12.0
MANY_WORDS = 30
"""A phrase of nothing but guesses: on a line so bad that a whole number may be one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuessedSpeech:
    """Phrases whose words the transcriber guessed; not an agent's, who answers no questions."""

    name: str = "guessed"

    def find(self, call: HeardCall) -> tuple[Finding, ...]:
        spoken = (line for line in call.lines if call.role(line.channel) is not Role.AGENT)
        return tuple(f for line in spoken for f in self._on(line))

    def _on(self, line: Line) -> Iterator[Finding]:
        for phrase in (p for turn in line.turns for p in line.phrases(turn)):
            if is_guessed(line, phrase, below=GUESSED, most_words=MANY_WORDS, most_s=LONG_PHRASE_S):
                yield Finding(
                    entity=Entity.UNHEARD_SPEECH,
                    channel=line.channel,
                    span=phrase.span,
                    detector=self.name,
                    score=1 - confidence(line, phrase),
                )


def is_guessed(
    line: Line, turn: Turn, *, below: float, most_words: int = FEW_WORDS, most_s: float = SHORT_TURN_S
) -> bool:
    """Whether a turn is short, says more than "okay", and its words are improbable."""
    said = line.said(turn)
    if not said or len(said) > most_words or turn.span.length > most_s * line.rate:
        return False
    return any(t.text not in BACKCHANNELS for t in said) and confidence(line, turn) < below


def confidence(line: Line, turn: Turn) -> float:
    said = line.said(turn)
    return sum(t.probability for t in said) / max(1, len(said))
