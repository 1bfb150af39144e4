"""Serving the intake: uvicorn, and what it leaves open of a request's size and time before its body is asked for.

Its parser takes heads, chunk extensions and trailers of any length, and waits for them for ever. Here a head has at
most 32 KiB and 15 seconds, and nothing sends more than two bytes for each byte that a body may have.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sottovoce.intake.strict_json import MAX_BYTES
from sottovoce.service.intake import IntakeApp

MAX_HEAD: Final = 32 << 10
HEAD_DEADLINE_S: Final = 15.0
_MAX_ON_THE_WIRE: Final = 2 * MAX_BYTES
_TOO_LONG: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\ncontent-length: 20\r\n"
    b'connection: close\r\n\r\n{"error":"headers"}\n'
)


class BoundedHttp(HttpToolsProtocol):
    """Counts what was fed since a head or a message was last complete."""

    _fed = 0
    _in_body = False
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._fed += len(data)
        super().data_received(data)
        if self._fed > (_MAX_ON_THE_WIRE if self._in_body else MAX_HEAD):
            self._refuse()
        elif self._fed and not self._in_body and self._waiting is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        self._fed, self._in_body = 0, True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._fed, self._in_body = 0, False
        super().on_message_complete()

    def _await_head(self) -> None:
        self._waiting = self.loop.call_later(HEAD_DEADLINE_S, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _refuse(self) -> None:
        if not self.transport.is_closing():
            answering = self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]
            if not self._in_body and not answering:
                self.transport.write(_TOO_LONG)
            self.transport.close()


def configured(app: IntakeApp, **more: Any) -> uvicorn.Config:
    """Nothing of a request is logged, and nothing of the server is told."""
    return uvicorn.Config(
        app,
        http=BoundedHttp,
        ws="none",
        log_level="critical",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=5,
        **more,
    )
