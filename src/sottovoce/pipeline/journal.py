"""What happened to one recording on one line, door by door, until it is committed with the outcome.

Entries are collected in memory: if the ledger cannot take them in the outcome's own transaction, none
of it happened (ARCHITECTURE.md, lock 3).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sottovoce.domain.outcome import Evidence, Fact
from sottovoce.ledger.entry import Action, Entry


class Journal:
    """Notes the doors of one journey; `actor` is the worker's pseudonymous id."""

    def __init__(
        self, *, line: str, key: str, actor: str, purpose: str, policy: str, clock: Callable[[], datetime]
    ) -> None:
        self.line = line
        self.key = key
        self._actor = actor
        self._purpose = purpose
        self._policy = policy
        self._clock = clock
        self._entries: list[Entry] = []
        self.facts: dict[str, Fact] = {}

    def note(self, action: Action, facts: Evidence, *, outcome: str = "ok") -> None:
        """One door passed, or refused."""
        self._entries.append(
            Entry(
                at=self._clock(),
                actor=self._actor,
                action=action,
                object=self.key,
                line=self.line,
                purpose=self._purpose,
                outcome=outcome,
                policy=self._policy,
                facts=dict(facts),
            )
        )

    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._entries)
