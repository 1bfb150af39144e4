"""Connections to hosts that an answer named: to public addresses only, and to the address that was checked.

An allowed name may still resolve to an address inside (DNS rebinding, SECURITY.md 5.2). So the name is
resolved once, every address it has must be global, and the connection goes to one of exactly those;
TLS still checks the name. Loopback is allowed to the sandbox alone, private networks to whoever configured one.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Any

import httpcore
import httpx

from sottovoce.errors import SottovoceError, SourceRefused

Resolve = Callable[[str, int], list[str]]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_TRANSLATED = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96")))
"""NAT64, well-known and local-use (RFC 6052, 8215), and IPv4-compatible addresses (RFC 4291 2.5.5.1)."""


def resolve(host: str, port: int) -> list[str]:
    """Every address of a name, in the system's order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(text: str) -> bool:
    """Whether an address is global, by itself and by what it carries inside."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and _carries_another(address):
        return False
    return address.is_global and not address.is_multicast


class CheckedBackend(httpcore.NetworkBackend):
    """Resolves, checks, connects to what was checked. Raises `refusal` before any connection."""

    def __init__(
        self,
        *,
        loopback: bool,
        private: bool = False,
        refusal: type[SottovoceError] = SourceRefused,
        lookup: Resolve = resolve,
        inner: httpcore.NetworkBackend | None = None,
    ) -> None:
        self._loopback = loopback
        self._private = private
        self._refusal = refusal
        self._lookup = lookup
        self._inner = inner or httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: httpcore.ConnectError | httpcore.ConnectTimeout = httpcore.ConnectError("no address")
        for address in self._checked(host, port):
            try:
                return self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    def _checked(self, host: str, port: int) -> list[str]:
        try:
            addresses = self._lookup(host, port)
        except OSError:
            raise httpcore.ConnectError("the name does not resolve") from None
        if not all(self._allowed(address) for address in addresses):
            raise self._refusal("a host leads to an address that is not public")
        return addresses

    def _allowed(self, address: str) -> bool:
        return self._private or is_public(address) or (self._loopback and ipaddress.ip_address(address).is_loopback)


class CheckedTransport(httpx.HTTPTransport):
    """httpx's own transport over a CheckedBackend."""

    def __init__(self, *, backend: CheckedBackend, tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls, trust_env=False)
        self._pool.close()
        self._pool = httpcore.ConnectionPool(ssl_context=tls, network_backend=backend)


def _carries_another(address: ipaddress.IPv6Address) -> bool:
    """IPv4 inside IPv6: mapped, compatible, 6to4, Teredo or NAT64 would reach what the check did not see."""
    translated = any(address in network for network in _TRANSLATED)
    return translated or bool(address.ipv4_mapped or address.sixtofour or address.teredo)
