"""Connections that the sandbox can reset in the middle of an answer, as a network does."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import cast

from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: the kernel sends a reset in place of an orderly end."""


class AbortableProtocol(H11Protocol):
    """uvicorn's own protocol, whose applications find the connection in their state."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


def reset(request: Request) -> None:
    """Ends the request's connection with a reset: what was sent has arrived, and nothing more comes."""
    transport = cast("asyncio.Transport", request.scope["state"]["transport"])
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()
