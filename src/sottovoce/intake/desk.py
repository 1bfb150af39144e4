"""Keeps each event exactly once, and one job for each recording, whoever announces it how often (SPEC 14.1).

Many arrivals are decided in one transaction: what was seen is found, what is new is written, and only after the
commit is anyone told. An event seen before gets its first answer; the same event with another body is a conflict. A
recording announced again by another event keeps its one job, which at most learns that the recording is now there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, delete, func, insert, select, tuple_, update

from sottovoce.database.compliance_tables import intake_events, intake_jobs
from sottovoce.database.engine import reading, writing
from sottovoce.intake.event import Announcement, Kind
from sottovoce.intake.protocol import Delivery

KEPT: Final = timedelta(days=7)
"""How long an event is remembered: senders' retry tables run to 75 hours (SECURITY.md 5.1)."""
_LOCK: Final = int.from_bytes(b"svintake")

WAITING, READY, HANDED, DONE, DEAD = "waiting", "ready", "handed", "done", "dead"
"""Announced too early; to be handed to the durable engine; handed to it; ended; given up until a person asks again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An event whose sender is known and whose content is minimized."""

    delivery: Delivery
    digest: str
    """SHA-256 of the body, in hex."""
    subject: str
    """The opaque key its job is unique by."""
    source: str
    announced: Announcement


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The answer to an event, the same for each copy of it. `conflict`: its id came with another body before."""

    job: str
    fresh: bool
    conflict: bool = False


class Desk:
    """The durable side of the intake, in the registry's database; `outbox.py` hands on what it took in."""

    def __init__(self, *, engine: Engine, clock: Callable[[], datetime], ids: Callable[[], str]) -> None:
        self._engine = engine
        self._clock = clock
        self._ids = ids

    def accept(self, arrivals: Sequence[Arrival]) -> tuple[Receipt, ...]:
        """One receipt for each, in order, all committed together. Raises LedgerUnavailable, and then kept none."""
        now = milliseconds(self._clock())
        with writing(self._engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            batch = _Batch(connection, arrivals, now=now, ids=self._ids)
            receipts = tuple(batch.decide(arrival) for arrival in arrivals)
            batch.write()
        return receipts

    def forget(self) -> int:
        """Drops events older than seven days; how many. Jobs stay: a recording is never judged twice."""
        before = milliseconds(self._clock() - KEPT)
        with writing(self._engine) as connection:
            return connection.execute(delete(intake_events).where(intake_events.c.received_ms < before)).rowcount

    def counts(self) -> dict[str, int]:
        """How many jobs are in each state."""
        counted = select(intake_jobs.c.state, func.count()).group_by(intake_jobs.c.state)
        with reading(self._engine) as connection:
            return {state: int(count) for state, count in connection.execute(counted)}


class _Batch:
    """Arrivals decided together against what is known, and what has to be written for them."""

    def __init__(
        self, connection: Connection, arrivals: Sequence[Arrival], *, now: int, ids: Callable[[], str]
    ) -> None:
        self._connection = connection
        self._now = now
        self._ids = ids
        self._events = _known_events(connection, arrivals)
        self._jobs = _known_jobs(connection, arrivals)
        self._new_events: list[dict[str, Any]] = []
        self._new_jobs: dict[str, dict[str, Any]] = {}
        self._advanced: dict[str, dict[str, Any]] = {}

    def decide(self, arrival: Arrival) -> Receipt:
        seen = self._events.get((arrival.delivery.sender, arrival.delivery.id))
        if seen is not None:
            digest, job = seen
            return Receipt(job=job, fresh=False, conflict=digest != arrival.digest)
        job, fresh = self._job_of(arrival)
        self._events[arrival.delivery.sender, arrival.delivery.id] = (arrival.digest, job)
        self._new_events.append(
            {
                "sender": arrival.delivery.sender,
                "event": arrival.delivery.id,
                "digest": arrival.digest,
                "job": job,
                "received_ms": self._now,
            }
        )
        return Receipt(job=job, fresh=fresh)

    def write(self) -> None:
        if self._new_jobs:
            self._connection.execute(insert(intake_jobs), list(self._new_jobs.values()))
        if self._new_events:
            self._connection.execute(insert(intake_events), self._new_events)
        for subject, values in self._advanced.items():
            self._connection.execute(update(intake_jobs).where(intake_jobs.c.subject == subject).values(**values))

    def _job_of(self, arrival: Arrival) -> tuple[str, bool]:
        known = self._jobs.get(arrival.subject)
        if known is None:
            return self._new_job(arrival), True
        job, rank = known
        if arrival.announced.kind.rank > rank:
            self._advance(arrival, job)
        return job, False

    def _new_job(self, arrival: Arrival) -> str:
        job, kind = self._ids(), arrival.announced.kind
        self._jobs[arrival.subject] = (job, kind.rank)
        self._new_jobs[arrival.subject] = {
            "subject": arrival.subject,
            "id": job,
            "source": arrival.source,
            "kind": kind.value,
            "rank": kind.rank,
            "locator": json.dumps([arrival.announced.conversation_id, arrival.announced.recording_id]),
            "tokens": dict(arrival.announced.tokens),
            "state": WAITING if kind is Kind.STARTED else READY,
            "generation": 1,
            "received_ms": self._now,
            "changed_ms": self._now,
        }
        return job

    def _advance(self, arrival: Arrival, job: str) -> None:
        """A recording that had only begun is there now; one that is ready, handed on or done stays as it is."""
        kind = arrival.announced.kind
        self._jobs[arrival.subject] = (job, kind.rank)
        if arrival.subject in self._new_jobs:
            self._new_jobs[arrival.subject] |= {"kind": kind.value, "rank": kind.rank, "state": READY}
            return
        learned = {"kind": kind.value, "rank": kind.rank, "changed_ms": self._now}
        waiting = select(intake_jobs.c.state).where(intake_jobs.c.subject == arrival.subject)
        if self._connection.execute(waiting).scalar_one() == WAITING:
            learned["state"] = READY
        self._advanced[arrival.subject] = learned


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _known_events(connection: Connection, arrivals: Sequence[Arrival]) -> dict[tuple[str, str], tuple[str, str]]:
    key = tuple_(intake_events.c.sender, intake_events.c.event)
    wanted = select(intake_events).where(key.in_({(a.delivery.sender, a.delivery.id) for a in arrivals}))
    return {(row.sender, row.event): (row.digest, row.job) for row in connection.execute(wanted)}


def _known_jobs(connection: Connection, arrivals: Sequence[Arrival]) -> dict[str, tuple[str, int]]:
    wanted = select(intake_jobs).where(intake_jobs.c.subject.in_({a.subject for a in arrivals}))
    return {row.subject: (row.id, row.rank) for row in connection.execute(wanted)}
