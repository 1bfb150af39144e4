"""Durable execution: the only file that knows DBOS.

A recording's workflow id is `line:key:generation`, so that however often it is submitted it runs once;
once the engine has forgotten it, the outcome row guards it (`run.py`). Fetch to seal is one step: a
crash costs one call's work and leaves nothing on disk. A task that is not done yet (a medium still on its way, a
service that is down) says so: its next attempt is a workflow of its own, delayed, so that no slot sleeps.
The engine's tables hold references and codes only (`refs.py`), its logger loses its tracebacks, and a slot's
executor id is held by a lock (`slot.py`). Each line has a queue of its own, because its workers load other models.

Figures and pitfalls: the engine's polling interval caps throughput at worker_concurrency / interval,
so it is 0.1 s; without worker_concurrency one poll claims the whole backlog; the default of 100
recoveries would let a process-killing recording circulate, so it is 3. Steps are plain functions on
threads: work for the processor in an `async` step would hold up everything else.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from dbos import DBOS, DBOSClient, DBOSConfig, Serializer, StepOptions, WorkflowStatus
from sqlalchemy import Engine as DatabaseEngine

from sottovoce.errors import LedgerUnavailable
from sottovoce.pipeline import refs
from sottovoce.pipeline.engine_database import failures_named, open_database
from sottovoce.pipeline.job import Job
from sottovoce.pipeline.lines import CORPUS, RECORDINGS
from sottovoce.pipeline.protocol import Again, Hearts, Task
from sottovoce.pipeline.slot import held
from sottovoce.telemetry import ExceptionsAsCodes

APPLICATION = "sottovoce"
ABI = "pipeline-abi-1"
"""Pinned: by default the engine hashes the source, and rows of an older hash are dequeued by nobody."""
QUEUE = RECORDINGS
"""Another line brings the name of its own."""
CARRY = "sottovoce.carry"
POLL_S = 0.1
MAX_RECOVERIES = 3
BEAT_S = 1.0
STOP_S = 30
FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 600.0
"""Between attempts of a task that is not done yet, where it does not say how long."""
WAITING = ("DELAYED", "ENQUEUED", "PENDING")
GAVE_UP = ("MAX_RECOVERY_ATTEMPTS_EXCEEDED", "ERROR", "CANCELLED")
ADOPTIONS = "adoptions"
AGAIN = "again_ms"


class RefsOnly(Serializer):
    """Stores references and codes; the engine's own default would pickle, and keep exception messages."""

    def serialize(self, data: Any) -> str:
        return refs.dump(data)

    def deserialize(self, serialized_data: str) -> Any:
        return refs.load(serialized_data)

    def name(self) -> str:
        return "sottovoce_refs_v1"


class _Door:
    """The task of this process; workflows are registered when the module loads, before there is one."""

    task: ClassVar[Task]
    queue: ClassVar[str]


def _step(name: str) -> StepOptions:
    """Short retries only: their sleep holds the worker's slot."""
    return {
        "name": name,
        "retries_allowed": True,
        "max_attempts": 3,
        "interval_seconds": 1.0,
        "backoff_rate": 2.0,
        "should_retry": lambda error: isinstance(error, refs.StepError) and error.retryable,
    }


def _coded(work: Callable[..., str | Again], *arguments: str) -> str | dict[str, int | None]:
    """A step's work; whatever it raises leaves as a code, because engine and logger keep messages."""
    try:
        answer = work(*arguments)
    except Exception as error:  # noqa: BLE001 - the last boundary before the engine's own tables
        raise refs.as_step_error(error) from None
    if isinstance(answer, str):
        return answer
    return {AGAIN: None if answer.after_s is None else round(answer.after_s * 1000)}


@DBOS.workflow(name=CARRY, max_recovery_attempts=MAX_RECOVERIES)
def _carry(line: str, key: str) -> str:
    try:
        answer = DBOS.run_step(_step("carry"), _coded, _Door.task.carry, line, key)
    except Exception as error:  # noqa: BLE001 - whatever it was, the recording is withheld; engine control errors are BaseException
        answer = DBOS.run_step(_step("close"), _coded, _Door.task.close, line, key, refs.code_of(error))
    return answer if isinstance(answer, str) else _tried_again(line, key, answer)


def _tried_again(line: str, key: str, answer: Mapping[str, int | None]) -> str:
    """The next attempt queued, once, whatever happens to this one."""
    this = Job.of_id(DBOS.workflow_id or "") or Job(line=line, key=key)
    asked = answer[AGAIN]
    wait_s = wait_of(this.attempt) if asked is None else asked / 1000
    options = {
        "workflow_name": CARRY,
        "queue_name": _Door.queue,
        "workflow_id": this.next.id,
        "delay_seconds": max(POLL_S, wait_s),
    }
    DBOS.enqueue_workflow_with_options(options, line, key)  # type: ignore[arg-type]
    return "again"


def wait_of(attempt: int) -> float:
    """2, 4, 8 … seconds after an attempt that did not end, never beyond ten minutes."""
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempt - 1, 32))


def _config(url: str, executor: str, database: DatabaseEngine | None) -> DBOSConfig:
    config = DBOSConfig(
        name=APPLICATION,
        system_database_url=url,
        executor_id=executor,
        application_version=ABI,
        serializer=RefsOnly(),
        enable_otlp=False,
        log_level="WARNING",
        sys_db_pool_size=4,
    )
    if database is not None:
        config["system_database_engine"] = database
    return config


