"""The gate before every read: authorised, counted, watched, in the ledger; only then may anything be handed out.

All of it is one transaction. If the ledger cannot be written the read does not happen; if the read raises an alarm,
what commits instead is the suspension, the revocation of every grant of the reader, and the alert (SPEC 13.3).
Refusals are in the ledger too (PCI DSS 10.2.1.4). Where a reader came from and why it asked are sealed under the
recording's own key; the ledger has a salted commitment to them (SECURITY 3.3).
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import rfc8785
from sqlalchemy import Connection, Engine, insert, select, update

from sottovoce.access.alert import Alert
from sottovoce.access.alerts import Alerts
from sottovoce.access.bulk import BulkWatch
from sottovoce.access.catalog import MAPS, Target
from sottovoce.access.grant_book import GrantBook, GrantRow, revoked
from sottovoce.access.grants import MAX_COUNT, Ask, Count, Opened, TokenService
from sottovoce.access.principals import Kind, Principal, Principals, State, required, suspended
from sottovoce.access.roles import Operation
from sottovoce.access.watch import Alarm, Breach
from sottovoce.database.access_tables import access_uses, canaries, grant_counters, grant_recordings, reads
from sottovoce.database.engine import writing
from sottovoce.database.upsert import insert_new, insert_or_update
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import AccessError, AccessRefused, AccessSuspended, GrantInvalid
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger

WATCH: Final = "access.watch"
"""The actor of what the watch does by itself."""

UNKNOWN: Final = "unknown"
"""The actor of what was asked without anything that says by whom."""

MAX_JUSTIFICATION: Final = 2000

Seal = Callable[[Target, str, Confidential[bytes]], bytes]
"""Seals a detail under the recording's key, bound to the commitment that names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """A grant as it was shown: signatures hold, and the request was signed by the key of that thumbprint."""

    opened: Opened
    row: GrantRow
    thumbprint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who wants to read, for what, from where and why. Without a grant its roles decide alone."""

    principal: str
    operation: Operation
    purpose: str
    source: Confidential[str] | None = None
    justification: Confidential[str] | None = None
    grant: Presented | None = None
    excused: bool = False
    """A person need not say why: the owner of a workspace for trials."""
    facts: Mapping[str, str | int | bool] = field(default_factory=dict)


class Gate:
    """Passes reads, or raises. Every object it holds works on one database."""

    def __init__(
        self,
        *,
        engine: Engine,
        ledger: Ledger,
        principals: Principals,
        grants: GrantBook,
        tokens: TokenService,
        watch: BulkWatch,
        alerts: Alerts,
        tenant: str,
        clock: Callable[[], datetime],
        ids: Callable[[], str],
        random: Callable[[int], bytes],
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._principals = principals
        self._grants = grants
        self._tokens = tokens
        self._watch = watch
        self._alerts = alerts
        self._tenant = tenant
        self._clock = clock
        self._ids = ids
        self._random = random
        self._refusals = _Sparingly()
        self._one = threading.Lock()

    def present(self, token: Confidential[str], *, thumbprint: str | None = None) -> Presented:
        """A grant whose signatures hold and that memory does not know to be revoked. Raises GrantInvalid."""
        try:
            opened = self._tokens.open(token)
            if not self._grants.seem_good(opened.blocks):
                raise revoked()
            return Presented(opened=opened, row=self._grants.find(opened.blocks[0]), thumbprint=thumbprint)
        except GrantInvalid as refusal:
            self.refused(UNKNOWN, refusal, operation=None, target=None)
            raise

    def check(self, asked: Asked, target: Target, *, count: Count | None = None) -> None:
        """Whether the grant permits it, apart from counts, canaries and the watch. Raises AccessRefused."""
        if asked.grant is None:
            return
        counts = [count or Count()] * len(asked.grant.opened.blocks)
        self._tokens.authorise(asked.grant.opened, self._ask(asked, target, counts))

    def admit(self, asked: Asked, targets: Sequence[Target], *, seal: Seal) -> None:
        """All of the targets, or none. Afterwards they may be handed out, and the ledger says so.

        Raises AccessRefused, GrantInvalid, AccessSuspended, LedgerUnavailable.
        """
        try:
            sealed = [self._detail(asked, target, seal) for target in targets]
            with self._one:
                alarm = self._judged(asked, targets, sealed)
        except (AccessRefused, GrantInvalid, AccessSuspended) as refusal:
            self._watch.forget(asked.principal)
            self.refused(asked.principal, refusal, operation=asked.operation, target=targets[0] if targets else None)
            raise
        except BaseException:
            self._watch.forget(asked.principal)
            raise
        if alarm is not None:
            self._grants.load_revocations()
            self._alerts.deliver()
            raise AccessSuspended("access is suspended", hint="ask whoever owns the workspace")

    def credential(self, asked: Asked, prefix: str) -> None:
        """Writes down that credentials for a prefix are handed out. Raises as `admit` for who may not have them."""
        with writing(self._engine) as connection:
            principal = required(connection, asked.principal)
            if principal.state is State.SUSPENDED:
                raise suspended()
            if not principal.may(asked.operation):
                raise AccessRefused("your roles do not permit this", hint="`sottovoce access roles` shows what does")
            if asked.grant is not None:
                self._grants.require_good(connection, asked.grant.opened.blocks)
            facts = {"place": prefix, **({"grant": asked.grant.row.id} if asked.grant else {})}
            entry = Entry(
                at=self._clock(),
                actor=asked.principal,
                action=Action.CREDENTIAL_ISSUED,
                purpose=asked.purpose,
                facts=facts,
            )
            self._ledger.append(connection, [entry])

    def refused(self, actor: str, refusal: AccessError, *, operation: Operation | None, target: Target | None) -> None:
        """Writes a refusal down. A flood is counted rather than written whole."""
        spared = self._refusals.take(self._clock().timestamp())
        if spared is None:
            return
        facts: dict[str, str | int | bool] = {"code": refusal.code}
        if operation is not None:
            facts["operation"] = operation.value
        if spared:
            facts["others"] = spared
        name = target.object if target else None
        entry = Entry(at=self._clock(), actor=actor, action=Action.ACCESS_REFUSED, object=name, facts=facts)
        self._ledger.record([entry])

    def _judged(
        self, asked: Asked, targets: Sequence[Target], sealed: Sequence[tuple[str | None, bytes | None]]
    ) -> Alarm | None:
        with writing(self._engine) as connection:
            principal = required(connection, asked.principal, alone=True)
            self._require(principal, asked)
            per_minute = None
            if asked.grant is not None:
                per_minute = asked.grant.row.per_minute
                self._require_grant(connection, asked, asked.grant, targets)
            alarm = self._alarm(connection, principal, asked, targets, per_minute)
            if alarm is not None:
                self._suspend(connection, principal, asked, targets, alarm)
                return alarm
            self._write(connection, asked, targets, sealed)
        return None

    def _require(self, principal: Principal, asked: Asked) -> None:
        if principal.state is State.SUSPENDED:
            raise suspended()
        if not principal.may(asked.operation):
            raise AccessRefused("your roles do not permit this", hint="`sottovoce access roles` shows what does")
        said = asked.justification.reveal().strip() if asked.justification else ""
        if len(said) > MAX_JUSTIFICATION:
            raise AccessRefused("a justification is 2,000 characters at most")
        if principal.kind is Kind.PERSON and not said and not asked.excused:
            raise AccessRefused("a person says why it reads", hint="give a justification; it is kept sealed")

    def _require_grant(self, connection: Connection, asked: Asked, grant: Presented, targets: Sequence[Target]) -> None:
        if grant.row.holder != asked.principal or grant.row.purpose != asked.purpose:
            raise AccessRefused("the grant is another's, or for another purpose")
        self._grants.require_good(connection, grant.opened.blocks)
        counts = [self._counted(connection, block, targets) for block in grant.opened.blocks]
        for target in targets:
            self._tokens.authorise(grant.opened, self._ask(asked, target, counts))

    def _counted(self, connection: Connection, block: str, targets: Sequence[Target]) -> Count:
        """Counts the targets for one block, and says what that comes to."""
        table = grant_counters
        insert_new(connection, table, {"block": block, "recordings": 0, "bytes": 0, "last_ms": 0})
        wanted = select(table.c.recordings, table.c.bytes).where(table.c.block == block).with_for_update()
        before = connection.execute(wanted).one()
        new = sum(insert_new(connection, grant_recordings, {"block": block, "object": t.object}) for t in targets)
        count = Count(
            recordings=before.recordings + new,
            bytes=min(before.bytes + sum(t.size for t in targets), MAX_COUNT),
        )
        change = update(table).where(table.c.block == block)
        connection.execute(change.values(recordings=count.recordings, bytes=count.bytes, last_ms=self._now()))
        return count

    def _ask(self, asked: Asked, target: Target, counts: Sequence[Count]) -> Ask:
        return Ask(
            tenant=self._tenant,
            purpose=asked.purpose,
            operation=asked.operation,
            resource=target.resource,
            at=self._clock(),
            counts=counts,
            source=asked.source,
            thumbprint=asked.grant.thumbprint if asked.grant else None,
        )

    def _alarm(
        self,
        connection: Connection,
        principal: Principal,
        asked: Asked,
        targets: Sequence[Target],
        per_minute: int | None,
    ) -> Alarm | None:
        touched = [target.object for target in targets if target.canary]
        if touched:
            change = update(canaries).where(canaries.c.id.in_(touched))
            connection.execute(change.values(touched_ms=self._now(), touched_by=principal.id))
            return Alarm(breach=Breach.CANARY, window_s=0, count=len(touched), limit=0)
        names = [target.object for target in targets]
        return self._watch.observe(connection, principal, asked.purpose, names, self._clock(), per_minute=per_minute)

    def _suspend(
        self,
        connection: Connection,
        principal: Principal,
        asked: Asked,
        targets: Sequence[Target],
        alarm: Alarm,
    ) -> None:
        why = f"BULK_{alarm.breach.value}"
        now = self._clock()
        canary = next((target.object for target in targets if target.canary), None)
        found = Entry(
            at=now,
            actor=principal.id,
            action=Action.CANARY_TOUCHED if canary else Action.BULK_ACCESS_FOUND,
            object=canary or principal.id,
            purpose=asked.purpose,
            facts={
                "breach": alarm.breach.value,
                "count": alarm.count,
                "limit": alarm.limit,
                "window_s": alarm.window_s,
                **({"grant": asked.grant.row.id} if asked.grant else {}),
            },
        )
        entries = [found, self._principals.suspend_in(connection, principal.id, by=WATCH, why=why)]
        entries += self._grants.revoke_all_of(connection, principal.id, by=WATCH, why=why)
        self._alerts.raise_in(
            connection, Alert(id=self._ids(), principal=principal.id, purpose=asked.purpose, alarm=alarm, at=now)
        )
        self._ledger.append(connection, entries)

    def _write(
        self,
        connection: Connection,
        asked: Asked,
        targets: Sequence[Target],
        sealed: Sequence[tuple[str | None, bytes | None]],
    ) -> None:
        now, at_ms = self._clock(), self._now()
        rows, entries = [], []
        for target, (commit, detail) in zip(targets, sealed, strict=True):
            rows.append(_row(asked, target, commit, detail, at_ms))
            entries.append(_entry(asked, target, commit, now))
        last = 0
        for row in rows:
            made = connection.execute(insert(reads).values(**row)).inserted_primary_key
            last = int(made[0]) if made is not None else last
        self._used(connection, asked, at_ms)
        self._ledger.append(connection, entries)
        self._watch.noted(asked.principal, last)

    def _used(self, connection: Connection, asked: Asked, at_ms: int) -> None:
        times = select(access_uses.c.times).where(
            access_uses.c.principal == asked.principal, access_uses.c.operation == asked.operation.value
        )
        before = connection.execute(times).scalar_one_or_none() or 0
        row = {
            "principal": asked.principal,
            "operation": asked.operation.value,
            "times": before + 1,
            "last_ms": at_ms,
        }
        insert_or_update(connection, access_uses, row)

    def _detail(self, asked: Asked, target: Target, seal: Seal) -> tuple[str | None, bytes | None]:
        """The commitment, and what opens it, sealed; neither where there is nothing to say."""
        said = {
            name: value.reveal()
            for name, value in (("source", asked.source), ("justification", asked.justification))
            if value is not None
        }
        if not said or target.canary:
            return None, None
        opening = self._random(32)
        commit = hmac.new(opening, rfc8785.dumps(said), hashlib.sha256).hexdigest()
        return commit, seal(target, commit, Confidential(rfc8785.dumps({"opening": opening.hex(), "detail": said})))

    def _now(self) -> int:
        return int(self._clock().timestamp() * 1000)


class _Sparingly:
    """At most so many a minute; what was left out is told with the next."""

    def __init__(self, *, a_minute: int = 600) -> None:
        self._a_minute = a_minute
        self._minute = 0
        self._written = 0
        self._spared = 0

    def take(self, at_s: float) -> int | None:
        """How many were left out before this one, or None when it is left out itself."""
        minute = int(at_s // 60)
        if minute != self._minute:
            self._minute, self._written = minute, 0
        if self._written >= self._a_minute:
            self._spared += 1
            return None
        self._written += 1
        spared, self._spared = self._spared, 0
        return spared


def _row(asked: Asked, target: Target, commit: str | None, detail: bytes | None, at_ms: int) -> dict[str, object]:
    return {
        "principal": asked.principal,
        "purpose": asked.purpose,
        "operation": asked.operation.value,
        "object": target.object,
        "grant": asked.grant.row.id if asked.grant else None,
        "bytes": target.size,
        "at_ms": at_ms,
        "commit": commit,
        "detail": detail,
    }


def _entry(asked: Asked, target: Target, commit: str | None, now: datetime) -> Entry:
    place = target.resource.rpartition("/")[0]
    facts: dict[str, str | int | bool] = {"operation": asked.operation.value, "place": place, **asked.facts}
    if asked.grant is not None:
        facts |= {"grant": asked.grant.row.id, "blocks": len(asked.grant.opened.blocks)}
    action = Action.OBJECT_READ if place == MAPS else Action.CORPUS_READ
    return Entry(
        at=now,
        actor=asked.principal,
        action=action,
        object=target.object,
        purpose=asked.purpose,
        facts=facts,
        commit=commit,
    )
