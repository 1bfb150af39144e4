"""Deliveries by the thousand, duplicated and at once, while the intake is killed: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from sottovoce.database.compliance_tables import intake_events, intake_jobs
from sottovoce.database.engine import open_engine, reading
from sottovoce.database.migrate import upgrade

SERVER = Path(__file__).with_name("intake_server.py")
PATH = "/v1/events/recordings"


def a_request(number: int) -> tuple[dict[str, str], bytes]:
    event_id, at = f"evt-{number}", str(int(time.time()))
    told = {"recordingId": f"rec-{number}", "conversationId": f"conv-{number}"}
    body = json.dumps({"id": event_id, "type": "recordingAvailable", "data": told}).encode()
    mark = base64.b64encode(hmac.digest(b"k" * 32, f"{event_id}.{at}.".encode() + body, "sha256")).decode()
    return {"webhook-id": event_id, "webhook-timestamp": at, "webhook-signature": f"v1,{mark}"}, body


class Killed:
    """The server, started again whenever it is killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as found:
            self.port = found.getsockname()[1]
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, str(SERVER), str(self._folder), str(self.port)])

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process = self._start()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


async def deliver(port: int, numbers: list[int], answers: dict[int, list[tuple[int, str]]], *, at_once: int) -> None:
    """Each delivery is sent until it is answered, as a sender does; what was answered is remembered."""
    gate = asyncio.Semaphore(at_once)
    limits = httpx.Limits(max_connections=at_once)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", limits=limits, timeout=10, trust_env=False
    ) as http:

        async def one(number: int) -> None:
            async with gate:
                while True:
                    headers, body = a_request(number)
                    try:
                        answer = await http.post(PATH, content=body, headers=headers)
                    except httpx.TransportError:
                        await asyncio.sleep(0.05)
                        continue
                    if answer.status_code in (200, 202):
                        answers.setdefault(number, []).append((answer.status_code, answer.json()["job"]))
                        return
                    assert answer.status_code == 503, answer.status_code
                    await asyncio.sleep(0.05)

        await asyncio.gather(*(one(number) for number in numbers))


async def kill_at_random(server: Killed, *, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(kills):
        await asyncio.sleep(chance.uniform(0.2, 0.9))
        await asyncio.get_running_loop().run_in_executor(None, server.kill)


def check(folder: Path, answers: dict[int, list[tuple[int, str]]], *, ids: int) -> None:
    """One event and one job for each id; every answer ever given names that job."""
    engine = open_engine("sqlite:registry.sqlite", base=folder)
    with reading(engine) as connection:
        jobs = dict(connection.execute(select(intake_events.c.event, intake_events.c.job)).all())  # type: ignore[arg-type]
        kept = connection.execute(select(intake_jobs.c.id)).scalars().all()
    engine.dispose()
    assert len(kept) == len(set(kept)) == len(jobs) == ids
    assert set(jobs.values()) == set(kept)
    for number, given in answers.items():
        assert {job for _, job in given} == {jobs[f"evt-{number}"]}


def prepared(tmp_path: Path) -> Killed:
    engine = open_engine("sqlite:registry.sqlite", base=tmp_path)
    upgrade(engine)
    engine.dispose()
    return Killed(tmp_path)


@pytest.mark.chaos
def test_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path, chaos_kills: int) -> None:
    """SIGKILL again and again while copies of every event come; each is one job, and every answer said which."""
    server, answers = prepared(tmp_path), {}
    numbers = [n % 100 for n in range(chaos_kills * 40)]
    random.Random(3).shuffle(numbers)

    async def both() -> None:
        killing = asyncio.create_task(kill_at_random(server, kills=chaos_kills if chaos_kills >= 100 else 6, seed=5))
        await deliver(server.port, numbers, answers, at_once=24)
        await killing
        await deliver(server.port, list(range(100)), answers, at_once=24)

    try:
        asyncio.run(both())
    finally:
        server.stop()
    check(tmp_path, answers, ids=100)


@pytest.mark.chaos
def test_ten_deliveries_of_each_at_once(tmp_path: Path, chaos_kills: int) -> None:
    """All copies concurrently: exactly one is new, the others are answered 200 with the first answer."""
    server, answers = prepared(tmp_path), {}
    ids = 1000 if chaos_kills >= 100 else 60
    numbers = [n % ids for n in range(ids * 10)]
    try:
        asyncio.run(deliver(server.port, numbers, answers, at_once=200))
    finally:
        server.stop()
    counted = Counter(status for given in answers.values() for status, _ in given)
    assert counted == {202: ids, 200: ids * 9}
    check(tmp_path, answers, ids=ids)
