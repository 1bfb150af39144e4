"""A queue opened through kombu, whose transports are used for what they know of addresses, credentials and TLS.

Messages are taken as they lie in the broker. kombu's own way was found wanting on events that others write (5.7): it
takes every body of Redis, Kafka and Service Bus for its own envelope, and loses one that is none; it guesses base64;
it inflates what a header calls compressed, without bound; it takes from Redis before it notes that it did; it commits
what Kafka gave and nobody has settled; and what it cannot give back at the end it writes to a file. So each transport
here has a channel that reads raw bytes and settles exactly what it is told to, and nothing deserializes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from sottovoce.errors import QueueRefused, QueueUnavailable
from sottovoce.intake.messages import Posted


class RawChannel(Protocol):
    """What a channel of ours can do beside kombu's; each raises what its client raises."""

    idle_s: float

    def look(self, queue: str) -> None:
        """Raises where there is no such queue, or it may not be read. Takes nothing, makes nothing."""
        ...

    def receive(self, queue: str, most: int) -> Sequence[Posted]: ...

    def settle(self, queue: str, posted: Sequence[Posted]) -> None: ...

    def bury(self, queue: str, posted: Sequence[Posted]) -> None: ...

    def give_back(self, queue: str) -> None:
        """What was received and neither settled nor buried can be taken by others at once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """How to reach a broker: kombu's arguments for a connection, and how its client fails."""

    transport: type[Any]
    failures: tuple[type[Exception], ...]
    is_refusal: Callable[[Exception], bool]
    arguments: dict[str, Any] = field(repr=False)


class KombuBroker:
    """A `Broker`; `name` is the policy's for the queue.

    Raises QueueUnavailable, QueueRefused: a client's own words hold addresses, and are dropped.
    """

    def __init__(self, *, name: str, link: Link, queue: str, prefetch: int) -> None:
        from kombu.connection import Connection

        logging.getLogger("kombu").setLevel(logging.CRITICAL)
        self._name = name
        self._link = link
        self._queue = queue
        self._prefetch = prefetch
        self._client = Connection(transport=link.transport, **link.arguments)
        self._transport: Any = self._client.transport
        self._connection: Any = None
        self._channel = self._opened()

    @property
    def idle_s(self) -> float:
        return self._channel.idle_s

    def take(self) -> Sequence[Posted]:
        with self._calling():
            return self._channel.receive(self._queue, self._prefetch)

    def done(self, posted: Iterable[Posted]) -> None:
        with self._calling():
            self._channel.settle(self._queue, list(posted))

    def refuse(self, posted: Iterable[Posted]) -> None:
        with self._calling():
            self._channel.bury(self._queue, list(posted))

    def close(self) -> None:
        with suppress(*self._link.failures):
            self._channel.give_back(self._queue)
        self._release()

    def _opened(self) -> RawChannel:
        try:
            with self._calling():
                self._connection = self._transport.establish_connection()
                channel: RawChannel = self._transport.create_channel(self._connection)
                channel.look(self._queue)
                return channel
        except QueueUnavailable:
            self._release()
            raise

    def _release(self) -> None:
        if self._connection is not None:
            with suppress(*self._link.failures):
                self._transport.close_connection(self._connection)

    @contextmanager
    def _calling(self) -> Iterator[None]:
        try:
            yield
        except self._link.failures as error:
            if self._link.is_refusal(error):
                hint = "check the queue's name at its broker, the credentials, and what they may do"
                raise QueueRefused(f"the queue {self._name} is refused ({type(error).__name__})", hint=hint) from None
            hint = "check that its broker runs and can be reached from here"
            said = f"the queue {self._name} does not answer ({type(error).__name__})"
            raise QueueUnavailable(said, hint=hint) from None
