"""Which hosts may be spoken to."""

from __future__ import annotations

import pytest

from sottovoce.errors import PolicyError, SourceRefused
from sottovoce.sources.genesys.hosts import REGIONS, Hosts

HOSTS = Hosts.of(region="eu_west_1")
LOCAL = Hosts.of(api_url="http://127.0.0.1:8080", media_hosts=("127.0.0.1:8081",))


def test_a_region_says_all_hosts() -> None:
    """A region gives the API, the login and the media host."""
    assert HOSTS.api_url == "https://api.mypurecloud.ie"
    assert HOSTS.login_url == "https://login.mypurecloud.ie"
    assert HOSTS.media == {"api-downloads.mypurecloud.ie"}


@pytest.mark.parametrize("region", ["eu-west-1", "mypurecloud.ie"])
def test_a_region_may_be_spelled_three_ways(region: str) -> None:
    """By the platform's name, by AWS's, or by its domain."""
    assert Hosts.of(region=region) == HOSTS


def test_all_eighteen_regions_are_known() -> None:
    """Every region of SDK 269 is in the table."""
    assert len(REGIONS) == 18


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"region": "moon_1"},
        {"api_url": "http://api.example.com"},
        {"api_url": "http://10.0.0.1"},
        {"api_url": "https://api.example.com", "login_url": "http://login.example.com"},
    ],
)
def test_an_unsafe_or_missing_address_is_a_policy_error(wrong: dict[str, str]) -> None:
    """Plain http is for a sandbox on loopback only."""
    with pytest.raises(PolicyError):
        Hosts.of(**wrong)  # type: ignore[arg-type]


def test_a_custom_api_names_its_own_media_host() -> None:
    """A URL that begins with `api.` has its media beside it."""
    hosts = Hosts.of(api_url="https://api.example.com/", media_hosts=("Files.example.com:8443",))
    assert hosts.login_url == "https://login.example.com"
    assert hosts.media == {"api-downloads.example.com", "files.example.com:8443"}


def test_allowed_addresses_pass() -> None:
    """The region's media host over https, and the sandbox's over http."""
    assert HOSTS.media_url("https://api-downloads.mypurecloud.ie/MediaCache/a?Expires=1").host.startswith("api-")
    assert LOCAL.media_url("http://127.0.0.1:8081/x").port == 8081


@pytest.mark.parametrize(
    "address",
    [
        "http://api-downloads.mypurecloud.ie/x",
        "https://api-downloads.mypurecloud.ie:8443/x",
        "https://api-downloads.mypurecloud.ie.evil.example/x",
        "https://evil.example/api-downloads.mypurecloud.ie",
        "https://xapi-downloads.mypurecloud.ie/x",
        "https://user:pass@api-downloads.mypurecloud.ie/x",
        "https://api-downloads.mypurecloud.ie@evil.example/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/x",
        "https://api-downloads.mypurecloud.ıe/x",
        "https://api-downloads.mypurecloud.ie\\@evil.example/x",
        "https://api-downloads.mypurecloud.ie:99999/x",
        "file:///etc/passwd",
        "//api-downloads.mypurecloud.ie/x",
        "",
        "https://",
    ],
)
def test_every_other_address_is_refused_and_never_repeated(address: str) -> None:
    """Exact host, https, no credentials, one reading: anything else is refused without quoting it."""
    with pytest.raises(SourceRefused) as refused:
        HOSTS.media_url(address)
    assert not address or address not in str(refused.value) + refused.value.hint
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("address", ["http://127.0.0.1:8080/x", "http://127.0.0.1/x", "http://localhost:8081/x"])
def test_loopback_is_as_strict(address: str) -> None:
    """For a sandbox too, only the host and port that were allowed."""
    with pytest.raises(SourceRefused):
        LOCAL.media_url(address)


def test_a_signed_address_is_sent_as_it_was_given() -> None:
    """A signature covers the exact characters: escapes in path and query stay as they are."""
    address = (
        "https://api-downloads.mypurecloud.ie/MediaCache/c/r/isDownloading%3Afalse_format%3AWEBM/AUDIO_0GAX%3D%3D.WEBM"
        "?response-content-disposition=attachment%3Bfilename%3D%22MediaCache%2Fc%22&Expires=1&Signature=A1~q-y__&Key-Pair-Id=K"
    )
    assert HOSTS.media_url(address).raw_path.decode() == address.removeprefix("https://api-downloads.mypurecloud.ie")
