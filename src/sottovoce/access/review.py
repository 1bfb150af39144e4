"""Access review: who holds what, what was used of it, what is too much, and who signed that off (SPEC 13.4).

PCI DSS 7.2.4 and HIPAA 164.308(a)(4) want it looked at regularly; SOC 2 CC6.2-6.3 wants what is stale taken back. A
review is a value made from the tables; signing it off signs its digest with the log key, writes that into the
ledger, and takes back whatever the review called stale.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import rfc8785
from sqlalchemy import Engine, insert, select, update

from sottovoce.access.grant_book import GrantBook, GrantRow
from sottovoce.access.principals import Kind, Principal, Principals, State, uses_of
from sottovoce.access.protocol import NoteSigner
from sottovoce.access.roles import MATRIX, Operation, Role
from sottovoce.access.tokens import AccessTokens, TokenRow
from sottovoce.database.access_tables import access_reviews as table
from sottovoce.database.access_tables import principal_roles
from sottovoce.database.engine import reading, writing
from sottovoce.errors import AccessError, AccessRefused
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.note import sign_note

HEADER: Final = "sottovoce.access/review@v1"
WIDE: Final = 10
"""A grant for more than ten times what was read under it is wider than it need be."""

_DAY_MS: Final = 86_400_000


class Mark(StrEnum):
    """What a review finds."""

    UNUSED_ROLE = "UNUSED_ROLE"
    """Nothing the role permits was used in the period, and it was given before it."""
    NARROWER_ROLE = "NARROWER_ROLE"
    """A smaller role permits everything that was used."""
    UNUSED_TOKEN = "UNUSED_TOKEN"  # noqa: S105 - the name of a finding
    WIDE_GRANT = "WIDE_GRANT"
    UNUSED_GRANT = "UNUSED_GRANT"
    UNBOUND_GRANT = "UNBOUND_GRANT"
    """Whoever finds it can use it: it is bound to no key."""
    SUSPENDED = "SUSPENDED"
    SEVERAL_OWNERS = "SEVERAL_OWNERS"


STALE: Final = frozenset({Mark.UNUSED_ROLE, Mark.UNUSED_TOKEN, Mark.UNUSED_GRANT})
"""What a sign-off takes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One finding: `about` is a role, a token's id or a grant's."""

    mark: Mark
    principal: str
    about: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One principal and what it holds. Days are whole days since; None is never."""

    principal: str
    label: str | None
    kind: Kind
    state: State
    roles: tuple[str, ...]
    last_used_days: int | None
    operations_used: tuple[str, ...]
    operations_unused: int
    tokens: int
    grants: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Everything a reviewer looks at."""

    id: str
    at: datetime
    by: str
    days: int
    holdings: tuple[Holding, ...]
    remarks: tuple[Remark, ...]
    digest: str = field(default="")

    def content(self) -> dict[str, Any]:
        """What is signed and kept."""
        kept = asdict(self)
        del kept["digest"]
        return {**kept, "v": 1, "at": self.at.isoformat()}

    def stale(self) -> tuple[Remark, ...]:
        return tuple(remark for remark in self.remarks if remark.mark in STALE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOff:
    """A review somebody put a name to."""

    review: str
    by: str
    taken_back: int
    note: str


class Reviews:
    """Makes reviews, and signs them off."""

    def __init__(
        self,
        *,
        engine: Engine,
        ledger: Ledger,
        principals: Principals,
        tokens: AccessTokens,
        grants: GrantBook,
        signer: NoteSigner,
        clock: Callable[[], datetime],
        ids: Callable[[], str],
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._principals = principals
        self._tokens = tokens
        self._grants = grants
        self._signer = signer
        self._clock = clock
        self._ids = ids

    def make(self, *, by: str, days: int) -> Review:
        """What is held today, and what of it was used in so many days. Kept until it is signed off."""
        now = self._clock()
        since = int((now - timedelta(days=days)).timestamp() * 1000)
        everyone, tokens, grants = self._principals.all(), self._tokens.all(), self._grants.all(over=True)
        uses = {each.id: self._uses(each.id) for each in everyone}
        given = self._given()
        remarks = [
            *(remark for each in everyone for remark in _about_roles(each, uses[each.id], given, since)),
            *_about_tokens(tokens, since),
            *_about_grants(grants, int(now.timestamp() * 1000), since),
            *_about_owners(everyone),
        ]
        review = Review(
            id=self._ids(),
            at=now,
            by=by,
            days=days,
            holdings=tuple(_holding(each, uses[each.id], tokens, grants, now) for each in everyone),
            remarks=tuple(remarks),
        )
        return self._kept(review)

    def sign_off(self, review: str, *, by: str) -> SignedOff:
        """Signs the review's digest, ledgers it, and takes back what it called stale. AccessError for no review.

        AccessRefused when it was signed before.
        """
        row = self._row(review)
        if row["signed_ms"] is not None:
            raise AccessRefused("this review was signed off before", hint="make a new one")
        taken = sum(self._take_back(Remark(**remark), by) for remark in row["report"]["remarks"])
        now = self._clock()
        at_ms = int(now.timestamp() * 1000)
        said = {"review": review, "digest": row["digest"], "by": by, "at": now.isoformat(), "taken_back": taken}
        note = sign_note(f"{HEADER}\n{rfc8785.dumps(said).decode()}\n", self._signer)
        facts: dict[str, str | int | bool] = {
            "digest": row["digest"],
            "holdings": len(row["report"]["holdings"]),
            "remarks": len(row["report"]["remarks"]),
            "taken_back": taken,
        }
        entry = Entry(at=now, actor=by, action=Action.ACCESS_REVIEWED, object=review, facts=facts)
        with writing(self._engine) as connection:
            change = update(table).where(table.c.id == review, table.c.signed_ms.is_(None))
            if not connection.execute(change.values(signed_by=by, signed_ms=at_ms, note=note)).rowcount:
                raise AccessRefused("this review was signed off before", hint="make a new one")
            self._ledger.append(connection, [entry])
        return SignedOff(review=review, by=by, taken_back=taken, note=note)

    def all(self) -> tuple[Mapping[str, Any], ...]:
        """Every review, newest first: id, when, by whom, and whether it was signed off."""
        wanted = select(table.c.id, table.c.made_by, table.c.made_ms, table.c.signed_by, table.c.signed_ms)
        with reading(self._engine) as connection:
            return tuple(dict(row) for row in connection.execute(wanted.order_by(table.c.made_ms.desc())).mappings())

    def _kept(self, review: Review) -> Review:
        content = review.content()
        digest = hashlib.sha256(rfc8785.dumps(content)).hexdigest()
        row = {
            "id": review.id,
            "made_by": review.by,
            "made_ms": int(review.at.timestamp() * 1000),
            "report": content,
            "digest": digest,
        }
        with writing(self._engine) as connection:
            connection.execute(insert(table).values(**row))
        return Review(
            id=review.id,
            at=review.at,
            by=review.by,
            days=review.days,
            holdings=review.holdings,
            remarks=review.remarks,
            digest=digest,
        )

    def _row(self, review: str) -> Mapping[str, Any]:
        with reading(self._engine) as connection:
            row = connection.execute(select(table).where(table.c.id == review)).mappings().first()
        if row is None:
            raise AccessError("there is no such review", hint="`sottovoce access review` makes one")
        return dict(row)

    def _take_back(self, remark: Remark, by: str) -> bool:
        """What was used meanwhile stays: a review may be some days old."""
        mark = Mark(remark.mark)
        if mark is Mark.UNUSED_ROLE:
            role = Role(remark.about)
            if any(operation in MATRIX[role] for operation in self._uses(remark.principal)):
                return False
            return self._principals.take(remark.principal, role, by=by)
        if mark is Mark.UNUSED_TOKEN:
            self._tokens.revoke(remark.about, by=by)
            return True
        if mark is Mark.UNUSED_GRANT:
            self._grants.revoke(remark.about, by=by, why="UNUSED")
            return True
        return False

    def _uses(self, principal: str) -> dict[Operation, int]:
        with reading(self._engine) as connection:
            return uses_of(connection, principal)

    def _given(self) -> dict[tuple[str, str], int]:
        roles = principal_roles
        with reading(self._engine) as connection:
            rows = connection.execute(select(roles.c.principal, roles.c.role, roles.c.given_ms))
            return {(row.principal, row.role): row.given_ms for row in rows}


def _about_roles(
    principal: Principal, uses: Mapping[Operation, int], given: Mapping[tuple[str, str], int], since: int
) -> list[Remark]:
    remarks = []
    recent = {operation for operation, at in uses.items() if at >= since}
    for role in sorted(principal.roles):
        used = recent & MATRIX[role]
        old = given.get((principal.id, role.value), 0) < since
        if not used and old and role is not Role.OWNER:
            remarks.append(Remark(mark=Mark.UNUSED_ROLE, principal=principal.id, about=role.value))
        narrower = _narrowest(role, used)
        if used and old and narrower is not None:
            remarks.append(
                Remark(mark=Mark.NARROWER_ROLE, principal=principal.id, about=role.value, detail=narrower.value)
            )
    if principal.state is State.SUSPENDED:
        remarks.append(
            Remark(mark=Mark.SUSPENDED, principal=principal.id, about=principal.id, detail=principal.why or "")
        )
    return remarks


def _narrowest(role: Role, used: frozenset[Operation] | set[Operation]) -> Role | None:
    fitting = [each for each in Role if used <= MATRIX[each] and MATRIX[each] < MATRIX[role]]
    return min(fitting, key=lambda each: (len(MATRIX[each]), each.value), default=None)


def _about_tokens(tokens: tuple[TokenRow, ...], since: int) -> list[Remark]:
    return [
        Remark(mark=Mark.UNUSED_TOKEN, principal=token.principal, about=token.id)
        for token in tokens
        if token.revoked_ms is None and token.created_ms < since and (token.used_ms or 0) < since
    ]


def _about_grants(grants: tuple[GrantRow, ...], now_ms: int, since: int) -> list[Remark]:
    """Living grants that nobody uses or that are bound to no key; over the period, those far too wide."""
    remarks = []
    for grant in grants:
        if grant.issued_ms < since:
            continue
        if grant.alive(now_ms) and not grant.bound:
            remarks.append(Remark(mark=Mark.UNBOUND_GRANT, principal=grant.holder, about=grant.id))
        if grant.alive(now_ms) and not grant.used_recordings and now_ms - grant.issued_ms > _half(grant):
            remarks.append(Remark(mark=Mark.UNUSED_GRANT, principal=grant.holder, about=grant.id))
        if grant.used_recordings and grant.recordings > WIDE * grant.used_recordings:
            said = f"{grant.used_recordings} of {grant.recordings}"
            remarks.append(Remark(mark=Mark.WIDE_GRANT, principal=grant.holder, about=grant.id, detail=said))
    return remarks


def _half(grant: GrantRow) -> int:
    return (grant.expires_ms - grant.issued_ms) // 2


def _about_owners(everyone: tuple[Principal, ...]) -> list[Remark]:
    owners = [each for each in everyone if Role.OWNER in each.roles and each.state is State.ACTIVE]
    if len(owners) <= 2:
        return []
    return [Remark(mark=Mark.SEVERAL_OWNERS, principal=each.id, about=Role.OWNER.value) for each in owners]


def _holding(
    principal: Principal,
    uses: Mapping[Operation, int],
    tokens: tuple[TokenRow, ...],
    grants: tuple[GrantRow, ...],
    now: datetime,
) -> Holding:
    now_ms = int(now.timestamp() * 1000)
    permitted = frozenset(operation for role in principal.roles for operation in MATRIX[role])
    last = max(uses.values(), default=None)
    return Holding(
        principal=principal.id,
        label=principal.label,
        kind=principal.kind,
        state=principal.state,
        roles=tuple(sorted(principal.roles)),
        last_used_days=None if last is None else max(0, (now_ms - last) // _DAY_MS),
        operations_used=tuple(sorted(each.value for each in uses)),
        operations_unused=len(permitted - uses.keys()),
        tokens=sum(t.principal == principal.id and t.alive(now_ms) for t in tokens),
        grants=sum(g.holder == principal.id and g.alive(now_ms) for g in grants),
    )
