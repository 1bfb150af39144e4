"""The gate before the API: correlation ids, faults, tokens, and the count of requests a minute.

Every answer carries `ININ-Correlation-Id`; every answer to a token carries the three `inin-ratelimit-*`
headers; 429 carries `Retry-After`, without which the official SDK gives up at once (GENESYS.md 0, 7).
"""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sottovoce.sandbox.answers import MAX_BODY, ApiError, error_body
from sottovoce.sandbox.oauth import bearer
from sottovoce.sandbox.store import Store, Token

WINDOW_S = 60.0
_ABOUT = "/api/v2/conversations/"
_SERVER_ERRORS = {
    500: ("internal.server.error", "The server encountered an unexpected condition."),
    502: ("bad.gateway", "The server did not get an answer it could use."),
    503: ("service.unavailable", "The service is unavailable."),
    504: ("request.timeout", "The request timed out."),
}


class Gate:
    """ASGI: lets a request through to the API, or answers in its place."""

    def __init__(self, app: ASGIApp, *, store: Store) -> None:
        self._app = app
        self._store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["correlation"] = str(uuid4())
        headers = {"ININ-Correlation-Id": scope["correlation"]}
        try:
            if scope["path"].startswith("/api/"):
                await self._admit(scope, headers)
            _refuse_announced(Headers(scope=scope))
            await self._app(scope, _bounded(receive), _adding(send, headers))
        except ApiError as error:
            answer = JSONResponse(
                error_body(error, context=scope["correlation"]), status_code=error.status, headers=error.headers
            )
            await answer(scope, receive, _adding(send, headers))

    async def _admit(self, scope: Scope, headers: dict[str, str]) -> None:
        faults, call = self._store.faults, _call_of(scope["path"])
        await asyncio.sleep(faults.level("slow_ms", call=call) / 1000)
        if faults.take("server_errors", call=call):
            raise _server_error(faults.level("server_error_status", call=call))
        token = bearer(self._store, Headers(scope=scope).get("Authorization", ""))
        scope["token"] = token
        self._count(token, headers, call)

    def _count(self, token: Token, headers: dict[str, str], call: str) -> None:
        now, limit = self._store.now().timestamp(), self._store.settings.rate_limit
        with self._store.lock:
            if now - token.window_at >= WINDOW_S:
                token.window_at, token.count = now, 0
            token.count += 1
            count, left_s = token.count, max(1, round(token.window_at + WINDOW_S - now))
        headers["inin-ratelimit-count"] = str(count)
        headers["inin-ratelimit-allowed"] = str(limit)
        headers["inin-ratelimit-reset"] = str(left_s)
        if count > limit:
            raise _too_many(limit, left_s)
        if self._store.faults.take("too_many", call=call):
            raise _too_many(limit, self._store.faults.level("retry_after_s", call=call))


def _too_many(limit: int, wait_s: int) -> ApiError:
    return ApiError(
        429,
        "too.many.requests",
        f"Rate limit exceeded the maximum [{limit}] requests within [{int(WINDOW_S)}] seconds",
        headers={"Retry-After": str(wait_s)},
    )


def _server_error(status: int) -> ApiError:
    code, message = _SERVER_ERRORS[status]
    return ApiError(status, code, message)


def _call_of(path: str) -> str:
    """The conversation a path is about, where it is about one."""
    return path.removeprefix(_ABOUT).partition("/")[0] if path.startswith(_ABOUT) else ""


def _too_large() -> ApiError:
    return ApiError(413, "request.entity.too.large", f"The request is over the size limit. Maximum bytes: {MAX_BODY}")


def _refuse_announced(headers: Headers) -> None:
    announced = headers.get("Content-Length", "")
    if announced.isdigit() and int(announced) > MAX_BODY:
        raise _too_large()


def _bounded(receive: Receive) -> Receive:
    """Bytes are counted as they come, whatever was announced."""
    size = 0

    async def receiving() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MAX_BODY:
            raise _too_large()
        return message

    return receiving


def _adding(send: Send, headers: dict[str, str]) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            mutable: Any = MutableHeaders(scope=message)
            mutable.update(headers)
        await send(message)

    return sending
