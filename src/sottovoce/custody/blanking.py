"""Blanks the rows that lead to a person; what stays is the opaque key, so that it is refused for ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, update

from sottovoce.custody.records import DELETED, PRESENT
from sottovoce.database.tables import (
    commitments,
    corpus_identities,
    corpus_samples,
    decisions,
    objects,
    outcomes,
    recordings,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blanked:
    """How many rows of each kind were there to blank."""

    objects: int
    samples: int


def blank_recording(connection: Connection, key: str, corpus_ids: Sequence[str], now_ms: int) -> Blanked:
    """Afterwards no row says whose recording it was, where it lies, or which sample was made from it."""
    gone = update(objects).where(objects.c.recording == key, objects.c.state == PRESENT)
    deleted = connection.execute(gone.values(state=DELETED)).rowcount
    members = update(corpus_samples).where(corpus_samples.c.corpus_id.in_(corpus_ids))
    erased = connection.execute(members.values(state=DELETED, released={})).rowcount
    connection.execute(delete(corpus_identities).where(corpus_identities.c.recording == key))
    connection.execute(delete(commitments).where(commitments.c.recording == key))
    connection.execute(update(decisions).where(decisions.c.recording == key).values(stratum={}, evidence={}))
    connection.execute(update(outcomes).where(outcomes.c.recording == key).values(facts={}, key_id=None, media=None))
    connection.execute(
        update(recordings)
        .where(recordings.c.key == key)
        .values(
            locator=None,
            conversation_id=None,
            recording_id=None,
            customer_token=None,
            details=None,
            erased_ms=now_ms,
        )
    )
    return Blanked(objects=deleted, samples=erased)
