"""One suite for every broker: what a consumer relies on, whichever queue it reads."""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from sottovoce.errors import QueueRefused, QueueUnavailable
from sottovoce.intake.messages import Posted
from sottovoce.intake.queue_consumer import Broker
from sottovoce.testing.brokers import Server, free_port
from sottovoce.testing.queue_feeds import Feed, kafka_feed, memory_feed, rabbitmq_feed, redis_feed, sqs_feed
from sottovoce.wiring.queues import open_queue

DOCS = Path(__file__).parents[2] / "docs"
SLOW = pytest.mark.slow
BROKERS = ("memory", "redis", "sqs", pytest.param("kafka", marks=SLOW), pytest.param("rabbitmq", marks=SLOW))


@pytest.fixture(params=BROKERS)
def feed(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Feed]:
    match request.param:
        case "memory":
            made = memory_feed()
        case "redis":
            made = redis_feed(request.getfixturevalue("redis_broker"), tmp_path, monkeypatch)
        case "sqs":
            made = sqs_feed(tmp_path, monkeypatch)
        case "kafka":
            made = kafka_feed(tmp_path, monkeypatch)
        case _:
            made = rabbitmq_feed(request.getfixturevalue("rabbitmq_broker"), tmp_path, monkeypatch)
    with made as feed:
        yield feed


def taken(broker: Broker, count: int) -> list[Posted]:
    """So many, in as many takes as it needs; fewer when twenty came back with nothing."""
    found: list[Posted] = []
    empty = 0
    while len(found) < count and empty < 20:
        came = broker.take()
        empty += not came
        found += came
    return found


def test_a_message_comes_out_as_it_was_put_in(feed: Feed) -> None:
    """Nothing is decoded on the way: not JSON, not base64, not what looks like kombu's own envelope."""
    lookalike = {"body": "x", "properties": {"delivery_tag": "1", "body_encoding": "rot13"}, "headers": {}}
    sent = [b'{"a": 1}', b"eyJhIjogMX0=", json.dumps(lookalike).encode(), "\u2028é".encode()]
    for body in sent if feed.is_text else [*sent[:3], b"\x80\x04K\x01.\x00\xff"]:
        feed.send(body)
    with closing(feed.open()) as broker:
        posted = taken(broker, 4)
        assert [one.body for one in posted][:3] == sent[:3]
        assert len(posted) == 4
        broker.done(posted)
        assert feed.is_text or posted[3].body == b"\x80\x04K\x01.\x00\xff"


def test_headers_come_with_their_message(feed: Feed) -> None:
    """Whatever type the broker has for them, a signature's header can be read."""
    if not feed.has_headers:
        pytest.skip("the broker has no headers")
    feed.send(b"{}", {"webhook-id": "evt-1"})
    with closing(feed.open()) as broker:
        (one,) = taken(broker, 1)
        broker.done([one])
    assert one.headers["webhook-id"] in ("evt-1", b"evt-1")


def test_nothing_is_inflated(feed: Feed) -> None:
    """What a header calls compressed stays as it is: a few bytes could be gigabytes."""
    body = b"eNpLBAAAYgBi" if feed.is_text else zlib.compress(b"a" * 1000)
    feed.send(body, {"compression": "application/x-gzip"} if feed.has_headers else None)
    with closing(feed.open()) as broker:
        (one,) = taken(broker, 1)
        broker.done([one])
    assert one.body == body


def test_what_is_settled_never_comes_again(feed: Feed) -> None:
    """Not to the same consumer, and not to the next."""
    feed.send(b'{"n": 1}')
    with closing(feed.open()) as broker:
        broker.done(taken(broker, 1))
    with closing(feed.open()) as broker:
        assert list(broker.take()) == []


def test_what_is_not_settled_comes_again(feed: Feed) -> None:
    """Whoever ends with messages in hand leaves them to the next, some settled or none."""
    for n in range(3):
        feed.send(json.dumps({"n": n}).encode())
    with closing(feed.open()) as broker:
        first = taken(broker, 3)
    with closing(feed.open()) as broker:
        again = taken(broker, 3)
        broker.done(again)
    assert sorted(p.body for p in again) == sorted(p.body for p in first) == [b'{"n": %d}' % n for n in range(3)]


