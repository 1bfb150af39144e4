"""Asks an external engine over HTTP, and takes nothing from it but what was agreed (SPEC 14.5, SECURITY.md 5.2).

One host, the policy's own: no redirect is followed, no proxy of the environment used. One deadline from the look-up of
the name to the last byte. Of an answer its status, its type and at most 64 KiB are looked at; an answer at once is a
JSON object, a promise is 202. Whatever else comes is an error by name, and no word of it goes anywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from sottovoce.compliance.engine_request import CONTENT_TYPE, Request
from sottovoce.errors import EventRefused, JudgeRefused, JudgeUnavailable, VerdictPending, VerdictRefused
from sottovoce.intake.strict_json import parse_object

MAX_ANSWER: Final = 64 << 10
_PASSING: Final = frozenset({408, 425, 429})
_OK, _ACCEPTED, _CONFLICT = 200, 202, 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; `body` is None where nobody reads it."""

    status: int
    content_type: str = field(repr=False)
    encoding: str = field(repr=False)
    body: bytes = field(repr=False)


class EngineClient:
    """One engine. A call is a connection of its own: it is asked once a recording."""

    def __init__(self, *, url: str, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s

    def ask(self, request: Request) -> Mapping[str, Any] | None:
        """The answer's JSON object, or None where it is promised for later.

        Raises JudgeUnavailable, JudgeRefused, VerdictRefused; VerdictPending where an earlier copy is still at work.
        """
        return answer_of(self._posted(request))

    def _posted(self, request: Request) -> Answer:
        try:
            return asyncio.run(self._post(request))
        except TimeoutError:
            raise JudgeUnavailable("the compliance engine does not answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as failure:
            raise JudgeUnavailable(f"the compliance engine does not answer ({type(failure).__name__})") from None

    async def _post(self, request: Request) -> Answer:
        headers = {**request.headers, "accept": CONTENT_TYPE, "accept-encoding": "identity"}
        async with (
            asyncio.timeout(self._timeout_s),
            httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=self._timeout_s) as http,
            http.stream("POST", self._url, content=request.body, headers=headers) as response,
        ):
            return Answer(
                status=response.status_code,
                content_type=response.headers.get("content-type", ""),
                encoding=response.headers.get("content-encoding", ""),
                body=await _bounded(response) if response.status_code == _OK else b"",
            )


async def _bounded(response: httpx.Response) -> bytes:
    parts, size = [], 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > MAX_ANSWER:
            raise VerdictRefused("the engine's answer is larger than any verdict", hint="at most 64 KiB are read")
        parts.append(part)
    return b"".join(parts)


def answer_of(answer: Answer) -> Mapping[str, Any] | None:
    """What an answer says, as `ask` has it. Pure."""
    status = answer.status
    if status == _ACCEPTED:
        return None
    if status == _CONFLICT:
        raise VerdictPending("the engine is still at work on an earlier copy")
    if status in _PASSING or status >= 500:
        raise JudgeUnavailable("the compliance engine does not answer", hint=f"status {status}")
    if status != _OK:
        refused = 300 <= status < 500
        kind = JudgeRefused if refused else VerdictRefused
        raise kind("the compliance engine does not judge the recording", hint=f"status {status}")
    if answer.content_type.split(";")[0].strip().lower() != CONTENT_TYPE or answer.encoding not in ("", "identity"):
        raise VerdictRefused("the engine's answer is not JSON", hint="application/json, not compressed")
    try:
        return parse_object(answer.body)
    except EventRefused:
        raise VerdictRefused("the engine's answer is not one JSON object") from None
