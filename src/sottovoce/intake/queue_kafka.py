"""Kafka: offsets are committed when everything that was taken is settled, so that none is passed over.

kombu commits the position at the first acknowledgement, and without waiting for an answer. Kafka knows no dead letters:
a refused message is copied to a topic that the policy names, or passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from kombu.transport import confluentkafka

from sottovoce.intake.messages import Parcel

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

    def receive(self, queue: str, most: int) -> Sequence[Parcel]:
        consumer = self._get_consumer(queue)
        found = consumer.consume(1, self.wait_time_seconds)
        if found and most > 1:
            found += consumer.consume(most - 1, GATHER_S)
        for message in found:
            if message.error() is not None:
                raise KafkaException(message.error())
        parcels = [_parcel(message) for message in found]
        self._unsettled.update(parcel.tag for parcel in parcels)
        return parcels

    def settle(self, queue: str, parcels: Sequence[Parcel]) -> None:
        self._unsettled.difference_update(parcel.tag for parcel in parcels)
        if parcels and not self._unsettled:
            self._get_consumer(queue).commit(asynchronous=False)

    def bury(self, queue: str, parcels: Sequence[Parcel]) -> None:
        grave = self.options["dead_letter"]
        if grave:
            self._copy(grave, parcels)
        self.settle(queue, parcels)

    def give_back(self, queue: str) -> None:
        """Nothing: what was not committed is given again."""

    def _copy(self, grave: str, parcels: Sequence[Parcel]) -> None:
        producer = self._get_producer(grave)
        for parcel in parcels:
            producer.produce(grave, parcel.body, headers=dict(parcel.headers))
        if producer.flush(FLUSH_S):
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - as above


class KafkaTransport(confluentkafka.Transport):
    Channel = KafkaChannel


def _parcel(message: Any) -> Parcel:
    """Of a header that comes twice nothing is kept: it could be read in two ways."""
    headers = message.headers() or []
    named = {name: value for name, value in headers if [n for n, _ in headers].count(name) == 1}
    return Parcel(body=message.value() or b"", headers=named, tag=(message.partition(), message.offset()))
