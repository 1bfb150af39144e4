"""Kafka: offsets are committed when everything that was taken is settled, so that none is passed over.

kombu commits the position at the first acknowledgement, and without waiting for an answer. Kafka knows no dead letters:
a refused message is copied to a topic that the policy names, or passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from kombu.transport import confluentkafka

from sottovoce.intake.messages import Posted

GATHER_S: Final = 0.01
FLUSH_S: Final = 10.0
FAILURES: Final = (KafkaException, OSError)
_REFUSALS: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError._AUTHENTICATION,  # noqa: SLF001 - librdkafka's own errors have this underscore
        KafkaError.SASL_AUTHENTICATION_FAILED,
    }
)


def is_refusal(error: Exception) -> bool:
    told = error.args[0] if error.args else None
    return isinstance(told, KafkaError) and told.code() in _REFUSALS


class KafkaChannel(confluentkafka.Channel):
    """Waits in `consume` itself."""

    idle_s = 0.0
    do_restore = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._unsettled: set[tuple[int, int]] = set()

    def look(self, queue: str) -> None:
        told = self.client.list_topics(queue, timeout=self.connection_wait_time_seconds).topics[queue]
        if told.error is not None:
            raise KafkaException(told.error)

    def receive(self, queue: str, most: int) -> Sequence[Posted]:
        consumer = self._get_consumer(queue)
        found = consumer.consume(1, self.wait_time_seconds)
        if found and most > 1:
            found += consumer.consume(most - 1, GATHER_S)
        for message in found:
            if message.error() is not None:
                raise KafkaException(message.error())
        posted = [_posted(message) for message in found]
        self._unsettled.update(one.tag for one in posted)
        return posted

    def settle(self, queue: str, posted: Sequence[Posted]) -> None:
        self._unsettled.difference_update(one.tag for one in posted)
        if posted and not self._unsettled:
            self._get_consumer(queue).commit(asynchronous=False)

    def bury(self, queue: str, posted: Sequence[Posted]) -> None:
        grave = self.options["dead_letter"]
        if grave:
            self._copy(grave, posted)
        self.settle(queue, posted)

    def give_back(self, queue: str) -> None:
        """Nothing: what was not committed is given again."""

    def _copy(self, grave: str, posted: Sequence[Posted]) -> None:
        producer = self._get_producer(grave)
        for one in posted:
            producer.produce(grave, one.body, headers=dict(one.headers))
        if producer.flush(FLUSH_S):
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - as above


class KafkaTransport(confluentkafka.Transport):
    Channel = KafkaChannel


def _posted(message: Any) -> Posted:
    """Of a header that comes twice nothing is kept: it could be read in two ways."""
    headers = message.headers() or []
    named = {name: value for name, value in headers if [n for n, _ in headers].count(name) == 1}
    return Posted(body=message.value() or b"", headers=named, tag=(message.partition(), message.offset()))
