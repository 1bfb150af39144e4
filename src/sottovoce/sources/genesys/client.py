"""The wire: one HTTP client for the API with a token, one for media without.

Redirects are off, proxies and other settings from the environment are off, bodies are counted while
they are read. Nothing of an answer is logged but its status and the correlation id that Genesys Cloud
gives it; httpx's own request line, which holds conversation ids and signed addresses, is silenced.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Generator
from typing import Any, TypeVar

import httpx

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import SourceError, SourceRefused, SourceUnavailable
from sottovoce.network import CheckedBackend, CheckedTransport
from sottovoce.sources.genesys.auth import ClientCredentials
from sottovoce.sources.genesys.budget import Budget, RateBudget
from sottovoce.sources.genesys.exchange import LOST, Answer, Send, Wait, persist
from sottovoce.sources.genesys.hosts import Hosts
from sottovoce.sources.genesys.paths import TOKEN
from sottovoce.sources.protocol import Timing

T = TypeVar("T")

MAX_JSON_BYTES = 64 << 20
TIMEOUT = httpx.Timeout(30.0, connect=10.0)

_log = logging.getLogger(__name__)


def _no_addresses(_: logging.LogRecord) -> bool:
    return False


class GenesysClient:
    """Speaks to one organisation, within a budget that is its own unless one is handed in."""

    def __init__(
        self,
        *,
        hosts: Hosts,
        client_id: Confidential[str],
        client_secret: Confidential[str],
        timing: Timing,
        requests_per_minute: int = 300,
        budget: Budget | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        logging.getLogger("httpx").addFilter(_no_addresses)
        self.hosts = hosts
        self.timing = timing
        self._budget = budget or RateBudget(per_minute=requests_per_minute, timing=timing)
        auth = ClientCredentials(
            token_url=hosts.login_url + TOKEN,
            client_id=client_id,
            client_secret=client_secret,
            monotonic=timing.monotonic,
        )
        tls = httpx.create_ssl_context(trust_env=False)
        self._api = httpx.Client(
            base_url=hosts.api_url, auth=auth, trust_env=False, timeout=TIMEOUT, transport=transport, verify=tls
        )
        checked = transport or CheckedTransport(backend=CheckedBackend(loopback=hosts.plain_http), tls=tls)
        self.media = httpx.Client(trust_env=False, timeout=TIMEOUT, transport=checked, verify=tls)

    def close(self) -> None:
        self._api.close()
        self.media.close()

    def call(self, send: Send) -> Answer:
        """One request carried through; the caller judges the status. Raises SourceError."""
        return self.drive(persist(send))

    def get(self, path: str, **params: str | int) -> Answer:
        return self.call(Send(method="GET", path=path, params=params or None))

    def once(self, send: Send) -> Answer:
        """One request and no second: for what must not happen twice. Raises SourceUnavailable when in doubt."""
        answer = self._do(send)
        if answer is LOST or answer.status >= 500:
            raise SourceUnavailable("nobody knows whether Genesys Cloud did it", hint="look before it is asked again")
        if answer.status == 429:
            raise SourceUnavailable("Genesys Cloud asks to wait", hint="try again later")
        return answer

    def drive(self, steps: Generator[Send | Wait, Answer, T]) -> T:
        """Does what the steps ask for, and gives back what they come to."""
        answer: Answer | None = None
        try:
            while True:
                step = next(steps) if answer is None else steps.send(answer)
                answer = self._do(step)
        except StopIteration as done:
            result: T = done.value
            return result

    def _do(self, step: Send | Wait) -> Answer:
        if isinstance(step, Wait):
            self.timing.sleep(step.seconds)
            return LOST
        self._budget.take()
        try:
            return self._exchange(step)
        except httpx.TransportError as error:
            _log.info("no answer from Genesys Cloud: %s", type(error).__name__)
            return LOST

    def _exchange(self, send: Send) -> Answer:
        params = dict(send.params) if send.params else None
        with self._api.stream(send.method, send.path, params=params, json=send.json) as response:
            body = _limited(response)
            _log.debug("%s %s", response.status_code, response.headers.get("ININ-Correlation-Id", "-"))
            return Answer(
                status=response.status_code, body=_decoded(response, body), retry_after_s=_retry_after(response)
            )


def expect_ok(answer: Answer, *, permission: str) -> Any:
    """The body of a 200. Raises SourceRefused naming what the client lacks, or SourceError."""
    if answer.status == 200:
        return answer.body
    if answer.status in (401, 403):
        raise SourceRefused("Genesys Cloud refuses the request", hint=f"the client's role needs {permission}")
    raise SourceError("Genesys Cloud answers with an error", hint=f"status {answer.status} {answer.code}".strip())


def _limited(response: httpx.Response) -> bytes:
    parts, size = [], 0
    for part in response.iter_bytes():
        size += len(part)
        if size > MAX_JSON_BYTES:
            raise SourceUnavailable("an answer of Genesys Cloud is larger than the cap")
        parts.append(part)
    return b"".join(parts)


def _decoded(response: httpx.Response, body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        if response.is_success:
            raise SourceUnavailable("Genesys Cloud answered with something that is not JSON") from None
        return None


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() and len(value) < 7 else None
