"""Arrivals decided together, and written by one statement for each table, however many they are.

A statement a row costs more than the row: each one goes up through the database's driver and takes the interpreter's
lock back from whoever reads the next request. So what is known is asked for once, and what is new is inserted once.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Table, case, update

from sottovoce.database.compliance_tables import intake_events, intake_jobs
from sottovoce.intake.event import Announcement, Kind
from sottovoce.intake.protocol import Delivery

WAITING, READY = "waiting", "ready"
"""Announced too early; to be handed on."""

_MOST_VALUES: Final = 30_000
"""Of one statement: SQLite binds 32,766 and PostgreSQL 65,535."""
_EVENTS: Final = "SELECT event, digest, job FROM intake_events WHERE sender = {mark} AND event IN (VALUES {marks})"
_JOBS: Final = "SELECT subject, id, rank FROM intake_jobs WHERE subject IN (VALUES {marks})"
_json = json.JSONEncoder().encode


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


class Batch:
    """What is known of the arrivals when the transaction begins, and what has to be written for them."""

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
        self._advanced: dict[str, Kind] = {}

    def decide(self, arrival: Arrival) -> Receipt:
        key = arrival.delivery.sender, arrival.delivery.id
        seen = self._events.get(key)
        if seen is not None:
            digest, job = seen
            return Receipt(job=job, fresh=False, conflict=digest != arrival.digest)
        job, fresh = self._job_of(arrival)
        self._events[key] = (arrival.digest, job)
        self._new_events.append(
            {"sender": key[0], "event": key[1], "digest": arrival.digest, "job": job, "received_ms": self._now}
        )
        return Receipt(job=job, fresh=fresh)

    def write(self) -> None:
        _insert(self._connection, intake_jobs, list(self._new_jobs.values()))
        _insert(self._connection, intake_events, self._new_events)
        for kind in set(self._advanced.values()):
            subjects = [subject for subject, learned in self._advanced.items() if learned is kind]
            _advance(self._connection, subjects, kind, now=self._now)

    def _job_of(self, arrival: Arrival) -> tuple[str, bool]:
        known = self._jobs.get(arrival.subject)
        if known is None:
            return self._new_job(arrival), True
        job, rank = known
        if arrival.announced.kind.rank > rank:
            self._learn(arrival, job)
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
            "locator": _json([arrival.announced.conversation_id, arrival.announced.recording_id]),
            "tokens": _json(dict(arrival.announced.tokens)),
            "state": WAITING if kind is Kind.STARTED else READY,
            "generation": 1,
            "received_ms": self._now,
            "changed_ms": self._now,
        }
        return job

    def _learn(self, arrival: Arrival, job: str) -> None:
        kind = arrival.announced.kind
        self._jobs[arrival.subject] = (job, kind.rank)
        if arrival.subject in self._new_jobs:
            self._new_jobs[arrival.subject] |= {"kind": kind.value, "rank": kind.rank, "state": READY}
        else:
            self._advanced[arrival.subject] = kind


def _known_events(connection: Connection, arrivals: Sequence[Arrival]) -> dict[tuple[str, str], tuple[str, str]]:
    """Asked sender by sender: SQLite searches no index for pairs, and would read the whole table."""
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for arrival in arrivals:
        wanted[arrival.delivery.sender].add(arrival.delivery.id)
    return {
        (sender, row[0]): (row[1], row[2])
        for sender, events in wanted.items()
        for row in _found(connection, _EVENTS, (sender,), events)
    }


def _known_jobs(connection: Connection, arrivals: Sequence[Arrival]) -> dict[str, tuple[str, int]]:
    subjects = {arrival.subject for arrival in arrivals}
    return {row[0]: (row[1], row[2]) for row in _found(connection, _JOBS, (), subjects)}


def _advance(connection: Connection, subjects: Sequence[str], kind: Kind, *, now: int) -> None:
    """Recordings that had only begun are there now; what is ready, handed on or done stays as it is."""
    waits, table = intake_jobs.c.state == WAITING, intake_jobs
    learned = {
        "kind": kind.value,
        "rank": kind.rank,
        "changed_ms": now,
        "state": case((waits, READY), else_=table.c.state),
    }
    connection.execute(update(table).where(table.c.subject.in_(subjects)).values(**learned))


def _found(connection: Connection, query: str, given: tuple[str, ...], keys: Iterable[str]) -> Iterator[Any]:
    mark = _mark(connection)
    for marks, values in _parts(connection, [(key,) for key in keys]):
        yield from connection.exec_driver_sql(query.format(mark=mark, marks=marks), given + values)


def _insert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """All rows by one statement; SQLAlchemy would send one for each."""
    for marks, values in _parts(connection, [tuple(row.values()) for row in rows]):
        into = f"INSERT INTO {table.name} ({', '.join(rows[0])}) VALUES {marks}"  # noqa: S608 - names are the table's own
        connection.exec_driver_sql(into, values)


def _parts(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Rows as `(?, ?), (?, ?)` and their values in a row, no more at a time than a statement may bind."""
    if not rows:
        return
    width = len(rows[0])
    row_marks = f"({', '.join([_mark(connection)] * width)})"
    step = _MOST_VALUES // width
    for at in range(0, len(rows), step):
        part = rows[at : at + step]
        yield ", ".join([row_marks] * len(part)), tuple(value for row in part for value in row)


def _mark(connection: Connection) -> str:
    return "%s" if connection.dialect.name == "postgresql" else "?"
