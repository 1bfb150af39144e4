"""The redirect of a sign-in, caught on this machine (RFC 8252, 7.3): one answer, on a free port of 127.0.0.1."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qsl, urlsplit

from sottovoce.errors import NotSignedIn

PATH: Final = "/signed-in"
_PAGE: Final = b"<!doctype html><title>sottovoce</title><p>You may close this window and go back to the terminal.</p>"


class LoopbackRedirect:
    """Listens from `with` to its end; `answer` waits for the browser to come back."""

    def __init__(self) -> None:
        self._got: dict[str, str] | None = None
        self._done = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.take(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Says nothing: addresses hold codes."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """The redirect address to register with the provider, whatever the port."""
        return f"http://127.0.0.1:{self._server.server_port}{PATH}"

    def answer(self, *, timeout_s: float) -> dict[str, str]:
        """The query of the redirect. NotSignedIn when nobody comes back in time."""
        if not self._done.wait(timeout_s) or self._got is None:
            raise NotSignedIn("nobody signed in in time", hint="begin again with `sottovoce login`")
        return self._got

    def take(self, request: BaseHTTPRequestHandler) -> None:
        """One request: the first to the right path counts, every other is 404."""
        parts = urlsplit(request.path)
        if parts.path != PATH or self._done.is_set():
            request.send_error(404)
            return
        self._got = dict(parse_qsl(parts.query))
        request.send_response(200)
        request.send_header("Content-Type", "text/html; charset=utf-8")
        request.send_header("Content-Security-Policy", "default-src 'none'")
        request.send_header("Referrer-Policy", "no-referrer")
        request.end_headers()
        request.wfile.write(_PAGE)
        self._done.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)
