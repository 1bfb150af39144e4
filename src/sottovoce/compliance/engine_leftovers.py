"""Deletes the sound that was made for an external engine, as soon as its question is over.

What a store does not delete now is looked at again the next time, and at the latest by retention. A legal hold keeps
it: what was heard in a case that is argued about is not for us to throw away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final, Protocol

from sqlalchemy import Engine

from sottovoce.compliance.docket import LINE
from sottovoce.compliance.engine_questions import Question, over_with_sound, silenced
from sottovoce.custody.blanking import blank_objects
from sottovoce.database.engine import reading, writing
from sottovoce.errors import VaultError
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger

AT_ONCE: Final = 100


class Deletes(Protocol):
    def delete_all(self, names: Iterable[str]) -> Mapping[str, VaultError]:
        """What could not be deleted, and why."""
        ...


class Leftovers:
    """Ciphertext first, then the rows with their ledger entries: the next sweep makes good a crash between them."""

    def __init__(
        self,
        *,
        engine: Engine,
        ledger: Ledger,
        store: Callable[[], Deletes],
        clock: Callable[[], datetime],
        actor: str = "compliance",
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self._actor = actor

    def sweep(self) -> int:
        """How many are gone now that were not."""
        with reading(self._engine) as connection:
            places = over_with_sound(connection, limit=AT_ONCE)
        if not places:
            return 0
        failed = self._store().delete_all(places)
        gone = [question for place, question in places.items() if place not in failed]
        with writing(self._engine) as connection:
            blank_objects(connection, [question.object for question in gone if question.object is not None])
            for question in gone:
                silenced(connection, question)
            self._ledger.append(connection, [self._entry(question) for question in gone])
        return len(gone)

    def _entry(self, question: Question) -> Entry:
        return Entry(
            at=self._clock(),
            actor=self._actor,
            action=Action.OBJECT_DELETED,
            object=question.subject,
            line=LINE,
            purpose="compliance",
            outcome="deleted",
            facts={"kind": "redacted-engine", "uses": question.opened},
        )
