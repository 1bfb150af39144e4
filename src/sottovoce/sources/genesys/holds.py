"""Which conversations are protected from deletion: the platform's legal hold (GENESYS.md 5c)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from sottovoce.sources.genesys.client import GenesysClient, expect_ok
from sottovoce.sources.genesys.exchange import Send
from sottovoce.sources.genesys.parse import Json, objects, text
from sottovoce.sources.genesys.paths import DELETION_PROTECTION

BATCH = 100
"""Conversations a request."""


def with_holds(client: GenesysClient, summaries: Iterable[Json]) -> Iterator[tuple[Json, bool]]:
    """Each conversation with whether it is held, asked for a hundred at a time. Raises SourceError.

    A hold that cannot be asked about is not taken for none.
    """
    waiting = iter(summaries)
    while batch := list(islice(waiting, BATCH)):
        held = _protected(client, [i for summary in batch if (i := text(summary, "conversationId"))])
        yield from ((summary, text(summary, "conversationId") in held) for summary in batch)


def _protected(client: GenesysClient, ids: list[str]) -> set[str]:
    answer = client.call(Send(method="POST", path=DELETION_PROTECTION, json={"conversationIds": ids}))
    body = expect_ok(answer, permission="recording:recording:view")
    return {i for ref in objects(body) if (i := text(ref, "id"))}
