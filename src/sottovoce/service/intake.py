"""`POST /v1/events/recordings`: the intake as plain ASGI, so that a request costs microseconds beside its commit.

Answers: 202 with a receipt once the event is durable; 200 with the same receipt for each copy of it; 422 where its id
came with another body before; 400, 401, 413, 415 for what is refused, in that generality; 503 with `Retry-After` when
it cannot be written down now. `GET /healthz` says that the process lives, `GET /readyz` that its database answers.
No body, header or id of a request is ever logged or repeated in an answer. Where it is refused before its body is read,
the connection is closed: what is not wanted is not read.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final

from sottovoce.errors import EventRefused, IntakeBusy, LedgerUnavailable, SignatureRefused, SottovoceError
from sottovoce.intake.batch import Receipt
from sottovoce.intake.clerk import Clerk
from sottovoce.intake.door import Door
from sottovoce.intake.protocol import Message
from sottovoce.intake.strict_json import MAX_BYTES

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]

EVENTS: Final = "/v1/events/recordings"
HEALTH: Final = "/healthz", "/readyz"
MAX_HEADERS: Final = 100
BODY_DEADLINE_S: Final = 15.0
WHOLE: Final = "sottovoce.whole"
"""In the scope of a request that came in one piece, so that nobody has to wait for its body."""
RETRY_AFTER_S: Final = 5
_PLAIN: Final = (b"content-type", b"application/json"), (b"cache-control", b"no-store")
_CLOSE: Final = (b"connection", b"close")
_LENGTH: Final = re.compile(r"[0-9]{1,12}")
_encode = json.JSONEncoder(separators=(",", ":")).encode

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Mapping[str, str]
    headers: tuple[Header, ...] = ()


class IntakeApp:
    """ASGI. `ready` raises when the database does not answer."""

    def __init__(self, *, door: Door, clerk: Clerk, ready: Callable[[], object]) -> None:
        self._door = door
        self._clerk = clerk
        self._ready = ready

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await respond(send, await self._answer(scope, receive))

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        path, method = scope["path"], scope["method"]
        if path == EVENTS:
            return await self._event(scope, receive) if method == "POST" else not_allowed(b"POST")
        if path in HEALTH:
            return (
                await self._health(deep=path == "/readyz") if method in ("GET", "HEAD") else not_allowed(b"GET, HEAD")
            )
        return _unread(404, "not_found")

    async def _event(self, scope: Scope, receive: Receive) -> Answer:
        headers = headers_of(scope)
        if headers is None:
            return _unread(400, "headers")
        if headers.get("content-type", "application/json").split(";")[0].strip().lower() != "application/json":
            return _unread(415, "content_type")
        if _is_too_large(headers):
            return _unread(413, "too_large")
        try:
            async with asyncio.timeout(BODY_DEADLINE_S) if WHOLE not in scope else nullcontext():
                body = await body_of(receive)
        except TimeoutError:
            return _unread(408, "body_too_slow")
        except EventRefused:
            return _unread(400, "event")
        return _unread(413, "too_large") if body is None else await self._accepted(message_of(scope, headers, body))

    async def _accepted(self, message: Message) -> Answer:
        try:
            return _receipt(await self._clerk.accept(self._door.admit(message)))
        except SignatureRefused:
            return refusal(401, "signature")
        except EventRefused:
            return refusal(400, "event")
        except (IntakeBusy, LedgerUnavailable):
            return unavailable()
        except Exception:  # noqa: BLE001 - the server would log what nobody foresaw, and its message may hold a value
            return refusal(500, "unexpected")

    async def _health(self, *, deep: bool) -> Answer:
        try:
            if deep:
                await asyncio.get_running_loop().run_in_executor(None, self._ready)
        except SottovoceError:
            return unavailable()
        return Answer(200, {"status": "ok"})

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self._clerk.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _receipt(receipt: Receipt) -> Answer:
    if receipt.conflict:
        return refusal(422, "conflict")
    return Answer(202 if receipt.fresh else 200, {"job": receipt.job, "status": "accepted"})


def refusal(status: int, code: str, *headers: Header) -> Answer:
    return Answer(status, {"error": code}, headers)


def _unread(status: int, code: str, *headers: Header) -> Answer:
    """A refusal while the body may still come: the connection ends with it."""
    return refusal(status, code, _CLOSE, *headers)


def not_allowed(methods: bytes) -> Answer:
    return _unread(405, "method_not_allowed", (b"allow", methods))


def unavailable() -> Answer:
    return refusal(503, "unavailable", (b"retry-after", str(RETRY_AFTER_S).encode()))


def headers_of(scope: Scope) -> dict[str, str] | None:
    """By lower-case name; None where there are too many, or one comes twice."""
    given = scope["headers"]
    found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in given}
    return found if len(given) <= MAX_HEADERS and len(found) == len(given) else None


def _is_too_large(headers: Mapping[str, str]) -> bool:
    """By its own account. What says nothing of its length is counted while it comes."""
    length = headers.get("content-length", "0")
    return _LENGTH.fullmatch(length) is None or int(length) > MAX_BYTES


async def body_of(receive: Receive) -> bytes | None:
    """The whole body, counted while it comes; None beyond the cap."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise EventRefused("the sender went away")
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BYTES:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def message_of(scope: Scope, headers: dict[str, str], body: bytes) -> Message:
    query = scope.get("query_string", b"").decode("latin-1")
    target = scope["path"] + (f"?{query}" if query else "")
    return Message(headers=headers, body=body, method=scope["method"], target=target)


async def respond(send: Send, answer: Answer) -> None:
    data = _encode(answer.body).encode()
    headers = [*_PLAIN, (b"content-length", b"%d" % len(data)), *answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": data})
