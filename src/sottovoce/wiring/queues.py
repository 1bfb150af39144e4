"""Queues composed from the policy: whom their messages are attributed to, and how their brokers are reached."""

from __future__ import annotations

import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import PolicyError
from sottovoce.intake.door import Door
from sottovoce.intake.messages import BrokerTrusted
from sottovoce.intake.protocol import Verifier
from sottovoce.intake.queue_consumer import Accepting, Broker, QueueConsumer, Stop
from sottovoce.policy.model import Policy
from sottovoce.policy.queues import AmqpQueue, KafkaQueue, Queue, RedisQueue, ServiceBusQueue, SqsQueue
from sottovoce.settings import resolve_secret
from sottovoce.sources.protocol import Tokenizer
from sottovoce.wiring.intake import SourcePseudonyms, compose_verifier, source_of

if TYPE_CHECKING:
    from sottovoce.intake.kombu_broker import Link

CONNECT_WITHIN_S: Final = 5.0
ANSWER_WITHIN_S: Final = 20.0
LONG_POLL_S: Final = 5
"""Of SQS, Kafka and Service Bus: told to stop, a consumer that waits so ends within it."""
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueAt:
    """A queue of the policy, ready to be opened."""

    settings: Queue
    door: Door
    open: Callable[[], Broker] = field(repr=False)

    def consumer(self, desk: Accepting, stop: Stop) -> QueueConsumer:
        chance = random.SystemRandom().random
        return QueueConsumer(
            name=self.settings.name, open_broker=self.open, door=self.door, desk=desk, stop=stop, random=chance
        )


def compose_queues(
    policy: Policy, *, root: Path, tokenizer: Tokenizer, clock: Callable[[], datetime]
) -> tuple[QueueAt, ...]:
    """Raises PolicyError where a queue's address or sender does not fit, WorkspaceError without its secrets."""
    pseudonyms = SourcePseudonyms(tokenizer=tokenizer, source=source_of(policy))
    return tuple(
        QueueAt(
            settings=queue,
            door=Door(
                verifiers=[_verifier(policy, queue, root)],
                pseudonyms=pseudonyms,
                source=pseudonyms.source,
                clock=clock,
            ),
            open=partial(open_queue, queue, root=root),
        )
        for queue in policy.intake.queues
    )


def _verifier(policy: Policy, queue: Queue, root: Path) -> Verifier:
    if queue.trust == "broker":
        return BrokerTrusted(sender=queue.sender)
    (sender,) = (one for one in policy.intake.senders if one.name == queue.sender)
    return compose_verifier(sender, root=root, tolerance=timedelta(seconds=queue.max_age_seconds))


def open_queue(queue: Queue, *, root: Path) -> Broker:
    """Raises QueueUnavailable, QueueRefused; PolicyError where its address does not fit or a package is missing."""
    try:
        from sottovoce.intake.kombu_broker import KombuBroker

        link = _link(queue, root)
        return KombuBroker(name=queue.name, link=link, queue=queue.queue, prefetch=queue.prefetch)
    except ImportError as missing:
        needed = {"sqs": "kombu[sqs]", "redis": "kombu[redis]", "kafka": "confluent-kafka"}
        package = needed.get(queue.kind, "azure-servicebus azure-identity") if queue.kind != "amqp" else "kombu"
        hint = f"pip install 'sottovoce[queues]' {package!r}"
        raise PolicyError(f"a {queue.kind} queue needs a package that is not here", hint=hint) from missing


def _link(queue: Queue, root: Path) -> Link:
    match queue:
        case SqsQueue():
            return _sqs(queue, root)
        case AmqpQueue():
            return _amqp(queue, root)
        case RedisQueue():
            return _redis(queue, root)
        case KafkaQueue():
            return _kafka(queue, root)
        case ServiceBusQueue():
            return _service_bus(queue, root)


def _sqs(queue: SqsQueue, root: Path) -> Link:
    from sottovoce.intake.kombu_broker import Link
    from sottovoce.intake.queue_sqs import CONFIG, FAILURES, SqsTransport, is_refusal

    options = {
        "region": queue.region,
        "endpoint": queue.endpoint,
        "visibility_timeout": queue.visibility_seconds,
        "wait_time_seconds": LONG_POLL_S,
        "client-config": CONFIG,
    }
    keys: dict[str, Any] = {}
    if queue.access_key is not None and queue.secret_key is not None:
        keys["userid"] = resolve_secret(queue.access_key, base=root).reveal()
        keys["password"] = resolve_secret(queue.secret_key, base=root).reveal()
    arguments = {**keys, "transport_options": options}
    return Link(transport=SqsTransport, failures=FAILURES, is_refusal=is_refusal, arguments=arguments)


