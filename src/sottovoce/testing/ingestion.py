"""A vendor's ingestion interface on this machine, over real TLS: it keeps all it was ever sent, and fails on order.

with ingesting(folder) as vendor:
    vendor.url, vendor.authority.ca

`POST /calls` takes multipart; `POST /uploads` gives an address, `PUT /store/NAME` takes the bytes; `GET /calls/ID`
states digests by the key, the vendor's own name or a file's name; `GET /store/NAME` reads back; `POST /token` gives
tokens. The same idempotency key is taken once. `sent` is every body that reached it, whatever it answered, so that a
test can search all of it for what must never have left.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from sottovoce.testing.certificates import Authority, make_authority

CLIENT: Final = ("sottovoce-client", "sottovoce-secret")
API_KEY: Final = "api-key-of-a-test"


class VendorFault(StrEnum):
    """What may happen to one delivery (a POST of a call, or a PUT of its bytes)."""

    UNAVAILABLE = "unavailable"
    """503, and nothing is kept."""
    FAILED = "failed"
    """500 after it was kept."""
    BUSY = "busy"
    """429 with Retry-After: 7, and nothing is kept."""
    BUSY_UNTIL = "busy_until"
    """503 with Retry-After as a date."""
    RESET = "reset"
    """The connection ends in the middle of the body, and nothing is kept."""
    RESET_AFTER = "reset_after"
    """It is kept, and the connection ends before the answer."""
    SLOW = "slow"
    """It is kept, and the answer comes a byte at a time."""
    SWALLOWED = "swallowed"
    """200, and nothing is kept."""
    CHANGED = "changed"
    """200, and other bytes are kept."""
    HALF = "half"
    """200, and the first half is kept."""
    FULL = "full"
    """507, and nothing is kept."""
    REFUSED = "refused"
    """422, whenever it is asked."""
    ENDED = "ended"
    """401: the token, or the upload address, is over."""
    REDIRECTED = "redirected"
    """307 to elsewhere."""


_STATUS: Final[Mapping[VendorFault | None, int]] = {
    VendorFault.UNAVAILABLE: 503,
    VendorFault.FAILED: 500,
    VendorFault.BUSY: 429,
    VendorFault.BUSY_UNTIL: 503,
    VendorFault.FULL: 507,
    VendorFault.REFUSED: 422,
    VendorFault.ENDED: 401,
    VendorFault.REDIRECTED: 307,
}
_KEPT_STILL: Final = frozenset({VendorFault.FAILED, VendorFault.RESET_AFTER, VendorFault.SLOW})
Change = Callable[[bytes], bytes]
_CHANGES: Final[Mapping[VendorFault | None, Change]] = {
    VendorFault.CHANGED: lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    VendorFault.HALF: lambda data: data[: len(data) // 2],
}


@dataclass(kw_only=True)
class Vendor:
    """The running double. `files` is what it keeps by name, `keys` the idempotency keys it took, in order."""

    url: str
    authority: Authority
    faults: deque[VendorFault] = field(default_factory=deque)
    sent: list[bytes] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    names: dict[str, list[str]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    token_s: int = 3600
    """How long a token is good for."""
    pending: int = 0
    """How often a status is still `processing`."""
    upload_url: str | None = None
    """Given out instead of the true upload address."""
    takes_keys_once: bool = True
    needs_login: bool = False

    def everything(self) -> Iterator[bytes]:
        """All that ever reached it, also what it did not keep."""
        yield from self.sent
        yield from self.files.values()
        for path, headers in zip(self.seen, self.headers, strict=True):
            yield path.encode()
            yield json.dumps(dict(headers)).encode()

    def calls(self) -> int:
        """How many calls it has: names of sound files."""
        return sum(1 for name in self.files if name.endswith((".wav", ".flac", ".ogg")))


@contextmanager
def ingesting(folder: Path, *, with_client_certificates: bool = False) -> Iterator[Vendor]:
    """Listens until the block ends; its certificates lie in `folder`."""
    authority = make_authority(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server)
    if with_client_certificates:
        context.load_verify_locations(authority.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    vendor = Vendor(url=f"https://127.0.0.1:{server.server_port}", authority=authority)
    server.RequestHandlerClass = _handler(vendor)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    running = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    running.start()
    try:
        yield vendor
    finally:
        server.shutdown()
        server.server_close()
        running.join()


class _Cut(Exception):
    """The connection ends here."""


def _handler(vendor: Vendor) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 20

        def do_any(self) -> None:
            body = b""
            try:
                with lock:
                    fault = self._fault()
                body = self._body(fault)
                with lock:
                    vendor.sent.append(body)
                    vendor.seen.append(f"{self.command} {self.path}")
                    vendor.headers.append({name.lower(): value for name, value in self.headers.items()})
                    status, said = _answer(vendor, self, body, fault)
                self._say(status, said, fault)
            except (_Cut, ConnectionError, ssl.SSLError, TimeoutError):
                self.close_connection = True

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_any  # noqa: N815 - the library's names

        def _fault(self) -> VendorFault | None:
            """Only deliveries fail, so that asking afterwards is honest."""
            is_delivery = (self.command, self.path) == ("POST", "/calls") or self.command == "PUT"
            return vendor.faults.popleft() if is_delivery and vendor.faults else None

        def _body(self, fault: VendorFault | None) -> bytes:
            size = int(self.headers.get("Content-Length") or 0)
            if fault is VendorFault.RESET:
                vendor.sent.append(self.rfile.read(size // 2))
                raise _Cut
            return self.rfile.read(size)

        def _say(self, status: int, said: Any, fault: VendorFault | None) -> None:
            if fault is VendorFault.RESET_AFTER:
                raise _Cut
            data = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            if fault is VendorFault.BUSY:
                self.send_header("Retry-After", "7")
            if fault is VendorFault.BUSY_UNTIL:
                self.send_header("Retry-After", format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True))
            if fault is VendorFault.REDIRECTED:
                self.send_header("Location", f"{vendor.url}/elsewhere")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self._write(data, slowly=fault is VendorFault.SLOW)

        def _write(self, data: bytes, *, slowly: bool) -> None:
            for at in range(0, len(data), 1 if slowly else max(1, len(data))):
                self.wfile.write(data[at:] if not slowly else data[at : at + 1])
                self.wfile.flush()
                if slowly:
                    time.sleep(0.02)

        def log_message(self, *_said: object) -> None:
            """Says nothing."""

    return Handler


def _answer(vendor: Vendor, asked: BaseHTTPRequestHandler, body: bytes, fault: VendorFault | None) -> tuple[int, Any]:
    path = unquote(urlsplit(asked.path).path)
    if path == "/token":
        return _token(vendor, asked, body)
    if vendor.needs_login and not path.startswith("/store/") and not _knows(vendor, asked):
        return 401, {}
    if asked.command == "POST" and path == "/calls":
        return _take_call(vendor, asked, body, fault)
    if asked.command == "POST" and path == "/uploads":
        return _offer(vendor, asked, body)
    if path.startswith("/store/"):
        return _store(vendor, asked, path.removeprefix("/store/"), body, fault)
    if path.startswith("/calls/"):
        return _status(vendor, asked, path.removeprefix("/calls/"))
    return 404, {}


def _token(vendor: Vendor, asked: BaseHTTPRequestHandler, body: bytes) -> tuple[int, Any]:
    basic = "Basic " + base64.b64encode(":".join(CLIENT).encode()).decode()
    in_form = f"client_id={CLIENT[0]}&client_secret={CLIENT[1]}".encode() in body
    if asked.headers.get("Authorization") != basic and not in_form:
        return 401, {}
    token = secrets.token_hex(8)
    vendor.tokens.add(token)
    return 200, {"access_token": token, "expires_in": vendor.token_s, "token_type": "Bearer"}


def _knows(vendor: Vendor, asked: BaseHTTPRequestHandler) -> bool:
    bearer = asked.headers.get("Authorization", "").removeprefix("Bearer ")
    return bearer in vendor.tokens or asked.headers.get("X-Api-Key") == API_KEY


def _take_call(
    vendor: Vendor, asked: BaseHTTPRequestHandler, body: bytes, fault: VendorFault | None
) -> tuple[int, Any]:
    if fault is VendorFault.ENDED:
        vendor.tokens.clear()
    key = asked.headers.get("Idempotency-Key", "")
    parts = read_multipart(asked.headers.get("Content-Type", ""), body)
    known = vendor.takes_keys_once and key in vendor.keys
    if not known and _keeps(fault):
        _keep(vendor, key, parts, fault)
    if fault in _STATUS:
        return _STATUS[fault], {}
    digest = hashlib.sha256(next(iter(parts.values()), b"")).hexdigest()
    return 200, {"id": f"vendor-{key[:8]}", "sha256": digest, "state": "accepted"}


def _keep(vendor: Vendor, key: str, parts: Mapping[str, bytes], fault: VendorFault | None) -> None:
    change = _change(fault)
    vendor.keys.append(key)
    vendor.names[key] = list(parts)
    for name, data in parts.items():
        taken = name if vendor.takes_keys_once or name not in vendor.files else f"again-{name}"
        vendor.files[taken] = change(data)


def _change(fault: VendorFault | None) -> Change:
    """What becomes of bytes on their way into the store."""
    return _CHANGES.get(fault, bytes)


def _keeps(fault: VendorFault | None) -> bool:
    return fault is None or fault in _KEPT_STILL or fault in _CHANGES


def _offer(vendor: Vendor, asked: BaseHTTPRequestHandler, body: bytes) -> tuple[int, Any]:
    name = json.loads(body)["fileName"]
    key = asked.headers.get("Idempotency-Key", "").partition("-")[0]
    vendor.names.setdefault(key, []).append(name)
    address = vendor.upload_url or f"{vendor.url}/store/{name}?signature={secrets.token_hex(8)}"
    return 200, {"id": f"vendor-{key[:8]}", "url": address, "headers": {"x-amz-meta-kind": "call"}}


def _store(
    vendor: Vendor, asked: BaseHTTPRequestHandler, name: str, body: bytes, fault: VendorFault | None
) -> tuple[int, Any]:
    if asked.command == "DELETE":
        return (204, b"") if vendor.files.pop(name, None) is not None else (404, b"")
    if asked.command != "PUT":
        return (200, vendor.files[name]) if name in vendor.files else (404, b"")
    if asked.headers.get("Authorization"):
        return 400, b"credentials have no business here"
    if _keeps(fault):
        vendor.files[name] = _change(fault)(body)
    return _STATUS.get(fault, 200), b""


def _status(vendor: Vendor, asked: BaseHTTPRequestHandler, name: str) -> tuple[int, Any]:
    """By the key, by what the vendor calls it, or by a file's name."""
    by_reference = [k for k in vendor.names if f"vendor-{k[:8]}" == name]
    key = by_reference[0] if by_reference else name
    found = next((each for each in (name, *vendor.names.get(key, ())) if each in vendor.files), None)
    if found is None:
        return 404, {}
    if asked.command == "DELETE":
        for each in vendor.names.get(key, [found]):
            vendor.files.pop(each, None)
        return 204, b""
    if vendor.pending:
        vendor.pending -= 1
        return 200, {"state": "processing"}
    data = vendor.files[found]
    digests = {"sha256": hashlib.sha256(data).hexdigest(), "md5": hashlib.md5(data, usedforsecurity=False).hexdigest()}
    return 200, {"state": "stored", **digests, "media": digests}


def read_multipart(content_type: str, body: bytes) -> dict[str, bytes]:
    """Files by their names (RFC 7578)."""
    boundary = content_type.partition("boundary=")[2].strip('"').encode()
    found: dict[str, bytes] = {}
    for part in body.split(b"--" + boundary)[1:-1] if boundary else ():
        head, _, data = part[2:].partition(b"\r\n\r\n")
        name = head.partition(b'filename="')[2].partition(b'"')[0].decode()
        found[name] = data[:-2]
    return found
