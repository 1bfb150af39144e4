"""Principals: people, services, contributors and training jobs, by random ids (SPEC 13.1; PCI DSS 8.2.1).

A principal's name is its kind and 128 random bits, so that ledgers may hold it; a label is a code somebody chose.
What it signs in with is kept as a keyed digest. Every change commits with its ledger entry.

Refuses: labels that could name a person, taking the last active owner's role, suspending it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from sottovoce.access.roles import Operation, Role, permits
from sottovoce.database.access_tables import access_uses, principal_logins, principal_roles
from sottovoce.database.access_tables import principals as table
from sottovoce.database.engine import reading, writing
from sottovoce.database.upsert import insert_new, insert_or_update
from sottovoce.errors import AccessError, AccessRefused, AccessSuspended
from sottovoce.ledger.entry import Action, Entry, is_code
from sottovoce.ledger.ledger import Ledger

USE_COUNTED_MS: Final = 3_600_000
"""A use is written down again after this; within it nothing is written, so that commands need not wait."""


OWNER: Final = "owner"
"""The label of whoever a workspace belongs to from its beginning."""


class Kind(StrEnum):
    PERSON = "person"
    SERVICE = "service"
    CONTRIBUTOR = "contributor"
    TRAINING = "training"


class State(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"


class Origin(StrEnum):
    """Who said that a principal has a role."""

    GIVEN = "given"
    CLAIM = "claim"
    """An identity provider; taken back when it no longer says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody or something that may ask."""

    id: str
    kind: Kind
    label: str | None
    state: State
    roles: frozenset[Role]
    created_ms: int
    changed_ms: int
    """When it was last suspended or resumed; what was read before counts no more afterwards."""
    why: str | None = None
    """Why it is suspended: a code."""

    def may(self, operation: Operation) -> bool:
        return self.state is State.ACTIVE and permits(self.roles, operation)


class Principals:
    """Everyone known to a workspace."""

    def __init__(
        self, *, engine: Engine, ledger: Ledger, clock: Callable[[], datetime], ids: Callable[[], str]
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._clock = clock
        self._ids = ids

    def create(self, kind: Kind, *, by: str | None, label: str | None = None, roles: Iterable[Role] = ()) -> Principal:
        """A new principal with its roles; `by` is None for the first, who makes itself.

        Raises AccessRefused for a label that is no code, or is taken.
        """
        with writing(self._engine) as connection:
            made = self._create(connection, kind, by=by, label=label, roles=roles, origin=Origin.GIVEN)
        return self.get(made)

    def unowned(self) -> bool:
        """Whether there never was an owner."""
        with reading(self._engine) as connection:
            return _unowned(connection)

    def bootstrap(self, subject: str, *, provider: str, name: str | None = None) -> Principal | None:
        """The owner, bound to `subject`, where there never was one; None where there is. `name` is 32 hex digits."""
        with writing(self._engine) as connection:
            if not _unowned(connection):
                return None
            made = self._create(
                connection, Kind.PERSON, by=None, label=OWNER, roles=[Role.OWNER], origin=Origin.GIVEN, name=name
            )
            self._bind(connection, made, subject, provider)
        return self.get(made)

    def sign_in(self, subject: str, *, provider: str, roles: Iterable[Role]) -> Principal:
        """Who signs in with this subject, made where it is new, with the roles its provider claims today.

        Roles that were given by a person stay. Raises AccessRefused without any, AccessSuspended.
        """
        claimed = frozenset(roles)
        with writing(self._engine) as connection:
            known = _bound(connection, subject)
            if known is None:
                if not claimed:
                    raise AccessRefused("no role is mapped to what you are", hint="ask whoever owns the workspace")
                known = self._create(connection, Kind.PERSON, by=None, label=None, roles=claimed, origin=Origin.CLAIM)
                self._bind(connection, known, subject, provider)
            else:
                self._renew(connection, known, claimed)
            found = required(connection, known)
            if found.state is State.SUSPENDED:
                raise suspended()
            if not found.roles:
                raise AccessRefused("no role is mapped to what you are", hint="ask whoever owns the workspace")
            entry = self._entry(known, Action.SIGNED_IN, known, facts={"provider": provider})
            self._ledger.append(connection, [entry])
        return found

    def bind(self, principal: str, subject: str, *, provider: str) -> None:
        """Lets a principal sign in with this subject."""
        with writing(self._engine) as connection:
            required(connection, principal)
            self._bind(connection, principal, subject, provider)

    def by_subject(self, subject: str) -> Principal | None:
        with reading(self._engine) as connection:
            known = _bound(connection, subject)
            return required(connection, known) if known else None

    def get(self, principal: str) -> Principal:
        """Raises AccessError where there is none."""
        with reading(self._engine) as connection:
            return required(connection, principal)

    def named(self, name: str) -> Principal:
        """By id or label. Raises AccessError where there is none."""
        with reading(self._engine) as connection:
            found = connection.execute(select(table.c.id).where((table.c.id == name) | (table.c.label == name)))
            return required(connection, found.scalars().first() or name)

    def all(self) -> tuple[Principal, ...]:
        """Everyone, oldest first."""
        with reading(self._engine) as connection:
            ids = connection.execute(select(table.c.id).order_by(table.c.created_ms, table.c.id)).scalars().all()
            return tuple(required(connection, each) for each in ids)

    def give(self, principal: str, role: Role, *, by: str) -> None:
        """Gives a role; nothing when it has it already."""
        with writing(self._engine) as connection:
            required(connection, principal)
            if self._give(connection, principal, role, by=by, origin=Origin.GIVEN):
                self._ledger.append(connection, [self._entry(by, Action.ROLE_GIVEN, principal, role=role)])

    def take(self, principal: str, role: Role, *, by: str) -> bool:
        """Takes a role back; False when it was not there. AccessRefused for the last owner's."""
        with writing(self._engine) as connection:
            found = required(connection, principal)
            if role not in found.roles:
                return False
            if role is Role.OWNER:
                self._keep_an_owner(connection, found)
            self._take(connection, principal, role)
            self._ledger.append(connection, [self._entry(by, Action.ROLE_TAKEN, principal, role=role)])
        return True

    def suspend(self, principal: str, *, by: str, why: str) -> None:
        """Nothing it asks for is done any more. AccessRefused for the last active owner."""
        with writing(self._engine) as connection:
            found = required(connection, principal)
            if Role.OWNER in found.roles:
                self._keep_an_owner(connection, found)
            self._ledger.append(connection, [self.suspend_in(connection, principal, by=by, why=why)])

    def suspend_in(self, connection: Connection, principal: str, *, by: str, why: str) -> Entry:
        """The same inside somebody's transaction, also for an owner; answers the entry to append."""
        self._turn(connection, principal, State.SUSPENDED, why)
        return self._entry(by, Action.PRINCIPAL_SUSPENDED, principal, facts={"why": why})

    def resume(self, principal: str, *, by: str) -> None:
        """Lets a suspended principal ask again; nobody resumes itself (AccessRefused)."""
        if by == principal:
            raise AccessRefused("nobody lifts its own suspension", hint="another owner does")
        with writing(self._engine) as connection:
            if required(connection, principal).state is State.ACTIVE:
                return
            self._turn(connection, principal, State.ACTIVE, None)
            self._ledger.append(connection, [self._entry(by, Action.PRINCIPAL_RESUMED, principal)])

    def break_glass(self, principal: str) -> None:
        """The last owner lets itself in. AccessRefused while another active owner could, or for who is no owner."""
        with writing(self._engine) as connection:
            found = required(connection, principal)
            others = [each for each in _owners(connection) if each != principal]
            if Role.OWNER not in found.roles or others:
                raise AccessRefused("another owner can resume you", hint="ask one of them")
            self._turn(connection, principal, State.ACTIVE, None)
            told = self._entry(principal, Action.PRINCIPAL_RESUMED, principal, facts={"why": "BREAK_GLASS"})
            self._ledger.append(connection, [told])

    def note_use(self, principal: str, operation: Operation) -> None:
        """Remembers that it was used, for the review; once an hour at most."""
        now = self._now()
        wanted = select(access_uses).where(
            access_uses.c.principal == principal, access_uses.c.operation == operation.value
        )
        with reading(self._engine) as connection:
            before = connection.execute(wanted).first()
        if before is not None and now - before.last_ms < USE_COUNTED_MS:
            return
        times = 1 if before is None else before.times + 1
        row = {"principal": principal, "operation": operation.value, "times": times, "last_ms": now}
        with writing(self._engine) as connection:
            insert_or_update(connection, access_uses, row)

    def refused(self, principal: str, operation: Operation, *, why: str) -> None:
        """Writes down that something was asked and not permitted (PCI DSS 10.2.1.4)."""
        entry = self._entry(
            principal, Action.ACCESS_REFUSED, principal, facts={"operation": operation.value, "why": why}
        )
        self._ledger.record([entry])

    def _create(
        self,
        connection: Connection,
        kind: Kind,
        *,
        by: str | None,
        label: str | None,
        roles: Iterable[Role],
        origin: Origin,
        name: str | None = None,
    ) -> str:
        made, now = f"{kind.value}_{name or self._ids()}", self._now()
        by = by or made
        _check_label(connection, label)
        connection.execute(
            insert(table).values(
                id=made,
                kind=kind.value,
                label=label,
                state=State.ACTIVE.value,
                created_by=by,
                created_ms=now,
                changed_ms=now,
            )
        )
        entries = [self._entry(by, Action.PRINCIPAL_CREATED, made, facts={"kind": kind.value})]
        for role in sorted(set(roles)):
            self._give(connection, made, role, by=by, origin=origin)
            entries.append(self._entry(by, Action.ROLE_GIVEN, made, role=role))
        self._ledger.append(connection, entries)
        return made

    def _renew(self, connection: Connection, principal: str, claimed: frozenset[Role]) -> None:
        """Brings the roles an identity provider claims up to date; both ways are in the ledger."""
        roles = principal_roles
        had = set(
            connection.execute(
                select(roles.c.role).where(roles.c.principal == principal, roles.c.origin == Origin.CLAIM.value)
            ).scalars()
        )
        entries = [
            self._entry(principal, Action.ROLE_GIVEN, principal, role=role)
            for role in sorted(claimed)
            if self._give(connection, principal, role, by=principal, origin=Origin.CLAIM)
        ]
        for role in sorted(map(Role, had - {role.value for role in claimed})):
            self._take(connection, principal, role)
            entries.append(self._entry(principal, Action.ROLE_TAKEN, principal, role=role))
        self._ledger.append(connection, entries)

    def _give(self, connection: Connection, principal: str, role: Role, *, by: str, origin: Origin) -> bool:
        row = {
            "principal": principal,
            "role": role.value,
            "origin": origin.value,
            "given_by": by,
            "given_ms": self._now(),
        }
        return insert_new(connection, principal_roles, row)

    def _take(self, connection: Connection, principal: str, role: Role) -> None:
        roles = principal_roles
        connection.execute(delete(roles).where(roles.c.principal == principal, roles.c.role == role.value))

    def _bind(self, connection: Connection, principal: str, subject: str, provider: str) -> None:
        row = {"subject": subject, "principal": principal, "provider": provider, "created_ms": self._now()}
        if not insert_new(connection, principal_logins, row) and _bound(connection, subject) != principal:
            raise AccessRefused("somebody else signs in with this already")

    def _turn(self, connection: Connection, principal: str, state: State, why: str | None) -> None:
        change = update(table).where(table.c.id == principal)
        connection.execute(change.values(state=state.value, why=why, changed_ms=self._now()))

    def _keep_an_owner(self, connection: Connection, leaving: Principal) -> None:
        if not [each for each in _owners(connection) if each != leaving.id]:
            raise AccessRefused("this is the last active owner", hint="make another owner first")

    def _entry(
        self,
        actor: str,
        action: Action,
        principal: str,
        *,
        role: Role | None = None,
        facts: dict[str, str] | None = None,
    ) -> Entry:
        told = {**(facts or {}), **({"role": role.value} if role else {})}
        return Entry(at=self._clock(), actor=actor, action=action, object=principal, facts=told)

    def _now(self) -> int:
        return int(self._clock().timestamp() * 1000)


