"""What the queues of an intake demand of its senders and of each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from sottovoce.policy.flaw import Flaw
from sottovoce.policy.model import Policy
from sottovoce.policy.queues import Queue, SqsQueue

SIGNS_MESSAGES: Final = frozenset({"standard", "github", "open-messaging"})
"""The others sign an HTTP request, or are a token that would lie readable in the queue."""
_LOOPBACK: Final = ("http://127.0.0.1:", "http://localhost:")


def queue_flaws(policy: Policy) -> Iterator[Flaw]:
    """Names that come twice, senders that cannot be held to anything, halves of a credential."""
    queues = policy.intake.queues
    for name, times in Counter(queue.name for queue in queues).items():
        if times > 1:
            yield Flaw(path=("intake", "queues"), message=f"{name} names two queues", hint="give each its own name")
    schemes = {sender.name: sender.scheme for sender in policy.intake.senders}
    for at, queue in enumerate(queues):
        yield from _sender(at, queue, schemes.get(queue.sender))
        if isinstance(queue, SqsQueue):
            yield from _amazon(at, queue)


def _sender(at: int, queue: Queue, scheme: str | None) -> Iterator[Flaw]:
    path = ("intake", "queues", at, "sender")
    if queue.trust == "broker" and scheme is not None:
        yield Flaw(
            path=path,
            message=f"the sender {queue.sender} signs elsewhere, so nothing unsigned may be attributed to it",
            hint="give the queue a sender name of its own, or `trust: signature`",
        )
    if queue.trust == "signature" and scheme not in SIGNS_MESSAGES:
        yield Flaw(
            path=path,
            message=f"no sender called {queue.sender} signs messages in a way that a queue can carry",
            hint="name it under `intake.senders` with the scheme " + ", ".join(sorted(SIGNS_MESSAGES)),
        )


def _amazon(at: int, queue: SqsQueue) -> Iterator[Flaw]:
    path = ("intake", "queues", at)
    if (queue.access_key is None) != (queue.secret_key is None):
        yield Flaw(
            path=path,
            message="`access_key` and `secret_key` belong together",
            hint="give both of them, or none for the machine's own role",
        )
    if queue.endpoint is not None and not queue.endpoint.startswith(("https://", *_LOOPBACK)):
        yield Flaw(path=path, message="a queue is spoken to over https", hint="write `https://` and its host")
