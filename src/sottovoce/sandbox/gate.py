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

from sottovoce.sandbox.answers import ApiError, error_body
from sottovoce.sandbox.oauth import bearer
from sottovoce.sandbox.store import Store, Token

WINDOW_S = 60.0


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
            await self._app(scope, receive, _adding(send, headers))
        except ApiError as error:
            answer = JSONResponse(
                error_body(error, context=scope["correlation"]), status_code=error.status, headers=error.headers
            )
            await answer(scope, receive, _adding(send, headers))

    async def _admit(self, scope: Scope, headers: dict[str, str]) -> None:
        faults = self._store.faults
        await asyncio.sleep(faults.level("slow_ms") / 1000)
        if faults.take("server_errors"):
            raise ApiError(503, "service.unavailable", "The service is unavailable.")
        token = bearer(self._store, Headers(scope=scope).get("Authorization", ""))
        scope["token"] = token
        self._count(token, headers)

    def _count(self, token: Token, headers: dict[str, str]) -> None:
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
        if self._store.faults.take("too_many"):
            raise _too_many(limit, self._store.faults.level("retry_after_s"))


def _too_many(limit: int, wait_s: int) -> ApiError:
    return ApiError(
        429,
        "too.many.requests",
        f"Rate limit exceeded the maximum [{limit}] requests within [{int(WINDOW_S)}] seconds",
        headers={"Retry-After": str(wait_s)},
    )


def _adding(send: Send, headers: dict[str, str]) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            mutable: Any = MutableHeaders(scope=message)
            mutable.update(headers)
        await send(message)

    return sending
