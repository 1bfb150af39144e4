"""Plain HTTP clients of a sandbox: signed in as its own client, or as one with rights of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from sottovoce.sandbox.serve import Sandbox

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
