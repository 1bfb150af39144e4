"""Where a connection really goes."""

from __future__ import annotations

from typing import Any

import httpcore
import httpx
import pytest

from sottovoce.errors import SourceRefused
from sottovoce.network import CheckedBackend, CheckedTransport, is_public, resolve

TLS = httpx.create_ssl_context(trust_env=False)


class Dialled(httpcore.NetworkBackend):
    """Remembers the addresses and refuses those named."""

    def __init__(self, *, dead: frozenset[str] = frozenset()) -> None:
        self.addresses: list[str] = []
        self.dead = dead

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.NetworkStream:
        self.addresses.append(host)
        if host in self.dead:
            raise httpcore.ConnectError("refused")
        return httpcore.MockStream([])


def backend(*addresses: str, inner: Dialled, loopback: bool = False) -> CheckedBackend:
    return CheckedBackend(loopback=loopback, lookup=lambda _host, _port: list(addresses), inner=inner)


@pytest.mark.parametrize("address", ["8.8.8.8", "2600:9000::1"])
def test_public_addresses_are_reached(address: str) -> None:
    """The connection goes to the address that was checked, not to the name."""
    inner = Dialled()
    backend(address, inner=inner).connect_tcp("media.example", 443)
    assert inner.addresses == [address]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "::ffff:8.8.8.8",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "ff02::1",
        "nonsense",
    ],
)
def test_inner_addresses_are_not(address: str) -> None:
    """Private, link-local, shared, mapped and translated addresses are refused before any connection."""
    assert not is_public(address)
    inner = Dialled()
    with pytest.raises(SourceRefused):
        backend("8.8.8.8", address, inner=inner).connect_tcp("media.example", 443)
    assert inner.addresses == []


def test_the_next_address_is_tried() -> None:
    """Where one of the checked addresses does not answer, the next one is asked."""
    inner = Dialled(dead=frozenset({"8.8.8.8"}))
    backend("8.8.8.8", "8.8.4.4", inner=inner).connect_tcp("media.example", 443)
    assert inner.addresses == ["8.8.8.8", "8.8.4.4"]
    with pytest.raises(httpcore.ConnectError):
        backend("8.8.8.8", inner=inner).connect_tcp("media.example", 443)


def test_loopback_is_for_the_sandbox() -> None:
    """Only a client of the sandbox may reach loopback, and nothing else inside."""
    inner = Dialled()
    backend("127.0.0.1", inner=inner, loopback=True).connect_tcp("127.0.0.1", 8081)
    with pytest.raises(SourceRefused):
        backend("10.0.0.1", inner=inner, loopback=True).connect_tcp("media.example", 443)


def test_a_name_without_an_address_is_a_lost_connection() -> None:
    """A name that does not resolve is a transport error like any other."""

    def nowhere(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    transport = CheckedTransport(backend=CheckedBackend(loopback=False, lookup=nowhere), tls=TLS)
    with httpx.Client(transport=transport, trust_env=False, verify=TLS) as http, pytest.raises(httpx.ConnectError):
        http.get("https://media.example/")


def test_a_client_never_follows_a_name_inside() -> None:
    """Through the whole of httpx, a name that leads inside is refused."""
    transport = CheckedTransport(backend=backend("169.254.169.254", inner=Dialled()), tls=TLS)
    with httpx.Client(transport=transport, trust_env=False, verify=TLS) as http, pytest.raises(SourceRefused):
        http.get("http://media.example/")


def test_literal_addresses_resolve_to_themselves() -> None:
    """A literal needs no name server."""
    assert resolve("127.0.0.1", 80) == ["127.0.0.1"]
