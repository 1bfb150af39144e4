"""Queues that events about recordings come from, as a policy says it (SPEC 14.1).

Whoever may write to a queue can announce recordings, so each queue says whom its messages are attributed to, and why
they are believed: by the sender's signature, or because the broker lets only that sender in (`trust: broker`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sottovoce.policy.strict import SecretRef, Strict

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Visibility = Annotated[int, Field(ge=30, le=43_200)]


class _Queue(Strict):
    name: Name
    queue: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:-]{0,254}$")]
    """What the broker calls it: the queue, the list in Redis, the topic in Kafka."""
    sender: Name
    """Whom its messages are attributed to."""
    trust: Literal["signature", "broker"] = "signature"
    """`broker` takes messages unsigned: that only the sender can write there is the broker's affair."""
    max_age_seconds: Annotated[int, Field(ge=300, le=302_400)] = 259_200
    """How old or early a signed time may be. Twice the longest is the week that events are remembered for."""
    prefetch: Annotated[int, Field(ge=1, le=1000)] = 100
    """How many messages are held, and decided together, before they are acknowledged."""


class SqsQueue(_Queue):
    """Amazon SQS; what EventBridge and SNS send comes this way too."""

    kind: Literal["sqs"]
    region: str
    endpoint: str | None = None
    """Another address, for an emulator or an interface endpoint."""
    visibility_seconds: Visibility = 300
    """After so long, what a consumer took and did not settle is given to another."""
    access_key: SecretRef | None = None
    secret_key: SecretRef | None = None
    """Without both, the machine's own role."""


class AmqpQueue(_Queue):
    """RabbitMQ, or whatever else speaks AMQP 0-9-1."""

    kind: Literal["amqp"]
    url: SecretRef
    """`amqps://user:password@host/vhost`; `amqp://` on loopback alone."""


class RedisQueue(_Queue):
    """A list that producers push to the left of."""

    kind: Literal["redis"]
    url: SecretRef
    """`rediss://user:password@host/0`; `redis://` on loopback alone."""
    visibility_seconds: Visibility = 300
    dead_letter: str | None = None
    """The list that refused messages are moved to; without one they are dropped."""


class KafkaQueue(_Queue):
    kind: Literal["kafka"]
    url: SecretRef
    """`kafka+ssl://user:password@host:9093`; `kafka://` on loopback alone."""
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    group: str = "sottovoce"
    dead_letter: str | None = None
    """The topic that refused messages are copied to; without one they are dropped."""


class ServiceBusQueue(_Queue):
    """Azure Service Bus."""

    kind: Literal["service-bus"]
    url: SecretRef
    """`azureservicebus://POLICY:KEY@namespace`, or `azureservicebus://ManagedIdentityCredential@namespace`."""


Queue = Annotated[
    SqsQueue | AmqpQueue | RedisQueue | KafkaQueue | ServiceBusQueue,
    Field(discriminator="kind"),
]
