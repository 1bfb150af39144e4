"""Hands jobs from the intake's outbox to the durable engine, and looks after what nobody works on.

Any number may run, on any machine: the engine takes an id once. What was handed on is handed on again when one
starts, so that an engine database that was lost or restored costs time and no recording.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from sottovoce.compliance.task import engine_job
from sottovoce.intake.outbox import Due, Outbox
from sottovoce.pipeline.job import Job

AT_ONCE: Final = 200


class Submits(Protocol):
    def submit(self, job: Job) -> None: ...


class Keeper(Protocol):
    """The engine's: see `pipeline/reap.py`."""

    def adopt(self) -> int: ...

    def close_given_up(self) -> int: ...

    def purge(self) -> None: ...


class Dispatcher:
    """Raises EngineUnavailable and LedgerUnavailable; what was not handed on then is handed on later."""

    def __init__(self, *, outbox: Outbox, queue: Submits, keeper: Keeper) -> None:
        self._outbox = outbox
        self._queue = queue
        self._keeper = keeper

    def begin(self) -> None:
        self._submit(self._outbox.under_way())

    def hand_on(self) -> int:
        """What came in since; how many."""
        ready = self._outbox.ready(limit=AT_ONCE)
        self._submit(ready)
        self._outbox.handed(ready)
        return len(ready)

    def tend(self) -> None:
        """Lost machines' work goes to the living, what kills its workers is buried, what is over is forgotten."""
        self._keeper.adopt()
        self._keeper.close_given_up()
        self._keeper.purge()

    def is_idle(self) -> bool:
        """Whether nothing is to come of its own accord."""
        return not self._outbox.ready(limit=1) and not self._outbox.under_way()

    def _submit(self, jobs: Iterable[Due]) -> None:
        for due in jobs:
            self._queue.submit(engine_job(due))
