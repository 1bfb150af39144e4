"""Tokens, headers, limits and faults: what every request meets first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from sottovoce.sandbox.faults import Faults
from sottovoce.testing.clock import SteppedClock

QUEUES = "/api/v2/routing/queues"


@pytest.mark.parametrize(
    ("auth", "form", "status", "error"),
    [
        (("nobody", "x"), {"grant_type": "client_credentials"}, 400, "invalid_client"),
        (("sandbox-client", "wrong"), {"grant_type": "client_credentials"}, 401, "invalid_client"),
        (("sandbox-client", "sandbox-secret"), {"grant_type": "password"}, 400, "unsupported_grant_type"),
        (("sandbox-client", "sandbox-secret"), {}, 400, "unsupported_grant_type"),
    ],
)
def test_bad_credentials_get_the_login_hosts_own_error(
    plain: httpx.Client,
    opened: Callable[..., Any],
    auth: tuple[str, str],
    form: dict[str, str],
    status: int,
    error: str,
) -> None:
    """Token errors have the login host's shape, not an ErrorBody's."""
    sandbox, _ = opened()
    answer = plain.post(sandbox.api_url + "/oauth/token", auth=auth, data=form)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


@pytest.mark.parametrize("header", ["", "Bearer x", "Basic !!!", "Basic w6k6w6k="])
def test_a_token_request_without_basic_is_refused(plain: httpx.Client, opened: Callable[..., Any], header: str) -> None:
    """Only Basic authorization names a client."""
    sandbox, _ = opened()
    answer = plain.post(sandbox.api_url + "/oauth/token", headers={"Authorization": header})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("header", "code"),
    [({}, "authentication.required"), ({"Authorization": "Bearer nonsense"}, "bad.credentials")],
)
def test_a_request_needs_a_token(
    plain: httpx.Client, opened: Callable[..., Any], header: dict[str, str], code: str
) -> None:
    """Without a token or with a wrong one the answer is 401 with the documented code."""
    sandbox, _ = opened()
    answer = plain.get(sandbox.api_url + QUEUES, headers=header)
    assert (answer.status_code, answer.json()["code"]) == (401, code)


def test_a_token_expires(opened: Callable[..., Any], clock: SteppedClock) -> None:
    """Expiry is enforced."""
    _, http = opened(token_lifetime_s=300)
    assert http.get(QUEUES).status_code == 200
    clock.advance(300)
    assert http.get(QUEUES).json()["code"] == "credentials.expired"


def test_every_answer_can_be_traced(opened: Callable[..., Any]) -> None:
    """Every answer has a correlation id, and an ErrorBody repeats it as its context."""
    _, http = opened()
    good, bad = http.get(QUEUES), http.get("/api/v2/nothing")
    assert good.headers["ININ-Correlation-Id"] != bad.headers["ININ-Correlation-Id"]
    assert bad.json()["contextId"] == bad.headers["ININ-Correlation-Id"]


def test_requests_of_a_token_are_counted(opened: Callable[..., Any], clock: SteppedClock) -> None:
    """Beyond the limit of a minute the answer is 429 with Retry-After; after it, 200 again."""
    _, http = opened(rate_limit=2)
    first = http.get(QUEUES)
    assert first.headers["inin-ratelimit-count"] == "1"
    assert first.headers["inin-ratelimit-allowed"] == "2"
    clock.advance(20)
    http.get(QUEUES)
    limited = http.get(QUEUES)
    assert (limited.status_code, limited.json()["code"]) == (429, "too.many.requests")
    assert limited.headers["Retry-After"] == limited.headers["inin-ratelimit-reset"] == "40"
    clock.advance(40)
    assert http.get(QUEUES).status_code == 200


def test_faults_are_used_up(opened: Callable[..., Any]) -> None:
    """A fault happens as often as it was asked for, and then no more."""
    _, http = opened(faults=Faults(too_many=1, retry_after_s=9, server_errors=1))
    answers = [http.get(QUEUES) for _ in range(3)]
    assert [a.status_code for a in answers] == [503, 429, 200]
    assert answers[1].headers["Retry-After"] == "9"


def test_faults_are_set_while_running(plain: httpx.Client, opened: Callable[..., Any]) -> None:
    """`POST /sandbox/faults` needs no token, sets what it names and leaves the rest."""
    sandbox, http = opened(faults=Faults(corrupt=4))
    answer = plain.post(sandbox.api_url + "/sandbox/faults", json={"server_errors": 1, "slow_ms": 1})
    assert (answer.json()["server_errors"], answer.json()["corrupt"]) == (1, 4)
    assert http.get(QUEUES).status_code == 503
    assert plain.get(sandbox.api_url + "/sandbox/faults").json()["server_errors"] == 0


@pytest.mark.parametrize("body", [{"sever_errors": 1}, {"corrupt": -1}, {"corrupt": "1"}, {"slow_ms": 10**9}, [1]])
def test_unknown_faults_are_refused(plain: httpx.Client, opened: Callable[..., Any], body: Any) -> None:
    """A misspelled fault is an error, not a silence."""
    sandbox, _ = opened()
    assert plain.post(sandbox.api_url + "/sandbox/faults", json=body).status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v2/eventsub/eventsubscriptions"),
        ("PATCH", "/api/v2/recordings/r"),
        ("POST", "/api/v2/analytics/datadatasets/records"),
        ("GET", "/api/v2/conversations/c/participants"),
        ("GET", "/api/v2/conversations/c/recordings/r/media"),
        ("POST", "/api/v2/recordings/jobs"),
        ("POST", "/api/v2/recording/export"),
    ],
)
def test_endpoints_that_guides_invented_do_not_exist(opened: Callable[..., Any], method: str, path: str) -> None:
    """What Genesys Cloud does not have answers 404 `not.found` here too."""
    _, http = opened()
    answer = http.request(method, path, json={})
    assert (answer.status_code, answer.json()["code"]) == (404, "not.found")


def test_a_recording_cannot_be_deleted_by_a_delete(opened: Callable[..., Any]) -> None:
    """There is no DELETE of a recording."""
    _, http = opened()
    assert http.delete("/api/v2/conversations/c/recordings/r").status_code == 405


def test_a_body_beyond_the_limit_is_refused(opened: Callable[..., Any]) -> None:
    """Requests are bounded as the platform bounds them."""
    _, http = opened()
    path = "/api/v2/analytics/conversations/details/query"
    assert http.post(path, content=b"x" * 512_001).status_code == 413
    assert http.post(path, content=b"{").status_code == 400
    assert http.post(path, content=b"[]").status_code == 400
