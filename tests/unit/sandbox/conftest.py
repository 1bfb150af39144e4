"""A sandbox of tiny calls under a clock that moves when told to, and a plain HTTP client with a token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sottovoce.sandbox.serve import Sandbox
from sottovoce.testing.calls import call_entry, write_calls
from sottovoce.testing.clock import SteppedClock

TLS = httpx.create_ssl_context(trust_env=False)
"""Made once: reading the certificates takes longer than most tests here."""

Opened = tuple[Sandbox, httpx.Client]


def token_of(sandbox: Sandbox, http: httpx.Client) -> str:
    answer = http.post(
        "/oauth/token",
        auth=(sandbox.client_id, sandbox.client_secret),
        data={"grant_type": "client_credentials"},
    )
    return str(answer.json()["access_token"])


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def opened(tmp_path: Path, clock: SteppedClock) -> Iterator[Callable[..., Opened]]:
    """Opens a sandbox with the options given; everything is closed at the end of the test."""
    closing: list[Any] = []

    def open_one(*entries: dict[str, Any], channels: int = 2, **options: Any) -> Opened:
        folder = write_calls(tmp_path / f"calls-{len(closing)}", list(entries) or [call_entry(1)], channels=channels)
        sandbox = Sandbox(folder, now=clock.now, **options)
        closing.append(sandbox.__enter__())
        http = httpx.Client(base_url=sandbox.api_url, trust_env=False, verify=TLS)
        closing.append(http)
        http.headers["Authorization"] = f"Bearer {token_of(sandbox, http)}"
        return sandbox, http

    yield open_one
    for item in reversed(closing):
        item.close()


@pytest.fixture
def plain() -> Iterator[httpx.Client]:
    """A client without a token, for media and for what needs none."""
    with httpx.Client(trust_env=False, verify=TLS) as http:
        yield http
