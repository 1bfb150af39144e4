"""RabbitMQ over AMQP 0-9-1: the broker pushes up to the prefetch, and keeps its own dead letters.

There are no heartbeats to be kept up while a batch waits for the database: a connection that died silently is found by
TCP keepalive, which py-amqp sets, after about two and a half minutes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import amqp
from kombu.transport import pyamqp

from sottovoce.intake.messages import Posted

WAIT_S: Final = 1.0
GATHER_S: Final = 0.01
"""A batch is decided when nothing more came for so long: a commit costs about as much."""
_REFUSALS: Final = frozenset({403, 404, 405, 530})
"""ACCESS_REFUSED, NOT_FOUND, RESOURCE_LOCKED, NOT_ALLOWED (AMQP 0-9-1, section 1.2)."""

FAILURES: Final = (amqp.AMQPError, OSError)


def is_refusal(error: Exception) -> bool:
    return getattr(error, "code", None) in _REFUSALS


class AmqpChannel(pyamqp.Channel):
    """Bodies stay bytes: py-amqp would decode them by a header."""

    idle_s = 0.0

    def __init__(self, connection: Any, channel_id: int | None = None, **options: Any) -> None:
        super().__init__(connection, channel_id, **{**options, "auto_decode": False})
        self._came: deque[Any] = deque()
        self._consumes = False

    def look(self, queue: str) -> None:
        self.queue_declare(queue, passive=True)

    def receive(self, queue: str, most: int) -> Sequence[Posted]:
        if not self._consumes:
            self.basic_qos(0, most, a_global=False)
            self.basic_consume(queue, callback=self._came.append)
            self._consumes = True
        wait_s = WAIT_S
        while len(self._came) < most:
            try:
                self.connection.drain_events(timeout=wait_s)
            except TimeoutError:
                break
            wait_s = GATHER_S
        return [_posted(self._came.popleft()) for _ in range(min(most, len(self._came)))]

    def settle(self, queue: str, posted: Sequence[Posted]) -> None:
        del queue
        for one in posted:
            self.basic_ack(one.tag)

    def bury(self, queue: str, posted: Sequence[Posted]) -> None:
        del queue
        for one in posted:
            self.basic_reject(one.tag, requeue=False)

    def give_back(self, queue: str) -> None:
        """Nothing: the broker gives again what a closed channel had not settled."""


class AmqpConnection(pyamqp.Connection):
    Channel = AmqpChannel


class AmqpTransport(pyamqp.Transport):
    Connection = AmqpConnection


def _posted(message: Any) -> Posted:
    properties = message.properties
    return Posted(
        body=message.body,
        headers=properties.get("application_headers") or {},
        id=properties.get("message_id"),
        tag=message.delivery_tag,
    )
