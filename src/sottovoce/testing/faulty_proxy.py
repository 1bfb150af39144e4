"""A proxy on this machine between a client and a real protocol server, with faults on order.

Each request takes the next fault, if one is left: a status instead of an answer, a connection cut, success
that never reached the server, bytes changed on their way back. Everything else is passed on as it is.
"""

from __future__ import annotations

import http.client
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"})


class Fault(StrEnum):
    """What may happen to one request."""

    NONE = "none"
    UNAVAILABLE = "unavailable"
    """503, and the server never sees it."""
    EXPIRED = "expired"
    """400 ExpiredToken, as Amazon says it."""
    RESET = "reset"
    """The connection ends without an answer."""
    SWALLOWED = "swallowed"
    """200, and the server never sees it."""
    CORRUPTED = "corrupted"
    """The last bit of the answer is another."""


_STATUS: Final = {Fault.UNAVAILABLE: 503, Fault.EXPIRED: 400, Fault.SWALLOWED: 200}
_BODY: Final = {
    Fault.UNAVAILABLE: b"<Error><Code>SlowDown</Code></Error>",
    Fault.EXPIRED: b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>",
    Fault.SWALLOWED: b"",
}


@dataclass(kw_only=True)
class Proxy:
    """A running proxy: where it listens, the faults still to come, and the requests that came."""

    url: str
    faults: deque[Fault]
    seen: list[str]


@contextmanager
def faulty_proxy(
    upstream: str, *, rewrite: Callable[[str, str], str] = lambda _method, path: path, etag: str = ""
) -> Iterator[Proxy]:
    """Listens until the block ends. `rewrite` may change the path of a request by its method; an answer without
    an ETag gets `etag`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    proxy = Proxy(url=f"http://127.0.0.1:{server.server_port}", faults=deque(), seen=[])
    server.RequestHandlerClass = _handler(urlsplit(upstream).netloc, proxy, rewrite, etag)
    server.daemon_threads = True
    running = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    running.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        running.join()


def _handler(
    upstream: str, proxy: Proxy, rewrite: Callable[[str, str], str], etag: str
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            proxy.seen.append(f"{self.command} {self.path}")
            fault = proxy.faults.popleft() if proxy.faults else Fault.NONE
            if fault is Fault.RESET:
                self.close_connection = True
            elif fault in _STATUS:
                self._answer(_STATUS[fault], {"ETag": '"0"'}, _BODY[fault])
            else:
                self._pass_on(body, corrupted=fault is Fault.CORRUPTED)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_any  # noqa: N815 - the names the library asks for

        def _pass_on(self, body: bytes, *, corrupted: bool) -> None:
            connection = http.client.HTTPConnection(upstream, timeout=30)
            try:
                sent = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                connection.request(self.command, rewrite(self.command, self.path), body, sent)
                answer = connection.getresponse()
                data = answer.read()
                headers = {k: v for k, v in answer.getheaders() if k.lower() not in _HOP}
                if etag:
                    headers.setdefault("ETag", etag)
                if self.command == "HEAD":
                    headers["Content-Length"] = answer.getheader("Content-Length") or "0"
                self._answer(answer.status, headers, _flipped(data) if corrupted else data)
            finally:
                connection.close()

        def _answer(self, status: int, headers: dict[str, str], data: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002 - the library's own name
            return

    return Handler


def _flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1]) if data else data
