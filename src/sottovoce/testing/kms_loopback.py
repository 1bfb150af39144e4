"""A small HTTP server on 127.0.0.1 for doubles of services, in a thread of its own.

with Loopback(answer) as server:
    client(server.url)

It speaks HTTP/1.1 with connections kept, over TLS when asked to (with a certificate drawn for the occasion), and
can be told to fail. What a double says is decided by one function from a request to a reply.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

HOST: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body)) if self.body else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is answered."""

    status: int = 200
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Callable[[Request], Reply]


class Loopback:
    """The server, from `with` to its end. `folder` is where a certificate may be kept; with it TLS is spoken."""

    def __init__(self, answer: Answer, *, folder: Path | None = None, content_type: str = "application/json") -> None:
        self.failing: Reply | None = None
        """While set, every request is answered with this."""
        self.stopped = False
        self.asked: list[str] = []
        """Method and path of every request, oldest first."""
        self.ca = folder / "ca.pem" if folder else None
        self._server = ThreadingHTTPServer((HOST, 0), _handler(self, answer, content_type))
        if folder is not None:
            self._server.socket = _tls(folder).wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"{'https' if self.ca else 'http'}://{HOST}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Nobody listens any more, and connections that are open lead nowhere. Idempotent."""
        self.stopped = True
        if self._thread.is_alive():
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()


def _handler(server: Loopback, answer: Answer, content_type: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1
        timeout = 20

        def _any(self) -> None:
            size = int(self.headers.get("content-length", 0))
            asked = Request(
                method=self.command,
                path=self.path,
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(size),
            )
            if server.stopped:
                self.close_connection = True
                return
            server.asked.append(f"{asked.method} {asked.path}")
            self._say(server.failing or answer(asked))

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_LIST = _any  # noqa: N815 - the library's names

        def _say(self, reply: Reply) -> None:
            body = b"" if reply.json is None else json.dumps(reply.json).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Type": content_type, **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, *said: object) -> None:
            """Nothing: what is asked holds keys."""

    return Handler


def _tls(folder: Path) -> ssl.SSLContext:
    """A server context over a fresh self-signed certificate for 127.0.0.1, kept in `folder`."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private, public = folder / "tls.key", folder / "ca.pem"
    pem = serialization.Encoding.PEM
    private.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    public.write_bytes(made.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return context
