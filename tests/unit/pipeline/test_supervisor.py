"""One living process a slot: started again when it dies, and not for ever."""

from __future__ import annotations

import sys
import time

import pytest

from sottovoce.errors import EngineError
from sottovoce.pipeline import supervisor as module
from sottovoce.pipeline.supervisor import MAX_QUICK_KILLS, Supervisor

STAYS = ["sleep", "60"]


def supervised(tmp_path, command, *, slots=1, **options):
    return Supervisor(command=lambda slot: command, slots=slots, logs=tmp_path / "logs", **options)


def ended(supervisor, slot=0):
    supervisor._slots[slot].process.wait(10)


def test_workers_run_inside_the_block_only(tmp_path):
    """Every slot has its process and its log while there is work, and none after it."""
    with supervised(tmp_path, STAYS, slots=2).working() as running:
        processes = [slot.process for slot in running._slots.values()]
        assert [p.poll() for p in processes] == [None, None]
        running.mend()
        assert running.restarts == 0
    assert all(p.poll() is not None for p in processes)
    assert sorted(p.name for p in (tmp_path / "logs").iterdir()) == ["worker-0.log", "worker-1.log"]


def test_what_dies_is_started_again(tmp_path):
    """A worker that was killed has a successor, and that is counted."""
    with supervised(tmp_path, STAYS).working() as running:
        running.kill(0)
        running.mend()
        assert running.restarts == 1
        assert running._slots[0].process.poll() is None


def test_a_hopeless_slot_stops_the_run(tmp_path):
    """A worker that says no three times in a row stops the run with its exit code and where to look."""
    with supervised(tmp_path, [sys.executable, "-c", "raise SystemExit(7)"]).working() as running:
        with pytest.raises(EngineError, match="exit code 7") as refused:
            for _ in range(3):
                ended(running)
                running.mend()
        assert "worker-0.log" in refused.value.hint
        assert running.restarts == 2


def test_a_worker_killed_by_what_it_reads_has_more_lives(tmp_path):
    """Recordings that kill their worker are given up by the engine before the slot is; but not for ever."""
    with supervised(tmp_path, ["sh", "-c", "kill -9 $$"]).working() as running:
        for _ in range(MAX_QUICK_KILLS - 1):
            ended(running)
            running.mend()
        ended(running)
        with pytest.raises(EngineError, match="exit code -9"):
            running.mend()


def test_a_worker_that_lived_long_starts_from_nothing(tmp_path):
    """Ends that are far apart are not a row."""
    now = [0.0]
    with supervised(tmp_path, ["sh", "-c", "exit 3"], clock=lambda: now[0]).working() as running:
        for _ in range(6):
            ended(running)
            now[0] += 61.0
            running.mend()
        assert running.restarts == 6


def test_a_worker_that_does_not_stop_is_killed(tmp_path, monkeypatch):
    """One that ignores being asked to end is ended."""
    monkeypatch.setattr(module, "STOP_S", 0.2)
    stubborn = "trap '' TERM; echo ready; while true; do sleep 0.1; done"
    with supervised(tmp_path, ["sh", "-c", stubborn]).working() as running:
        process = running._slots[0].process
        while not (tmp_path / "logs" / "worker-0.log").read_bytes():
            time.sleep(0.02)
    assert process.returncode == -9
