"""Answers the platform should not give, or gives seldom."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import RecordingMetadata, RecordingRef
from sottovoce.errors import MediaGone, SourceError
from sottovoce.sources.genesys.client import GenesysClient
from sottovoce.sources.genesys.conversations import queue_names, read_conversation
from sottovoce.sources.genesys.hosts import Hosts
from sottovoce.sources.genesys.permissions import UNKNOWN, token_permissions
from sottovoce.sources.genesys.source import GenesysSource
from sottovoce.sources.protocol import HmacTokenizer, Timing
from sottovoce.testing.clock import SteppedClock

MEDIA = "https://api-downloads.mypurecloud.ie/MediaCache/"


def client(answer: Callable[[httpx.Request], httpx.Response]) -> GenesysClient:
    clock = SteppedClock()

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 3600})
        return answer(request)

    return GenesysClient(
        hosts=Hosts.of(region="eu_west_1"),
        client_id=Confidential("id"),
        client_secret=Confidential("secret"),
        timing=Timing(now=clock.now, monotonic=clock.monotonic, sleep=clock.sleep),
        transport=httpx.MockTransport(handler),
    )


def fetch(answer: Callable[[httpx.Request], httpx.Response], *, started: bool = True) -> Any:
    source = GenesysSource(name="g", client=client(answer), tokenizer=HmacTokenizer(key=Confidential(b"k" * 32)))
    ref = RecordingRef(source="g", key="k", locator=Confidential(json.dumps(["c", "r"])))
    metadata = RecordingMetadata(
        ref=ref,
        conversation_id="c",
        recording_id="r",
        started_at=datetime(2026, 10, 1, tzinfo=UTC) if started else None,
        duration_s=None,
    )
    return source.fetch(ref, metadata)


def recording(*keys: str) -> dict[str, Any]:
    return {"id": "r", "fileState": "AVAILABLE", "mediaUris": {k: {"mediaUri": MEDIA + k} for k in keys}}


@pytest.mark.parametrize("keys", [("0", "1", "2"), ("1",), ("S", "0"), ("left", "right")])
def test_channels_that_are_not_known_are_refused(keys: tuple[str, ...]) -> None:
    """Which voice is where must be certain: other keys than 0 and 1, S or 0 are refused."""
    with pytest.raises(SourceError, match="not known"):
        fetch(lambda _: httpx.Response(200, json=recording(*keys)))


def test_a_channel_that_vanishes_is_gone() -> None:
    """A recording whose channels change between two answers is not half fetched."""
    shapes = iter([recording("0", "1"), recording("S")])

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host.startswith("api-downloads"):
            return httpx.Response(403)
        return httpx.Response(200, json=next(shapes))

    with pytest.raises(MediaGone):
        fetch(answer)


def test_a_recording_without_times_is_waited_for() -> None:
    """Where it is not known when the call ended, a 404 may be just after it."""
    answers = iter([httpx.Response(404), httpx.Response(200, json=recording("S"))])

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host.startswith("api-downloads"):
            return httpx.Response(200, stream=httpx.ByteStream(b"sound"))
        return next(answers)

    assert fetch(answer, started=False).parts["S"].reveal() == b"sound"


def test_all_pages_of_queues_are_read() -> None:
    """Names come from every page; a client that may not list queues has none."""

    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["pageNumber"])
        return httpx.Response(200, json={"entities": [{"id": f"q{page}", "name": f"n{page}"}, {}], "pageCount": 2})

    assert queue_names(client(answer)) == {"q1": "n1", "q2": "n2"}
    assert queue_names(client(lambda _: httpx.Response(403))) == {}


def test_permissions_that_are_not_told_are_unknown() -> None:
    """Not being told is recorded as such, and is not the same as having none."""
    assert token_permissions(client(lambda _: httpx.Response(404))) == UNKNOWN
    assert token_permissions(client(lambda _: httpx.Response(200, json={}))) == ()


def test_a_conversation_too_old_to_read_has_no_participants() -> None:
    """Attributes that are no longer kept are absent: consent cannot be shown, so it is not assumed."""
    summary = {"conversationId": "c", "conversationStart": "2024-10-01T00:00:00Z"}
    call = read_conversation(client(lambda _: httpx.Response(404)), summary, attributes=frozenset({"a"}))
    assert call is not None
    assert call.participants == ()
    assert read_conversation(client(lambda _: httpx.Response(404)), {}, attributes=frozenset()) is None


@pytest.mark.parametrize(("order", "described"), [(("q1", "q2"), ("q2", "crisis")), (("q1", "q3"), ("q1", "retail"))])
def test_a_transfer_into_a_sensitive_queue_counts(order: tuple[str, str], described: tuple[str, str]) -> None:
    """A call that was passed on to a crisis line is described by it, wherever it began."""
    segments = [{"queueId": queue} for queue in order]
    party = {"purpose": "agent", "sessions": [{"segments": segments}]}
    stamps = {"conversationStart": "2026-10-05T10:00:00Z", "conversationEnd": "2026-10-05T10:01:00Z"}
    listed = {"totalHits": 1, "conversations": [{"conversationId": "c", "participants": [party], **stamps}]}

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/query"):
            return httpx.Response(200, json=listed)
        if path.endswith("/deletionprotection"):
            return httpx.Response(200, json=[])
        return httpx.Response(200, json=[{"id": "r"}] if path.endswith("/recordingmetadata") else {})

    source = GenesysSource(
        name="g",
        client=client(answer),
        tokenizer=HmacTokenizer(key=Confidential(b"k" * 32)),
        queue_categories={"q1": "retail", "q2": "crisis", "q3": "delivery"},
        since=datetime(2026, 10, 5, tzinfo=UTC),
        until=datetime(2026, 10, 6, tzinfo=UTC),
    )
    (found,) = source.discover()
    assert (found.queue, found.queue_category) == described
