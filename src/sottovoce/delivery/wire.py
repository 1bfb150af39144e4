"""One request to a vendor, with everything bounded: time in all, and what is read of the answer.

Redirects are refused, the machine's proxies are not used, and of an answer only what was asked for is looked at: its
status, how long to wait, and a JSON body of at most a MiB.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, Final

import httpx

from sottovoce.delivery.failures import DeliveryForbidden, DeliveryRefused, DeliveryUnavailable
from sottovoce.delivery.login import Login
from sottovoce.errors import DeliveryError

MOST_ANSWER: Final = 1 << 20
LONGEST_WAIT_S: Final = 600.0
_PIECE: Final = 1 << 16
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 507})
_NOT_TAKEN: Final = frozenset({425, 429, 503, 507})
"""Of those, the ones that say that nothing was kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What came back: the status, the headers, the body."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def at(self, path: str) -> Any:
        """What stands in the JSON body under names joined by dots; None where nothing does."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return None
        for name in path.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        return found

    def text_at(self, path: str) -> str | None:
        found = self.at(path)
        return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else None


class Wire:
    """Sends requests over one client, made when it is first needed. `request_s` is for each, however busy."""

    def __init__(
        self,
        *,
        connect: Callable[[], httpx.Client],
        monotonic: Callable[[], float],
        now: Callable[[], datetime],
        request_s: float,
    ) -> None:
        self._connect = connect
        self._monotonic = monotonic
        self.now = now
        self._request_s = request_s

    @cached_property
    def _http(self) -> httpx.Client:
        return self._connect()

    def send(
        self,
        method: str,
        url: str | httpx.URL,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        login: Login | None = None,
        take: Callable[[bytes], object] | None = None,
    ) -> Said:
        """The answer, whatever its status. `take` is given a successful body piece by piece, without the cap.

        Raises DeliveryUnavailable when none came in time, DeliveryRefused for a redirect or an endless answer.
        """
        until = self._monotonic() + self._request_s
        sent = {"Content-Length": str(len(body)), "Accept-Encoding": "identity", **headers}
        request = self._http.build_request(method, url, headers=sent, content=_InTime(body, until, self._in_time))
        try:
            response = self._http.send(request, auth=_as_auth(login), stream=True, follow_redirects=False)
            try:
                return self._read(response, until, take)
            finally:
                response.close()
        except httpx.ConnectError:
            raise DeliveryUnavailable("the destination cannot be reached", may_be_there=False) from None
        except httpx.HTTPError as failure:
            raise DeliveryUnavailable(f"the destination does not answer ({type(failure).__name__})") from None

    def judge(self, said: Said) -> Said:
        """The answer when it is a yes. Raises DeliveryUnavailable, DeliveryForbidden, DeliveryRefused otherwise."""
        if 200 <= said.status < 300:
            return said
        raise self._no(said)

    def _no(self, said: Said) -> DeliveryError:
        status = said.status
        if status in _PASSING:
            return DeliveryUnavailable(
                f"the destination does not take it now ({status})",
                retry_after_s=self._asked_for(said),
                may_be_there=status not in _NOT_TAKEN,
            )
        if status in {401, 403, 404, 407}:
            return DeliveryForbidden(
                f"the destination refuses us ({status})", hint="check the address, the credentials and their rights"
            )
        return DeliveryRefused(
            f"the destination does not take this ({status})",
            hint="check the profile against the vendor's specification",
        )

    def _asked_for(self, said: Said) -> float | None:
        """Retry-After, as seconds or as a date (RFC 9110, section 10.2.3)."""
        given = said.headers.get("retry-after", "").strip()
        if given.isdigit():
            wait = float(given)
        else:
            try:
                at = parsedate_to_datetime(given)
            except ValueError:
                return None
            wait = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - self.now()).total_seconds()
        return min(max(wait, 0.0), LONGEST_WAIT_S)

    def _read(self, response: httpx.Response, until: float, take: Callable[[bytes], object] | None) -> Said:
        if response.is_redirect:
            raise DeliveryRefused("the destination points elsewhere", hint="write the address it means into the policy")
        headers = {name.lower(): value for name, value in response.headers.items()}
        kept = bytearray()
        for piece in response.iter_raw():
            self._in_time(until)
            if take is not None and response.is_success:
                take(piece)
                continue
            kept += piece
            if len(kept) > MOST_ANSWER:
                raise DeliveryRefused("the destination's answer does not end")
        return Said(status=response.status_code, headers=headers, body=bytes(kept))

    def _in_time(self, until: float) -> None:
        if self._monotonic() > until:
            raise DeliveryUnavailable("the destination is too slow")


class _InTime:
    """A body in pieces, for as long as there is time; again from its start when a login asks for that."""

    def __init__(self, body: bytes, until: float, in_time: Callable[[float], None]) -> None:
        self._body = body
        self._until = until
        self._in_time = in_time

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._body), _PIECE):
            self._in_time(self._until)
            yield self._body[start : start + _PIECE]


def _as_auth(login: Login | None) -> Any:
    """httpx wants its own kind; every login of this room is one."""
    return login
