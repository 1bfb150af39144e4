"""Trying again what was withheld, once its cause is gone: a person's decision, and so an entry in the ledger."""

from __future__ import annotations

from sottovoce.custody.rows import Outcome
from sottovoce.domain.outcome import OutcomeStatus, Reason
from sottovoce.errors import RecordingErased
from sottovoce.ledger.entry import Action
from sottovoce.pipeline.conclude import Concluder
from sottovoce.pipeline.lines import Line
from sottovoce.screening.exclusions import NotProcessed
from sottovoce.screening.screen import Screener

FROM_SOUND = frozenset({Reason.DUPLICATE_SOUND})


def reopen_quarantined(concluder: Concluder, line: Line) -> int:
    """Every quarantined outcome of a line goes, each with an entry that says it was there; answers how many."""
    doubts = [o for o in concluder.registry.outcomes(line.name) if o.status is OutcomeStatus.QUARANTINED]
    return sum(_reopened(concluder, outcome) for outcome in doubts)


def reopen_mended(concluder: Concluder, line: Line, screener: Screener) -> int:
    """Refusals whose cause is gone from the metadata or the policy; the others stay. Answers how many went."""
    refused = [o for o in concluder.registry.outcomes(line.name) if o.status is OutcomeStatus.EXCLUDED]
    return sum(_reopened(concluder, outcome) for outcome in refused if _would_pass(concluder, outcome, screener))


def _would_pass(concluder: Concluder, outcome: Outcome, screener: Screener) -> bool:
    """Every rule but the one that asks whether there is an outcome already; what only sound tells stays told."""
    if outcome.reason in FROM_SOUND:
        return False
    try:
        _, metadata = concluder.registry.recall(outcome.recording)
    except RecordingErased:
        return False
    return all(answer.passes for answer in screener.explain(metadata) if answer.rule != NotProcessed().name)


def _reopened(concluder: Concluder, outcome: Outcome) -> bool:
    journal = concluder.journal(outcome.line, outcome.recording)
    journal.note(Action.RECORDING_REOPENED, {}, outcome=str(outcome.reason))
    return concluder.registry.reopen(outcome.line, outcome.recording, journal.entries())
