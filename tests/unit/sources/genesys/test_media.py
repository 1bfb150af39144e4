"""Media by signed address: bounded, whole, without the token."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import MediaTooLarge, SourceError, SourceRefused, SourceUnavailable, TruncatedMedia
from sottovoce.sources.genesys.hosts import Hosts
from sottovoce.sources.genesys.media import EXPIRED, MediaFetcher
from sottovoce.sources.protocol import Timing
from sottovoce.testing.clock import SteppedClock

ADDRESS = Confidential("https://api-downloads.mypurecloud.ie/MediaCache/x?Expires=1&Signature=abc")


class Body(httpx.SyncByteStream):
    def __init__(self, *parts: bytes, tick: Callable[[], None] = lambda: None) -> None:
        self.parts = parts
        self.tick = tick

    def __iter__(self) -> Iterator[bytes]:
        for part in self.parts:
            self.tick()
            yield part


def fetcher(
    handler: Callable[[httpx.Request], httpx.Response], clock: SteppedClock, *, max_bytes: int = 1000
) -> MediaFetcher:
    return MediaFetcher(
        http=httpx.Client(transport=httpx.MockTransport(handler)),
        hosts=Hosts.of(region="eu_west_1"),
        timing=Timing(now=clock.now, monotonic=clock.monotonic, sleep=clock.sleep),
        max_bytes=max_bytes,
    )


def short(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, headers={"Content-Length": "10"}, stream=Body(b"half"))


def test_media_arrive_whole_and_without_the_token() -> None:
    """The bytes arrive as sent; no Authorization header goes to the media host."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, stream=Body(b"so", b"und"))

    assert fetcher(handler, SteppedClock()).fetch(ADDRESS) == b"sound"
    assert "Authorization" not in seen[0].headers
    assert seen[0].headers["Accept-Encoding"] == "identity"


def test_a_short_body_is_fetched_again() -> None:
    """A body shorter than announced is fetched again."""
    answers = iter([short, lambda r: httpx.Response(200, stream=Body(b"so", b"und"))])
    clock = SteppedClock()
    assert fetcher(lambda r: next(answers)(r), clock).fetch(ADDRESS) == b"sound"
    assert clock.slept == [1.0]


def test_a_body_that_stays_short_is_an_error() -> None:
    """Half a recording is never taken for a whole one."""
    with pytest.raises(TruncatedMedia):
        fetcher(short, SteppedClock()).fetch(ADDRESS)


@pytest.mark.parametrize("status", [403, 404, 410])
def test_an_expired_address_is_told_apart(status: int) -> None:
    """An address that has expired is the caller's to renew."""
    assert fetcher(lambda r: httpx.Response(status), SteppedClock()).fetch(ADDRESS) == EXPIRED


def test_bytes_are_counted_whatever_was_announced() -> None:
    """The cap holds for what arrives, not for what Content-Length says."""
    endless = Body(*[b"x" * 600] * 10)
    with pytest.raises(MediaTooLarge):
        fetcher(lambda r: httpx.Response(200, stream=endless), SteppedClock()).fetch(ADDRESS)


def test_a_trickle_ends_at_the_deadline() -> None:
    """A host that sends one byte now and then does not hold a worker for ever."""
    clock = SteppedClock()
    slow = Body(*[b"x"] * 20, tick=lambda: clock.advance(100))
    with pytest.raises(SourceUnavailable):
        fetcher(lambda r: httpx.Response(200, stream=slow), clock).fetch(ADDRESS)


def test_a_failing_host_is_tried_three_times() -> None:
    """Server errors and lost connections are tried again, then the source is unavailable."""
    clock, calls = SteppedClock(), []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(1)
        if len(calls) == 2:
            raise httpx.ConnectError("no")
        return httpx.Response(503)

    with pytest.raises(SourceUnavailable) as failed:
        fetcher(handler, clock).fetch(ADDRESS)
    assert len(calls) == 3
    assert "Signature" not in str(failed.value) + failed.value.hint


@pytest.mark.parametrize("status", [206, 301, 302, 307, 400])
def test_redirects_and_oddities_are_errors(status: int) -> None:
    """A redirect is not followed: it would lead off the list."""
    answer = httpx.Response(status, headers={"Location": "https://evil.example/"})
    with pytest.raises(SourceError):
        fetcher(lambda r: answer, SteppedClock()).fetch(ADDRESS)


def test_another_host_is_never_asked() -> None:
    """An address off the list is refused before anything is sent."""

    def handler(request: httpx.Request) -> httpx.Response:
        raise AssertionError("sent")

    with pytest.raises(SourceRefused):
        fetcher(handler, SteppedClock()).fetch(Confidential("https://evil.example/x"))