def required(connection: Connection, principal: str, *, alone: bool = False) -> Principal:
    """The principal with its roles, in the caller's transaction. Raises AccessError where there is none.

    With `alone`, nobody else judges what it reads until the transaction ends.
    """
    wanted = select(table).where(table.c.id == principal)
    row = connection.execute(wanted.with_for_update() if alone else wanted).first()
    if row is None:
        raise AccessError("there is no such principal", hint="`sottovoce access list` names them")
    roles = connection.execute(select(principal_roles.c.role).where(principal_roles.c.principal == principal))
    return Principal(
        id=row.id,
        kind=Kind(row.kind),
        label=row.label,
        state=State(row.state),
        roles=frozenset(map(Role, roles.scalars())),
        created_ms=row.created_ms,
        changed_ms=row.changed_ms,
        why=row.why,
    )


def suspended() -> AccessSuspended:
    """The one thing said to whoever is suspended."""
    return AccessSuspended("access is suspended", hint="ask whoever owns the workspace")


def uses_of(connection: Connection, principal: str) -> dict[Operation, int]:
    """When each operation was last used, in milliseconds since 1970."""
    wanted = select(access_uses.c.operation, access_uses.c.last_ms).where(access_uses.c.principal == principal)
    return {Operation(row.operation): row.last_ms for row in connection.execute(wanted)}


