"""Grants as Biscuits (biscuitsec.org, v2 tokens): Ed25519 chain, Datalog checks, a revocation id for each block.

A holder's block may say what `attenuate` writes and nothing else. Datalog is a language: sixty facts and a rule over
three of them keep a checker busy for most of a second, four for a minute, and no budget stops it in between.

The authority block holds `right(operation, prefix)` facts and the limits as checks; a holder's block can only add
checks, because the facts it brings are not among those the policy reads. Counts are told block by block, each to
its own, so that a part handed on has a budget of its own within that of the whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from biscuit_auth import (
    AuthorizationError,
    AuthorizerBuilder,
    Biscuit,
    BiscuitBuilder,
    BiscuitValidationError,
    BlockBuilder,
    DataLogError,
    PublicKey,
)

from sottovoce.access.grants import MAX_COUNT, Ask, Grant, Narrowing, Opened, as_folder, network_bits, source_bits
from sottovoce.access.root_keys import RootKeys
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import AccessRefused, GrantInvalid

MAX_BLOCKS: Final = 8
MAX_CHARACTERS: Final = 16_384
SKEW: Final = timedelta(seconds=60)
"""How far the clocks of those who issue and check may differ. It never makes a grant last longer."""

_BUDGET: Final = timedelta(milliseconds=50)
"""A holder's Datalog is not ours: beyond this it is refused. The library's own millisecond fails on a busy machine."""

_TEXT: Final = r'"[A-Za-z0-9_.:/-]*"'
_HANDED_ON: Final = re.compile(
    "|".join(
        (
            rf"check if operation\(\$o\), {{{_TEXT}(, {_TEXT})*}}\.contains\(\$o\);",
            rf"check if resource\(\$r\), \$r\.starts_with\({_TEXT}\);",
            r"check if (recordings|bytes)\(\d, \$n\), \$n <= \d{1,19};",
            r"check if time\(\$t\), \$t < [0-9TZ:+-]{20,25};",
            rf"check if source\(\$s\), \$s\.starts_with\({_TEXT}\);",
            rf"check if key\({_TEXT}\);",
            r"narrowed\(true\);",
        )
    )
)
"""Every line a holder's block may have."""

_POLICY: Final = "allow if operation($o), resource($r), right($o, $p), $r.starts_with($p);"


@dataclass(frozen=True, slots=True)
class OpenedBiscuit:
    """Signatures hold."""

    biscuit: Biscuit = field(repr=False)
    blocks: tuple[str, ...]


class BiscuitTokens:
    """A `TokenService`."""

    def __init__(self, *, keys: RootKeys) -> None:
        self._keys = keys

    def mint(self, grant: Grant) -> tuple[Confidential[str], str, int]:
        key_id, private = self._keys.current()
        builder = BiscuitBuilder(*_authority(grant))
        builder.set_root_key_id(key_id)
        made = builder.build(private.reveal())
        return Confidential(made.to_base64()), made.revocation_ids[0], key_id

    def open(self, token: Confidential[str]) -> OpenedBiscuit:
        text = token.reveal()
        if len(text) > MAX_CHARACTERS:
            raise _invalid()
        try:
            biscuit = Biscuit.from_base64(text, self._keys.public)
        except (BiscuitValidationError, ValueError, TypeError):
            raise _invalid() from None
        blocks = tuple(biscuit.revocation_ids)
        if len(blocks) > MAX_BLOCKS:
            raise _invalid()
        for number in range(1, len(blocks)):
            lines = biscuit.block_source(number).splitlines()
            if not all(_HANDED_ON.fullmatch(line) for line in lines if line):
                raise _invalid()
        return OpenedBiscuit(biscuit, blocks)

    def authorise(self, opened: Opened, ask: Ask) -> None:
        if not isinstance(opened, OpenedBiscuit) or len(ask.counts) != len(opened.blocks):
            raise _invalid()
        if any(not 0 <= n <= MAX_COUNT for count in ask.counts for n in (count.recordings, count.bytes)):
            raise _beyond()
        try:
            builder = AuthorizerBuilder(*_asked(ask))
            limits = builder.limits()  # type: ignore[attr-defined] # the stubs are behind the library
            limits.max_time = _BUDGET
            builder.set_limits(limits)  # type: ignore[attr-defined]
            builder.build(opened.biscuit).authorize()
        except (AuthorizationError, DataLogError, ValueError, TypeError):
            # The library's words quote facts, which hold addresses.
            raise _beyond() from None