class Worker:
    """One slot of one node: takes recordings one at a time until told to stop."""

    def __init__(self, *, url: str, node: str, slot: int, slots: Path, hearts: Hearts, queue: str = QUEUE) -> None:
        self._url = url
        self._queue = queue
        self._executor = f"{node}:{slot}"
        self._lock = slots / f"{node}-{slot}.lock"
        self._hearts = hearts

    def serve(self, task: Task, stop: threading.Event) -> None:
        """Work until `stop` is set; the task's models are warm before the first recording is taken.

        Raises EngineError when another living process holds this slot, EngineUnavailable without a database.
        """
        with held(self._lock), _opened(self._url) as database:
            _Door.task, _Door.queue = task, self._queue
            _quiet()
            DBOS(config=_config(self._url, self._executor, database))
            try:
                with failures_named():
                    DBOS.listen_queues([self._queue])
                    DBOS.launch()
                    _quiet()
                    DBOS.register_queue(self._queue, worker_concurrency=1, polling_interval_sec=POLL_S)
                self._beat_until(stop)
            finally:
                DBOS.destroy(workflow_completion_timeout_sec=STOP_S)

    def _beat_until(self, stop: threading.Event) -> None:
        """A beat that cannot be written is missed: the recording in hand goes on, and says so if it cannot end."""
        while True:
            with contextlib.suppress(LedgerUnavailable):
                self._hearts.beat(self._executor)
            if stop.wait(BEAT_S):
                return


class Queue:
    """The other side of one line: submits recordings, says and changes how they stand. Raises EngineUnavailable."""

    def __init__(self, *, url: str, name: str = QUEUE, line: str = CORPUS.name) -> None:
        _quiet()
        self._name = name
        self._prefix = f"{line}:"
        self._database = open_database(url)
        with failures_named():
            DBOS.migrate(url)
            self._client = DBOSClient(
                system_database_url=url,
                system_database_engine=self._database,
                serializer=RefsOnly(),
                application_name=APPLICATION,
                retry_connection_errors=False,
            )

    def submit(self, job: Job) -> None:
        """Once-ever while the engine remembers: submitting an id again attaches to what it already is."""
        options = {"workflow_name": CARRY, "queue_name": self._name, "workflow_id": job.id}
        with failures_named():
            self._client.enqueue(options, job.line, job.key)  # type: ignore[arg-type]

    def unfinished(self) -> int:
        """How many recordings wait or are being worked on."""
        return len(self._list(WAITING))

    def waiting(self) -> frozenset[str]:
        """Their keys."""
        jobs = (Job.of_id(row.workflow_id) for row in self._list(WAITING))
        return frozenset(job.key for job in jobs if job is not None)

    def waits_only(self) -> bool:
        """Whether nothing is being worked on or about to be: all that is left waits for its next attempt."""
        return not self._list(("ENQUEUED", "PENDING"))

    def hand_over(self, executor: str, *, limit: int) -> int:
        """Queue again what an executor of any line had in hand; what was handed over `limit` times is given up instead.

        Answers how many were queued again. The engine's own count of recoveries starts anew with each,
        which is why this one is kept, on the engine's row.
        """
        rows = self._list(["PENDING"], executor=executor, of_every_line=True)
        spent = [row.workflow_id for row in rows if _adoptions(row) >= limit]
        again = [row for row in rows if _adoptions(row) < limit]
        with failures_named():
            if spent:
                self._client.cancel_workflows(spent)
            for row in again:
                counted = {ADOPTIONS: _adoptions(row) + 1}
                self._client.update_workflow_attributes(row.workflow_id, counted, merge=True)
                self._client.resume_workflow(row.workflow_id, queue_name=row.queue_name or self._name)
        return len(again)

    def given_up(self) -> tuple[tuple[Job, str], ...]:
        """What the engine will not try again, each with the code it failed with where there is one."""
        return tuple(
            (job, _code(row)) for row in self._list(GAVE_UP, outputs=True) if (job := Job.of_id(row.workflow_id))
        )

    def finished(self) -> tuple[Job, ...]:
        """What ran to its end and is still remembered."""
        return tuple(job for row in self._list(["SUCCESS"]) if (job := Job.of_id(row.workflow_id)))

    def forget(self, jobs: Iterable[Job]) -> None:
        """Delete finished recordings. Only once their outcome row exists, which then guards the id."""
        doomed = [job.id for job in jobs]
        if doomed:
            with failures_named():
                self._client.delete_workflows(doomed)

    def close(self) -> None:
        self._client.destroy()
        if self._database is not None:
            self._database.dispose()

    def _list(
        self, status: Iterable[str], *, executor: str | None = None, outputs: bool = False, of_every_line: bool = False
    ) -> list[WorkflowStatus]:
        """By the ids of the line's jobs: what the engine gave up has no queue any more."""
        with failures_named():
            return self._client.list_workflows(
                status=list(status),
                executor_id=executor,
                workflow_id_prefix=None if of_every_line else self._prefix,
                load_input=False,
                load_output=outputs,
            )


def _adoptions(row: WorkflowStatus) -> int:
    return int((row.attributes or {}).get(ADOPTIONS, 0))


def _code(row: WorkflowStatus) -> str:
    """The code of the error a recording ended with; one that killed its workers left none."""
    return refs.code_of(row.error) if isinstance(row.error, refs.StepError) else "E_GAVE_UP"


@contextlib.contextmanager
def _opened(url: str) -> Iterator[DatabaseEngine | None]:
    """The engine's database for one worker; the engine leaves closing it to whoever opened it."""
    database = open_database(url)
    try:
        yield database
    finally:
        if database is not None:
            database.dispose()


def _quiet() -> None:
    """The engine logs tracebacks with the text of exceptions; keep type and code only."""
    logger = logging.getLogger("dbos")
    for target in (logger, *logger.handlers):
        if not any(isinstance(f, ExceptionsAsCodes) for f in target.filters):
            target.addFilter(ExceptionsAsCodes())
