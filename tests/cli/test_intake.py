"""`intake consume` and the doctor's look at queues, against a real Redis."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sottovoce.testing.brokers import Server, free_port

QUEUES = """
intake:
  source: calls
  queues:
    - {{name: bus, kind: redis, url: "env:BROKER", queue: {queue}, sender: bus, trust: broker, dead_letter: {queue}.dead}}
"""


@pytest.fixture
def queue(workspace: Path, redis_broker: Server, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A list of its own in Redis, and a policy that names it."""
    import redis

    name = f"q{secrets.token_hex(4)}"
    policy = workspace / "policy.yaml"
    policy.write_text(policy.read_text() + QUEUES.format(queue=name))
    monkeypatch.setenv("BROKER", f"redis://127.0.0.1:{redis_broker.port}/0")
    with redis.Redis(port=redis_broker.port) as client:
        yield lambda *bodies: [client.lpush(name, json.dumps(body)) for body in bodies]


def an_event(number: int) -> dict[str, Any]:
    return {"type": "recordingAvailable", "recordingId": f"rec-{number}", "conversationId": f"conv-{number}"}


def test_what_waits_is_taken_in(program: Any, workspace: Path, queue: Any) -> None:
    """Once, counted; refusals by their codes; the jobs are there."""
    queue(an_event(1), an_event(2), an_event(1), {"type": "unknown"})
    said = program("intake", "consume", "-w", workspace, "--once", "--json")
    assert said.code == 0
    assert said.json == {"bus": {"E_EVENT": 1, "copy": 1, "new": 2}}
    assert program("intake", "status", "-w", workspace, "--json").json == {"ready": 2}
    assert "new 0" not in program("intake", "consume", "-w", workspace, "--once", "--queue", "bus").out


@pytest.mark.parametrize(("given", "hint"), [(("--queue", "other"), "bus"), ((), "name a queue")])
def test_a_queue_there_is_not(program: Any, workspace: Path, request: Any, given: tuple[str, ...], hint: str) -> None:
    """The error names those there are."""
    if given:
        request.getfixturevalue("queue")
    said = program("intake", "consume", "-w", workspace, "--once", *given)
    assert said.code == 3
    assert hint in said.err


def test_the_doctor_opens_each_queue(
    program: Any, workspace: Path, queue: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reachable, or what to do; nothing is taken."""
    from sottovoce.cli import doctor

    monkeypatch.delitem(doctor.CHECKS, "models")
    queue(an_event(1))
    assert found(program, workspace) == (True, "bus (redis)", "")
    assert program("intake", "consume", "-w", workspace, "--once", "--json").json == {"bus": {"new": 1}}
    monkeypatch.setenv("BROKER", f"redis://127.0.0.1:{free_port()}/0")
    ok, says, mend = found(program, workspace)
    assert not ok
    assert says.startswith("E_QUEUE_UNAVAILABLE: the queue bus does not answer")
    assert "runs and can be reached" in mend


def found(program: Any, workspace: Path) -> tuple[bool, str, str]:
    (one,) = [c for c in program("doctor", "-w", workspace, "--json").json if c["check"] == "queues"]
    return one["ok"], one["says"], one["mend"]


def test_told_to_stop_it_ends_well(workspace: Path, queue: Any) -> None:
    """SIGTERM: exit code 0, and what was taken is told."""
    queue(an_event(1))
    command = [sys.executable, "-m", "sottovoce", "intake", "consume", "-w", str(workspace)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ, text=True)
    assert process.stdout is not None
    assert "Taking events from bus" in process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "bus" in rest
