"""Client credentials: one token while it lasts, a new one when it does not."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import SourceRefused, SourceUnavailable
from sottovoce.sources.genesys.auth import ClientCredentials
from sottovoce.testing.clock import SteppedClock

Handler = Callable[[httpx.Request], httpx.Response]


class Platform:
    """Gives out tokens t1, t2 … and accepts only the last."""

    def __init__(self, *, lifetime_s: int = 3600) -> None:
        self.given = 0
        self.lifetime_s = lifetime_s
        self.refuse_all = False
        self.seen: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        if request.url.path == "/oauth/token":
            self.given += 1
            return httpx.Response(200, json={"access_token": f"t{self.given}", "expires_in": self.lifetime_s})
        good = request.headers["Authorization"] == f"Bearer t{self.given}" and not self.refuse_all
        return httpx.Response(200 if good else 401, json={})


def client(handler: Handler, clock: SteppedClock) -> httpx.Client:
    auth = ClientCredentials(
        token_url="https://login.example.com/oauth/token",
        client_id=Confidential("id"),
        client_secret=Confidential("s3cret"),
        monotonic=clock.monotonic,
    )
    return httpx.Client(auth=auth, transport=httpx.MockTransport(handler), base_url="https://api.example.com")


def test_one_token_serves_many_requests() -> None:
    """The token is asked for once, with Basic authorization and a form."""
    platform = Platform()
    with client(platform, SteppedClock()) as http:
        assert [http.get("/x").status_code for _ in range(3)] == [200] * 3
    assert platform.given == 1
    assert platform.seen[0].headers["Authorization"].startswith("Basic ")
    assert platform.seen[0].content == b"grant_type=client_credentials"


def test_a_token_is_renewed_before_it_expires() -> None:
    """A minute before its end a token is no longer used."""
    platform, clock = Platform(lifetime_s=3600), SteppedClock()
    with client(platform, clock) as http:
        http.get("/x")
        clock.advance(3539)
        http.get("/x")
        assert platform.given == 1
        clock.advance(2)
        http.get("/x")
    assert platform.given == 2


def test_a_401_in_the_middle_gets_one_new_token() -> None:
    """A token that is forgotten early is replaced once, and the request repeated."""
    platform = Platform()
    with client(platform, SteppedClock()) as http:
        http.get("/x")
        platform.given += 1
        assert http.get("/x").status_code == 200
    assert platform.given == 3


def test_a_second_401_is_handed_over() -> None:
    """A client that is refused with a new token too does not ask for ever."""
    platform = Platform()
    platform.refuse_all = True
    with client(platform, SteppedClock()) as http:
        assert http.get("/x").status_code == 401
    assert platform.given == 2


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_credentials_name_neither_id_nor_secret(status: int) -> None:
    """A refusal says what to check and repeats nothing of what was sent."""
    refusal = httpx.Response(status, json={"error": "invalid_client"})
    with client(lambda r: refusal, SteppedClock()) as http, pytest.raises(SourceRefused) as refused:
        http.get("/x")
    assert "s3cret" not in str(refused.value) + refused.value.hint


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(503),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, json={"token": "x"}),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"access_token": "t", "expires_in": "soon"}),
    ],
)
def test_a_login_that_answers_nonsense_is_unavailable(answer: httpx.Response) -> None:
    """Anything but a token is an unavailable source, to be tried later."""
    with client(lambda r: answer, SteppedClock()) as http, pytest.raises(SourceUnavailable):
        http.get("/x")
