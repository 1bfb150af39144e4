"""Keeps each event exactly once, and one job for each recording, whoever announces it how often (SPEC 14.1).

Many arrivals are decided in one transaction: what was seen is found, what is new is written, and only after the
commit is anyone told. An event seen before gets its first answer; the same event with another body is a conflict. A
recording announced again by another event keeps its one job, which at most learns that the recording is now there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine, delete, func, select

from sottovoce.database.compliance_tables import intake_events, intake_jobs
from sottovoce.database.engine import reading, writing
from sottovoce.intake.batch import Arrival, Batch, Receipt

KEPT: Final = timedelta(days=7)
"""How long an event is remembered: senders' retry tables run to 75 hours (SECURITY.md 5.1)."""
_LOCK: Final = int.from_bytes(b"svintake")

HANDED, DONE, DEAD = "handed", "done", "dead"
"""Handed to the durable engine; ended; given up until a person asks again."""


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
            batch = Batch(connection, arrivals, now=now, ids=self._ids)
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


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
