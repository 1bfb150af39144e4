"""A sandbox of tiny calls under a clock that moves when told to, and a plain HTTP client with a token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sottovoce.testing.clock import SteppedClock
from sottovoce.testing.tenant import TLS, Open, sandboxes


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def opened(tmp_path: Path, clock: SteppedClock) -> Iterator[Open]:
    """Opens a sandbox with the options given; everything is closed at the end of the test."""
    with sandboxes(tmp_path, clock) as open_one:
        yield open_one


@pytest.fixture
def plain() -> Iterator[httpx.Client]:
    """A client without a token, for media and for what needs none."""
    with httpx.Client(trust_env=False, verify=TLS) as http:
        yield http
