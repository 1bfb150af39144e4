"""What every database must give the corridor: once-ever ids, codes only, recovery that ends, adoption."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from sottovoce.errors import EngineError, EngineUnavailable, LedgerUnavailable
from sottovoce.pipeline.engine import ABI, MAX_RECOVERIES, POLL_S, QUEUE, Queue, Worker, wait_of
from sottovoce.pipeline.job import Job
from sottovoce.pipeline.protocol import Again
from sottovoce.pipeline.reap import MAX_ADOPTIONS, Reaper
from sottovoce.pipeline.refs import StepError
from sottovoce.testing.engine import FolderHearts, FolderTask

WORKER = Path(__file__).with_name("engine_worker.py")
PLANTED = "zanzibar marmalade"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'engine.sqlite'}"
    return request.getfixturevalue("postgres")


@pytest.fixture
def queue(url: str) -> Iterator[Queue]:
    queue = Queue(url=url)
    yield queue
    queue.close()


@contextlib.contextmanager
def working(url: str, folder: Path, task: FolderTask, *, slot: int = 0) -> Iterator[None]:
    """A worker on a thread of this process."""
    stop = threading.Event()
    worker = Worker(url=url, node="here", slot=slot, slots=folder / "slots", hearts=FolderHearts(folder))
    thread = threading.Thread(target=worker.serve, args=(task, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def process(url: str, folder: Path, mode: str, *, node: str = "there", slot: int = 0) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(WORKER), url, str(folder / "slots"), node, str(slot), str(folder), mode]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def until(holds: Callable[[], object], *, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def job(key: str, generation: int = 1) -> Job:
    return Job(line="corpus", key=key, generation=generation)


def everything_stored(url: str) -> str:
    """Every value of every table of every schema, as text."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    seen = []
    with engine.connect() as connection:
        tables = inspect(connection)
        for schema in tables.get_schema_names():
            if schema not in {"information_schema", "pg_catalog"}:
                for table in tables.get_table_names(schema=schema):
                    rows = connection.execute(text(f'SELECT * FROM "{schema}"."{table}"'))  # noqa: S608 - names of the catalogue
                    seen += map(repr, rows)
    engine.dispose()
    return "\n".join(seen)


class Raising(FolderTask):
    """Raises what it was given, each time or until there is nothing left to raise."""

    def __init__(self, folder: Path, *errors: Exception, for_ever: bool = False) -> None:
        super().__init__(folder)
        self._errors = list(errors)
        self._for_ever = for_ever

    def carry(self, line: str, key: str) -> str:
        self.began(key)
        if self._errors:
            raise self._errors[0] if self._for_ever else self._errors.pop(0)
        return self.ended(line, key, "sealed")


def test_an_id_runs_once_however_often_it_is_submitted(url, queue, tmp_path):
    """Submitting a recording again, while it runs or after it ended, runs nothing."""
    task = FolderTask(tmp_path)
    for _ in range(3):
        queue.submit(job("a"))
    with working(url, tmp_path, task):
        until(lambda: not queue.unfinished())
        queue.submit(job("a"))
        time.sleep(0.5)
    assert task.beginnings("a") == 1
    assert queue.finished() == (job("a"),)
    assert not queue.unfinished()


