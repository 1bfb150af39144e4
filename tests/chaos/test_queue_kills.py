"""A consumer is killed again and again while copies come, and its broker too: nothing sent is lost, nothing doubled."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from sottovoce.database.compliance_tables import intake_events, intake_jobs
from sottovoce.database.engine import open_engine, reading
from sottovoce.database.migrate import upgrade
from sottovoce.testing.brokers import Server, rabbitmq_server, redis_server
from sottovoce.testing.queue_feeds import Feed, rabbitmq_feed, redis_feed

READER = Path(__file__).with_name("queue_reader.py")
IDS, MANY = 200, 600


@pytest.fixture(params=["redis", pytest.param("rabbitmq", marks=pytest.mark.slow)])
def broker(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Server, Feed]]:
    """A server of this test's own, because it is killed, with an empty queue."""
    starting, feeding = (redis_server, redis_feed) if request.param == "redis" else (rabbitmq_server, rabbitmq_feed)
    with starting() as server, feeding(server, tmp_path, monkeypatch) as feed:
        yield server, feed


def settings(feed: Feed) -> str:
    told = feed.settings.model_dump(mode="json")
    return json.dumps({**told, "prefetch": 20} | ({"visibility_seconds": 1} if told["kind"] == "redis" else {}))


class Reader:
    """The consumer's process. `log` takes what it says of outages."""

    def __init__(self, folder: Path, feed: Feed, *more: str) -> None:
        command = [sys.executable, str(READER), str(folder), settings(feed), *more]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"reading\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def an_event(number: int) -> bytes:
    told = {"recordingId": f"rec-{number}", "conversationId": f"conv-{number}"}
    return json.dumps({"type": "recordingAvailable", "data": told}).encode()


def send_slowly(feed: Feed, numbers: list[int], ended: threading.Event) -> None:
    for at, number in enumerate(numbers):
        feed.send(an_event(number))
        if at % 20 == 0:
            ended.wait(0.05)


def kept(folder: Path) -> tuple[Mapping[str, str], list[str]]:
    engine = open_engine("sqlite:registry.sqlite", base=folder)
    with reading(engine) as connection:
        jobs = dict(connection.execute(select(intake_events.c.event, intake_events.c.job)).all())  # type: ignore[arg-type]
        ids = list(connection.execute(select(intake_jobs.c.id)).scalars())
    engine.dispose()
    return jobs, ids


def drained(folder: Path, feed: Feed) -> None:
    """What the killed had in hand comes back within the visibility: then it is all read, by processes that end."""
    for _ in range(3):
        time.sleep(1.2)
        last = Reader(folder, feed, "once")
        assert last.process.wait(timeout=60) == 0
        last.process.communicate()


@pytest.mark.chaos
def test_a_killed_consumer_loses_and_doubles_nothing(
    broker: tuple[Server, Feed], tmp_path: Path, chaos_kills: int
) -> None:
    """SIGKILL at random while five copies of each event are sent: in the end each is one event and one job."""
    _, feed = broker
    upgrade(open_engine("sqlite:registry.sqlite", base=tmp_path))
    chance, ended = random.Random(11), threading.Event()
    numbers = [n % IDS for n in range(IDS * 5)]
    chance.shuffle(numbers)
    sending = threading.Thread(target=send_slowly, args=(feed, numbers, ended))
    sending.start()
    for _ in range(chaos_kills if chaos_kills >= 100 else 6):
        reader = Reader(tmp_path, feed)
        time.sleep(chance.uniform(0.05, 0.6))
        reader.kill()
    ended.set()
    sending.join()
    drained(tmp_path, feed)
    jobs, ids = kept(tmp_path)
    assert len(jobs) == len(ids) == len(set(ids)) == IDS
    assert set(jobs.values()) == set(ids)
    assert list(feed.dead()) == []


@pytest.mark.chaos
def test_a_killed_broker_is_come_back_to(broker: tuple[Server, Feed], tmp_path: Path) -> None:
    """The broker dies with messages confirmed and in hand: the same consumer reconnects, and all are kept."""
    server, feed = broker
    upgrade(open_engine("sqlite:registry.sqlite", base=tmp_path))
    for number in range(MANY):
        feed.send(an_event(number))
    reader = Reader(tmp_path, feed)
    try:
        assert 0 < until(tmp_path, reader, 1) < MANY
        server.restart()
        until(tmp_path, reader, MANY)
    finally:
        reader.kill()
    jobs, ids = kept(tmp_path)
    assert len(jobs) == len(ids) == MANY


def until(folder: Path, reader: Reader, count: int) -> int:
    """How many jobs there are, once there are so many or a minute has passed."""
    end = time.monotonic() + 60
    while (found := len(kept(folder)[1])) < count and time.monotonic() < end:
        assert reader.process.poll() is None
        time.sleep(0.02)
    return found
