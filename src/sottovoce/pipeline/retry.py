"""Trying again what was withheld in doubt, once its cause is gone: a person's decision, and so an entry."""

from __future__ import annotations

from sottovoce.custody.entry import Action
from sottovoce.domain.outcome import OutcomeStatus
from sottovoce.pipeline.conclude import Concluder
from sottovoce.pipeline.lines import Line


def reopen_quarantined(concluder: Concluder, line: Line) -> int:
    """Every quarantined outcome of a line goes, each with an entry that says it was there; answers how many.

    Refusals stay: they are decisions, and another policy decides again only about new recordings.
    """
    reopened = 0
    for outcome in concluder.registry.outcomes(line.name):
        if outcome.status is OutcomeStatus.QUARANTINED:
            journal = concluder.journal(line.name, outcome.recording)
            journal.note(Action.RECORDING_REOPENED, {}, outcome=str(outcome.reason))
            reopened += concluder.registry.reopen(line.name, outcome.recording, journal.entries())
    return reopened
