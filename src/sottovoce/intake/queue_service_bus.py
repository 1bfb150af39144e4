"""Azure Service Bus: messages are locked, completed, or moved to the queue's own dead-letter queue.

The claim Listen is enough: nothing is made or managed, unlike what kombu does by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.servicebus.exceptions import (
    MessageAlreadySettled,
    MessageLockLostError,
    MessagingEntityNotFoundError,
    ServiceBusAuthenticationError,
    ServiceBusAuthorizationError,
)
from kombu.transport import azureservicebus

from sottovoce.intake.messages import Posted

FAILURES: Final = (AzureError, OSError)
_REFUSALS: Final = (
    ClientAuthenticationError,
    MessagingEntityNotFoundError,
    ServiceBusAuthenticationError,
    ServiceBusAuthorizationError,
)
_SETTLED: Final = (MessageAlreadySettled, MessageLockLostError)
"""The lock ran out: the broker has given the message again, or will, and a copy does no harm."""


def is_refusal(error: Exception) -> bool:
    return isinstance(error, _REFUSALS)


class ServiceBusChannel(azureservicebus.Channel):
    """The tag is the SDK's own message, by which it is settled."""

    idle_s = 0.0
    do_restore = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._held: dict[int, Any] = {}

    def look(self, queue: str) -> None:
        self._receiver(queue).peek_messages(max_message_count=1)

    def receive(self, queue: str, most: int) -> Sequence[Posted]:
        found = self._receiver(queue).receive_messages(max_message_count=most, max_wait_time=self.wait_time_seconds)
        self._held.update((id(message), message) for message in found)
        return [_posted(message) for message in found]

    def settle(self, queue: str, posted: Sequence[Posted]) -> None:
        for message in self._ending(posted):
            with suppress(*_SETTLED):
                self._receiver(queue).complete_message(message)

    def bury(self, queue: str, posted: Sequence[Posted]) -> None:
        for message in self._ending(posted):
            with suppress(*_SETTLED):
                self._receiver(queue).dead_letter_message(message, reason="refused")

    def give_back(self, queue: str) -> None:
        for message in self._held.values():
            with suppress(*_SETTLED):
                self._receiver(queue).abandon_message(message)
        self._held.clear()

    def _receiver(self, queue: str) -> Any:
        return self._get_asb_receiver(queue).receiver

    def _ending(self, posted: Sequence[Posted]) -> Iterator[Any]:
        for one in posted:
            yield one.tag
            self._held.pop(id(one.tag), None)


class ServiceBusTransport(azureservicebus.Transport):
    Channel = ServiceBusChannel


def _posted(message: Any) -> Posted:
    body = message.body if isinstance(message.body, bytes) else b"".join(message.body)
    return Posted(body=body, headers=message.application_properties or {}, id=message.message_id, tag=message)
