"""Media by signed address: another host, no token, bounded, whole or not at all (GENESYS.md 4c).

Bytes are counted as they come, whatever Content-Length says; a body shorter than announced is fetched
again; an expired signature is told to the caller, who asks the API for a new address.
"""

from __future__ import annotations

import threading
from typing import Literal

import httpx

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import MediaTooLarge, SottovoceError, SourceError, SourceUnavailable, TruncatedMedia
from sottovoce.sources.genesys.exchange import backoff_s
from sottovoce.sources.genesys.hosts import Hosts
from sottovoce.sources.growing import Growing
from sottovoce.sources.protocol import Timing

TRIES = 3
MAX_BYTES = 512 << 20
DEADLINE_S = 900.0
EXPIRED: Literal["expired"] = "expired"
_STALE = frozenset({403, 404, 410})
_PASSING = frozenset({429, 500, 502, 503, 504})


class MediaFetcher:
    """Fetches from the hosts that are allowed, and from no other."""

    def __init__(self, *, http: httpx.Client, hosts: Hosts, timing: Timing, max_bytes: int = MAX_BYTES) -> None:
        self._http = http
        self._hosts = hosts
        self._timing = timing
        self._max_bytes = max_bytes

    def fetch(self, address: Confidential[str]) -> bytes | Literal["expired"]:
        """All the bytes, or EXPIRED. Raises SourceRefused, TruncatedMedia, MediaTooLarge, SourceUnavailable."""
        url = self._hosts.media_url(address.reveal())
        failure: SourceError | TruncatedMedia = SourceUnavailable("the media host does not answer")
        for attempt in range(TRIES):
            try:
                return self._once(url)
            except (SourceUnavailable, TruncatedMedia) as error:
                failure = error
                self._timing.sleep(backoff_s(attempt))
        raise failure

    def grow(self, address: Confidential[str]) -> Growing | Literal["expired"]:
        """The media while they come, or EXPIRED. Raises as `fetch` does; what fails later fails whoever reads.

        A host that does not announce a length is read to the end first.
        """
        url = self._hosts.media_url(address.reveal())
        try:
            request = self._http.build_request("GET", url, headers={"Accept-Encoding": "identity"})
            response = self._http.send(request, stream=True)
        except httpx.TransportError:
            raise SourceUnavailable("the media host does not answer") from None
        announced = response.headers.get("Content-Length", "")
        if response.status_code != httpx.codes.OK or not announced.isdigit():
            response.close()
            return self._grown(self.fetch(address))
        growing = Growing(size=int(announced))
        threading.Thread(target=self._fill, args=(growing, response), daemon=True, name="media").start()
        return growing

    def _grown(self, data: bytes | Literal["expired"]) -> Growing | Literal["expired"]:
        if isinstance(data, str):
            return EXPIRED
        growing = Growing(size=len(data))
        growing.add(data)
        growing.end()
        return growing

    def _fill(self, growing: Growing, response: httpx.Response) -> None:
        until = self._timing.monotonic() + DEADLINE_S
        size = 0
        try:
            for part in response.iter_raw():
                size += len(part)
                if size > min(growing.size, self._max_bytes):
                    raise MediaTooLarge("media are larger than announced or than the cap")
                if self._timing.monotonic() > until:
                    raise SourceUnavailable("media come too slowly")
                growing.add(part)
            growing.end()
        except httpx.RemoteProtocolError:
            growing.fail(TruncatedMedia("media came shorter than announced"))
        except httpx.HTTPError:
            growing.fail(SourceUnavailable("the media host does not answer"))
        except SottovoceError as error:
            growing.fail(error)
        finally:
            response.close()

    def _once(self, url: httpx.URL) -> bytes | Literal["expired"]:
        try:
            with self._http.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response:
                if response.status_code in _STALE:
                    return EXPIRED
                _refuse_other(response.status_code)
                return self._body(response)
        except httpx.RemoteProtocolError:
            raise TruncatedMedia("media came shorter than announced") from None
        except httpx.TransportError:
            raise SourceUnavailable("the media host does not answer") from None

    def _body(self, response: httpx.Response) -> bytes:
        parts, size = [], 0
        until = self._timing.monotonic() + DEADLINE_S
        for part in response.iter_raw():
            size += len(part)
            if size > self._max_bytes:
                raise MediaTooLarge("media are larger than the cap", hint=f"the cap is {self._max_bytes} bytes")
            if self._timing.monotonic() > until:
                raise SourceUnavailable("media come too slowly")
            parts.append(part)
        announced = response.headers.get("Content-Length", "")
        if announced.isdigit() and int(announced) != size:
            raise TruncatedMedia("media came shorter than announced")
        return b"".join(parts)


def _refuse_other(status: int) -> None:
    if status in _PASSING:
        raise SourceUnavailable("the media host does not answer", hint=f"status {status}")
    if status != httpx.codes.OK:
        raise SourceError("the media host answers with an error", hint=f"status {status}")