def attenuate(token: Confidential[str], narrowing: Narrowing, *, root: PublicKey) -> Confidential[str]:
    """Less of a grant, made by its holder without asking anybody; `root` is the issuer's public key.

    Raises GrantInvalid for a token that is not the issuer's, AccessRefused for limits no grant has.
    """
    try:
        biscuit = Biscuit.from_base64(token.reveal(), root)
    except (BiscuitValidationError, ValueError, TypeError):
        raise _invalid() from None
    code, values = _narrowed(narrowing, biscuit.block_count())
    made = biscuit.append(BlockBuilder(code, values))
    if not all(_HANDED_ON.fullmatch(line) for line in made.block_source(made.block_count() - 1).splitlines() if line):
        raise AccessRefused("a grant has no such limits", hint="prefixes and thumbprints are plain codes")
    return Confidential(made.to_base64())


def _authority(grant: Grant) -> tuple[str, dict[str, object]]:
    rights = [f"right({{o{n}}}, {{prefix}});" for n in range(len(grant.operations))]
    lines = [
        *rights,
        "grant({grant}); holder({holder});",
        "check if time($t), $t < {expires};",
        "check if time($t), $t >= {begins};",
        "check if tenant({tenant});",
        "check if purpose({purpose});",
        "check if recordings(0, $n), $n <= {recordings};",
        "check if bytes(0, $n), $n <= {bytes};",
    ]
    values: dict[str, object] = {
        "prefix": as_folder(grant.prefix),
        "grant": grant.id,
        "holder": grant.holder,
        "expires": grant.expires,
        "begins": grant.issued - SKEW,
        "tenant": grant.tenant,
        "purpose": grant.purpose,
        "recordings": min(grant.recordings, MAX_COUNT),
        "bytes": min(grant.bytes, MAX_COUNT),
    }
    values |= {f"o{n}": each.value for n, each in enumerate(sorted(grant.operations))}
    if grant.source is not None:
        lines.append("check if source($s), $s.starts_with({source});")
        values["source"] = network_bits(grant.source)
    if grant.thumbprint is not None:
        lines.append("check if key({thumbprint});")
        values["thumbprint"] = grant.thumbprint
    return "\n".join(lines), values


def _narrowed(narrowing: Narrowing, block: int) -> tuple[str, dict[str, object]]:
    """Only checks; a block without any would be a copy with another id, which is allowed."""
    parts: list[tuple[str, str, object]] = []
    if narrowing.operations is not None:
        named = {each.value for each in narrowing.operations}
        parts.append(("check if operation($o), {operations}.contains($o);", "operations", named or {""}))
    if narrowing.prefix is not None:
        parts.append(("check if resource($r), $r.starts_with({prefix});", "prefix", as_folder(narrowing.prefix)))
    if narrowing.recordings is not None:
        parts.append((f"check if recordings({block}, $n), $n <= {{recordings}};", "recordings", narrowing.recordings))
    if narrowing.bytes is not None:
        parts.append((f"check if bytes({block}, $n), $n <= {{bytes}};", "bytes", narrowing.bytes))
    if narrowing.expires is not None:
        parts.append(("check if time($t), $t < {expires};", "expires", narrowing.expires))
    if narrowing.source is not None:
        parts.append(("check if source($s), $s.starts_with({source});", "source", network_bits(narrowing.source)))
    if narrowing.thumbprint is not None:
        parts.append(("check if key({thumbprint});", "thumbprint", narrowing.thumbprint))
    return "\n".join(code for code, _, _ in parts) or "narrowed(true);", {name: value for _, name, value in parts}


def _asked(ask: Ask) -> tuple[str, dict[str, object]]:
    counts = "".join(
        f"recordings({n}, {count.recordings}); bytes({n}, {count.bytes}); " for n, count in enumerate(ask.counts)
    )
    code = "time({at}); tenant({tenant}); purpose({purpose}); operation({operation}); resource({resource}); " + counts
    values: dict[str, object] = {
        "at": ask.at,
        "tenant": ask.tenant,
        "purpose": ask.purpose,
        "operation": ask.operation.value,
        "resource": as_folder(ask.resource),
    }
    if ask.source is not None:
        code += "source({source}); "
        values["source"] = source_bits(ask.source.reveal())
    if ask.thumbprint is not None:
        code += "key({thumbprint}); "
        values["thumbprint"] = ask.thumbprint
    return code + _POLICY, values


def _invalid() -> GrantInvalid:
    return GrantInvalid("this grant is not good", hint="ask for a new one")


def _beyond() -> AccessRefused:
    return AccessRefused("the grant does not permit this", hint="`sottovoce grant inspect` says what it permits")
