"""One run of a line: submitted once, waited for, summed up."""

from __future__ import annotations

import contextlib
import json
import threading
from datetime import UTC, datetime, timedelta

import pytest

from sottovoce.custody.rows import Outcome
from sottovoce.custody.subject import ByConversation
from sottovoce.domain.outcome import OutcomeStatus, Reason
from sottovoce.errors import EngineError, EngineUnavailable, LedgerUnavailable, SourceUnavailable
from sottovoce.pipeline import run as module
from sottovoce.pipeline.job import Job
from sottovoce.pipeline.run import Runner, lag_seconds, removed_seconds, summarise
from sottovoce.testing.house import carry_all, exchange, make_test_workspace, quick_house, settle_all

END = datetime(2026, 11, 1, tzinfo=UTC)


class Alive:
    """Workers that never die."""

    def mend(self) -> None:
        pass


class QueueInMemory:
    """A `Queue` of lists; `carry` is what happens to a recording when somebody looks whether all is done."""

    def __init__(self, *, carry=lambda job: None, failures=()):
        self.submitted, self.forgotten, self.dead = [], [], []
        self._waiting, self._carry, self._failures = [], carry, list(failures)

    def submit(self, job):
        self.submitted.append(job)
        self._waiting.append(job)

    def unfinished(self):
        if self._failures:
            raise self._failures.pop(0)
        waiting, self._waiting = self._waiting, []
        for job in waiting:
            self._carry(job)
        return len(waiting)

    def hand_over(self, executor, *, limit):
        raise AssertionError(executor)

    def given_up(self):
        return tuple((job, "E_GAVE_UP") for job in self.dead)

    def finished(self):
        return tuple(job for job in self.submitted if job not in self.dead)

    def forget(self, jobs):
        self.forgotten += jobs
        self.dead = [job for job in self.dead if job not in jobs]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "TICK_S", 0.01)


def runner(house, queue, **options):
    return Runner(line=house.line, registry=house.registry, queue=queue, closer=house.concluder(), **options)


def carried(house):
    return lambda job: carry_all(house, [job.key])


def test_a_run_waits_until_everything_has_its_outcome(house):
    """Progress is told as it is made, and what has ended is forgotten by the engine afterwards."""
    keys, told, queue = settle_all(house), [], QueueInMemory(carry=carried(house))
    running = runner(house, queue)
    running.submit(keys)
    running.wait(keys, Alive(), done=told.append)
    assert told[-1] == 2
    assert {o.status for o in house.registry.outcomes("corpus")} == {OutcomeStatus.SEALED}
    running.purge()
    assert sorted(j.key for j in queue.forgotten) == sorted(keys)


def test_what_has_its_outcome_is_not_submitted_again(house):
    """After the engine forgot it, the outcome row guards the id."""
    keys = settle_all(house)
    carry_all(house, keys[:1])
    queue = QueueInMemory()
    runner(house, queue).submit(keys)
    assert queue.submitted == [Job(line="corpus", key=keys[1])]


def test_a_reopened_recording_is_another_job(house):
    """Each deliberate retry has an id of its own, so that the engine's memory of the last does not hold it up."""
    keys = settle_all(house)[:1]
    house.concluder().close("corpus", keys[0], "E_STORAGE")
    assert house.reopen_quarantined() == 1
    queue = QueueInMemory()
    runner(house, queue).submit(keys)
    assert queue.submitted == [Job(line="corpus", key=keys[0], generation=2)]


def test_what_the_engine_gave_up_is_closed(house):
    """A recording that killed its workers ends as given up, and the run ends."""
    (key, *_), queue = settle_all(house), QueueInMemory()
    queue.dead = [Job(line="corpus", key=key)]
    runner(house, queue).wait([key], Alive())
    assert house.registry.outcome("corpus", key).reason is Reason.GAVE_UP
    assert queue.dead == []


def test_what_was_erased_meanwhile_is_not_waited_for(house):
    """A recording that was erased in the middle will never have an outcome."""
    keys = settle_all(house)
    for number in range(2):
        subject = ByConversation(conversation_id=f"conversation-{number:04d}")
        house.eraser.erase(subject, requested_by="test", why="TEST")
    queue = QueueInMemory()
    queue.submit(Job(line="corpus", key=keys[0]))
    running = runner(house, queue)
    running.wait(keys, Alive())
    running.purge()
    assert [job.key for job in queue.forgotten] == [keys[0]]


def test_an_empty_queue_without_outcomes_is_an_error(house):
    """A recording nobody works on and nobody concluded is never waited for in silence."""
    with pytest.raises(EngineError, match="no outcome"):
        runner(house, QueueInMemory()).wait(settle_all(house), Alive())


def test_a_database_that_comes_back_is_waited_for(house):
    """An outage shorter than the run's patience delays it."""
    keys = settle_all(house)
    queue = QueueInMemory(carry=carried(house), failures=[EngineUnavailable("away"), LedgerUnavailable("away")])
    running = runner(house, queue)
    running.submit(keys)
    running.wait(keys, Alive())
    assert len(house.registry.outcomes("corpus")) == 2