def test_no_more_is_held_than_the_prefetch(feed: Feed) -> None:
    """A batch is bounded, and the rest follows."""
    for n in range(10):
        feed.send(b"%d" % n)
    with closing(feed.open()) as broker:
        sizes, bodies = [], []
        while len(bodies) < 10:
            posted = broker.take()
            broker.done(posted)
            sizes.append(len(posted))
            bodies += [one.body for one in posted]
    assert max(sizes) <= feed.prefetch
    assert sorted(bodies) == [b"%d" % n for n in range(10)]


def test_a_refused_message_goes_to_the_dead_letters(feed: Feed) -> None:
    """Within the times its broker counts to, it is there and not in the queue; what was settled beside it is not."""
    feed.send(b"good")
    feed.send(b"bad")
    with closing(feed.open()) as broker:
        posted = taken(broker, 2)
        broker.done(one for one in posted if one.body == b"good")
        broker.refuse(one for one in posted if one.body == b"bad")
        for _ in range(3):
            again = broker.take()
            assert {one.body for one in again} <= {b"bad"}
            broker.refuse(again)
    assert list(feed.dead()) == [b"bad"]


def test_a_queue_that_is_not_there_is_refused(feed: Feed, tmp_path: Path) -> None:
    """A name that does not exist is an error with a hint, and is not made."""
    if feed.settings is None or feed.settings.kind in ("redis", "kafka"):
        pytest.skip("an empty list and a list that is not there are the same; the mock cluster makes topics")
    missing = feed.settings.model_copy(update={"queue": "not-there"})
    for _ in range(2):
        with pytest.raises(QueueRefused, match="events is refused") as refusal:
            open_queue(missing, root=tmp_path)
        assert refusal.value.hint
        assert "not-there" not in str(refusal.value)


def test_wrong_credentials_are_refused(feed: Feed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker's answer is told by its code, without the address or the user."""
    if feed.settings is None or feed.settings.kind not in ("redis", "amqp"):
        pytest.skip("no credentials are checked here")
    port = urlsplit(os.environ["BROKER"]).port
    scheme = feed.settings.kind
    monkeypatch.setenv("BROKER", f"{scheme}://mallory:wr0ng@127.0.0.1:{port}/")
    with pytest.raises(QueueRefused) as refusal:
        open_queue(feed.settings, root=tmp_path)
    assert "mallory" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_a_broker_that_is_away_is_unavailable(feed: Feed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens there: a retryable error without the address."""
    if feed.settings is None:
        pytest.skip("memory is always there")
    port = free_port()
    scheme = {"amqp": "amqp", "redis": "redis", "kafka": "kafka", "sqs": "http"}[feed.settings.kind]
    monkeypatch.setenv("BROKER", f"{scheme}://u:pw@127.0.0.1:{port}")
    changes = {"endpoint": f"http://127.0.0.1:{port}"} if scheme == "http" else {}
    with pytest.raises(QueueUnavailable) as away:
        open_queue(feed.settings.model_copy(update=changes), root=tmp_path)
    assert away.value.retryable
    assert str(port) not in str(away.value)


def test_the_rights_that_the_docs_name_are_enough(
    redis_broker: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis, by its own access control: a user with those alone takes, settles and buries."""
    import redis

    rights = re.search(r"and `(\+ping[^`]*)`", (DOCS / "compliance.md").read_text())
    assert rights is not None
    with redis_feed(redis_broker, tmp_path, monkeypatch) as feed, redis.Redis(port=redis_broker.port) as client:
        name = feed.settings.queue
        client.execute_command("ACL", "SETUSER", name, "on", ">pw", f"~{name}*", *rights[1].split())
        monkeypatch.setenv("BROKER", f"redis://{name}:pw@127.0.0.1:{redis_broker.port}/0")
        for body in (b"1", b"2", b"3"):
            feed.send(body)
        with closing(feed.open()) as broker:
            one, two, _ = taken(broker, 3)
            broker.done([one])
            broker.refuse([two])
        assert client.lrange(name, 0, -1) == [b"3"]
        assert list(feed.dead()) == [b"2"]
        client.execute_command("ACL", "DELUSER", name)
