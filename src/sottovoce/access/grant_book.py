"""Issuing, finding and revoking grants. The database is the truth; memory makes it quick.

A grant goes only to an active principal, for operations its roles permit, for an hour at most (SPEC 13.2). A
revocation is of a block: everything that was made from it ends with it, wherever it was handed on to.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine, Row, insert, select, update

from sottovoce.access.grants import MAX_COUNT, Grant, Network, TokenService, as_folder
from sottovoce.access.principals import Principal, required, suspended
from sottovoce.access.roles import GRANTABLE, Operation
from sottovoce.access.root_keys import MAX_LIFETIME
from sottovoce.database.access_tables import grant_counters, grant_recordings, grant_revocations
from sottovoce.database.access_tables import grants as table
from sottovoce.database.engine import reading, writing
from sottovoce.database.upsert import insert_new
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import AccessError, AccessRefused, GrantInvalid
from sottovoce.ledger.entry import Action, Entry, is_code
from sottovoce.ledger.ledger import Ledger

UNLIMITED: Final = MAX_COUNT


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for. `per_minute` is the plan of a training job: how many new recordings it will read."""

    holder: str
    operations: frozenset[Operation]
    prefix: str
    purpose: str
    recordings: int
    lifetime: timedelta
    bytes: int = UNLIMITED
    per_minute: int | None = None
    source: Network | None = None
    thumbprint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedGrant:
    """A grant with its text, this once."""

    grant: Grant
    root_key: int
    token: Confidential[str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRow:
    """What is kept of a grant."""

    id: str
    holder: str
    block: str
    purpose: str
    operations: frozenset[Operation]
    prefix: str
    recordings: int
    per_minute: int | None
    bound: bool
    """To a key of its holder."""
    issued_ms: int
    expires_ms: int
    revoked_ms: int | None
    used_recordings: int = 0
    used_ms: int | None = None

    def alive(self, now_ms: int) -> bool:
        return self.revoked_ms is None and now_ms < self.expires_ms


class GrantBook:
    """Every grant of a tenant."""

    def __init__(
        self,
        *,
        engine: Engine,
        ledger: Ledger,
        tokens: TokenService,
        tenant: str,
        clock: Callable[[], datetime],
        ids: Callable[[], str],
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._tokens = tokens
        self._tenant = tenant
        self._clock = clock
        self._ids = ids
        self._known: dict[str, GrantRow] = {}
        self._revoked: set[str] = set()

    def issue(self, wish: Wish, *, by: str) -> IssuedGrant:
        """The grant, if the holder may have it. Raises AccessRefused, AccessSuspended, AccessError."""
        _check(wish)
        now = self._clock()
        grant = Grant(
            id=self._ids(),
            holder=wish.holder,
            tenant=self._tenant,
            purpose=wish.purpose,
            operations=wish.operations,
            prefix=as_folder(wish.prefix),
            recordings=wish.recordings,
            bytes=wish.bytes,
            issued=now,
            expires=now + wish.lifetime,
            source=wish.source,
            thumbprint=wish.thumbprint,
        )
        with writing(self._engine) as connection:
            _may_hold(required(connection, wish.holder), wish.operations)
            token, block, key = self._tokens.mint(grant)
            connection.execute(insert(table).values(**_row(grant, wish, by, block, key)))
            self._ledger.append(connection, [_issued(grant, by)])
        return IssuedGrant(grant=grant, root_key=key, token=token)

    def find(self, block: str) -> GrantRow:
        """The grant whose first block this is. GrantInvalid where there is none."""
        known = self._known.get(block)
        if known is None:
            with reading(self._engine) as connection:
                row = connection.execute(select(table).where(table.c.revocation == block)).first()
            if row is None:
                raise GrantInvalid("this grant is not good", hint="ask for a new one")
            known = self._known[block] = grant_row(row)
        return known

    def seem_good(self, blocks: Collection[str]) -> bool:
        """False when memory knows one of the blocks to be revoked; `require_good` asks the database."""
        return self._revoked.isdisjoint(blocks)

    def require_good(self, connection: Connection, blocks: Collection[str]) -> None:
        """Raises GrantInvalid when one of the blocks was revoked by anybody, anywhere, before this transaction."""
        wanted = select(grant_revocations.c.block).where(grant_revocations.c.block.in_(list(blocks)))
        gone = set(connection.execute(wanted).scalars())
        if gone:
            self._revoked |= gone
            raise revoked()

    def load_revocations(self) -> int:
        """Brings memory up to the database; how many blocks are revoked."""
        with reading(self._engine) as connection:
            self._revoked |= set(connection.execute(select(grant_revocations.c.block)).scalars())
        return len(self._revoked)

    def revoke(self, grant: str, *, by: str, why: str) -> None:
        """Ends a grant and all that was made of it, at once. AccessError where there is none."""
        with writing(self._engine) as connection:
            row = connection.execute(select(table).where(table.c.id == grant)).first()
            if row is None:
                raise AccessError("there is no such grant", hint="`sottovoce grant list` names them")
            entries = self.revoke_in(connection, row.revocation, by=by, why=why)
            self._ledger.append(connection, entries)
        self._revoked.add(row.revocation)

    def revoke_block(self, block: str, *, by: str, why: str) -> None:
        """Ends what was handed on from a grant, by the id of the block that narrowed it."""
        with writing(self._engine) as connection:
            self._ledger.append(connection, self.revoke_in(connection, block, by=by, why=why))
        self._revoked.add(block)

    def revoke_in(self, connection: Connection, block: str, *, by: str, why: str) -> list[Entry]:
        """The same inside somebody's transaction; the entries are to be appended. Empty when it was done before."""
        now = self._clock()
        at_ms = int(now.timestamp() * 1000)
        row = {"block": block, "why": why, "revoked_by": by, "at_ms": at_ms}
        if not insert_new(connection, grant_revocations, row):
            return []
        change = update(table).where(table.c.revocation == block, table.c.revoked_ms.is_(None))
        connection.execute(change.values(revoked_ms=at_ms, revoked_why=why))
        return [Entry(at=now, actor=by, action=Action.GRANT_REVOKED, object=block[:64], facts={"why": why})]

    def revoke_all_of(self, connection: Connection, holder: str, *, by: str, why: str) -> list[Entry]:
        """Every grant of a holder that still lives, inside somebody's transaction."""
        now_ms = int(self._clock().timestamp() * 1000)
        alive = (table.c.holder == holder, table.c.revoked_ms.is_(None), table.c.expires_ms > now_ms)
        blocks = connection.execute(select(table.c.revocation).where(*alive)).scalars().all()
        return [entry for block in blocks for entry in self.revoke_in(connection, block, by=by, why=why)]

    def all(self, *, over: bool = False) -> tuple[GrantRow, ...]:
        """Grants that live, or all of them, oldest first, with what was used of them."""
        wanted = select(table, grant_counters.c.recordings.label("used"), grant_counters.c.last_ms).outerjoin(
            grant_counters, grant_counters.c.block == table.c.revocation
        )
        if not over:
            wanted = wanted.where(
                table.c.revoked_ms.is_(None), table.c.expires_ms > int(self._clock().timestamp() * 1000)
            )
        with reading(self._engine) as connection:
            rows = connection.execute(wanted.order_by(table.c.issued_ms, table.c.id)).all()
        return tuple(grant_row(row, used=row.used or 0, used_ms=row.last_ms) for row in rows)

    def forget_over(self) -> int:
        """Drops the lists of counted recordings of grants that are over; how many grants that was."""
        now_ms = int(self._clock().timestamp() * 1000)
        with writing(self._engine) as connection:
            over = select(table.c.revocation).where(table.c.expires_ms <= now_ms)
            gone = connection.execute(grant_recordings.delete().where(grant_recordings.c.block.in_(over)))
        return gone.rowcount


def revoked() -> GrantInvalid:
    return GrantInvalid("this grant was revoked", hint="ask whoever issued it")


def grant_row(row: Row[tuple[object, ...]], *, used: int = 0, used_ms: int | None = None) -> GrantRow:
    """A row of the table as a value."""
    return GrantRow(
        id=row.id,
        holder=row.holder,
        block=row.revocation,
        purpose=row.purpose,
        operations=frozenset(map(Operation, row.operations)),
        prefix=row.prefix,
        recordings=row.recordings,
        per_minute=row.per_minute,
        bound=bool(row.bound),
        issued_ms=row.issued_ms,
        expires_ms=row.expires_ms,
        revoked_ms=row.revoked_ms,
        used_recordings=used,
        used_ms=used_ms,
    )


def _check(wish: Wish) -> None:
    if not timedelta(0) < wish.lifetime <= MAX_LIFETIME:
        raise AccessRefused("a grant lasts for an hour at most", hint="ask again when it is over")
    if not wish.operations or not wish.operations <= GRANTABLE:
        raise AccessRefused("grants carry reads and puts only", hint="`sottovoce access roles` marks them")
    if not is_code(wish.purpose):
        raise AccessRefused("a purpose is a code such as ai_training")
    if not wish.prefix.strip("/") or len(wish.prefix) > 255 or ".." in wish.prefix:
        raise AccessRefused("a grant is for a prefix, such as corpus/v1/train", hint="never for everything")
    counts = [wish.recordings, wish.bytes, wish.per_minute or 1]
    if not all(0 < count <= MAX_COUNT for count in counts):
        raise AccessRefused("a count is between 1 and 2^63 - 1")


def _may_hold(holder: Principal, operations: frozenset[Operation]) -> None:
    if holder.state.value != "active":
        raise suspended()
    if not all(holder.may(each) for each in operations):
        raise AccessRefused("the holder's roles do not permit this", hint="`sottovoce access roles` shows what does")


def _row(grant: Grant, wish: Wish, by: str, block: str, key: int) -> dict[str, object]:
    return {
        "id": grant.id,
        "holder": grant.holder,
        "issued_by": by,
        "revocation": block,
        "purpose": grant.purpose,
        "operations": sorted(each.value for each in grant.operations),
        "prefix": grant.prefix,
        "recordings": grant.recordings,
        "bytes": grant.bytes,
        "per_minute": _plan(wish),
        "bound": int(grant.thumbprint is not None),
        "root_key": key,
        "issued_ms": int(grant.issued.timestamp() * 1000),
        "expires_ms": int(grant.expires.timestamp() * 1000),
    }


def _plan(wish: Wish) -> int | None:
    """Who reads for training reads by plan; one that is not stated is all of it within a minute."""
    planned = wish.per_minute or (wish.recordings if Operation.CORPUS_DECRYPT in wish.operations else None)
    return None if planned is None else min(planned, MAX_COUNT)


def _issued(grant: Grant, by: str) -> Entry:
    facts: dict[str, str | int | bool] = {
        "holder": grant.holder,
        "operations": len(grant.operations),
        "recordings": min(grant.recordings, 2**53 - 1),
        "seconds": int((grant.expires - grant.issued).total_seconds()),
        "bound": grant.thumbprint is not None,
        **{each.value.replace(".", "_"): True for each in grant.operations},
    }
    if is_code(grant.prefix.rstrip("/")):
        facts["prefix"] = grant.prefix.rstrip("/")
    return Entry(
        at=grant.issued, actor=by, action=Action.GRANT_ISSUED, object=grant.id, purpose=grant.purpose, facts=facts
    )
