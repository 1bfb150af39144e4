"""Serving the intake: uvicorn, and what it leaves open of a request's size and time before its body is asked for.

Its parser takes heads, chunk extensions and trailers of any length, and waits for them for ever. Here a head has at
most 32 KiB and 15 seconds, and nothing sends more than two bytes for each byte that a body may have. It also writes an
answer's head and body one by one, at two calls of the kernel and two packets for each event: here they go together.
"""

from __future__ import annotations

import asyncio
import gc
import socket
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sottovoce.intake.strict_json import MAX_BYTES
from sottovoce.service.intake import ASGI, WHOLE

MAX_HEAD: Final = 32 << 10
HEAD_DEADLINE_S: Final = 15.0
_MAX_ON_THE_WIRE: Final = 2 * MAX_BYTES
_TOO_LONG: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\ncontent-length: 20\r\n"
    b'connection: close\r\n\r\n{"error":"headers"}\n'
)


class Joined(asyncio.Transport):
    """Holds an answer's head until its body is written, or there is none."""

    def __init__(self, inner: asyncio.Transport) -> None:
        super().__init__()
        self._inner = inner
        self._head = b""
        self.is_closing = inner.is_closing  # type: ignore[method-assign]
        self.pause_reading = inner.pause_reading  # type: ignore[method-assign]
        self.resume_reading = inner.resume_reading  # type: ignore[method-assign]
        self.get_extra_info = inner.get_extra_info  # type: ignore[method-assign]

    def write(self, data: bytes | bytearray | memoryview) -> None:
        part = bytes(data)
        if not self._head and part.endswith(b"\r\n\r\n") and not part.startswith(b"HTTP/1.1 100"):
            self._head = part
            return
        self._inner.write(self._head + part)
        self._head = b""

    def flush(self) -> None:
        if self._head:
            self._inner.write(self._head)
            self._head = b""

    def close(self) -> None:
        self.flush()
        self._inner.close()


class BoundedHttp(HttpToolsProtocol):
    """Counts what was fed since a head or a message was last complete."""

    transport: Joined
    _fed = 0
    _in_body = False
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(Joined(transport))
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
        self.scope[WHOLE] = True  # type: ignore[typeddict-unknown-key]
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self.transport.flush()
        super().on_response_complete()

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


def serve(config: uvicorn.Config, *, sockets: list[socket.socket] | None = None) -> None:
    """Until interrupted. What the program is made of is not searched for garbage again while requests come."""
    gc.collect()
    gc.freeze()
    uvicorn.Server(config).run(sockets=sockets)


def configured(app: ASGI, **more: Any) -> uvicorn.Config:
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
