"""WHATWG URL cases as media addresses: nothing outside the allow-list is ever fetched (SECURITY.md 5.2)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx
import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import SottovoceError, SourceRefused
from sottovoce.network import CheckedBackend, CheckedTransport, Resolve, resolve
from sottovoce.sources.genesys.hosts import Hosts
from sottovoce.sources.genesys.media import MediaFetcher
from sottovoce.sources.protocol import Timing

HOSTS = Hosts.of(region="eu_west_1", media_hosts=("example.com", "example.org", "test", "host", "foo"))
TLS = httpx.create_ssl_context(trust_env=False)
EPOCH = datetime(2026, 3, 1, tzinfo=UTC)
PUBLIC = "93.184.215.14"
INSIDE = [
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0xa9.0xfe.0xa9.0xfe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "127.0.0.1",
    "127.1",
    "0",
    "2130706433",
    "localhost",
    "10.0.0.1",
    "100.64.0.1",
    "[::1]",
    "[::]",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[::169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b::169.254.169.254]",
    "[64:ff9b:1::a9fe:a9fe]",
    "[2002:a9fe:a9fe::1]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fe80::1%25lo]",
]
ODD = [
    "http://example.com/x",
    "https://user:pass@example.com/x",
    "https://user@example.com/x",
    "https://:@example.com/x",
    "https://example.com@169.254.169.254/x",
    "https://169.254.169.254#@example.com/x",
    "https://169.254.169.254\\@example.com/x",
    "https://example.com:80/x",
    "https://example.com:8443/x",
    "https://example.com:0/x",
    "https://example.com:65536/x",
    "https://example.com./x",
    "https://example.com../x",
    "https://.example.com/x",
    "https://example.com.evil.example/x",
    "https://evil-example.com/x",
    "https://example.com%2eevil.example/x",
    "https://example.com%00.evil.example/x",
    "https://example%2ecom/x",
    "https://ex\u00e4mple.com/x",
    "https://\uff45xample.com/x",
    "https://example\u3002com/x",
    "https://exam\u00adple.com/x",
    "https://xn--exmple-cua.com/x",
    "https://exa\tmple.com/x",
    "https://example.com\r\nHost: evil.example/x",
    " https://example.com/x",
    "//example.com/x",
    "https:example.com/x",
    "https:///example.com/x",
    "ftp://example.com/x",
    "file://example.com/x",
]


def cases(shared: Path, name: str = "urltestdata") -> list[dict[str, object]]:
    found = json.loads((shared / f"vectors/wpt-url/tests/wpt/{name}.json").read_text())
    return [case for case in found if isinstance(case, dict)]


def test_only_allowed_hosts_come_through(shared: Path) -> None:
    """Whatever the WHATWG parser makes of an address: it is refused, or it is https to exactly an allowed host."""
    accepted = 0
    for case in cases(shared):
        try:
            url = HOSTS.media_url(str(case["input"]))
        except SourceRefused as refused:
            assert len(str(case["input"])) < 12 or str(case["input"]) not in str(refused) + refused.hint
            continue
        accepted += 1
        assert (url.scheme, url.userinfo, url.port) == ("https", b"", None)
        assert url.host in HOSTS.media
        if not case.get("failure") and case.get("base") in (None, "about:blank"):
            assert case["hostname"] == url.host, case["input"]
    assert accepted > 0


def test_what_two_parsers_read_differently_is_refused(shared: Path) -> None:
    """Where urlsplit and httpx see another host, the address is not fetched."""
    for case in cases(shared):
        text = str(case["input"])
        try:
            one, other = urlsplit(text).hostname or "", httpx.URL(text).host
        except (ValueError, httpx.InvalidURL):
            continue
        if one != other:
            with pytest.raises(SourceRefused):
                HOSTS.media_url(text)


def test_hosts_that_only_look_allowed_are_refused(shared: Path) -> None:
    """Every name of the IDNA tests that becomes an allowed host in ASCII only by mapping is refused."""
    for case in [*cases(shared, "toascii"), *cases(shared, "IdnaTestV2")]:
        if not str(case["input"]).isascii():
            with pytest.raises(SourceRefused):
                HOSTS.media_url(f"https://{case['input']}/x")


class Dialled(httpcore.NetworkBackend):
    """The network: remembers where a connection would have gone, and answers for whoever is there."""

    def __init__(self, answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") -> None:
        self.reached: list[tuple[str, int]] = []
        self._answer = answer

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.NetworkStream:
        self.reached.append((host, port))
        return httpcore.MockStream([self._answer])


class Fetching:
    """The media client as it is composed, over that network; `lookup` is the resolver."""

    def __init__(self, *, hosts: Hosts = HOSTS, lookup: Resolve, network: Dialled | None = None) -> None:
        self.network = network or Dialled()
        self.asked: list[tuple[str, int]] = []
        self._lookup = lookup
        backend = CheckedBackend(loopback=hosts.plain_http, lookup=self._resolve, inner=self.network)
        transport = CheckedTransport(backend=backend, tls=TLS)
        self._http = httpx.Client(trust_env=False, transport=transport)
        timing = Timing(now=lambda: EPOCH, monotonic=lambda: 0.0, sleep=lambda _: None)
        self._fetcher = MediaFetcher(http=self._http, hosts=hosts, timing=timing)

    def _resolve(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        return self._lookup(host, port)

    def __call__(self, address: str) -> bool:
        """Whether it was fetched."""
        try:
            self._fetcher.fetch(Confidential(address))
        except SottovoceError:
            return False
        return True

    def close(self) -> None:
        self._http.close()


@pytest.fixture
def fetching() -> Iterator[Callable[..., Fetching]]:
    made: list[Fetching] = []

    def make(**choices: Any) -> Fetching:
        made.append(Fetching(**choices))
        return made[-1]

    yield make
    for each in made:
        each.close()


def everywhere_public(_host: str, _port: int) -> list[str]:
    return [PUBLIC]


def addresses(shared: Path) -> list[str]:
    """Every input there is, as an address and as the host of one."""
    names = [str(case["input"]) for name in ("toascii", "IdnaTestV2") for case in cases(shared, name)]
    return [str(case["input"]) for case in cases(shared)] + [f"https://{name}/x" for name in names]


def test_nothing_but_an_allowed_host_is_ever_reached(shared: Path, fetching: Callable[..., Fetching]) -> None:
    """Every address of the vectors is tried in earnest: names looked up are allowed ones, and the port is 443."""
    fetch = fetching(lookup=everywhere_public)
    tried = addresses(shared)
    fetched = sum(fetch(address) for address in tried)
    assert len(tried) > 3500
    assert 0 < fetched == len(fetch.network.reached) < len(tried)
    assert {host for host, _ in fetch.asked} <= set(HOSTS.media)
    assert {port for _, port in fetch.asked} == {443}
    assert set(fetch.network.reached) == {(PUBLIC, 443)}


def test_a_name_that_leads_inside_reaches_nothing(shared: Path, fetching: Callable[..., Fetching]) -> None:
    """The same addresses when every allowed name has an inner address beside a public one."""
    fetch = fetching(lookup=lambda _host, _port: [PUBLIC, "169.254.169.254"])
    assert not any(fetch(address) for address in addresses(shared))
    assert fetch.asked
    assert fetch.network.reached == []


@pytest.mark.parametrize("spelled", INSIDE)
def test_inner_addresses_are_never_reached(spelled: str, fetching: Callable[..., Fetching]) -> None:
    """In every spelling a resolver understands: not allowed by name, and allowed by mistake it is not connected to."""
    plain = spelled.strip("[]").replace("%25", "%")
    careless = Hosts.of(region="eu_west_1", media_hosts=(spelled, plain))
    for hosts in (HOSTS, careless):
        for scheme in ("https", "http"):
            fetch = fetching(hosts=hosts, lookup=resolve)
            assert not fetch(f"{scheme}://{spelled}/latest/meta-data")
            assert fetch.network.reached == []


@pytest.mark.parametrize("address", ODD)
def test_an_allowed_host_oddly_written_is_refused(address: str, fetching: Callable[..., Fetching]) -> None:
    """Credentials, ports, trailing dots, other letters and other schemes: nothing is even looked up."""
    fetch = fetching(lookup=everywhere_public)
    assert not fetch(address)
    assert (fetch.asked, fetch.network.reached) == ([], [])


def test_a_redirect_is_not_followed(fetching: Callable[..., Fetching]) -> None:
    """An allowed host that points elsewhere is asked once, and nobody else is."""
    network = Dialled(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")
    fetch = fetching(lookup=everywhere_public, network=network)
    assert not fetch("https://example.com/x")
    assert {host for host, _ in fetch.asked} == {"example.com"}
    assert set(network.reached) == {(PUBLIC, 443)}
