"""Every conversation of a period, and the proof that none is missing (GENESYS.md 2a).

The period is cut into chunks of at most seven days, each is paged through, and the distinct ids are
held against `totalHits`: where they differ, the chunk is halved and asked again. This listing is the whole;
an asynchronous job (`bulk`) only spares asking each of its conversations again.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sottovoce.errors import SourceUnavailable
from sottovoce.sources.genesys.client import GenesysClient, expect_ok
from sottovoce.sources.genesys.exchange import Answer, Send, Wait, persist
from sottovoce.sources.genesys.parse import Json, field, moment, number, objects, text
from sottovoce.sources.genesys.paths import DETAILS_QUERY

CHUNK = timedelta(days=7)
SMALLEST = timedelta(hours=1)
PAGE_SIZE = 100
DEEPEST = 100_000
"""pageSize times pageNumber may not exceed it."""
PERMISSION = "analytics:conversationDetail:view"
VOICE = [{"type": "and", "predicates": [{"type": "dimension", "dimension": "mediaType", "value": "voice"}]}]

Interval = tuple[datetime, datetime]
Steps = Generator[Send | Wait, Answer, dict[str, Json]]


class Bulk(Protocol):
    """Tells in one go what would otherwise be asked of each conversation."""

    def tell(self, interval: Interval, *, listed: Mapping[str, Json]) -> Mapping[str, Json]:
        """Conversations of the interval with their attributes, by id: all, some or none. Raises SourceError."""
        ...


class IncompleteError(Exception):
    """The ids found are not as many as the source says there are. Never leaves this module."""


def chunks(since: datetime, until: datetime) -> Iterator[Interval]:
    """The period in stretches of at most seven days."""
    start = since
    while start < until:
        end = min(start + CHUNK, until)
        yield start, end
        start = end


def voice_conversations(
    client: GenesysClient, since: datetime, until: datetime, *, bulk: Bulk | None = None
) -> Iterator[Json]:
    """Each voice conversation that began in since..until, once; as `bulk` has it where that has it. Raises SourceError.

    What only the job lists is taken too: two listings that differ are both believed.
    """
    seen: set[str] = set()
    for chunk in chunks(since, until):
        listed = dict(_complete(client, chunk))
        for conversation_id, summary in {**listed, **_told(bulk, chunk, listed)}.items():
            began = moment(summary, "conversationStart")
            inside = began is None or since <= began < until
            if inside and conversation_id not in seen:
                seen.add(conversation_id)
                yield summary


def _told(bulk: Bulk | None, chunk: Interval, listed: Mapping[str, Json]) -> Mapping[str, Json]:
    return {} if bulk is None else bulk.tell(chunk, listed=listed)


def _complete(client: GenesysClient, interval: Interval) -> Iterator[tuple[str, Json]]:
    """One interval, halved for as long as the count does not agree."""
    try:
        found = client.drive(pages(interval))
    except IncompleteError:
        start, end = interval
        middle = start + (end - start) / 2
        if end - start <= SMALLEST:
            raise SourceUnavailable(
                "Genesys Cloud counts more conversations than it lists", hint="run again when the calls have settled"
            ) from None
        yield from _complete(client, (start, middle))
        yield from _complete(client, (middle, end))
    else:
        yield from found.items()


def pages(interval: Interval) -> Steps:
    """All pages of one interval by conversation id, until one has nothing new.

    Raises IncompleteError when the count does not agree, SourceUnavailable when there is none.
    """
    found: dict[str, Json] = {}
    page, total = 1, 1
    while len(found) < total and page * PAGE_SIZE <= DEEPEST:
        answer = yield from persist(_query(interval, page))
        body = expect_ok(answer, permission=PERMISSION)
        listed = objects(field(body, "conversations"))
        counted = number(body, "totalHits")
        if counted is None:
            raise SourceUnavailable("Genesys Cloud does not say how many conversations there are")
        total, before = int(counted), len(found)
        if total > DEEPEST:
            break
        found.update({i: c for c in listed if (i := text(c, "conversationId"))})
        if len(found) == before:
            break
        page += 1
    if len(found) != total:
        raise IncompleteError
    return found


def _query(interval: Interval, page: int) -> Send:
    body = {
        "interval": spelled(interval),
        "order": "asc",
        "orderBy": "conversationStart",
        "segmentFilters": VOICE,
        "paging": {"pageSize": PAGE_SIZE, "pageNumber": page},
    }
    return Send(method="POST", path=DETAILS_QUERY, json=body)


def spelled(interval: Interval) -> str:
    """As the platform writes an interval."""
    return "/".join(stamp(moment) for moment in interval)


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
