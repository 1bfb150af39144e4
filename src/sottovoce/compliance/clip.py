"""The masked clip beside a verdict: a few seconds around the place, with everything found in them replaced (SPEC 14.3).

Fails closed: whatever was found is masked with its margin on every channel, an independent ear listens to the result,
and where it still hears digits there is no clip. A clip is sealed like everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np

from sottovoce.compliance.tape import Tape
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Sound
from sottovoce.domain.spans import Span, merged
from sottovoce.redact.fills import tone

AROUND_S: Final = 5.0
MARGIN_S: Final = 0.3


class Ear(Protocol):
    """Finds digits in sound alone."""

    def find(self, sound: Sound) -> tuple[Finding, ...]: ...


def masked_clip(
    tape: Tape, place: Span, findings: Sequence[Finding], *, ears: Sequence[Ear], around_s: float = AROUND_S
) -> Sound | None:
    """The stretch around `place` as far as the tape still has it, masked; None where it would tell something."""
    around = round(around_s * tape.rate)
    start, end = max(tape.start, place.start - around), min(tape.end, place.end + around)
    if end <= start or place.end <= tape.start:
        return None
    sound = tape.cut(start, end)
    clip = _masked(sound, [f.span for f in findings if f.span.overlaps(Span(start, end))], offset=start)
    return None if _tells(clip, ears) else clip


def _masked(sound: Sound, spans: Sequence[Span], *, offset: int) -> Sound:
    """Every channel at once: what is said on one is often faint on the other."""
    samples = sound.samples.copy()
    margin = round(MARGIN_S * sound.rate)
    for span in merged(spans, gap=margin):
        start = max(0, span.start - offset - margin)
        end = min(sound.frames, span.end - offset + margin)
        samples[:, start:end] = tone(end - start, rate=sound.rate)[np.newaxis]
    return Sound(samples=samples, rate=sound.rate, roles=sound.roles)


def _tells(clip: Sound, ears: Sequence[Ear]) -> bool:
    return any(ear.find(clip) for ear in ears)
