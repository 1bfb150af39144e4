"""Sandboxes of tiny calls, and plain HTTP clients signed in to them: as their own client, or with chosen rights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from sottovoce.sandbox.serve import Sandbox
from sottovoce.testing.calls import call_entry, write_calls
from sottovoce.testing.clock import SteppedClock

Open = Callable[..., tuple[Sandbox, httpx.Client]]
"""Entries of `calls.json`, and the sandbox's options by name."""

TLS = httpx.create_ssl_context(trust_env=False)
"""Made once: reading the certificates takes longer than most requests to a sandbox."""


@contextmanager
def signed_in(sandbox: Sandbox, **order: Any) -> Iterator[httpx.Client]:
    """A client with a token. With `permissions` or `without`, it is another OAuth client with those rights."""
    with httpx.Client(base_url=sandbox.api_url, trust_env=False, verify=TLS) as http:
        pair = (sandbox.client_id, sandbox.client_secret)
        if order:
            made = http.post("/sandbox/clients", json=order).raise_for_status().json()
            pair = (made["client_id"], made["client_secret"])
        issued = http.post("/oauth/token", auth=pair, data={"grant_type": "client_credentials"})
        http.headers["Authorization"] = f"Bearer {issued.raise_for_status().json()['access_token']}"
        yield http


@contextmanager
def sandboxes(root: Path, clock: SteppedClock) -> Iterator[Open]:
    """Opens sandboxes below `root` as they are asked for; everything is closed at the end."""
    with ExitStack() as closing:
        folders = count()

        def open_one(*entries: dict[str, Any], channels: int = 2, **options: Any) -> tuple[Sandbox, httpx.Client]:
            folder = root / f"calls-{next(folders)}"
            write_calls(folder, list(entries) or [call_entry(1)], channels=channels)
            sandbox = closing.enter_context(Sandbox(folder, now=clock.now, **options))
            return sandbox, closing.enter_context(signed_in(sandbox))

        yield open_one