def test_what_a_step_raises_is_kept_as_a_code(url, queue, tmp_path, caplog):
    """A step that raises with a planted phrase leaves it in no table, no file and no log line."""
    task = Raising(tmp_path, ValueError(PLANTED), for_ever=True)
    with caplog.at_level(logging.DEBUG):
        queue.submit(job("a"))
        with working(url, tmp_path, task):
            logging.getLogger("dbos").addHandler(caplog.handler)
            until(lambda: not queue.unfinished())
    assert task.how("corpus", "a") == "quarantined ValueError"
    stored = everything_stored(url)
    assert "ValueError" in stored
    assert "zanzibar" not in stored
    assert "zanzibar" not in caplog.text
    assert all(b"zanzibar" not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_step_that_may_succeed_later_is_tried_again(url, queue, tmp_path):
    """Two failures that ask for another try are followed by a third, which ends the recording."""
    task = Raising(tmp_path, *(StepError("E_STORAGE", retryable=True),) * 2)
    queue.submit(job("a"))
    with working(url, tmp_path, task):
        until(lambda: not queue.unfinished())
    assert task.beginnings("a") == 3
    assert task.how("corpus", "a") == "sealed"


def test_the_cause_is_known_after_the_last_try(url, queue, tmp_path):
    """A failure that outlasts every try closes the recording under its own code, not the engine's."""
    task = Raising(tmp_path, StepError("E_STORAGE", retryable=True), for_ever=True)
    queue.submit(job("a"))
    with working(url, tmp_path, task):
        until(lambda: not queue.unfinished())
    assert task.beginnings("a") == 3
    assert task.how("corpus", "a") == "quarantined E_STORAGE"


def test_what_is_not_done_yet_is_tried_again_later(url, queue, tmp_path):
    """A task that asks for another attempt gets it after its wait, each a once-ever id of its own, and ends once."""

    class Patient(FolderTask):
        def carry(self, line: str, key: str) -> str | Again:
            self.began(key)
            return self.ended(line, key, "sealed") if self.beginnings(key) > 2 else Again(after_s=0.2)

    task = Patient(tmp_path)
    queue.submit(job("a"))
    with working(url, tmp_path, task):
        until(lambda: task.how("corpus", "a") and not queue.unfinished())
    assert task.beginnings("a") == 3
    assert {found.attempt for found in queue.finished()} == {1, 2, 3}
    assert {Job.of_id(found.id) for found in queue.finished()} == set(queue.finished())
    Reaper(queue=queue, registry=task, closer=task).purge()
    assert queue.finished() == ()


def test_what_waits_for_its_next_attempt_is_unfinished(url, queue, tmp_path):
    """A slot does not sleep on it: another recording is carried meanwhile, and the queue is not called empty."""

    class Away(FolderTask):
        def carry(self, line: str, key: str) -> str | Again:
            self.began(key)
            return Again(after_s=3600) if key == "away" else self.ended(line, key, "sealed")

    task = Away(tmp_path)
    for key in ("away", "b"):
        queue.submit(job(key))
    with working(url, tmp_path, task):
        until(lambda: task.how("corpus", "b") and queue.unfinished() == 1)
    assert task.beginnings("away") == 1


def test_waits_grow_to_ten_minutes():
    """Two seconds, doubled each time, capped."""
    assert [wait_of(n) for n in (1, 2, 3, 9, 10, 11, 1000)] == [2, 4, 8, 512, 600, 600, 600]


def test_each_line_has_its_own_queue(url, queue, tmp_path):
    """A worker takes its own line's recordings only, and a line's queue neither counts nor closes another's."""
    other = Queue(url=url, name="others", line="compliance")
    other.submit(Job(line="compliance", key="x"))
    queue.submit(job("a"))
    task = FolderTask(tmp_path)
    with working(url, tmp_path, task):
        until(lambda: not queue.unfinished())
    assert (task.beginnings("a"), task.beginnings("x")) == (1, 0)
    assert (other.unfinished(), other.finished(), queue.finished()) == (1, (), (job("a"),))
    other.close()


def test_what_cannot_even_be_closed_is_given_up_with_its_code(url, queue, tmp_path):
    """A recording whose closing fails too is closed later, by whoever looks after the queue."""

    class Hopeless(Raising):
        def close(self, line: str, key: str, code: str) -> str:
            raise StepError("E_LEDGER_UNAVAILABLE")

    task = FolderTask(tmp_path)
    queue.submit(job("a"))
    with working(url, tmp_path, Hopeless(tmp_path, ValueError(PLANTED), for_ever=True)):
        until(lambda: not queue.unfinished())
    assert queue.given_up() == ((job("a"), "E_LEDGER_UNAVAILABLE"),)
    assert Reaper(queue=queue, registry=task, closer=Hopeless(tmp_path)).close_given_up() == 0
    reaper = Reaper(queue=queue, registry=task, closer=task)
    assert (reaper.close_given_up(), reaper.close_given_up()) == (1, 0)
    assert task.how("corpus", "a") == "quarantined E_LEDGER_UNAVAILABLE"
    assert queue.given_up() == ()


def test_what_was_given_up_before_does_not_close_the_next_try(url, queue, tmp_path):
    """A row left over from an earlier try is forgotten, and the recording that was reopened is carried."""
    task = FolderTask(tmp_path)
    failing = Raising(tmp_path, StepError("E_MEDIA"), for_ever=True)
    failing.close = lambda *_: (_ for _ in ()).throw(StepError("E_MEDIA"))
    queue.submit(job("a"))
    with working(url, tmp_path, failing):
        until(lambda: not queue.unfinished())
    task.generations["a"] = 2
    queue.submit(job("a", generation=2))
    assert Reaper(queue=queue, registry=task, closer=task).close_given_up() == 0
    assert task.how("corpus", "a") == ""
    with working(url, tmp_path, task):
        until(lambda: not queue.unfinished())
    assert task.how("corpus", "a") == "sealed"


def test_only_what_is_guarded_is_forgotten(url, queue, tmp_path):
    """The engine forgets recordings with an outcome, earlier tries, and nothing else."""
    task = FolderTask(tmp_path)
    for wanted in (job("a"), job("b"), job("c")):
        queue.submit(wanted)
    with working(url, tmp_path, task):
        until(lambda: not queue.unfinished())
    (tmp_path / "outcomes" / "corpus-b").unlink()
    (tmp_path / "outcomes" / "corpus-c").unlink()
    task.generations["c"] = 2
    Reaper(queue=queue, registry=task, closer=task).purge()
    assert queue.finished() == (job("b"),)


def test_a_taken_slot_is_refused(url, queue, tmp_path):
    """A second worker on a living worker's slot does not start: it would steal the first one's work."""
    with working(url, tmp_path, FolderTask(tmp_path)):
        until(lambda: (tmp_path / "slots" / "here-0.lock").exists() and list((tmp_path / "hearts").iterdir()))
        second = Worker(url=url, node="here", slot=0, slots=tmp_path / "slots", hearts=FolderHearts(tmp_path))
        with pytest.raises(EngineError, match="here-0 is taken"):
            second.serve(FolderTask(tmp_path), threading.Event())


@pytest.mark.slow
def test_a_recording_that_kills_its_worker_is_given_up(url, queue, tmp_path):
    """After a few tries the poison is closed as given up; the others are carried meanwhile."""
    task = FolderTask(tmp_path)
    keys = ["one", "poison", "two"]
    for key in keys:
        queue.submit(job(key))
    reaper = Reaper(queue=queue, registry=task, closer=task)
    worker = process(url, tmp_path, "poison")
    starts = 1
    while not all(task.how("corpus", key) for key in keys):
        if worker.poll() is not None:
            worker = process(url, tmp_path, "poison")
            starts += 1
        reaper.close_given_up()
        assert starts < 10
        time.sleep(0.05)
    worker.terminate()
    assert worker.wait() == 0
    assert task.how("corpus", "poison") == "quarantined E_GAVE_UP"
    assert 2 <= task.beginnings("poison") <= 5
    assert (task.how("corpus", "one"), task.how("corpus", "two")) == ("sealed", "sealed")
    assert (task.beginnings("one"), task.beginnings("two")) == (1, 1)


@pytest.mark.slow
def test_the_work_of_a_lost_machine_is_adopted_a_few_times_only(url, queue, tmp_path):
    """What a silent executor had in hand goes to the living, at most three times, and is then given up."""
    task = FolderTask(tmp_path)
    reaper = Reaper(queue=queue, registry=task, closer=task, silent_s=0.5, grace_s=0.0)
    queue.submit(job("a"))
    for lost in range(MAX_ADOPTIONS + 1):
        worker = process(url, tmp_path, "stuck", node=f"lost{lost}")
        until(lambda n=lost: task.beginnings("a") == n + 1)
        worker.kill()
        worker.wait()
        until(lambda: task.silent_executors(seconds=0.5))
        assert reaper.adopt() == (1 if lost < MAX_ADOPTIONS else 0)
        assert task.silent_executors(seconds=0.0) == ()
    assert not queue.unfinished()
    assert reaper.close_given_up() == 1
    assert task.how("corpus", "a") == "quarantined E_GAVE_UP"


@pytest.mark.slow
def test_adopted_work_is_finished_by_the_living(url, queue, tmp_path):
    """A machine that never comes back delays its recording and loses nothing."""
    task = FolderTask(tmp_path)
    queue.submit(job("a"))
    worker = process(url, tmp_path, "stuck", node="lost")
    until(lambda: task.beginnings("a") == 1)
    worker.kill()
    worker.wait()
    until(lambda: task.silent_executors(seconds=0.5))
    with working(url, tmp_path, task):
        assert Reaper(queue=queue, registry=task, closer=task, silent_s=0.5, grace_s=0.0).adopt() == 1
        until(lambda: not queue.unfinished())
    assert task.how("corpus", "a") == "sealed"


def test_a_clock_that_jumps_makes_nobody_lost(queue, tmp_path):
    """An executor that looks silent for a moment keeps its work: silence must last by this process's own clock."""
    task, now = FolderTask(tmp_path), [0.0]
    reaper = Reaper(queue=queue, registry=task, closer=task, silent_s=60.0, clock=lambda: now[0])
    task.beat("there:0")
    task.silent_executors = lambda *, seconds: ("there:0",) if now[0] in {0.0, 4.0, 9.0, 15.0} else ()
    for now[0] in (0.0, 4.0, 4.5, 9.0):
        assert reaper.adopt() == 0
    assert (tmp_path / "hearts" / "there:0").exists()
    now[0] = 15.0
    reaper.adopt()
    assert not (tmp_path / "hearts" / "there:0").exists()


def test_a_database_that_is_not_there_is_named(tmp_path):
    """A queue without its database is EngineUnavailable with a hint, and quotes nothing of the driver's."""
    for url in (f"sqlite:///{tmp_path / 'missing' / 'engine.sqlite'}", "postgresql://nobody@/none?host=/nonexistent"):
        with pytest.raises(EngineUnavailable) as refused:
            Queue(url=url)
        assert "engine_url" in refused.value.hint
        assert "nobody" not in str(refused.value)


def test_the_queue_is_never_without_limits(url, queue, tmp_path):
    """One recording a worker, asked for every tenth of a second, under a version that does not follow the source."""
    queue.submit(job("a"))
    with working(url, tmp_path, FolderTask(tmp_path)):
        until(lambda: not queue.unfinished())
        registered = queue._client.retrieve_queue(QUEUE)
        (row,) = queue._list(["SUCCESS"])
    assert registered.worker_concurrency == 1
    assert registered.polling_interval_sec == POLL_S == 0.1
    assert row.app_version == ABI
    assert row.executor_id == "here:0"
    assert MAX_RECOVERIES == 3


def test_a_worker_that_cannot_beat_finishes_what_it_has(url, queue, tmp_path):
    """A registry that is away for a moment costs a worker its heartbeat and not its recording."""

    class Mute(FolderHearts):
        def beat(self, executor: str) -> None:
            raise LedgerUnavailable("away")

    task, stop = FolderTask(tmp_path), threading.Event()
    worker = Worker(url=url, node="here", slot=0, slots=tmp_path / "slots", hearts=Mute(tmp_path))
    thread = threading.Thread(target=worker.serve, args=(task, stop))
    thread.start()
    queue.submit(job("a"))
    until(lambda: task.how("corpus", "a"))
    stop.set()
    thread.join()
    assert task.how("corpus", "a") == "sealed"


def test_rows_of_others_are_nobodys_job(queue, tmp_path):
    """What the engine's tables hold beside recordings is neither closed nor forgotten, and an empty list is no call."""
    queue._client.enqueue({"workflow_name": "other", "queue_name": "other", "workflow_id": "scheduled"})
    queue._client.cancel_workflow("scheduled")
    queue.forget([])
    assert queue.given_up() == ()
    assert queue._client.list_workflows(workflow_ids=["scheduled"])
