"""Ways to put messages into each broker as its own users would, and to look at what is left there."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sottovoce.intake.messages import Posted
from sottovoce.intake.queue_consumer import Broker
from sottovoce.policy.queues import AmqpQueue, KafkaQueue, RedisQueue, SqsQueue
from sottovoce.testing.brokers import MemoryBroker, Server
from sottovoce.testing.object_servers import amazon_storage
from sottovoce.wiring import queues


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One empty queue of one broker."""

    open: Callable[[], Broker]
    send: Callable[..., None]
    """`send(body, headers={})`"""
    dead: Callable[[], Sequence[bytes]]
    settings: Any = None
    has_headers: bool = True
    is_text: bool = False
    prefetch: int = 4
    others: Mapping[str, Any] = field(default_factory=dict)


def common(name: str) -> dict[str, Any]:
    return {"name": "events", "queue": name, "sender": "tenant", "trust": "broker", "prefetch": 4}


def opening(settings: Any, tmp_path: Path) -> Callable[[], Broker]:
    return lambda: queues.open_queue(settings, root=tmp_path)


@contextmanager
def memory_feed() -> Iterator[Feed]:
    broker = MemoryBroker(prefetch=4, idle_s=0.0)
    yield Feed(
        open=broker.open,
        send=lambda body, headers=None: broker.waiting.append(Posted(body=body, headers=headers or {})),
        dead=lambda: [one.body for one in broker.dead],
    )


@contextmanager
def redis_feed(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Feed]:
    import redis

    name = f"q{secrets.token_hex(4)}"
    monkeypatch.setenv("BROKER", f"redis://127.0.0.1:{server.port}/0")
    settings = RedisQueue(kind="redis", url="env:BROKER", dead_letter=f"{name}.dead", **common(name))
    with redis.Redis(port=server.port) as client:
        yield Feed(
            open=opening(settings, tmp_path),
            send=lambda body, _=None: client.lpush(name, body),
            dead=lambda: client.lrange(f"{name}.dead", 0, -1),
            settings=settings,
            has_headers=False,
        )


@contextmanager
def rabbitmq_feed(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Feed]:
    import amqp

    name = f"q{secrets.token_hex(4)}"
    monkeypatch.setenv("BROKER", f"amqp://guest:guest@127.0.0.1:{server.port}/")
    settings = AmqpQueue(kind="amqp", url="env:BROKER", **common(name))
    connection = amqp.Connection(f"127.0.0.1:{server.port}")
    connection.connect()
    channel = connection.channel()
    channel.confirm_select()
    letters = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": f"{name}.dead"}
    channel.queue_declare(f"{name}.dead", durable=True, auto_delete=False)
    channel.queue_declare(name, durable=True, auto_delete=False, arguments=letters)

    def send(body: bytes, headers: dict[str, Any] | None = None, **properties: Any) -> None:
        message = amqp.Message(body, application_headers=headers or {}, delivery_mode=2, **properties)
        channel.basic_publish_confirm(message, routing_key=name)

    def dead() -> list[bytes]:
        return [message.body for message in iter(lambda: channel.basic_get(f"{name}.dead", no_ack=True), None)]

    try:
        yield Feed(open=opening(settings, tmp_path), send=send, dead=dead, settings=settings)
    finally:
        with suppress(amqp.AMQPError, OSError):
            connection.close()


@contextmanager
def sqs_feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Feed]:
    import boto3

    name = f"q{secrets.token_hex(4)}"
    for variable in ("KEY", "SECRET"):
        monkeypatch.setenv(variable, "testing")
    monkeypatch.setattr(queues, "LONG_POLL_S", 1)
    with amazon_storage() as endpoint:
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "eu-west-1"}
        client = boto3.client("sqs", endpoint_url=endpoint, **keys)
        dead_url = client.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        arn = client.get_queue_attributes(QueueUrl=dead_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = f'{{"deadLetterTargetArn":"{arn}","maxReceiveCount":"2"}}'
        url = client.create_queue(QueueName=name, Attributes={"RedrivePolicy": policy})["QueueUrl"]
        settings = SqsQueue(
            kind="sqs",
            region="eu-west-1",
            endpoint=endpoint,
            access_key="env:KEY",
            secret_key="env:SECRET",  # noqa: S106 - says where it is
            **common(name),
        )

        def send(body: bytes, headers: dict[str, str] | None = None) -> None:
            attributes = {n: {"DataType": "String", "StringValue": v} for n, v in (headers or {}).items()}
            client.send_message(QueueUrl=url, MessageBody=body.decode(), MessageAttributes=attributes)

        def dead() -> list[bytes]:
            told = client.receive_message(QueueUrl=dead_url, MaxNumberOfMessages=10).get("Messages", [])
            return [message["Body"].encode() for message in told]

        yield Feed(
            open=opening(settings, tmp_path),
            send=send,
            dead=dead,
            settings=settings,
            is_text=True,
            others={"client": client, "url": url, "endpoint": endpoint},
        )


@contextmanager
def kafka_feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Feed]:
    """librdkafka's own mock cluster, in this process."""
    confluent_kafka = pytest.importorskip("confluent_kafka", reason="needs confluent-kafka")
    from confluent_kafka.admin import AdminClient

    name = f"q{secrets.token_hex(4)}"
    cluster = AdminClient({"test.mock.num.brokers": 1, "bootstrap.servers": "127.0.0.1:1"})
    (broker,) = cluster.list_topics(timeout=10).brokers.values()
    monkeypatch.setenv("BROKER", f"kafka://{broker.host}:{broker.port}")
    settings = KafkaQueue(kind="kafka", url="env:BROKER", dead_letter=f"{name}.dead", **common(name))
    place = {"bootstrap.servers": f"{broker.host}:{broker.port}"}
    producer = confluent_kafka.Producer(place)
    for topic in (name, f"{name}.dead"):
        cluster.list_topics(topic, timeout=10)

    def send(body: bytes, headers: dict[str, str] | None = None) -> None:
        producer.produce(name, body, headers=headers or {})
        producer.flush(10)

    def dead() -> list[bytes]:
        consumer = confluent_kafka.Consumer(
            {**place, "group.id": secrets.token_hex(4), "auto.offset.reset": "earliest"}
        )
        consumer.subscribe([f"{name}.dead"])
        found = [message.value() for message in consumer.consume(1, 10)]
        consumer.close()
        return found

    yield Feed(open=opening(settings, tmp_path), send=send, dead=dead, settings=settings)
