"""A sandbox of tiny calls under a clock that moves when told to, and a plain HTTP client with a token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from sottovoce.sandbox.serve import Sandbox
from sottovoce.testing.calls import call_entry, write_calls
from sottovoce.testing.clock import SteppedClock
from sottovoce.testing.tenant import TLS, signed_in

Opened = tuple[Sandbox, httpx.Client]


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def opened(tmp_path: Path, clock: SteppedClock) -> Iterator[Callable[..., Opened]]:
    """Opens a sandbox with the options given; everything is closed at the end of the test."""
    with ExitStack() as closing:
        folders = count()

        def open_one(*entries: dict[str, Any], channels: int = 2, **options: Any) -> Opened:
            folder = tmp_path / f"calls-{next(folders)}"
            write_calls(folder, list(entries) or [call_entry(1)], channels=channels)
            sandbox = closing.enter_context(Sandbox(folder, now=clock.now, **options))
            return sandbox, closing.enter_context(signed_in(sandbox))

        yield open_one


@pytest.fixture
def plain() -> Iterator[httpx.Client]:
    """A client without a token, for media and for what needs none."""
    with httpx.Client(trust_env=False, verify=TLS) as http:
        yield http
