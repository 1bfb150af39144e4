"""Audible speech that no words account for: sensitive until somebody hears it (SPEC 5.3)."""

from __future__ import annotations

from dataclasses import dataclass

from sottovoce.detect.protocol import HeardCall
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding


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
