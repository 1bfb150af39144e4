"""Ends a journey: one outcome row, committed with the ledger entries of every door.

What had ended before stays as it was. A recording that was erased while it was carried ends as that,
and whatever was sealed of it goes again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Final, Protocol

from sottovoce.custody.registry import Registry
from sottovoce.domain.outcome import OutcomeStatus, Passed, Withheld
from sottovoce.domain.recording import Sealed
from sottovoce.errors import RecordingErased
from sottovoce.ledger.entry import Action
from sottovoce.pipeline.journal import Journal
from sottovoce.pipeline.lines import Line
from sottovoce.pipeline.reasons import reason_for, status_for
from sottovoce.pipeline.refs import as_step_error

ERASED: Final = "erased"

_ACTIONS = {
    OutcomeStatus.EXCLUDED: Action.RECORDING_EXCLUDED,
    OutcomeStatus.QUARANTINED: Action.RECORDING_QUARANTINED,
}


class Discard(Protocol):
    def discard(self, key: str, kinds: Collection[str] | None = None, /) -> object:
        """Take back what was sealed of a recording that did not end as sealed, of some kinds or all. Idempotent."""
        ...


class Concluder:
    """Writes outcomes. Needs no model, so that any process may close what a worker gave up."""

    def __init__(
        self,
        *,
        registry: Registry,
        vault: Discard,
        lines: Mapping[str, Line],
        policy_digest: str,
        actor: str,
        clock: Callable[[], datetime],
    ) -> None:
        self.registry = registry
        self._vault = vault
        self._lines = lines
        self._policy_digest = policy_digest
        self._actor = actor
        self._clock = clock

    def journal(self, line: str, key: str) -> Journal:
        purpose = self._lines[line].purpose.value
        return Journal(
            line=line, key=key, actor=self._actor, purpose=purpose, policy=self._policy_digest, clock=self._clock
        )

    def close(self, line: str, key: str, code: str) -> str:
        """Withhold for the reason behind a code; answers the outcome's status."""
        refusal = Withheld(reason=reason_for(code), evidence={"code": code})
        return self.stepwise(key, lambda: self.conclude(self.journal(line, key), refusal))

    def stepwise(self, key: str, work: Callable[[], str]) -> str:
        """Runs the work of one durable step; raises StepError only."""
        try:
            return work()
        except RecordingErased:
            self._vault.discard(key)
            return ERASED
        except Exception as error:  # noqa: BLE001 - a surprise may quote what it failed on; its code goes on alone
            raise as_step_error(error) from None

    def conclude(self, journal: Journal, answer: Passed[Sealed] | Withheld) -> str:
        """The outcome's status, whether it was written now or before."""
        if isinstance(answer, Passed):
            status, reason, sealed = OutcomeStatus.SEALED, None, answer.value
        else:
            status, reason, sealed = status_for(answer.reason), answer.reason, None
            journal.note(_ACTIONS[status], answer.evidence, outcome=reason.value)
        wrote = self.registry.conclude(
            journal.line, journal.key, status, reason, sealed, facts=journal.facts, entries=journal.entries()
        )
        if wrote and sealed is None:
            self._vault.discard(journal.key, self._lines[journal.line].kinds)
        ended = None if wrote else self.registry.outcome(journal.line, journal.key)
        return (ended.status if ended else status).value
