"""Keeps each event exactly once, and one job for each recording, whoever announces it how often (SPEC 14.1).

Many arrivals are decided in one transaction: what was seen is found, what is new is written, and only after the
commit is anyone told. An event seen before gets its first answer; the same event with another body is a conflict. A
recording announced again by another event keeps its one job, which at most learns that the recording is now there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, RowMapping, case, delete, func, select, update

from sottovoce.database.compliance_tables import intake_events, intake_jobs
from sottovoce.database.engine import reading, writing
from sottovoce.database.upsert import insert_new
from sottovoce.intake.batch import READY, WAITING, Arrival, Batch, Receipt
from sottovoce.intake.event import Kind

KEPT: Final = timedelta(days=7)
"""How long an event is remembered: senders' retry tables run to 75 hours (SECURITY.md 5.1)."""
_LOCK: Final = int.from_bytes(b"svintake")

MOST_DEATHS: Final = 3
"""A recording that kills whoever reads it would otherwise go round for ever."""

TAKEN, DONE, DEAD = "taken", "done", "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work that is due. `conversation_id` and `recording_id` are for the source alone."""

    id: str
    subject: str
    source: str
    kind: Kind
    attempts: int
    received_at: datetime
    conversation_id: str = field(repr=False)
    recording_id: str | None = field(repr=False)


class Desk:
    """The durable side of the intake, in the registry's database."""

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
            batch = Batch(connection, arrivals, now=now, ids=self._ids)
            receipts = tuple(batch.decide(arrival) for arrival in arrivals)
            batch.write()
        return receipts

    def due(self, *, limit: int) -> tuple[Job, ...]:
        """Takes what is due, oldest first: until it is finished or put back, nobody else gets it."""
        now = milliseconds(self._clock())
        ready = intake_jobs.c.state == READY, intake_jobs.c.due_ms <= now
        wanted = select(intake_jobs).where(*ready).order_by(intake_jobs.c.due_ms).limit(limit)
        with writing(self._engine) as connection:
            rows = connection.execute(wanted.with_for_update(skip_locked=True)).mappings().all()
            self._mark(connection, [row["subject"] for row in rows], state=TAKEN)
        return tuple(_job(row) for row in rows)

    def finish(self, subjects: Iterable[str]) -> None:
        """Done: the ids by which the source finds them are forgotten here."""
        with writing(self._engine) as connection:
            self._mark(connection, list(subjects), state=DONE, locator=None, tokens={})

    def add(self, parent: Job, found: Mapping[str, str]) -> int:
        """A conversation's recordings, by their keys, as jobs that are due; how many are new."""
        now = milliseconds(self._clock())
        waiting = intake_jobs.c.subject.in_(found), intake_jobs.c.state == WAITING
        with writing(self._engine) as connection:
            connection.execute(update(intake_jobs).where(*waiting).values(state=READY, due_ms=now, changed_ms=now))
            return sum(
                insert_new(connection, intake_jobs, self._of_recording(parent, subject, recording_id, now))
                for subject, recording_id in found.items()
            )

    def _of_recording(self, parent: Job, subject: str, recording_id: str, now: int) -> dict[str, Any]:
        kind = Kind.COMPLETED
        return {
            "subject": subject,
            "id": self._ids(),
            "source": parent.source,
            "kind": kind.value,
            "rank": kind.rank,
            "locator": json.dumps([parent.conversation_id, recording_id]),
            "tokens": {},
            "state": READY,
            "attempts": 0,
            "deaths": 0,
            "due_ms": now,
            "received_ms": milliseconds(parent.received_at),
            "changed_ms": now,
        }

    def put_back(self, subject: str, *, after: timedelta) -> None:
        """To be tried again later."""
        due = milliseconds(self._clock() + after)
        with writing(self._engine) as connection:
            self._mark(connection, [subject], state=READY, due_ms=due, attempts=intake_jobs.c.attempts + 1)

    def replay(self) -> int:
        """Brings every dead letter, a job that killed who took it, back; how many."""
        with writing(self._engine) as connection:
            dead = connection.execute(select(intake_jobs.c.subject).where(intake_jobs.c.state == DEAD)).scalars().all()
            self._mark(connection, dead, state=READY, due_ms=milliseconds(self._clock()), attempts=0, deaths=0)
        return len(dead)

    def recover(self, *, older_than: timedelta) -> int:
        """Jobs taken by a process that is gone become due again, and dead letters the third time; how many."""
        now = milliseconds(self._clock())
        stale = intake_jobs.c.state == TAKEN, intake_jobs.c.changed_ms < milliseconds(self._clock() - older_than)
        deaths = intake_jobs.c.deaths + 1
        values = {"deaths": deaths, "state": case((deaths < MOST_DEATHS, READY), else_=DEAD), "changed_ms": now}
        with writing(self._engine) as connection:
            return connection.execute(update(intake_jobs).where(*stale).values(**values)).rowcount

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

    def _mark(self, connection: Connection, subjects: Sequence[str], **values: Any) -> None:
        if subjects:
            changed = milliseconds(self._clock())
            chosen = update(intake_jobs).where(intake_jobs.c.subject.in_(subjects))
            connection.execute(chosen.values(changed_ms=changed, **values))


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _job(row: RowMapping) -> Job:
    conversation_id, recording_id = json.loads(row["locator"])
    return Job(
        id=row["id"],
        subject=row["subject"],
        source=row["source"],
        kind=Kind(row["kind"]),
        attempts=row["attempts"],
        received_at=datetime.fromtimestamp(row["received_ms"] / 1000).astimezone(),
        conversation_id=conversation_id,
        recording_id=recording_id,
    )
