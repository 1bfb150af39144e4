"""OAuth 2.0 client credentials (RFC 6749 section 4.4) as Genesys Cloud speaks them.

A conversation without I/O: httpx drives the generator. The token is fetched when first needed, renewed
before it expires, and renewed once when the API says 401 in the middle of a run. Neither the secret
nor a token is ever part of an error.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Generator

import httpx

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import SourceRefused, SourceUnavailable

EARLY_S = 60.0
"""A token is renewed this long before it expires, so that none expires on its way."""


class ClientCredentials(httpx.Auth):
    """Adds `Authorization: Bearer` to requests of the API, from any thread."""

    requires_response_body = True

    def __init__(
        self,
        *,
        token_url: str,
        client_id: Confidential[str],
        client_secret: Confidential[str],
        monotonic: Callable[[], float],
    ) -> None:
        self._token_url = token_url
        self._client_id = client_id
        self._secret = client_secret
        self._monotonic = monotonic
        self._token: Confidential[str] | None = None
        self._renew_at = 0.0
        self._lock = threading.Lock()

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        used = yield from self._current()
        response = yield _bearing(request, used)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            response.read()
            used = yield from self._renewed(instead_of=used)
            yield _bearing(request, used)

    def _current(self) -> Generator[httpx.Request, httpx.Response, Confidential[str]]:
        with self._lock:
            token, fresh = self._token, self._monotonic() < self._renew_at
        if token is not None and fresh:
            return token
        return (yield from self._renewed(instead_of=token))

    def _renewed(
        self, *, instead_of: Confidential[str] | None
    ) -> Generator[httpx.Request, httpx.Response, Confidential[str]]:
        """A new token, unless another thread has put one in its place meanwhile."""
        with self._lock:
            if self._token is not None and self._token is not instead_of:
                return self._token
        response = yield self._token_request()
        response.read()
        token, lifetime_s = _parse(response)
        with self._lock:
            self._token = token
            self._renew_at = self._monotonic() + max(lifetime_s - EARLY_S, lifetime_s / 2)
        return token

    def _token_request(self) -> httpx.Request:
        pair = f"{self._client_id.reveal()}:{self._secret.reveal()}".encode()
        return httpx.Request(
            "POST",
            self._token_url,
            data={"grant_type": "client_credentials"},
            headers={"Authorization": "Basic " + base64.b64encode(pair).decode(), "Accept": "application/json"},
        )


def _bearing(request: httpx.Request, token: Confidential[str]) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token.reveal()}"
    return request


def _parse(response: httpx.Response) -> tuple[Confidential[str], float]:
    if response.status_code in (400, 401, 403):
        raise SourceRefused(
            "Genesys Cloud refuses the client's credentials",
            hint="check client_id, client_secret and region: another region's client is refused the same way",
        )
    if response.status_code != httpx.codes.OK:
        raise SourceUnavailable("Genesys Cloud gives no token", hint=f"it answered {response.status_code}")
    try:
        body = response.json()
        return Confidential(str(body["access_token"])), float(body.get("expires_in") or 0)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SourceUnavailable("Genesys Cloud answered a token request with something else") from None
