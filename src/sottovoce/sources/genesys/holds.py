"""Which conversations are protected from deletion: the platform's legal hold (GENESYS.md 5c)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from sottovoce.errors import SourceError
from sottovoce.sources.genesys.client import GenesysClient, expect_ok
from sottovoce.sources.genesys.exchange import Answer, Send
from sottovoce.sources.genesys.parse import Json, field, objects, text
from sottovoce.sources.genesys.paths import DELETION_PROTECTION

BATCH = 100
"""Conversations a request."""

Ask = Callable[[Send], Answer]
"""Patiently (`client.call`) or once (`client.once`)."""


def with_holds(client: GenesysClient, summaries: Iterable[Json]) -> Iterator[tuple[Json, bool]]:
    """Each conversation with whether it is held, asked for a hundred at a time. Raises SourceError.

    A hold that cannot be asked about is not taken for none.
    """
    waiting = iter(summaries)
    while batch := list(islice(waiting, BATCH)):
        held = protected(client.call, [i for summary in batch if (i := text(summary, "conversationId"))])
        yield from ((summary, text(summary, "conversationId") in held) for summary in batch)


def protected(ask: Ask, ids: list[str]) -> set[str]:
    """Those of at most a hundred conversations that are protected. Raises SourceError."""
    answer = ask(Send(method="POST", path=DELETION_PROTECTION, json={"conversationIds": ids}))
    body = expect_ok(answer, permission="recording:recording:view")
    if not isinstance(body, list):
        raise SourceError("Genesys Cloud does not say what is protected from deletion")
    return {i for ref in objects(body) if (i := text(ref, "id"))}


def protect(ask: Ask, ids: list[str], *, lift: bool = False) -> set[str]:
    """Protects at most a hundred conversations, or lifts that; which were not changed. Raises SourceError."""
    params = {"protect": "false" if lift else "true"}
    send = Send(method="PUT", path=DELETION_PROTECTION, params=params, json={"conversationIds": ids})
    answer = ask(send)
    permission = f"recording:deletionProtection:{'revoke' if lift else 'apply'}"
    body = answer.body if answer.status in (202, 204) else expect_ok(answer, permission=permission)
    failed = objects(field(body, "failedUpdates"))
    return {i for ref in failed if (i := text(ref, "id") or text(ref, "conversationId"))}