def _amqp(queue: AmqpQueue, root: Path) -> Link:
    from sottovoce.intake.kombu_broker import Link
    from sottovoce.intake.queue_amqp import FAILURES, AmqpTransport, is_refusal

    address = _address(queue, resolve_secret(queue.url, base=root), plain="amqp", over_tls="amqps")
    tls = {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": address.hostname}
    arguments = {
        **_place(address),
        "port": address.port or (5671 if address.scheme == "amqps" else 5672),
        "virtual_host": unquote(address.path[1:]) or "/",
        "ssl": tls if address.scheme == "amqps" else False,
        "connect_timeout": CONNECT_WITHIN_S,
        "transport_options": {"read_timeout": ANSWER_WITHIN_S, "write_timeout": ANSWER_WITHIN_S},
    }
    return Link(transport=AmqpTransport, failures=FAILURES, is_refusal=is_refusal, arguments=arguments)


def _redis(queue: RedisQueue, root: Path) -> Link:
    from sottovoce.intake.kombu_broker import Link
    from sottovoce.intake.queue_redis import FAILURES, RedisTransport, is_refusal

    address = _address(queue, resolve_secret(queue.url, base=root), plain="redis", over_tls="rediss")
    if not (address.path[1:] or "0").isdigit():
        raise _misaddressed(queue, "the database is a number")
    options = {
        "visibility_timeout": queue.visibility_seconds,
        "dead_letter": queue.dead_letter,
        "socket_timeout": ANSWER_WITHIN_S,
        "socket_connect_timeout": CONNECT_WITHIN_S,
    }
    tls = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
    arguments = {
        **_place(address),
        "port": address.port or 6379,
        "virtual_host": address.path[1:] or "0",
        "ssl": tls if address.scheme == "rediss" else False,
        "transport_options": options,
    }
    return Link(transport=RedisTransport, failures=FAILURES, is_refusal=is_refusal, arguments=arguments)


def _kafka(queue: KafkaQueue, root: Path) -> Link:
    from sottovoce.intake.kombu_broker import Link
    from sottovoce.intake.queue_kafka import FAILURES, KafkaTransport, is_refusal

    address = _address(queue, resolve_secret(queue.url, base=root), plain="kafka", over_tls="kafka+ssl")
    options = {
        "security_protocol": "sasl_ssl" if address.scheme == "kafka+ssl" else "plaintext",
        "sasl_mechanism": queue.mechanism,
        "wait_time_seconds": LONG_POLL_S,
        "kafka_common_config": {"log_level": 0},
        "kafka_consumer_config": {"group.id": queue.group},
        "dead_letter": queue.dead_letter,
    }
    arguments = {**_place(address), "port": address.port or 9092, "transport_options": options}
    return Link(transport=KafkaTransport, failures=FAILURES, is_refusal=is_refusal, arguments=arguments)


def _service_bus(queue: ServiceBusQueue, root: Path) -> Link:
    from sottovoce.intake.kombu_broker import Link
    from sottovoce.intake.queue_service_bus import FAILURES, ServiceBusTransport, is_refusal

    url = resolve_secret(queue.url, base=root).reveal()
    credentials, at, namespace = url.removeprefix("azureservicebus://").rpartition("@")
    if not url.startswith("azureservicebus://") or not at or not credentials or not namespace:
        raise _misaddressed(queue, "azureservicebus://POLICY:KEY@namespace")
    arguments = {"hostname": url, "transport_options": {"wait_time_seconds": LONG_POLL_S}}
    return Link(transport=ServiceBusTransport, failures=FAILURES, is_refusal=is_refusal, arguments=arguments)


def _address(queue: Queue, url: Confidential[str], *, plain: str, over_tls: str) -> SplitResult:
    """An address without options of its own: kombu would let them turn certificates' checking off."""
    try:
        parts = urlsplit(url.reveal())
        port = parts.port
    except ValueError:
        raise _misaddressed(queue, f"{over_tls}://user:password@host") from None
    is_simple = bool(parts.hostname) and not parts.query and not parts.fragment and port != 0
    if not is_simple or parts.scheme not in (plain, over_tls):
        raise _misaddressed(queue, f"{over_tls}://user:password@host, without options")
    if parts.scheme == plain and parts.hostname not in LOOPBACK:
        raise _misaddressed(queue, f"{plain}:// goes over the network readable: {over_tls}://")
    return parts


def _place(address: SplitResult) -> dict[str, Any]:
    given = {"userid": address.username, "password": address.password}
    return {"hostname": address.hostname} | {name: unquote(value) for name, value in given.items() if value}


def _misaddressed(queue: Queue, hint: str) -> PolicyError:
    return PolicyError(f"the url of the queue {queue.name} is not one for {queue.kind}", hint=hint)
