"""Deliveries by the thousand, duplicated and at once, while the intake is killed: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import random
import resource
import signal
import socket
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from sottovoce.database.compliance_tables import intake_events, intake_jobs
from sottovoce.database.engine import open_engine, reading
from sottovoce.database.migrate import upgrade

SERVER = Path(__file__).with_name("intake_server.py")
SQLITE = "sqlite:registry.sqlite"
DELIVERIES, IDS = 10_000, 1_000


def a_request(number: int) -> bytes:
    event_id, at = f"evt-{number}", str(int(time.time()))
    told = {"recordingId": f"rec-{number}", "conversationId": f"conv-{number}"}
    body = json.dumps({"id": event_id, "type": "recordingAvailable", "data": told}).encode()
    mark = base64.b64encode(hmac.digest(b"k" * 32, f"{event_id}.{at}.".encode() + body, "sha256")).decode()
    head = (
        f"POST /v1/events/recordings HTTP/1.1\r\nHost: intake\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
        f"webhook-id: {event_id}\r\nwebhook-timestamp: {at}\r\nwebhook-signature: v1,{mark}\r\n\r\n"
    )
    return head.encode() + body


class Server:
    """The intake's process; killed, it is started again and waited for."""

    def __init__(self, folder: Path, database: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as found:
            self.port = found.getsockname()[1]
        self._command = [sys.executable, str(SERVER), str(folder), str(self.port), database]
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(self._command)
        while not self._listens():
            assert process.poll() is None, "the intake ended by itself"
            time.sleep(0.02)
        return process

    def _listens(self) -> bool:
        with socket.socket() as found:
            return found.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process = self._start()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


@dataclass(kw_only=True)
class Told:
    """What senders saw: each answer to each event, and how often a connection broke before one came."""

    answers: defaultdict[int, list[tuple[int, bytes]]] = field(default_factory=lambda: defaultdict(list))
    broken: int = 0

    @property
    def statuses(self) -> Counter[int]:
        return Counter(status for given in self.answers.values() for status, _ in given)


async def exchange(port: int, number: int) -> tuple[int, bytes]:
    """One delivery on a connection of its own. Raises OSError or EOFError where it breaks."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(a_request(number))
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    if not body:
        raise EOFError
    return int(head.split()[1]), body


async def deliver(port: int, numbers: list[int], told: Told, *, at_once: int) -> None:
    """Each delivery is sent until it is answered, as a sender does; what was answered is remembered."""
    gate = asyncio.Semaphore(at_once)

    async def one(number: int) -> None:
        async with gate:
            while True:
                try:
                    status, body = await exchange(port, number)
                except (OSError, EOFError):
                    told.broken += 1
                    await asyncio.sleep(0.05)
                    continue
                if status != 503:
                    told.answers[number].append((status, body))
                    return
                await asyncio.sleep(0.05)

    await asyncio.gather(*(one(number) for number in numbers))


async def deliver_until(port: int, done: asyncio.Task[None], told: Told) -> int:
    """New events and copies of old ones, shuffled, as long as somebody kills; how many events."""
    chance, ids = random.Random(3), 0
    while not done.done():
        fresh = range(ids, ids + 40)
        ids += 40
        numbers = [*fresh, *fresh, *fresh, *(chance.randrange(ids) for _ in range(40))]
        chance.shuffle(numbers)
        await deliver(port, numbers, told, at_once=32)
    return ids


async def kill_at_random(server: Server, *, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(kills):
        await asyncio.sleep(chance.uniform(0.0, 0.3))
        await asyncio.get_running_loop().run_in_executor(None, server.kill)


def check(engine: Engine, told: Told, *, ids: int) -> None:
    """One event and one job for each id; every answer ever given is the same, names that job, and one says it is new."""
    with reading(engine) as connection:
        jobs = dict(connection.execute(select(intake_events.c.event, intake_events.c.job)).all())  # type: ignore[arg-type]
        kept = connection.execute(select(intake_jobs.c.id)).scalars().all()
    assert len(kept) == len(set(kept)) == len(jobs) == ids
    assert set(jobs.values()) == set(kept)
    assert set(told.answers) == set(range(ids))
    for number, given in told.answers.items():
        assert {json.loads(body)["job"] for _, body in given} == {jobs[f"evt-{number}"]}
        assert len({body for _, body in given}) == 1
        assert Counter(status for status, _ in given)[202] <= 1
    assert set(told.statuses) <= {200, 202}


@contextmanager
def prepared(folder: Path, database: str) -> Iterator[Engine]:
    engine = open_engine(database, base=folder)
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.mark.chaos
def test_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path, chaos_kills: int, tell: Callable[[str], None]) -> None:
    """SIGKILL again and again while copies of every event come; each is one job, and every answer said which."""
    told, kills = Told(), chaos_kills if chaos_kills >= 100 else 6

    async def both(server: Server) -> int:
        killing = asyncio.create_task(kill_at_random(server, kills=kills, seed=5))
        ids = await deliver_until(server.port, killing, told)
        await killing
        await deliver(server.port, list(range(ids)), told, at_once=24)
        return ids

    with prepared(tmp_path, SQLITE) as engine, ExitStack() as stack:
        server = Server(tmp_path, SQLITE)
        stack.callback(server.stop)
        ids = asyncio.run(both(server))
        check(engine, told, ids=ids)
    assert told.broken >= kills
    tell(
        f"{kills} kills, {sum(told.statuses.values()):,} acknowledgements of {ids:,} events ({told.statuses[202]:,} new, "
        f"{told.statuses[200]:,} copies), {told.broken:,} deliveries broken and sent again: none lost, none doubled"
    )


@pytest.fixture
def many_files() -> Iterator[None]:
    """As many open files as that many connections need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = DELIVERIES + 1000
    if hard != resource.RLIM_INFINITY and hard < needed:
        pytest.skip("this machine allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.chaos
@pytest.mark.usefixtures("many_files")
@pytest.mark.parametrize(("kind", "processes"), [("sqlite", 1), ("sqlite", 2), ("postgres", 2)])
def test_ten_thousand_deliveries_of_a_thousand_events_at_once(
    tmp_path: Path, request: Any, kind: str, processes: int, tell: Callable[[str], None]
) -> None:
    """Each on a connection of its own: exactly one of ten is new, the others are answered 200 with its answer, to the byte."""
    database = SQLITE if kind == "sqlite" else request.getfixturevalue("postgres")
    told, numbers = Told(), [n % IDS for n in range(DELIVERIES)]
    random.Random(7).shuffle(numbers)

    async def all_at_once(ports: list[int]) -> None:
        shares = [numbers[i::processes] for i in range(processes)]
        await asyncio.gather(
            *(deliver(port, share, told, at_once=DELIVERIES) for port, share in zip(ports, shares, strict=True))
        )

    with prepared(tmp_path, database) as engine, ExitStack() as stack:
        servers = [Server(tmp_path, database) for _ in range(processes)]
        for server in servers:
            stack.callback(server.stop)
        asyncio.run(all_at_once([server.port for server in servers]))
        check(engine, told, ids=IDS)
    assert told.statuses == {202: IDS, 200: DELIVERIES - IDS}
    tell(f"{kind}, {processes} intake processes: {dict(told.statuses)}, {told.broken} broken")
