"""Hands an external engine the redacted sound of what it was asked, and nobody anything else (SPEC 14.5).

A link opens while its question waits for an answer, and a few times only. Before the first byte is opened, each use is
in the ledger, and the engine is on the list of those who hold something of the recording, so that an erasure finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, Protocol

from sqlalchemy import Connection, Engine

from sottovoce.compliance.docket import LINE
from sottovoce.compliance.engine_answers import recording_is_there
from sottovoce.compliance.engine_links import Links
from sottovoce.compliance.engine_questions import Question, by_correlation, counted, held
from sottovoce.custody.deliveries import Deliveries, Delivery
from sottovoce.custody.records import objects_of
from sottovoce.custody.rows import StoredObject
from sottovoce.database.engine import writing
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyShredded, ObjectMissing, RecordingErased
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger
from sottovoce.vault.protocol import Held

MOST_USES: Final = 8
"""Retries of a slow download, and no more."""


class Opens(Protocol):
    def fetch(self, held: Held) -> bytes: ...

    def open(self, held: Held, ciphertext: bytes) -> Confidential[bytes]: ...


class Gallery:
    """The sound that the engine called `name` may fetch now."""

    def __init__(
        self,
        *,
        engine: Engine,
        ledger: Ledger,
        links: Links,
        vault: Callable[[], Opens],
        name: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._deliveries = Deliveries(engine=engine, ledger=ledger)
        self._links = links
        self._vault = vault
        self._name = name
        self._clock = clock

    def open(self, token: str) -> Confidential[bytes] | None:
        """The sound, or None for whatever opens nothing (any more).

        Raises LedgerUnavailable, StorageError and KeyUnavailable when trying again may help.
        """
        correlation = self._links.read(token)
        sealed = None if correlation is None else self._used(correlation)
        if sealed is None:
            return None
        try:
            return self._vault().open(sealed, self._vault().fetch(sealed))
        except (KeyShredded, ObjectMissing):
            return None

    def _used(self, correlation: str) -> StoredObject | None:
        """The object to open, once its use is in the ledger."""
        with writing(self._engine) as connection:
            question = _open_question(connection, correlation)
            sealed = None if question is None else _sound_of(objects_of(connection, question.subject), question)
            if question is None or sealed is None:
                return None
            counted(connection, question)
            self._ledger.append(connection, [self._entry(question)])
        return sealed if self._delivered(question) else None

    def _delivered(self, question: Question) -> bool:
        """Whether it is known that the engine holds it; False for what was erased meanwhile."""
        delivery = Delivery(
            id=_delivery(question),
            recording=question.subject,
            destination=self._name,
            receipt=question.correlation,
            delivered_at=self._clock(),
        )
        try:
            self._deliveries.record(delivery, actor=self._name, object_id=question.object)
        except RecordingErased:
            return False
        return True

    def _entry(self, question: Question) -> Entry:
        return Entry(
            at=self._clock(),
            actor=self._name,
            action=Action.OBJECT_READ,
            object=question.subject,
            line=LINE,
            purpose="compliance",
            outcome="opened",
            facts={"use": question.opened + 1, "delivery": _delivery(question)},
        )


def _delivery(question: Question) -> str:
    return f"{LINE}:{question.correlation}"


def _open_question(connection: Connection, correlation: str) -> Question | None:
    """The question, locked, where it waits for an answer and its sound was not asked for too often."""
    question = by_correlation(connection, correlation)
    if question is None or not recording_is_there(connection, question.subject):
        return None
    question = held(connection, question)
    return question if question.is_waiting and question.opened < MOST_USES else None


def _sound_of(kept: Iterable[StoredObject], question: Question) -> StoredObject | None:
    return next((each for each in kept if each.id == question.object and not each.deleted), None)
