"""Which workers are alive, kept where every machine can see it (ENGINE.md 1.7, the reaper)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, select

from sottovoce.custody.rows import milliseconds
from sottovoce.database.engine import reading, writing
from sottovoce.database.tables import heartbeats
from sottovoce.database.upsert import insert_or_update


class Heartbeats:
    """The beats of executors, one row each."""

    def __init__(self, *, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock

    def beat(self, executor: str) -> None:
        """Says that an executor is alive."""
        with writing(self._engine) as connection:
            insert_or_update(connection, heartbeats, {"executor": executor, "seen_ms": self._now()})

    def silent_executors(self, *, seconds: float) -> tuple[str, ...]:
        """Executors that have not beaten for so long."""
        since = milliseconds(self._clock() - timedelta(seconds=seconds))
        with reading(self._engine) as connection:
            silent = select(heartbeats.c.executor).where(heartbeats.c.seen_ms < since)
            return tuple(connection.execute(silent.order_by(heartbeats.c.executor)).scalars())

    def bury(self, executor: str) -> None:
        """Forgets an executor whose work was taken over."""
        with writing(self._engine) as connection:
            connection.execute(delete(heartbeats).where(heartbeats.c.executor == executor))

    def _now(self) -> int:
        return milliseconds(self._clock())
