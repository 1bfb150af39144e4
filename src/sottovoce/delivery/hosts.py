"""Upload addresses come inside answers, so they are held to an exact list before a byte goes there (SECURITY.md 5.2).

https only, no credentials in the address, no suffix match, port 443 unless the list says otherwise, and nothing that
two parsers read in two ways. Headers that an answer asks for are taken only where they belong to a store's upload.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from sottovoce.delivery.failures import DeliveryRefused

_HEADER: Final = re.compile(r"(content-type|content-md5|x-(amz|goog|ms)-[a-z0-9-]+)")
_VALUE: Final = re.compile(r"[\x20-\x7e]{1,1024}")
_MOST_HEADERS: Final = 16


def upload_url(address: Any, allowed: Collection[str]) -> httpx.URL:
    """The address as one that may be put to. Raises DeliveryRefused, never repeating the address."""
    if not isinstance(address, str):
        raise DeliveryRefused("the destination gave no upload address", hint="check upload.url_field in the policy")
    try:
        url, other = httpx.URL(address), urlsplit(address)
        host, port = url.host, other.port  # both are parsed when asked for, and may refuse then
    except (httpx.InvalidURL, ValueError):
        raise DeliveryRefused("the destination gave an upload address that is none") from None
    if (other.hostname or "") != host or not address.isascii() or url.userinfo or (port or 443) != (url.port or 443):
        raise DeliveryRefused("the destination gave an upload address that can be read in two ways")
    if url.scheme != "https":
        raise DeliveryRefused("the destination gave an upload address that is not https")
    if _authority(url) not in allowed:
        raise DeliveryRefused(
            "the destination gave an upload address on a host that is not allowed",
            hint="if it is the vendor's own store, add it to upload_hosts",
        )
    return url


def upload_headers(given: Any) -> dict[str, str]:
    """What an upload is signed with. Raises DeliveryRefused for any header that has no business there."""
    if given is None:
        return {}
    if not isinstance(given, Mapping) or len(given) > _MOST_HEADERS:
        raise DeliveryRefused("the destination asks for upload headers that are none")
    for name, value in given.items():
        if not (_HEADER.fullmatch(str(name).lower()) and isinstance(value, str) and _VALUE.fullmatch(value)):
            raise DeliveryRefused("the destination asks for an upload header that is not allowed")
    return {str(name).lower(): str(value) for name, value in given.items()}


def _authority(url: httpx.URL) -> str:
    return url.host if url.port in (None, 443) else f"{url.host}:{url.port}"
