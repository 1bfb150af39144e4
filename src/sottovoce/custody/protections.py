"""Legal holds at the source: the conversation of a held recording is protected from deletion there too (SPEC 12.3).

We lift only what we applied. A conversation that was protected before is somebody else's hold, and stays; and a
protection of ours, which the source states at the next discovery, is not taken for a hold of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, Engine, RowMapping, delete, select

from sottovoce.custody.rows import milliseconds
from sottovoce.database.batches import batches
from sottovoce.database.custody_tables import source_protections
from sottovoce.database.engine import reading, writing
from sottovoce.database.tables import recordings
from sottovoce.database.upsert import insert_new
from sottovoce.errors import SottovoceError
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger

_OURS = source_protections.join(recordings, recordings.c.key == source_protections.c.recording)


class Guard(Protocol):
    """One source's protection of conversations. Raises SourceError."""

    def protected(self, conversations: Sequence[str]) -> AbstractSet[str]: ...

    def protect(self, conversations: Sequence[str], *, lift: bool = False) -> AbstractSet[str]:
        """Idempotent; answers those that were not changed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Protections:
    """At the named `sources`; `guards` are made when they are needed."""

    engine: Engine
    ledger: Ledger
    clock: Callable[[], datetime]
    sources: frozenset[str]
    guards: Callable[[str], Guard]

    def apply(self, keys: Sequence[str], *, by: str) -> tuple[str, ...]:
        """Protects the conversations of these recordings; which recordings' were not: ask again."""
        failed = [row["key"] for source in sorted(self.sources) for row in self._applied(source, keys, by)]
        return tuple(sorted(failed))

    def settle(self, *, by: str) -> tuple[str, ...]:
        """Lifts what we applied and no hold asks for any more; which recordings' could not be: ask again."""
        with reading(self.engine) as connection:
            wanted = select(
                recordings.c.key, recordings.c.source, recordings.c.conversation_id, recordings.c.legal_hold
            )
            rows = connection.execute(wanted.select_from(_OURS)).mappings().all()
        needed = {(row["source"], row["conversation_id"]) for row in rows if row["legal_hold"]}
        idle = [row for row in rows if not row["legal_hold"]]
        lifting = [row for row in idle if (row["source"], row["conversation_id"]) not in needed]
        failed = {key for source in {row["source"] for row in lifting} for key in self._lifted(source, lifting)}
        self._forget([row for row in idle if row["key"] not in failed], by)
        return tuple(sorted(failed))

    def _applied(self, source: str, keys: Sequence[str], by: str) -> list[RowMapping]:
        """Those of one source whose conversation is not protected now."""
        rows = self._rows(source, keys)
        conversations = sorted({row["conversation_id"] for row in rows})
        if not conversations:
            return []
        try:
            guard = self.guards(source)
            before = guard.protected(conversations)
            failed = guard.protect([each for each in conversations if each not in before])
        except SottovoceError:  # whatever keeps a source from answering, the hold stands here
            return rows
        ours = self._of_ours(source)
        fresh = [r for r in rows if r["conversation_id"] not in failed and r["conversation_id"] not in before - ours]
        self._remember(fresh, by)
        return [row for row in rows if row["conversation_id"] in failed]

    def _lifted(self, source: str, rows: Sequence[RowMapping]) -> list[str]:
        mine = [row for row in rows if row["source"] == source]
        try:
            failed = self.guards(source).protect(sorted({row["conversation_id"] for row in mine}), lift=True)
        except SottovoceError:  # as above: it stays protected, and is lifted another time
            return [row["key"] for row in mine]
        return [row["key"] for row in mine if row["conversation_id"] in failed]

    def _rows(self, source: str, keys: Sequence[str]) -> list[RowMapping]:
        wanted = select(recordings.c.key, recordings.c.source, recordings.c.conversation_id)
        here = (recordings.c.source == source, recordings.c.conversation_id.is_not(None))
        with reading(self.engine) as connection:
            parts = (wanted.where(*here, recordings.c.key.in_(some)) for some in batches(keys))
            return [row for part in parts for row in connection.execute(part).mappings()]

    def _of_ours(self, source: str) -> frozenset[str]:
        wanted = select(recordings.c.conversation_id).select_from(_OURS).where(recordings.c.source == source)
        with reading(self.engine) as connection:
            return frozenset(connection.execute(wanted).scalars())

    def _remember(self, rows: Sequence[RowMapping], by: str) -> None:
        at = self.clock()
        with writing(self.engine) as connection:
            kept = [
                row
                for row in rows
                if insert_new(connection, source_protections, _kept(row["key"], row["source"], milliseconds(at)))
            ]
            self.ledger.append(connection, [_entry(at, by, Action.RECORDING_PROTECTED, row) for row in kept])

    def _forget(self, rows: Sequence[RowMapping], by: str) -> None:
        at = self.clock()
        with writing(self.engine) as connection:
            for some in batches([row["key"] for row in rows]):
                connection.execute(delete(source_protections).where(source_protections.c.recording.in_(some)))
            self.ledger.append(connection, [_entry(at, by, Action.RECORDING_UNPROTECTED, row) for row in rows])


def protected_by_us(connection: Connection, source: str, conversation_id: str) -> bool:
    """Whether a hold that the source states of a conversation is one that we placed there."""
    mine = (recordings.c.source == source, recordings.c.conversation_id == conversation_id)
    return connection.execute(select(recordings.c.key).select_from(_OURS).where(*mine).limit(1)).first() is not None


def _kept(key: str, source: str, now_ms: int) -> Mapping[str, object]:
    return {"recording": key, "source": source, "applied_ms": now_ms}


def _entry(at: datetime, by: str, action: Action, row: RowMapping) -> Entry:
    return Entry(at=at, actor=by, action=action, object=row["key"], facts={"source": row["source"]})
