"""Queues composed from the policy: what is refused before anything is opened."""

from __future__ import annotations

import ssl
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import PolicyError, SignatureRefused, WorkspaceError
from sottovoce.intake.protocol import Message
from sottovoce.policy.load import parse_policy
from sottovoce.policy.queues import AmqpQueue, KafkaQueue, RedisQueue, ServiceBusQueue
from sottovoce.sources.protocol import HmacTokenizer
from sottovoce.wiring import queues

BASE = (
    "sources: {calls: {kind: folder, path: calls}}\nlawful_basis: {basis: consent}\n"
    "consent: {wordings: [{version: w, effective: 2025-01-01}]}\n"
    "intake:\n  source: calls\n  senders: [{name: tenant, scheme: github, secrets: ['env:S']}, {name: b, scheme: bearer}]\n"
)
KINDS = {"amqp": AmqpQueue, "redis": RedisQueue, "kafka": KafkaQueue, "service-bus": ServiceBusQueue}


def with_queue(**told: Any) -> str:
    given = {"name": "q", "kind": "amqp", "url": "env:U", "queue": "events", "sender": "bus", "trust": "broker"} | told
    return BASE + "  queues: [{" + ", ".join(f"{k}: {v!r}" for k, v in given.items() if v is not None) + "}]\n"


@pytest.mark.parametrize(
    "told",
    [
        {"trust": "signature"},
        {"trust": "signature", "sender": "b"},
        {"sender": "tenant"},
        {"trust": "everyone"},
        {"kind": "carrier-pigeon"},
        {"url": "amqps://user:pw@host"},
        {"signed": "false"},
        {"max_age_seconds": 302401},
        {"prefetch": 0},
        {"queue": "a b"},
        {"kind": "sqs", "url": None, "region": "eu-west-1", "access_key": "env:A"},
        {"kind": "sqs", "url": None, "region": "eu-west-1", "endpoint": "http://sqs.example.com"},
        {"kind": "sqs", "region": "eu-west-1"},
    ],
)
def test_a_policy_that_is_not_explicit_is_refused(told: dict[str, Any]) -> None:
    """Unsigned without saying so, a sender who signs otherwise or elsewhere, a secret in the file, an unknown key."""
    with pytest.raises(PolicyError):
        parse_policy(with_queue(**told))


def test_two_queues_of_one_name_are_refused() -> None:
    """`--queue` would not know which."""
    text = with_queue()
    row = text[text.rindex("[{") + 1 : text.rindex("]")]
    with pytest.raises(PolicyError, match="two queues"):
        parse_policy(text.replace(row, f"{row}, {row}"))


def compose(text: str, tmp_path: Path) -> tuple[queues.QueueAt, ...]:
    tokens = HmacTokenizer(key=Confidential(b"k" * 32))
    policy = parse_policy(text).policy
    return queues.compose_queues(
        policy, root=tmp_path, tokenizer=tokens, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC)
    )


def test_a_signed_queue_takes_no_unsigned_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the named sender's scheme counts, whatever other senders could do."""
    monkeypatch.setenv("S", "x" * 32)
    (at,) = compose(with_queue(trust="signature", sender="tenant"), tmp_path)
    for headers in ({}, {":id": "x"}, {"authorization": "Bearer " + "t" * 32}):
        with pytest.raises(SignatureRefused):
            at.door.admit(Message(headers=headers, body=b"{}"))


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("amqp", "amqp://user:pw@rabbit.example.com/"),
        ("amqp", "redis://127.0.0.1/"),
        ("amqp", "amqps://rabbit.example.com/?ssl_cert_reqs=none"),
        ("amqp", "amqps://rabbit.example.com:99999/"),
        ("amqp", "amqps:///vhost"),
        ("redis", "redis://redis.example.com/0"),
        ("redis", "rediss://redis.example.com/0?ssl_cert_reqs=none"),
        ("redis", "rediss://redis.example.com/first"),
        ("redis", "sentinel://redis.example.com/0"),
        ("service-bus", "azureservicebus://namespace"),
        ("service-bus", "sb://policy:key@namespace"),
    ],
)
def test_an_address_that_is_not_safe_is_refused(
    kind: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain over the network, options that turn checking off, another broker's; the address is not repeated."""
    if kind == "service-bus":
        pytest.importorskip("azure.servicebus", reason="needs azure-servicebus")
    monkeypatch.setenv("U", url)
    settings = KINDS[kind](kind=kind, name="q", queue="events", sender="bus", url="env:U")
    with pytest.raises(PolicyError) as refusal:
        queues.open_queue(settings, root=tmp_path)
    assert "example.com" not in f"{refusal.value} {refusal.value.hint}"


def test_a_secret_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its reference."""
    monkeypatch.delenv("U", raising=False)
    with pytest.raises(WorkspaceError, match="env:U"):
        queues.open_queue(AmqpQueue(kind="amqp", name="q", queue="q", sender="bus", url="env:U"), root=tmp_path)


def test_certificates_are_always_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kombu by itself does not check Redis's; RabbitMQ's name is checked too."""
    monkeypatch.setenv("U", "amqps://us%2Fer:p%40w@rabbit.example.com/my%2Fhost")
    amqp = queues._link(AmqpQueue(kind="amqp", name="q", queue="q", sender="bus", url="env:U"), tmp_path)
    assert amqp.arguments["ssl"] == {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": "rabbit.example.com"}
    assert (amqp.arguments["userid"], amqp.arguments["password"]) == ("us/er", "p@w")
    assert (amqp.arguments["virtual_host"], amqp.arguments["port"]) == ("my/host", 5671)
    monkeypatch.setenv("U", "rediss://redis.example.com/3")
    redis = queues._link(RedisQueue(kind="redis", name="q", queue="q", sender="bus", url="env:U"), tmp_path)
    assert redis.arguments["ssl"] == {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
    assert "pw" not in repr(amqp)


def test_a_package_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install, not a traceback."""
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    monkeypatch.delitem(sys.modules, "sottovoce.intake.queue_kafka", raising=False)
    monkeypatch.setenv("U", "kafka://127.0.0.1")
    with pytest.raises(PolicyError) as missing:
        queues.open_queue(KafkaQueue(kind="kafka", name="q", queue="q", sender="bus", url="env:U"), root=tmp_path)
    assert "confluent-kafka" in missing.value.hint
