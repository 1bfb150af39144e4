"""`POST /v1/events/recordings`: the intake as plain ASGI, so that a request costs microseconds beside its commit.

Answers: 202 with a receipt once the event is durable; 200 with the same receipt for each copy of it; 422 where its id
came with another body before; 400, 401, 413, 415 for what is refused, in that generality; 503 with `Retry-After` when
it cannot be written down now. `GET /healthz` says that the process lives, `GET /readyz` that its database answers.
No body, header or id of a request is ever logged or repeated in an answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from sottovoce.errors import EventRefused, IntakeBusy, LedgerUnavailable, SignatureRefused, SottovoceError
from sottovoce.intake.clerk import Clerk
from sottovoce.intake.desk import Receipt
from sottovoce.intake.door import Door
from sottovoce.intake.protocol import Message
from sottovoce.intake.strict_json import MAX_BYTES

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

EVENTS: Final = "/v1/events/recordings"
MAX_HEADERS: Final = 100
BODY_DEADLINE_S: Final = 15.0
RETRY_AFTER_S: Final = 5


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
            status, body, headers = await self._answer(scope, receive)
            await respond(send, status, body, headers)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        path, method = scope["path"], scope["method"]
        if path == EVENTS:
            return await self._event(scope, receive) if method == "POST" else refusal(405, "method_not_allowed")
        if path in ("/healthz", "/readyz") and method in ("GET", "HEAD"):
            return await self._health(deep=path == "/readyz")
        return refusal(404, "not_found")

    async def _event(self, scope: Scope, receive: Receive) -> Answer:
        headers = headers_of(scope)
        if headers is None:
            return refusal(400, "headers")
        if headers.get("content-type", "application/json").split(";")[0].strip().lower() != "application/json":
            return refusal(415, "content_type")
        try:
            body = await asyncio.wait_for(body_of(receive), BODY_DEADLINE_S)
            if body is None:
                return refusal(413, "too_large")
            arrival = self._door.admit(message_of(scope, headers, body))
            return _receipt(await self._clerk.accept(arrival))
        except SignatureRefused:
            return refusal(401, "signature")
        except EventRefused:
            return refusal(400, "event")
        except (IntakeBusy, LedgerUnavailable):
            return refusal(503, "unavailable", retry_after_s=RETRY_AFTER_S)
        except TimeoutError:
            return refusal(408, "body_too_slow")
        except Exception:  # noqa: BLE001 - the server would log what nobody foresaw, and its message may hold a value
            return refusal(500, "unexpected")

    async def _health(self, *, deep: bool) -> Answer:
        try:
            if deep:
                await asyncio.get_running_loop().run_in_executor(None, self._ready)
        except SottovoceError:
            return refusal(503, "unavailable", retry_after_s=RETRY_AFTER_S)
        return 200, {"status": "ok"}, {}

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self._clerk.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


Answer = tuple[int, dict[str, str], dict[str, str]]


def _receipt(receipt: Receipt) -> Answer:
    if receipt.conflict:
        return refusal(422, "conflict")
    return 202 if receipt.fresh else 200, {"job": receipt.job, "status": "accepted"}, {}


def refusal(status: int, code: str, *, retry_after_s: int | None = None) -> Answer:
    headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
    return status, {"error": code}, headers


def headers_of(scope: Scope) -> dict[str, str] | None:
    """By lower-case name; None where there are too many, or one comes twice."""
    given = scope["headers"]
    found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in given}
    return found if len(given) <= MAX_HEADERS and len(found) == len(given) else None


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


async def respond(send: Send, status: int, body: dict[str, str], headers: dict[str, str]) -> None:
    data = json.dumps(body, separators=(",", ":")).encode()
    plain = {"content-type": "application/json", "content-length": str(len(data)), "cache-control": "no-store"}
    pairs = [(name.encode(), value.encode()) for name, value in (plain | headers).items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": data})
