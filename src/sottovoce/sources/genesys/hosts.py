"""Which hosts may be spoken to: the region's API and login, and the hosts media may come from.

Media addresses arrive inside answers, so they are held to an exact allow-list before anything is sent
(SECURITY.md 5.2): https only, no credentials in the address, no suffix match, port 443 unless the list
says otherwise. Plain http is accepted only when the API itself is http on loopback: the sandbox.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from sottovoce.errors import PolicyError, SourceRefused

REGIONS = {
    "us_east_1": "mypurecloud.com",
    "us_east_2": "use2.us-gov-pure.cloud",
    "us_west_2": "usw2.pure.cloud",
    "ca_central_1": "cac1.pure.cloud",
    "mx_central_1": "mxc1.pure.cloud",
    "sa_east_1": "sae1.pure.cloud",
    "eu_west_1": "mypurecloud.ie",
    "eu_west_2": "euw2.pure.cloud",
    "eu_central_1": "mypurecloud.de",
    "eu_central_2": "euc2.pure.cloud",
    "eusc_de_east_1": "edee1.eusc-pure.cloud",
    "me_central_1": "mec1.pure.cloud",
    "ap_south_1": "aps1.pure.cloud",
    "ap_southeast_1": "apse1.pure.cloud",
    "ap_southeast_2": "mypurecloud.com.au",
    "ap_northeast_1": "mypurecloud.jp",
    "ap_northeast_2": "apne2.pure.cloud",
    "ap_northeast_3": "apne3.pure.cloud",
}
"""PureCloudPlatformClientV2 269.0.0, purecloud_region_hosts.py."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """Where one organisation is reached. URLs carry no trailing slash."""

    api_url: str
    login_url: str
    media: frozenset[str]
    """`host`, or `host:port` where the port is not 443."""
    plain_http: bool

    @classmethod
    def of(
        cls,
        *,
        region: str | None = None,
        api_url: str | None = None,
        login_url: str | None = None,
        media_hosts: tuple[str, ...] = (),
    ) -> Hosts:
        """From the policy. Raises PolicyError when neither region nor URL says where, or the URL is unsafe."""
        domain = _domain(region) if region else None
        api = (api_url or (f"https://api.{domain}" if domain else "")).rstrip("/")
        if not api:
            raise PolicyError("a Genesys source needs a region", hint="set region, such as eu_west_1")
        plain = _is_loopback_http(api)
        login = (login_url or re.sub(r"//api\.", "//login.", api, count=1)).rstrip("/")
        for url in (api, login):
            if not (url.startswith("https://") or (plain and _is_loopback_http(url))):
                raise PolicyError(
                    "a Genesys source is reached by https", hint="only a sandbox on loopback may use http"
                )
        own = {f"api-downloads.{domain}"} if domain else _own_media_host(api)
        return cls(
            api_url=api, login_url=login, media=frozenset(own | {h.lower() for h in media_hosts}), plain_http=plain
        )

    def media_url(self, address: str) -> httpx.URL:
        """The address as a URL that may be fetched. Raises SourceRefused, never repeating the address."""
        try:
            url, other = httpx.URL(address), urlsplit(address)
            host, port = url.host, other.port  # both are parsed when asked for, and may refuse then
        except (httpx.InvalidURL, ValueError, TypeError):
            raise SourceRefused("the source gave a media address that is none") from None
        if (other.hostname or "") != host or not address.isascii() or url.userinfo or port != url.port:
            raise SourceRefused("the source gave a media address that can be read in two ways")
        if url.scheme != "https" and not (self.plain_http and url.scheme == "http"):
            raise SourceRefused("the source gave a media address that is not https")
        if _authority(url) not in self.media:
            raise SourceRefused(
                "the source gave a media address on a host that is not allowed",
                hint="if it is the organisation's own, add it to media_hosts",
            )
        return url


def _domain(region: str) -> str:
    """A region by its name, its AWS spelling or its domain."""
    domain = REGIONS.get(region.replace("-", "_"), region)
    if domain not in REGIONS.values():
        raise PolicyError("no such Genesys Cloud region", hint="one of: " + ", ".join(REGIONS))
    return domain


def _own_media_host(api_url: str) -> set[str]:
    host = httpx.URL(api_url).host
    return {f"api-downloads.{host.removeprefix('api.')}"} if host.startswith("api.") else set()


def _is_loopback_http(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        return False
    try:
        return ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        return parts.hostname == "localhost"


def _authority(url: httpx.URL) -> str:
    host = url.host.lower()
    return host if url.port is None else f"{host}:{url.port}"
