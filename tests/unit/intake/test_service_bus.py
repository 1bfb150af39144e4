"""Service Bus: what is done with the SDK's messages. There is no broker to ask here: its receiver is a double."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

pytest.importorskip("azure.servicebus", reason="needs azure-servicebus")

from azure.servicebus.exceptions import MessageLockLostError, ServiceBusAuthorizationError, ServiceBusConnectionError

from sottovoce.intake.messages import BrokerTrusted, as_message
from sottovoce.intake.queue_service_bus import ServiceBusChannel, is_refusal


@dataclass(eq=False)
class Received:
    """As far as it is read, azure.servicebus.ServiceBusReceivedMessage."""

    message_id: str
    parts: tuple[bytes, ...] = (b'{"type":', b'"x"}')
    application_properties: dict[bytes, Any] | None = None

    @property
    def body(self) -> Iterator[bytes]:
        return iter(self.parts)


@dataclass
class Receiver:
    waiting: list[Received]
    done: list[str] = field(default_factory=list)
    lost: str = ""

    def receive_messages(self, *, max_message_count: int, max_wait_time: float) -> list[Received]:
        taken, self.waiting = self.waiting[:max_message_count], self.waiting[max_message_count:]
        return taken

    def complete_message(self, message: Received) -> None:
        if message.message_id == self.lost:
            raise MessageLockLostError
        self.done.append(f"complete {message.message_id}")

    def dead_letter_message(self, message: Received, *, reason: str) -> None:
        self.done.append(f"{reason} {message.message_id}")

    def abandon_message(self, message: Received) -> None:
        self.done.append(f"abandon {message.message_id}")


class Channel(ServiceBusChannel):
    """Without the connection that kombu makes at once."""

    wait_time_seconds = 0

    def __init__(self, receiver: Receiver) -> None:
        self._held: dict[int, Any] = {}
        self._given = receiver

    def _receiver(self, queue: str) -> Any:
        return self._given


def test_messages_are_read_with_their_properties() -> None:
    """A body in parts, properties as bytes, and the sender's message id as the event's."""
    given = Received("m1", application_properties={b"Webhook-Signature": b"v1,x", b"n": 1})
    (one,) = Channel(Receiver([given])).receive("q", 5)
    message = as_message(one)
    assert (message.body, message.headers["webhook-signature"]) == (b'{"type":"x"}', "v1,x")
    assert BrokerTrusted(sender="s").verify(message, now=None).id == "m1"  # type: ignore[arg-type]


def test_each_is_completed_buried_or_given_back() -> None:
    """A lock that ran out is no error: the broker gives the message again."""
    receiver = Receiver([Received(name) for name in "abcd"], lost="b")
    channel = Channel(receiver)
    one, two, three, _ = channel.receive("q", 4)
    channel.settle("q", [one, two])
    channel.bury("q", [three])
    channel.give_back("q")
    channel.give_back("q")
    assert receiver.done == ["complete a", "refused c", "abandon d"]


def test_a_refusal_is_told_from_an_outage() -> None:
    """By the SDK's own classes."""
    assert is_refusal(ServiceBusAuthorizationError(message="no"))
    assert not is_refusal(ServiceBusConnectionError(message="away"))
