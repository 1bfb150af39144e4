"""Keyed digits, found in the sound itself: a caller who types a card number says nothing a transcriber hears.

The tones of ITU-T Q.23 as `acoustic_tones` finds them, gathered into runs. Used before redaction as one more detector,
and after it to hear whether a tone is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from sottovoce.detect.acoustic_tones import Tone, tones
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Sound
from sottovoce.domain.spans import Span

__all__ = ["DtmfDetector", "Tone", "ToneEar", "tones"]

NAME = "dtmf"
RUN_GAP_S = 2
SCORE_SURE, SCORE_LIKELY = 0.99, 0.7


class HasSound(Protocol):
    """Whatever carries a decoded recording."""

    @property
    def sound(self) -> Sound: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ToneEar:
    """Listens to every channel for keyed digits, one finding a run."""

    def find(self, sound: Sound) -> tuple[Finding, ...]:
        """Findings of DTMF_DIGITS, spans in samples of `sound`; tones less than two seconds apart are one run."""
        return tuple(
            Finding(
                entity=Entity.DTMF_DIGITS,
                channel=channel,
                span=Span(run[0].span.start, max(t.span.end for t in run)),
                detector=NAME,
                score=SCORE_SURE if any(t.sure for t in run) else SCORE_LIKELY,
            )
            for channel in range(sound.channels)
            for run in _runs(tones(sound.samples[channel], sound.rate), RUN_GAP_S * sound.rate)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DtmfDetector:
    """The tone ear as one more detector of a heard call; it looks at the sound alone."""

    ear: ToneEar = field(default_factory=ToneEar)
    name: str = NAME

    def find(self, call: HasSound) -> tuple[Finding, ...]:
        return self.ear.find(call.sound)


def _runs(found: tuple[Tone, ...], gap: int) -> Iterator[list[Tone]]:
    run: list[Tone] = []
    for tone in found:
        if run and tone.span.start - max(t.span.end for t in run) >= gap:
            yield run
            run = []
        run.append(tone)
    if run:
        yield run
