"""Salted commitments: what a ledger entry holds in place of an identifier (SECURITY.md 3.3).

The value is HMAC-SHA256(r, JCS(detail)) with 32 random bytes r. Whoever has r and the detail can show
that the entry meant it; once the row with r is erased, the value says nothing about anybody, which a
bare hash of a telephone number would not.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import rfc8785

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import Fact

OPENING_SIZE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """`value` (64 hex digits) goes into the entry, `opening` into a row that erasure deletes."""

    value: str
    opening: Confidential[bytes] = field(repr=False)


def commit_to(detail: Confidential[Mapping[str, Fact]], *, random: Callable[[int], bytes]) -> Commitment:
    """A commitment to the detail under a fresh opening drawn from `random`.

    Raises ValueError when `random` gives fewer bytes than asked: such a commitment could be guessed.
    """
    opening = random(OPENING_SIZE)
    if len(opening) != OPENING_SIZE:
        raise ValueError(f"an opening has {OPENING_SIZE} bytes")
    return Commitment(value=_value(opening, detail), opening=Confidential(opening))


def opens(commitment: Commitment, detail: Confidential[Mapping[str, Fact]]) -> bool:
    """True when the commitment was made to exactly this detail."""
    return hmac.compare_digest(commitment.value, _value(commitment.opening.reveal(), detail))


def _value(opening: bytes, detail: Confidential[Mapping[str, Fact]]) -> str:
    return hmac.new(opening, rfc8785.dumps(dict(detail.reveal())), hashlib.sha256).hexdigest()
