"""Serving the broker: on loopback, or with a certificate, and nowhere else."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from sottovoce.access.alerts import is_loopback
from sottovoce.errors import AccessRefused, WorkspaceError

_BACKLOG: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen; `certificate` and `key` are PEM files."""

    host: str = "127.0.0.1"
    port: int = 8460
    certificate: Path | None = None
    key: Path | None = None

    @property
    def origin(self) -> str:
        """The address readers use, and sign."""
        scheme = "https" if self.certificate else "http"
        return f"{scheme}://{self.host}:{self.port}"


def bind(address: Address) -> tuple[socket.socket, Address]:
    """A bound socket, and the address with the port it got. AccessRefused beyond loopback without a certificate."""
    if (address.certificate is None) != (address.key is None):
        raise AccessRefused("a certificate needs its key, and a key its certificate")
    if address.certificate is None and not is_loopback(address.host):
        raise AccessRefused("keys leave this machine over TLS only", hint="give --certificate and --key")
    bound = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((address.host, address.port))
        bound.listen(_BACKLOG)
    except OSError as failure:
        bound.close()
        raise WorkspaceError(f"the broker cannot listen there ({failure.strerror})") from None
    port = bound.getsockname()[1]
    return bound, Address(host=address.host, port=port, certificate=address.certificate, key=address.key)


def server(app: ASGIApp, address: Address) -> uvicorn.Server:
    """A server for a bound socket: `server(...).run(sockets=[bound])`. It logs no request."""
    config = uvicorn.Config(
        app,
        log_level="critical",
        access_log=False,
        server_header=False,
        lifespan="off",
        proxy_headers=False,
        ssl_certfile=address.certificate,
        ssl_keyfile=address.key,
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)
