"""WHATWG URL cases as media addresses: nothing outside the allow-list is ever fetched (SECURITY.md 5.2)."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from sottovoce.errors import SourceRefused
from sottovoce.sources.genesys.hosts import Hosts

HOSTS = Hosts.of(region="eu_west_1", media_hosts=("example.com", "example.org", "test", "host", "foo"))


def cases(shared: Path) -> list[dict[str, object]]:
    found = json.loads((shared / "vectors/wpt-url/tests/wpt/urltestdata.json").read_text())
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
    found = json.loads((shared / "vectors/wpt-url/tests/wpt/toascii.json").read_text())
    for case in found:
        if isinstance(case, dict) and not str(case["input"]).isascii():
            with pytest.raises(SourceRefused):
                HOSTS.media_url(f"https://{case['input']}/x")
