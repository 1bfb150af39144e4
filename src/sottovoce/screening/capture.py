"""What only the sound itself can answer: its true length, and whether it was here before (SPEC 4.3).

A recording is admitted on what its source declares. When the sound comes, it must be what was declared,
or the admission was about something else.
"""

from __future__ import annotations

from sottovoce.domain.outcome import Reason
from sottovoce.domain.recording import Captured
from sottovoce.policy.model import Exclusions
from sottovoce.screening.limits import length_answer
from sottovoce.screening.protocol import Known
from sottovoce.screening.rule import Answer, passed, withheld

TOLERANCE_S = 2.0
TOLERANCE_SHARE = 0.1
"""Declared durations come from event clocks in whole seconds and from containers' headers; beyond the
larger of these two the difference is not rounding."""


def same_recording(captured: Captured) -> Answer:
    """The capture and its metadata speak of one recording."""
    fits = captured.ref.key == captured.metadata.ref.key
    return passed() if fits else withheld(Reason.METADATA_INCOMPLETE, flaw="another_recording")


def declared_length(captured: Captured) -> Answer:
    """Shorter than declared is truncated media; longer was never described."""
    declared, true = captured.metadata.duration_s, captured.sound.duration_s
    if declared is None:
        return withheld(Reason.METADATA_INCOMPLETE, missing="duration_s")
    slack = max(TOLERANCE_S, TOLERANCE_SHARE * declared)
    facts = {"declared_ms": round(declared * 1000), "true_ms": round(true * 1000)}
    if true < declared - slack:
        return withheld(Reason.MEDIA_TRUNCATED, **facts)
    if true > declared + slack:
        return withheld(Reason.METADATA_INCOMPLETE, **facts, flaw="longer_than_declared")
    return passed(**facts)


def true_length(captured: Captured, limits: Exclusions) -> Answer:
    """The policy's limits, asked of the decoded sound."""
    return length_answer(captured.sound.duration_s, limits)


def new_sound(captured: Captured, known: Known) -> Answer:
    """No other recording of this line had these very bytes."""
    other = known.key_of_sound(captured.digest)
    if other is None or other == captured.ref.key:
        return passed()
    return withheld(Reason.DUPLICATE_SOUND, duplicate_of=other)
