"""Grants as values: what one permits, what is asked of it, and the service that makes and checks them.

A grant says who holds it, for which tenant and purpose, which operations on which prefix, until when, for how many
distinct recordings and bytes, from which network, and under which key its holder proves possession (SECURITY 4).
Whoever holds one may hand on less of it, offline, and never more.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from sottovoce.access.roles import Operation
from sottovoce.domain.confidential import Confidential

MAX_COUNT: Final = 2**63 - 1
"""Datalog counts in 64 bits."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What is permitted. `prefix` ends at a slash; counts include what was read before."""

    id: str
    holder: str
    tenant: str
    purpose: str
    operations: frozenset[Operation]
    prefix: str
    recordings: int
    bytes: int
    issued: datetime
    expires: datetime
    source: Network | None = None
    thumbprint: str | None = None
    """RFC 7638, of the key with which the holder signs its requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """What a holder takes away before handing on. None leaves a limit as it is."""

    operations: frozenset[Operation] | None = None
    prefix: str | None = None
    recordings: int | None = None
    bytes: int | None = None
    expires: datetime | None = None
    source: Network | None = None
    thumbprint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What one block of a grant will have been used for, with what is asked now."""

    recordings: int = 1
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One thing asked of a grant. `counts` has one for each of its blocks."""

    tenant: str
    purpose: str
    operation: Operation
    resource: str
    at: datetime
    counts: Sequence[Count]
    source: Confidential[str] | None = None
    thumbprint: str | None = None


class Opened(Protocol):
    """A grant whose signatures hold; nothing is permitted by that alone."""

    @property
    def blocks(self) -> tuple[str, ...]:
        """The revocation ids of its blocks: the first is the grant's own, the others its holders'."""
        ...


class TokenService(Protocol):
    """Makes and checks grants as text. `access.biscuits.BiscuitTokens` is one."""

    def mint(self, grant: Grant) -> tuple[Confidential[str], str, int]:
        """The text, the revocation id of its first block, and the id of the key that signed it."""
        ...

    def open(self, token: Confidential[str]) -> Opened:
        """Raises GrantInvalid unless every signature holds."""
        ...

    def authorise(self, opened: Opened, ask: Ask) -> None:
        """Raises AccessRefused unless grant and every narrowing permit exactly this."""
        ...


def as_folder(path: str) -> str:
    """With one slash at its end, so that `corpus/v1` is no prefix of `corpus/v10`."""
    return path.strip("/") + "/"


def source_bits(address: str) -> str:
    """`4:` or `6:` and the address in bits: a network is then a prefix like any other. ValueError for none."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return f"{found.version}:{int(found):0{found.max_prefixlen}b}"


def network_bits(network: Network) -> str:
    """The bits that every address of the network begins with."""
    whole = source_bits(str(network.network_address))
    return whole[: len("4:") + network.prefixlen]
