"""The wire: what is sent, what is logged, what is refused."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

import httpx
import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import SourceError, SourceRefused, SourceUnavailable
from sottovoce.sources.genesys import client as wire
from sottovoce.sources.genesys.client import GenesysClient, expect_ok
from sottovoce.sources.genesys.exchange import Answer
from sottovoce.sources.genesys.hosts import Hosts
from sottovoce.sources.protocol import Timing
from sottovoce.testing.clock import SteppedClock

TOKEN = httpx.Response(200, json={"access_token": "s3cret-token", "expires_in": 3600})


def client(answer: Callable[[httpx.Request], httpx.Response], clock: SteppedClock) -> GenesysClient:
    def handler(request: httpx.Request) -> httpx.Response:
        return TOKEN if request.url.path == "/oauth/token" else answer(request)

    return GenesysClient(
        hosts=Hosts.of(region="eu_west_1"),
        client_id=Confidential("id"),
        client_secret=Confidential("s3cret"),
        timing=Timing(now=clock.now, monotonic=clock.monotonic, sleep=clock.sleep),
        transport=httpx.MockTransport(handler),
    )


def test_only_status_and_correlation_id_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Ids, addresses, tokens and bodies stay out of the log; the correlation id is in it."""
    caplog.set_level(logging.DEBUG)
    answer = httpx.Response(200, json={"name": "spoken"}, headers={"ININ-Correlation-Id": "corr-1"})
    client(lambda r: answer, SteppedClock()).get("/api/v2/conversations/conv-1")
    assert "corr-1" in caplog.text
    for hidden in ("conv-1", "spoken", "s3cret", "mypurecloud"):
        assert hidden not in caplog.text


def test_a_lost_connection_is_tried_again() -> None:
    """A connection that breaks once costs a wait, nothing else."""
    calls: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(1)
        if len(calls) == 1:
            raise httpx.ReadTimeout("late")
        return httpx.Response(200, json={"ok": True})

    clock = SteppedClock()
    assert client(answer, clock).get("/x").body == {"ok": True}
    assert clock.slept == [1.0]


@pytest.mark.parametrize(("header", "slept"), [("5", 5.0), ("soon", 1.0), ("-1", 1.0), ("", 1.0)])
def test_retry_after_is_a_number_of_seconds_or_nothing(header: str, slept: float) -> None:
    """A `Retry-After` that is no number falls back to growing waits."""
    answers = iter([httpx.Response(429, headers={"Retry-After": header}), httpx.Response(200, json=[])])
    clock = SteppedClock()
    assert client(lambda r: next(answers), clock).get("/x").status == 200
    assert clock.slept == [slept]


@pytest.mark.parametrize("content", [b"<html>", b"\xff\xfe", b"[" * 100_000])
def test_an_answer_that_is_not_json_is_unavailable(content: bytes) -> None:
    """Success without JSON is no answer; an error without JSON keeps its status."""
    with pytest.raises(SourceUnavailable):
        client(lambda r: httpx.Response(200, content=content), SteppedClock()).get("/x")
    assert client(lambda r: httpx.Response(404, content=content), SteppedClock()).get("/x") == Answer(status=404)


def test_an_answer_beyond_the_cap_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies are counted while they are read."""
    monkeypatch.setattr(wire, "MAX_JSON_BYTES", 100)
    with pytest.raises(SourceUnavailable, match="cap"):
        client(lambda r: httpx.Response(200, content=json.dumps(["x" * 200])), SteppedClock()).get("/x")


def test_redirects_are_not_followed() -> None:
    """A redirect is handed over as the status it is."""
    answer = httpx.Response(302, headers={"Location": "https://evil.example/"})
    assert client(lambda r: answer, SteppedClock()).get("/x").status == 302


@pytest.mark.parametrize(("status", "error"), [(401, SourceRefused), (403, SourceRefused), (500, SourceError)])
def test_a_refusal_names_the_permission(status: int, error: type[SourceError]) -> None:
    """What is missing is said by its name in the platform."""
    with pytest.raises(error) as refused:
        expect_ok(Answer(status=status), permission="a:b:view")
    if error is SourceRefused:
        assert "a:b:view" in refused.value.hint