@pytest.mark.parametrize("failure", [EngineUnavailable("away"), EngineError("broken")])
def test_a_database_that_stays_away_ends_the_run_by_name(house, failure):
    """Patience ends, and what is no outage has none; what was submitted stays where it is."""
    keys = settle_all(house)
    running = runner(house, QueueInMemory(failures=[failure] * 50), patience_s=0.05)
    with pytest.raises(type(failure)):
        running.wait(keys, Alive())
    assert house.registry.outcomes("corpus") == ()


@contextlib.contextmanager
def serving(house):
    """One worker of the house on a thread."""
    stop = threading.Event()
    worker = house.worker(node="here", slot=0)
    thread = threading.Thread(target=worker.serve, args=(house.carrier(), stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class Away:
    """A source that does not answer until it does."""

    name = "calls"

    def __init__(self, inner):
        self._inner = inner
        self.fetched, self.away = 0, True

    def discover(self):
        return self._inner.discover()

    def fetch(self, ref, metadata):
        self.fetched += 1
        if self.away:
            raise SourceUnavailable("away")
        return self._inner.fetch(ref, metadata)


def carry_through_engine(house, keys):
    queue = house.queue()
    running = runner(house, queue)
    running.submit(keys)
    with serving(house):
        running.wait(keys, Alive())
    assert queue.unfinished() == 0
    running.purge()
    left = (queue.finished(), queue.given_up())
    queue.close()
    return left


@pytest.mark.slow
def test_an_outage_is_quarantined_and_a_retry_completes(house):
    """Through the engine: three tries in the step, then quarantine; once the source is back, --retry seals it.

    Neither try leaves anything in the engine, and submitting it once more runs nothing.
    """
    source = Away(house.sources["calls"])
    exchange(house, sources={"calls": source})
    keys = settle_all(house)[:1]
    assert carry_through_engine(house, keys) == ((), ())
    assert house.registry.outcome("corpus", keys[0]).reason is Reason.SOURCE_FAILED
    assert source.fetched == 3
    source.away = False
    assert house.reopen_quarantined() == 1
    assert carry_through_engine(house, keys) == ((), ())
    assert house.registry.outcome("corpus", keys[0]).status is OutcomeStatus.SEALED
    assert source.fetched == 4
    assert carry_through_engine(house, keys) == ((), ())
    assert source.fetched == 4


def outcome(number, status=OutcomeStatus.SEALED, reason=None, minutes=0, **facts):
    return Outcome(
        line="corpus",
        recording=f"k{number}",
        status=status,
        reason=reason,
        predecessor=None,
        key_id=None,
        facts=facts,
        at=END + timedelta(minutes=minutes),
    )


def test_removed_seconds_are_summed_by_entity():
    """Milliseconds of every recording, largest first, whatever else its facts say."""
    outcomes = [outcome(1, ms_phone=500, ms_name=2000, ms=9000), outcome(2, ms_phone=1750, ms_name="odd")]
    assert list(removed_seconds(outcomes).items()) == [("PHONE", 2.2), ("NAME", 2.0)]


def test_lag_is_from_the_calls_end_to_its_seal():
    """P50 and P95 over sealed recordings whose end is known; nothing without one."""
    ends = {f"k{n}": END for n in range(20)}
    assert lag_seconds([outcome(n, minutes=n) for n in range(20)], ends) == {"p50": 540.0, "p95": 1080.0}
    assert lag_seconds([outcome(1, OutcomeStatus.QUARANTINED, minutes=3)], ends) == {}
    assert lag_seconds([outcome(99)], ends) == {}


def test_a_summary_is_numbers_by_name(house):
    """What a run came to, as plain JSON, without naming a recording."""
    survey = house.surveyor().look()
    outcomes = [outcome(1, ms=3_600_000), outcome(2, OutcomeStatus.EXCLUDED, Reason.TOO_SHORT)]
    summary = summarise(survey, outcomes, {"k1": END - timedelta(seconds=90)}, restarts=1, seconds=2.34)
    said = summary.as_json()
    assert (said["seen"], said["new"], said["chosen"], said["restarts"], said["seconds"]) == (2, 2, 2, 1, 2.3)
    assert said["by_status"] == {"sealed": 1, "excluded": 1}
    assert said["by_reason"] == {"TOO_SHORT": 1}
    assert (said["sealed_hours"], said["removed_s"], said["lag_s"]) == (1.0, {}, {"p50": 90.0, "p95": 90.0})
    assert "k1" not in repr(said)


def test_a_refusal_whose_cause_is_gone_is_decided_again(tmp_path):
    """Consent that was missing and was mended in the metadata is seen by a retry; other refusals stay."""
    workspace = make_test_workspace(tmp_path / "w", count=2)
    sidecars = [workspace.root / "calls" / f"call-000{n}.json" for n in (0, 1)]
    asked = {path: json.loads(path.read_text()) for path in sidecars}
    for path, said in asked.items():
        path.write_text(json.dumps({**said, "participants": []}))
    house = quick_house(workspace)
    assert settle_all(house) == ()
    assert house.reopen_mended() == 0
    sidecars[0].write_text(json.dumps(asked[sidecars[0]]))
    house.surveyor().look()
    assert house.reopen_mended() == 1
    (key,) = settle_all(house)
    assert house.carrier().carry(house.line.name, key) == "sealed"
    house.close()
