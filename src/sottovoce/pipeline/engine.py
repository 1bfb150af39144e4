"""Durable execution: the only file that knows DBOS.

A recording's workflow id is `line:key`, so that however often it is submitted it runs once. Fetch to
seal is one step: a crash costs one call's work and leaves nothing on disk. The engine's tables hold
references and codes only (`refs.py`), its logger loses its tracebacks, and a slot's executor id is
held by a file lock because two living processes with one id steal each other's work.

Figures and pitfalls: the engine's polling interval caps throughput at worker_concurrency / interval,
so it is 0.1 s; without worker_concurrency one poll claims the whole backlog; the default of 100
recoveries would let a host-killing recording circulate, so it is 3.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from dbos import DBOS, DBOSClient, DBOSConfig, Serializer, StepOptions
from sqlalchemy import Engine as DatabaseEngine
from sqlalchemy import create_engine, event

from sottovoce.errors import EngineError
from sottovoce.pipeline import refs
from sottovoce.pipeline.protocol import Closes, Hearts, Task
from sottovoce.telemetry import ExceptionsAsCodes

APPLICATION = "sottovoce"
ABI = "pipeline-abi-1"
"""Pinned: by default the engine hashes the source, and rows of an older hash are dequeued by nobody."""
QUEUE = "recordings"
POLL_S = 0.1
MAX_RECOVERIES = 3
BEAT_S = 1.0
GAVE_UP = ("MAX_RECOVERY_ATTEMPTS_EXCEEDED", "ERROR", "CANCELLED")
WORKFLOW_ID = re.compile(r"(?P<line>[a-z]+):(?P<key>[A-Za-z0-9_-]+):g(?P<generation>\d+)")


class RefsOnly(Serializer):
    """Stores references and codes; the engine's own default would pickle, and keep exception messages."""

    def serialize(self, data: Any) -> str:
        return refs.dump(data)

    def deserialize(self, serialized_data: str) -> Any:
        return refs.load(serialized_data)

    def name(self) -> str:
        return "sottovoce_refs_v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One recording on one line; `generation` rises when a person asks for it to be tried again."""

    line: str
    key: str
    generation: int = 1

    @property
    def id(self) -> str:
        return f"{self.line}:{self.key}:g{self.generation}"

    @classmethod
    def of_id(cls, text: str) -> Job | None:
        found = WORKFLOW_ID.fullmatch(text)
        return cls(line=found["line"], key=found["key"], generation=int(found["generation"])) if found else None


class _Door:
    """The task of this process; workflows are registered when the module loads, before there is one."""

    task: ClassVar[Task]


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


@DBOS.workflow(name="sottovoce.carry", max_recovery_attempts=MAX_RECOVERIES)
def _carry(line: str, key: str) -> str:
    try:
        return str(DBOS.run_step(_step("carry"), _Door.task.carry, line, key))
    except Exception as error:  # noqa: BLE001 - whatever it was, the recording is withheld; engine control errors are BaseException
        code = refs.code_of(error)
    return str(DBOS.run_step(_step("close"), _Door.task.close, line, key, code))


_PRAGMAS = (
    "PRAGMA busy_timeout = 30000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
)


def _database(url: str) -> DatabaseEngine | None:
    """SQLite with settings that survive a power cut and keep nothing deleted; None for PostgreSQL by `url`.

    The engine begins its own transactions, so the driver is told to make each one IMMEDIATE.
    """
    if not url.startswith("sqlite"):
        return None
    database = create_engine(url, hide_parameters=True)
    event.listen(database, "connect", _prepare)
    return database


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = "IMMEDIATE"
    for pragma in _PRAGMAS:
        connection.execute(pragma)


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

    def __init__(self, *, url: str, node: str, slot: int, slots: Path, hearts: Hearts) -> None:
        self._url = url
        self._executor = f"{node}:{slot}"
        self._lock = slots / f"{node}-{slot}.lock"
        self._hearts = hearts

    def serve(self, task: Task, stop: threading.Event) -> None:
        """Work until `stop` is set; the task's models are warm before the first recording is taken.

        Raises EngineError when another living process holds this slot.
        """
        with _held(self._lock):
            _Door.task = task
            _quiet()
            DBOS(config=_config(self._url, self._executor, _database(self._url)))
            DBOS.listen_queues([QUEUE])
            DBOS.launch()
            _quiet()
            DBOS.register_queue(QUEUE, worker_concurrency=1, polling_interval_sec=POLL_S)
            try:
                self._beat_until(stop)
            finally:
                DBOS.destroy(workflow_completion_timeout_sec=30)

    def _beat_until(self, stop: threading.Event) -> None:
        self._hearts.beat(self._executor)
        while not stop.wait(BEAT_S):
            self._hearts.beat(self._executor)


class Queue:
    """The other side: submit recordings, adopt the work of lost machines, close what was given up."""

    def __init__(self, *, url: str) -> None:
        _quiet()
        DBOS.migrate(url)
        self._client = DBOSClient(
            system_database_url=url,
            system_database_engine=_database(url),
            serializer=RefsOnly(),
            application_name=APPLICATION,
        )

    def submit(self, job: Job) -> None:
        """Once-ever: submitting an id again attaches to what it already is."""
        self._client.enqueue(
            {"workflow_name": "sottovoce.carry", "queue_name": QUEUE, "workflow_id": job.id}, job.line, job.key
        )

    def unfinished(self) -> int:
        """How many recordings wait or are being worked on."""
        return len(self._list(["ENQUEUED", "PENDING"]))

    def adopt(self, hearts: Hearts, *, silent_s: float) -> int:
        """Hand work of executors silent for `silent_s` seconds to the living; answers how many.

        Well past any pause of a living process: a resumed recording forgets its earlier owner.
        """
        adopted = 0
        for executor in hearts.silent_executors(seconds=silent_s):
            ids = self._list(["PENDING"], executor=executor)
            if ids:
                self._client.resume_workflows(ids, queue_name=QUEUE)
                adopted += len(ids)
            hearts.bury(executor)
        return adopted

    def close_given_up(self, closer: Closes) -> int:
        """Write the outcome of recordings that killed their worker too often; answers how many."""
        jobs = [j for j in map(Job.of_id, self._list(list(GAVE_UP))) if j]
        for job in jobs:
            closer.close(job.line, job.key, "E_GAVE_UP")
        return len(jobs)

    def purge(self, finished: Sequence[Job]) -> None:
        """Forget finished recordings. Only once their outcome row exists, which then guards the id."""
        ids = set(self._list(["SUCCESS", *GAVE_UP]))
        doomed = [job.id for job in finished if job.id in ids]
        if doomed:
            self._client.delete_workflows(doomed)

    def close(self) -> None:
        self._client.destroy()

    def _list(self, status: list[str], *, executor: str | None = None) -> list[str]:
        rows = self._client.list_workflows(status=status, executor_id=executor, load_input=False, load_output=False)
        return [row.workflow_id for row in rows]


@contextlib.contextmanager
def _held(path: Path) -> Iterator[None]:
    """Hold a slot's lock; the kernel lets go of it however the process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            hint = "another worker runs here; choose another --slot"
            raise EngineError(f"slot {path.stem} is taken", hint=hint) from error
        yield


def _quiet() -> None:
    """The engine logs tracebacks with the text of exceptions; keep type and code only."""
    logger = logging.getLogger("dbos")
    for target in (logger, *logger.handlers):
        if not any(isinstance(f, ExceptionsAsCodes) for f in target.filters):
            target.addFilter(ExceptionsAsCodes())
