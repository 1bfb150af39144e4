"""Events that came in, and the work they ask for. Times are milliseconds since 1970, UTC.

Nothing of an event is kept but who sent it, its id and its digest. A job's `locator` holds the ids that its source
needs to find the recording, and is emptied when the job is done; callers, addresses and extensions are there as
keyed tokens only (SPEC 14.2).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, PrimaryKeyConstraint, String, Table, Text

from sottovoce.database.tables import metadata

intake_events: Final = Table(
    "intake_events",
    metadata,
    Column("sender", String(64), nullable=False),
    Column("event", String(128), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("job", String(64), nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("sender", "event"),
    Index("ix_intake_events_received_ms", "received_ms"),
)

intake_jobs: Final = Table(
    "intake_jobs",
    metadata,
    Column("subject", String(128), primary_key=True),
    Column("id", String(64), nullable=False),
    Column("source", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("rank", Integer, nullable=False),
    Column("locator", Text),
    Column("tokens", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Index("ix_intake_jobs_id", "id", unique=True),
    Index("ix_intake_jobs_state", "state", "due_ms"),
)
"""`subject` is the opaque key of a recording, or of a conversation whose recordings are not known yet: one job each."""
