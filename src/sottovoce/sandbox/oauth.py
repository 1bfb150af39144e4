"""`POST /oauth/token`: client credentials, with the error bodies of the real login host (GENESYS.md 1)."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sottovoce.sandbox.answers import ApiError
from sottovoce.sandbox.store import Client, Store, Token


async def token(request: Request) -> Response:
    """A token for a client that is known. Failures are not ErrorBodies."""
    store = Store.of(request)
    form = parse_qs((await request.body()).decode("ascii", "replace"))
    name, secret = _basic(request.headers.get("Authorization", ""))
    client = store.memory.clients.get(name)
    if client is None:
        return _refused(400, "invalid_client", "client not found")
    if not hmac.compare_digest(secret.encode(), client.secret.encode()):
        return _refused(401, "invalid_client", "authentication failed")
    if form.get("grant_type") != ["client_credentials"]:
        return _refused(400, "unsupported_grant_type", "grant type not supported")
    return JSONResponse(_issue(store, client))


def _issue(store: Store, client: Client) -> dict[str, Any]:
    value = secrets.token_urlsafe(32)
    now = store.now().timestamp()
    lifetime = store.settings.token_lifetime_s
    with store.lock:
        store.memory.tokens[value] = Token(client=client, expires_at=now + lifetime, window_at=now)
    return {"access_token": value, "token_type": "bearer", "expires_in": lifetime}


def bearer(store: Store, header: str) -> Token:
    """The token a request carries. Raises ApiError 401."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "bearer" or not value:
        raise ApiError(
            401, "authentication.required", "No authentication bearer token specified in authorization header."
        )
    with store.lock:
        found = store.memory.tokens.get(value)
        if found is not None and store.faults.take("forgotten_tokens"):
            del store.memory.tokens[value]
            found = None
    if found is None:
        raise ApiError(401, "bad.credentials", "Invalid login credentials.")
    if store.now().timestamp() >= found.expires_at:
        raise ApiError(401, "credentials.expired", "The supplied credentials have expired.")
    return found


def _basic(header: str) -> tuple[str, str]:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        client, _, secret = base64.b64decode(value, validate=True).decode("ascii").partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return client, secret


def _refused(status: int, code: str, text: str) -> Response:
    return JSONResponse({"error": code, "description": text, "error_description": text}, status_code=status)
