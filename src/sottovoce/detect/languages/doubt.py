"""Turns that the transcriber half guessed, in a language that no second ear knows.

In English a second ear listens for digits the transcriber missed. Elsewhere nobody does, so a turn whose words
are doubtful on the whole is taken for unheard speech and goes, however long it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sottovoce.detect.lexicon import BACKCHANNELS
from sottovoce.detect.lines import Line, Turn
from sottovoce.detect.protocol import HeardCall
from sottovoce.detect.unheard import confidence
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding

SECOND_EARS: Final = frozenset({"en"})
"""Languages whose digits the second ear was trained on."""
DOUBTFUL: Final = 0.6
"""Mean word probability. Whisper base writes digits it mishears at 0.3 to 0.58 (synthesised calls, 8 kHz)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtfulTurns:
    """Finds UNHEARD_SPEECH; nothing in a language that has a second ear."""

    name: str = "doubtful"

    def find(self, call: HeardCall) -> tuple[Finding, ...]:
        return tuple(
            Finding(
                entity=Entity.UNHEARD_SPEECH,
                channel=line.channel,
                span=turn.span,
                detector=self.name,
                score=1 - confidence(line, turn),
            )
            for line in call.lines
            if line.language.code not in SECOND_EARS
            for turn in line.turns
            if _is_doubtful(line, turn)
        )


def _is_doubtful(line: Line, turn: Turn) -> bool:
    return any(t.text not in BACKCHANNELS for t in line.said(turn)) and confidence(line, turn) < DOUBTFUL
