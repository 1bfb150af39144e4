"""What the durable engine leaves to its users: lost machines, recordings given up, rows that are done with.

Runs beside any run, on any machine, any number at once. A machine is lost when its executors have not
beaten for long; what they had in hand goes to the living, a recording at most three times, because one
that takes whole machines with it would otherwise circulate for ever (ENGINE.md 1.8, pitfall 4).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from sottovoce.errors import RecordingErased
from sottovoce.pipeline.engine import Queue
from sottovoce.pipeline.job import Job
from sottovoce.pipeline.protocol import Closes
from sottovoce.pipeline.refs import StepError

SILENT_S: Final = 60.0
"""Well past any pause of a living worker: work that is handed over forgets its earlier owner."""
GRACE_S: Final = 5.0
"""A clock that jumps forward makes everybody look silent until the next beat, one second later."""
MAX_ADOPTIONS: Final = 3


class Rows(Protocol):
    """What is asked of a line's own rows."""

    def silent_executors(self, *, seconds: float) -> Sequence[str]: ...

    def bury(self, executor: str) -> None: ...

    def outcome(self, line: str, key: str) -> object | None: ...

    def generation(self, line: str, key: str) -> int: ...

    def recall(self, key: str) -> object: ...


class Reaper:
    """Idempotent, all of it."""

    def __init__(
        self,
        *,
        queue: Queue,
        registry: Rows,
        closer: Closes,
        silent_s: float = SILENT_S,
        grace_s: float = GRACE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._registry = registry
        self._closer = closer
        self._silent_s = silent_s
        self._grace_s = grace_s
        self._clock = clock
        self._suspected: dict[str, float] = {}

    def adopt(self) -> int:
        """Hand the work of lost machines to the living; answers how many recordings."""
        now = self._clock()
        silent = self._registry.silent_executors(seconds=self._silent_s)
        self._suspected = {executor: self._suspected.get(executor, now) for executor in silent}
        lost = [executor for executor, since in self._suspected.items() if now - since >= self._grace_s]
        return sum(self._take_over(executor) for executor in lost)

    def close_given_up(self) -> int:
        """Write the outcome of recordings the engine will not try again; answers how many.

        A row of an earlier generation is only forgotten: the recording is being tried again. What cannot
        be concluded now is left for the next time.
        """
        closed = 0
        for job, code in self._queue.given_up():
            if not self._superseded(job):
                try:
                    self._closer.close(job.line, job.key, code)
                except StepError:
                    continue
                closed += 1
            self._queue.forget([job])
        return closed

    def purge(self) -> None:
        """The engine forgets what has ended: the outcome row guards the id from now on."""
        self._queue.forget([job for job in self._queue.finished() if self._guarded(job)])

    def _take_over(self, executor: str) -> int:
        adopted = self._queue.hand_over(executor, limit=MAX_ADOPTIONS)
        self._registry.bury(executor)
        del self._suspected[executor]
        return adopted

    def _superseded(self, job: Job) -> bool:
        return job.generation < self._registry.generation(job.line, job.key)

    def _guarded(self, job: Job) -> bool:
        """Whether this id cannot run again even when the engine has forgotten it."""
        if self._registry.outcome(job.line, job.key) is not None or self._superseded(job):
            return True
        try:
            self._registry.recall(job.key)
        except RecordingErased:
            return True
        return False
