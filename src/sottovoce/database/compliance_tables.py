"""Events that came in, the work they ask for, verdicts, what follows. Times are milliseconds since 1970, UTC.

Nothing of an event is kept but who sent it, its id and its digest. A job's `locator` holds the ids that its source
needs to find the recording, and is emptied when the job is done; callers, addresses and extensions are there as
keyed tokens only (SPEC 14.2). Verdicts and remediations hold codes, opaque ids and times.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, PrimaryKeyConstraint, String, Table, Text

from sottovoce.database.tables import Number, metadata

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
    Column("generation", Integer, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Index("ix_intake_jobs_id", "id", unique=True),
    Index("ix_intake_jobs_state", "state", "received_ms"),
)
"""`subject` is the opaque key of a recording, or of a conversation whose recordings are not known yet: one job each,
handed to the durable engine under this key. `generation` counts how often a person asked for it."""

verdicts: Final = Table(
    "verdicts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("subject", String(128), nullable=False),
    Column("found", String(32), nullable=False),
    Column("rule", String(48), nullable=False),
    Column("type", String(48), nullable=False),
    Column("confidence", Integer, nullable=False),
    Column("offset_ms", BigInteger),
    Column("count", Integer, nullable=False),
    Column("action", String(48), nullable=False),
    Column("evidence", String(64)),
    Column("correlation", String(128), nullable=False),
    Column("engine", String(48), nullable=False),
    Column("rules_digest", String(64), nullable=False),
    Column("available_ms", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("ix_verdicts_subject", "subject", "rule", "type", unique=True),
)
"""One for each recording, rule and type. `confidence` is in thousandths; `available_ms` is when its media could first
be read, so that `at_ms` less it is the time to the verdict."""

remediations: Final = Table(
    "remediations",
    metadata,
    Column("subject", String(128), nullable=False),
    Column("step", String(32), nullable=False),
    Column("mark", String(64), nullable=False),
    Column("code", String(48), nullable=False),
    Column("offset_ms", BigInteger, nullable=False),
    Column("locator", Text),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Column("error", String(48)),
    PrimaryKeyConstraint("subject", "step"),
    Index("ix_remediations_state", "state"),
)
"""One of each step for a recording. `locator` is emptied when it is done; `error` is the last failure's code."""

rate_leases: Final = Table(
    "rate_leases",
    metadata,
    Column("id", Number, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Index("ix_rate_leases_name", "name", "at_ms"),
)
"""Requests that processes may send to a source that counts them by the minute."""
