"""How a vendor knows us: a key in a header, or a token by OAuth 2.0 client credentials (RFC 6749 section 4.4).

Secrets are read by reference each time they are needed, so that a rotated one works without a restart. A token is
renewed before it ends, and once when it is refused in the middle of a run. Neither is ever part of an error.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Generator
from typing import Final, Protocol

import httpx

from sottovoce.delivery.failures import DeliveryForbidden, DeliveryUnavailable
from sottovoce.domain.confidential import Confidential

EARLY_S: Final = 60.0
"""A token is renewed so long before it ends, so that none ends on its way."""
Secret = Callable[[], Confidential[str]]


class Login(Protocol):
    """An httpx flow: puts what proves us onto requests of the vendor's interface."""

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]: ...


class KeyLogin(httpx.Auth):
    """A fixed key in a header."""

    def __init__(self, *, key: Secret, header: str, scheme: str) -> None:
        self._key = key
        self._header = header
        self._scheme = f"{scheme} " if scheme else ""

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers[self._header] = f"{self._scheme}{self._key().reveal()}"
        yield request


class TokenLogin(httpx.Auth):
    """`Authorization: Bearer`, from any thread."""

    requires_response_body = False

    def __init__(
        self,
        *,
        token_url: str,
        client_id: Secret,
        client_secret: Secret,
        scope: str | None,
        audience: str | None,
        secret_in_body: bool,
        monotonic: Callable[[], float],
    ) -> None:
        self._token_url = token_url
        self._client_id = client_id
        self._secret = client_secret
        self._asked = {"scope": scope, "audience": audience}
        self._secret_in_body = secret_in_body
        self._monotonic = monotonic
        self._token: Confidential[str] | None = None
        self._renew_at = 0.0
        self._lock = threading.Lock()

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        used = yield from self._current()
        response = yield _bearing(request, used)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            used = yield from self._renewed()
            yield _bearing(request, used)

    def _current(self) -> Generator[httpx.Request, httpx.Response, Confidential[str]]:
        with self._lock:
            token, fresh = self._token, self._monotonic() < self._renew_at
        if token is not None and fresh:
            return token
        return (yield from self._renewed())

    def _renewed(self) -> Generator[httpx.Request, httpx.Response, Confidential[str]]:
        response = yield self._token_request()
        response.read()
        token, lifetime_s = _parse(response)
        with self._lock:
            self._token = token
            self._renew_at = self._monotonic() + max(lifetime_s - EARLY_S, lifetime_s / 2)
        return token

    def _token_request(self) -> httpx.Request:
        name, secret = self._client_id().reveal(), self._secret().reveal()
        form = {"grant_type": "client_credentials", **{k: v for k, v in self._asked.items() if v}}
        headers = {"Accept": "application/json"}
        if self._secret_in_body:
            form |= {"client_id": name, "client_secret": secret}
        else:
            headers["Authorization"] = "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()
        return httpx.Request("POST", self._token_url, data=form, headers=headers)


def _bearing(request: httpx.Request, token: Confidential[str]) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token.reveal()}"
    return request


def _parse(response: httpx.Response) -> tuple[Confidential[str], float]:
    if response.status_code in (400, 401, 403):
        raise DeliveryForbidden("the vendor refuses our credentials", hint="check client_id, client_secret and scope")
    if response.status_code != httpx.codes.OK:
        raise DeliveryUnavailable(f"the vendor gives no token ({response.status_code})", may_be_there=False)
    try:
        body = response.json()
        return Confidential(str(body["access_token"])), float(body.get("expires_in") or 0)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DeliveryUnavailable(
            "the vendor answered a token request with something else", may_be_there=False
        ) from None
