"""What an inbox knows of the objects it found: one row for each, written with its ledger entries.

Rows hold opaque ids, digests, sizes and codes. Nothing of an upload's inside is kept here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Engine, delete, select

from sottovoce.custody.rows import milliseconds, moment
from sottovoce.database.engine import forget_deleted, reading, writing
from sottovoce.database.upload_tables import inbox_wordings, uploads
from sottovoce.database.upsert import insert_new, insert_or_update
from sottovoce.ledger.entry import Entry
from sottovoce.ledger.ledger import Ledger


class State(StrEnum):
    """How an upload stands."""

    ACCEPTED = "accepted"
    QUARANTINED = "quarantined"
    """Refused for a reason, and left where it lies."""
    DESTROYED = "destroyed"
    ARCHIVED = "archived"

    @property
    def finished(self) -> bool:
        return self in {State.DESTROYED, State.ARCHIVED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One object that was found. `stamp` is the store's mark of its content, `digest` the SHA-256 of its bytes."""

    inbox: str
    location: str
    stamp: str
    size: int
    state: State
    received_at: datetime
    contributor: str | None = None
    upload: str | None = None
    recording: str | None = None
    key: str | None = None
    digest: str | None = None
    reason: str | None = None
    receipt: str | None = None


class ReceivedUploads:
    """The rows of all inboxes."""

    def __init__(self, *, engine: Engine, ledger: Ledger) -> None:
        self._engine = engine
        self._ledger = ledger

    def at(self, inbox: str, location: str) -> Received | None:
        """What is known of the object of that name."""
        found = self._some(uploads.c.inbox == inbox, uploads.c.location == location)
        return found[0] if found else None

    def of_upload(self, inbox: str, contributor: str, upload: str) -> tuple[Received, ...]:
        """Every object that claimed to be this upload."""
        return self._some(uploads.c.inbox == inbox, uploads.c.contributor == contributor, uploads.c.upload == upload)

    def of_recordings(self, recordings: Sequence[str]) -> tuple[Received, ...]:
        return self._some(uploads.c.recording.in_(recordings))

    def of_contributor(self, inbox: str, contributor: str) -> tuple[Received, ...]:
        return self._some(uploads.c.inbox == inbox, uploads.c.contributor == contributor)

    def standing(self, inbox: str, *states: State) -> tuple[Received, ...]:
        """Those in one of the states, oldest first."""
        return self._some(uploads.c.inbox == inbox, uploads.c.state.in_([state.value for state in states]))

    def write(self, row: Received, *, at: datetime, entries: Sequence[Entry] = ()) -> None:
        """The row as it is now, with its ledger entries, or nothing at all."""
        values = {
            "inbox": row.inbox,
            "location": row.location,
            "stamp": row.stamp,
            "contributor": row.contributor,
            "upload": row.upload,
            "recording": row.recording,
            "key": row.key,
            "digest": row.digest,
            "size": row.size,
            "state": row.state.value,
            "reason": row.reason,
            "receipt": row.receipt,
            "received_ms": milliseconds(row.received_at),
            "changed_ms": milliseconds(at),
        }
        with writing(self._engine) as connection:
            insert_or_update(connection, uploads, values, keep=("received_ms",))
            self._ledger.append(connection, entries)

    def forget(self, rows: Sequence[Received], *, entries: Sequence[Entry] = ()) -> None:
        """The rows go, with what they said of who sent what."""
        with writing(self._engine) as connection:
            for row in rows:
                this = (uploads.c.inbox == row.inbox, uploads.c.location == row.location)
                connection.execute(delete(uploads).where(*this))
            self._ledger.append(connection, entries)
        if rows:
            forget_deleted(self._engine)

    def publish_wording(self, inbox: str, version: str, digest: str, *, at: datetime, entries: Sequence[Entry]) -> bool:
        """These words stand under that version from now on; False when they did before."""
        row = {"inbox": inbox, "version": version, "digest": digest, "published_ms": milliseconds(at)}
        with writing(self._engine) as connection:
            if not insert_new(connection, inbox_wordings, row):
                return False
            self._ledger.append(connection, entries)
        return True

    def wordings(self, inbox: str) -> frozenset[tuple[str, str]]:
        """Every version with the digest of its words that this inbox ever published."""
        wanted = select(inbox_wordings).where(inbox_wordings.c.inbox == inbox)
        with reading(self._engine) as connection:
            return frozenset((row.version, row.digest) for row in connection.execute(wanted))

    def _some(self, *where: Any) -> tuple[Received, ...]:
        wanted = select(uploads).where(*where).order_by(uploads.c.received_ms, uploads.c.location)
        with reading(self._engine) as connection:
            return tuple(map(_received, connection.execute(wanted)))


def _received(row: Any) -> Received:
    return Received(
        inbox=row.inbox,
        location=row.location,
        stamp=row.stamp,
        size=row.size,
        state=State(row.state),
        received_at=moment(row.received_ms),
        contributor=row.contributor,
        upload=row.upload,
        recording=row.recording,
        key=row.key,
        digest=row.digest,
        reason=row.reason,
        receipt=row.receipt,
    )
