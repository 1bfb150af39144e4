"""From what was taken in to the durable engine: each job handed on once, found again by its key, ended or given up.

The engine may hold opaque keys only (`pipeline/refs.py`), so the ids by which a source finds a recording stay here
until its job is done. The engine takes the same job any number of times: a crash between handing on and writing that
down hands it on again, and nothing runs twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, RowMapping, select, update

from sottovoce.database.compliance_tables import intake_jobs
from sottovoce.database.engine import reading, writing
from sottovoce.database.upsert import insert_new
from sottovoce.intake.batch import READY, WAITING
from sottovoce.intake.desk import DEAD, DONE, HANDED, milliseconds
from sottovoce.intake.event import Kind

OVER: Final = (DONE, DEAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A job to be handed on."""

    subject: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job to be done. `conversation_id` and `recording_id` are for the source alone."""

    id: str
    subject: str
    source: str
    kind: Kind
    received_at: datetime
    conversation_id: str = field(repr=False)
    recording_id: str | None = field(repr=False)


class Outbox:
    """Every method is one transaction, but for `reopen`, which joins one."""

    def __init__(self, *, engine: Engine, clock: Callable[[], datetime], ids: Callable[[], str]) -> None:
        self._engine = engine
        self._clock = clock
        self._ids = ids

    def ready(self, *, limit: int) -> tuple[Due, ...]:
        """What is to be handed on, oldest first."""
        return self._in_state(READY, limit=limit)

    def under_way(self) -> tuple[Due, ...]:
        """What the engine has and has not ended."""
        return self._in_state(HANDED, limit=None)

    def handed(self, jobs: Collection[Due]) -> None:
        """The engine has them. What ended or was reopened meanwhile stays as it is."""
        with writing(self._engine) as connection:
            for due in jobs:
                same = intake_jobs.c.subject == due.subject, intake_jobs.c.generation == due.generation
                self._mark(connection, *same, intake_jobs.c.state == READY, state=HANDED)

    def job(self, subject: str) -> Job | None:
        """None when it is done, or nobody asked for it."""
        known = select(intake_jobs).where(intake_jobs.c.subject == subject, intake_jobs.c.locator.is_not(None))
        with reading(self._engine) as connection:
            row = connection.execute(known).mappings().first()
        return None if row is None else _job(row)

    def finish(self, subject: str) -> None:
        """Done: the ids by which the source finds it are forgotten here."""
        with writing(self._engine) as connection:
            self._mark(connection, intake_jobs.c.subject == subject, state=DONE, locator=None, tokens={})

    def bury(self, subject: str) -> None:
        """A dead letter: given up until a person asks for it again."""
        with writing(self._engine) as connection:
            self._mark(connection, intake_jobs.c.subject == subject, intake_jobs.c.state != DONE, state=DEAD)

    def add(self, parent: Job, found: Mapping[str, str]) -> int:
        """A conversation's recordings, by their keys, as jobs to be handed on; how many are new."""
        with writing(self._engine) as connection:
            waiting = intake_jobs.c.subject.in_(found), intake_jobs.c.state == WAITING
            self._mark(connection, *waiting, state=READY)
            return sum(
                insert_new(connection, intake_jobs, self._of_recording(parent, subject, recording_id))
                for subject, recording_id in found.items()
            )

    def replay(self) -> int:
        """Brings every dead letter back; how many."""
        with writing(self._engine) as connection:
            dead = connection.execute(select(intake_jobs.c.subject).where(intake_jobs.c.state == DEAD)).scalars().all()
            self.reopen(connection, dead)
        return len(dead)

    def reopen(self, connection: Connection, subjects: Sequence[str]) -> None:
        """To be handed on again under a generation of its own, because the engine never runs an id twice."""
        again = intake_jobs.c.generation + 1
        self._mark(connection, intake_jobs.c.subject.in_(subjects), state=READY, generation=again)

    def generation(self, subject: str) -> int:
        """1 for what is not known."""
        wanted = select(intake_jobs.c.generation).where(intake_jobs.c.subject == subject)
        with reading(self._engine) as connection:
            return connection.execute(wanted).scalar() or 1

    def is_over(self, subject: str) -> bool:
        """Whether it ended or was given up, or is not known (any more)."""
        wanted = select(intake_jobs.c.state).where(intake_jobs.c.subject == subject)
        with reading(self._engine) as connection:
            return connection.execute(wanted).scalar() in (*OVER, None)

    def _in_state(self, state: str, *, limit: int | None) -> tuple[Due, ...]:
        columns = select(intake_jobs.c.subject, intake_jobs.c.generation)
        wanted = columns.where(intake_jobs.c.state == state).order_by(intake_jobs.c.received_ms).limit(limit)
        with reading(self._engine) as connection:
            return tuple(Due(subject=row.subject, generation=row.generation) for row in connection.execute(wanted))

    def _of_recording(self, parent: Job, subject: str, recording_id: str) -> dict[str, Any]:
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
            "generation": 1,
            "received_ms": milliseconds(parent.received_at),
            "changed_ms": milliseconds(self._clock()),
        }

    def _mark(self, connection: Connection, *which: Any, **values: Any) -> None:
        changed = milliseconds(self._clock())
        connection.execute(update(intake_jobs).where(*which).values(changed_ms=changed, **values))


def _job(row: RowMapping) -> Job:
    conversation_id, recording_id = json.loads(row["locator"])
    return Job(
        id=row["id"],
        subject=row["subject"],
        source=row["source"],
        kind=Kind(row["kind"]),
        received_at=datetime.fromtimestamp(row["received_ms"] / 1000, tz=UTC),
        conversation_id=conversation_id,
        recording_id=recording_id,
    )