def labels_of(everyone: Sequence[Principal]) -> dict[str, str]:
    """Ids to labels, where there is one."""
    return {each.id: each.label or each.id for each in everyone}


def _unowned(connection: Connection) -> bool:
    owners = select(func.count()).where(principal_roles.c.role == Role.OWNER.value)
    return connection.execute(owners).scalar_one() == 0


def _owners(connection: Connection) -> list[str]:
    """Ids of the owners who are not suspended."""
    joined = table.join(principal_roles, principal_roles.c.principal == table.c.id)
    active = (principal_roles.c.role == Role.OWNER.value, table.c.state == State.ACTIVE.value)
    return list(connection.execute(select(table.c.id).select_from(joined).where(*active)).scalars())


def _bound(connection: Connection, subject: str) -> str | None:
    wanted = select(principal_logins.c.principal).where(principal_logins.c.subject == subject)
    return connection.execute(wanted).scalar_one_or_none()


def _check_label(connection: Connection, label: str | None) -> None:
    if label is None:
        return
    if not is_code(label) or "@" in label or len(label) > 64:
        raise AccessRefused("a label is a code such as dpo-1", hint="it goes into ledgers: no names, no addresses")
    if connection.execute(select(table.c.id).where(table.c.label == label)).first():
        raise AccessRefused("this label is taken")
