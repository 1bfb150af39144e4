"""Reading a grant without its issuer: what its blocks say, believed or not."""

from __future__ import annotations

from dataclasses import dataclass

from biscuit_auth import BiscuitValidationError, PublicKey, UnverifiedBiscuit

from sottovoce.access.root_keys import public_key
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import GrantInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block: its revocation id, and its Datalog."""

    revocation: str
    source: str


def inspect_token(token: Confidential[str]) -> tuple[Block, ...]:
    """The blocks of a grant whose signatures nobody has checked. GrantInvalid for what is no grant."""
    try:
        found = UnverifiedBiscuit.from_base64(token.reveal())
        ids = list(found.revocation_ids)
        return tuple(
            Block(revocation=ids[number], source=str(found.block_source(number))) for number in range(len(ids))
        )
    except (BiscuitValidationError, ValueError, TypeError):
        raise GrantInvalid("this is no grant") from None


def root_of(text: str) -> PublicKey:
    """The issuer's public key from 64 hex digits. GrantInvalid for anything else."""
    try:
        return public_key(text)
    except (ValueError, TypeError):
        raise GrantInvalid("a root key is 64 hex digits", hint="the issuer's `grant issue --json` says it") from None
