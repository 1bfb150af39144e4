"""One run of a line: submit what was chosen, keep workers alive until all of it has an outcome, sum up."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from sottovoce.custody.rows import Outcome
from sottovoce.domain.outcome import OutcomeStatus, Reason
from sottovoce.domain.percentiles import percentiles
from sottovoce.errors import EngineError, RecordingErased, SottovoceError
from sottovoce.pipeline.engine import Queue
from sottovoce.pipeline.job import Job
from sottovoce.pipeline.lines import Line
from sottovoce.pipeline.protocol import Closes
from sottovoce.pipeline.reap import SILENT_S, Reaper, Rows
from sottovoce.pipeline.survey import Survey

TICK_S = 0.5
PATIENCE_S = 60.0
"""How long a database may be away before the run gives up; what was begun stays queued."""
IDLE_TICKS = 3
"""An empty queue is believed when it is seen again: a recording may just have been given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a run came to. Seconds are rounded to a tenth.

    `new` were never seen before; `decided_before` had their outcome when the run began; `not_selected`
    may be taken by a later run.
    """

    seen: int
    new: int
    decided_before: int
    not_selected: int
    chosen: int
    by_status: Mapping[str, int]
    by_reason: Mapping[str, int]
    removed_s: Mapping[str, float]
    sealed_hours: float
    lag_s: Mapping[str, float]
    restarts: int
    seconds: float = field(default=0.0)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class LineRows(Rows, Protocol):
    """What is asked of a line's own rows; `outcome` is there once a recording is over on it."""

    def pending(self, line: str) -> Sequence[str]: ...


class Mends(Protocol):
    def mend(self) -> None:
        """Start again what has died. Raises EngineError when that is hopeless."""
        ...


class Runner:
    """Drives the queue and the workers of this machine for one line."""

    def __init__(
        self,
        *,
        line: Line,
        registry: LineRows,
        queue: Queue,
        closer: Closes,
        silent_s: float = SILENT_S,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._line = line
        self._registry = registry
        self._queue = queue
        self._reaper = Reaper(queue=queue, registry=registry, closer=closer, silent_s=silent_s, clock=clock)
        self._patience_s = patience_s
        self._clock = clock
        self._idle_ticks = 0

    def submit(self, keys: Iterable[str]) -> None:
        """Once-ever, whoever else submits the same; what has its outcome is not submitted at all."""
        for key in keys:
            if self._registry.outcome(self._line.name, key) is None:
                generation = self._registry.generation(self._line.name, key)
                self._queue.submit(Job(line=self._line.name, key=key, generation=generation))

    def wait(
        self,
        keys: Collection[str],
        workers: Mends,
        *,
        done: Callable[[int], None] = lambda _count: None,
        rest_s: float | None = None,
    ) -> frozenset[str]:
        """Until every key is over, or, with `rest_s`, until what is left has only been waiting for so long: those.

        Raises EngineError when the workers cannot stay up, and what a database that stays away raises.
        """
        left, well, moved = set(keys), self._clock(), self._clock()
        while left:
            before = len(left)
            time.sleep(TICK_S)
            workers.mend()
            try:
                left = self._left(left)
            except SottovoceError as error:
                if not error.retryable or self._clock() - well > self._patience_s:
                    raise
                continue
            well = self._clock()
            done(len(keys) - len(left))
            if rest_s is None:
                continue
            moved = well if len(left) < before or not self._queue.waits_only() else moved
            if well - moved >= rest_s:
                break
        return frozenset(left)

    def tend(self) -> None:
        """Looks after what nobody works on, and lets the engine forget what is over."""
        self._reaper.adopt()
        self._reaper.close_given_up()
        self._reaper.purge()

    def purge(self) -> None:
        """The engine forgets what has its outcome."""
        self._reaper.purge()

    def _left(self, left: set[str]) -> set[str]:
        """Which of them have no outcome yet, after looking after what nobody works on."""
        self._reaper.adopt()
        self._reaper.close_given_up()
        idle = not self._queue.unfinished()
        gone = left.difference(self._registry.pending(self._line.name))
        left = left - {key for key in gone if self._registry.outcome(self._line.name, key) is not None}
        self._idle_ticks = self._idle_ticks + 1 if idle else 0
        return self._lost(left) if left and self._idle_ticks >= IDLE_TICKS else left

    def _lost(self, left: Collection[str]) -> set[str]:
        """Nothing is queued, so what has no outcome was erased while it ran, or something is wrong."""
        for key in left:
            try:
                self._registry.recall(key)
            except RecordingErased:
                continue
            raise EngineError("the queue is empty and a recording has no outcome", hint="run again")
        return set()


def removed_seconds(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Redacted seconds by entity over all outcomes, largest first."""
    total: Counter[str] = Counter()
    for outcome in outcomes:
        for name, value in outcome.facts.items():
            if name.startswith("ms_") and isinstance(value, int):
                total[name.removeprefix("ms_").upper()] += value
    return {name: round(ms / 1000, 1) for name, ms in total.most_common()}


def lag_seconds(outcomes: Sequence[Outcome], ended_at: Mapping[str, datetime]) -> Mapping[str, float]:
    """From the end of the call to its seal, as P50 and P95; empty without sealed recordings."""
    return percentiles(
        (outcome.at - ended_at[outcome.recording]) / timedelta(seconds=1)
        for outcome in outcomes
        if outcome.status is OutcomeStatus.SEALED and outcome.recording in ended_at
    )


def summarise(
    survey: Survey, outcomes: Sequence[Outcome], ended_at: Mapping[str, datetime], *, restarts: int, seconds: float
) -> Summary:
    """`outcomes` are those this run came to; `ended_at` the ends of their calls."""
    sealed = [o for o in outcomes if o.status is OutcomeStatus.SEALED]
    return Summary(
        seen=survey.seen,
        new=survey.new,
        decided_before=survey.seen - len(survey.report.taken) - len(survey.report.not_taken),
        not_selected=sum(1 for refused in survey.report.not_taken if refused.reason is Reason.NOT_SELECTED),
        chosen=len(survey.report.taken),
        by_status=dict(Counter(o.status.value for o in outcomes)),
        by_reason=dict(Counter(o.reason.value for o in outcomes if o.reason).most_common()),
        removed_s=removed_seconds(sealed),
        sealed_hours=round(sum(int(o.facts.get("ms", 0)) for o in sealed) / 3_600_000, 4),
        lag_s=lag_seconds(sealed, ended_at),
        restarts=restarts,
        seconds=round(seconds, 1),
    )
