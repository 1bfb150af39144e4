"""The register of papers. Each change commits with its ledger entry, or does not happen.

Nothing is deleted: a paper that was renewed holds until its successor's first day, one that was withdrawn holds no
more, and both stay to be shown to an auditor. Withdrawing a renewal does not bring back what it renewed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, insert, select, true, update

from sottovoce.agreements.agreement import Agreement
from sottovoce.agreements.paper import Paper, check_paper
from sottovoce.custody.rows import milliseconds, moment
from sottovoce.database.agreement_tables import agreements
from sottovoce.database.engine import reading, writing
from sottovoce.domain.agreement import AgreementKind, DataClass, SccModule
from sottovoce.domain.outcome import Fact
from sottovoce.domain.zone import Zone
from sottovoce.errors import AgreementInvalid
from sottovoce.ledger.entry import Action, Entry, is_code
from sottovoce.ledger.ledger import Ledger

_ABSENT = "`sottovoce agreements list --all` shows what is recorded"


class Register:
    """Keeps papers. `by` is a pseudonymous id; `ids` draws a new id for each paper."""

    def __init__(
        self, *, engine: Engine, ledger: Ledger, clock: Callable[[], datetime], ids: Callable[[], str]
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._clock = clock
        self._ids = ids

    def add(self, paper: Paper, *, by: str) -> Agreement:
        """Puts a paper on file. Raises AgreementInvalid for one that cannot be, or is there already."""
        made = self._made(paper, by)
        with writing(self._engine) as connection:
            _insert(connection, made)
            self._ledger.append(connection, [_entry(made, Action.AGREEMENT_ADDED, by, made.recorded_at)])
        return made

    def renew(self, id_: str, paper: Paper, *, by: str) -> Agreement:
        """Puts a paper on file in place of another, which holds until the day before the new one's first.

        Raises AgreementInvalid where there is none to renew: unknown, withdrawn, renewed before, or of another kind.
        """
        made = self._made(paper, by)
        with writing(self._engine) as connection:
            old = _standing(connection, id_)
            if (old.destination, old.kind) != (paper.destination, paper.kind) or old.superseded_by is not None:
                raise AgreementInvalid("a paper renews one of its own kind and destination, once", hint=_ABSENT)
            _insert(connection, made)
            _end(connection, id_, superseded_by=made.id, superseded_on=made.first_day)
            entry = _entry(made, Action.AGREEMENT_RENEWED, by, made.recorded_at, renews=id_)
            self._ledger.append(connection, [entry])
        return made

    def withdraw(self, id_: str, *, why: str, by: str) -> Agreement:
        """From now on the paper holds no more. Raises AgreementInvalid for one that is not on file."""
        if not is_code(why):
            raise AgreementInvalid("the reason is not a code", hint="write one such as TERMINATED")
        at = self._clock()
        with writing(self._engine) as connection:
            paper = _standing(connection, id_)
            _end(connection, id_, withdrawn_by=by, withdrawn_why=why, withdrawn_ms=milliseconds(at))
            self._ledger.append(connection, [_entry(paper, Action.AGREEMENT_WITHDRAWN, by, at, why=why)])
        return self.get(id_)

    def get(self, id_: str) -> Agreement:
        """Raises AgreementInvalid for an id there is not."""
        with reading(self._engine) as connection:
            return _one(connection, id_)

    def on_file(self, destination: str) -> tuple[Agreement, ...]:
        """Every paper of the destination that was not withdrawn, whatever its dates."""
        return self._found((agreements.c.destination == destination) & agreements.c.withdrawn_ms.is_(None))

    def list(self, *, destination: str | None = None, all_: bool = False) -> tuple[Agreement, ...]:
        """In the order of destinations and recording; with `all_` those that were withdrawn or renewed too."""
        where = true() if destination is None else agreements.c.destination == destination
        if not all_:
            where = where & agreements.c.withdrawn_ms.is_(None) & agreements.c.superseded_by.is_(None)
        return self._found(where)

    def _made(self, paper: Paper, by: str) -> Agreement:
        at = self._clock()
        check_paper(paper, today=at.astimezone(UTC).date())
        stated = {each.name: getattr(paper, each.name) for each in fields(Paper)}
        return Agreement(**stated, id=self._ids(), recorded_by=by, recorded_at=moment(milliseconds(at)))

    def _found(self, where: ColumnElement[bool]) -> tuple[Agreement, ...]:
        order = agreements.c.destination, agreements.c.recorded_ms, agreements.c.id
        with reading(self._engine) as connection:
            rows = connection.execute(select(agreements).where(where).order_by(*order)).mappings()
            return tuple(map(_agreement, rows))


def _insert(connection: Connection, made: Agreement) -> None:
    same = (
        (agreements.c.destination == made.destination)
        & (agreements.c.kind == made.kind.value)
        & (agreements.c.digest == made.digest)
        & agreements.c.withdrawn_ms.is_(None)
    )
    if connection.execute(select(agreements.c.id).where(same)).first() is not None:
        raise AgreementInvalid("this document is on file with that destination already", hint=_ABSENT)
    connection.execute(insert(agreements).values(**_row(made)))


def _end(connection: Connection, id_: str, **values: Any) -> None:
    """Once: of two that end the same paper in the same way at the same moment, one finds it ended."""
    unset = [agreements.c[name].is_(None) for name in (*values, "withdrawn_ms")]
    if connection.execute(update(agreements).where(agreements.c.id == id_, *unset).values(**values)).rowcount != 1:
        raise AgreementInvalid("that paper was just renewed or withdrawn by somebody else", hint=_ABSENT)


def _standing(connection: Connection, id_: str) -> Agreement:
    paper = _one(connection, id_)
    if paper.withdrawn_at is not None:
        raise AgreementInvalid("that paper was withdrawn", hint=_ABSENT)
    return paper


def _one(connection: Connection, id_: str) -> Agreement:
    row = connection.execute(select(agreements).where(agreements.c.id == id_)).mappings().first()
    if row is None:
        raise AgreementInvalid("no paper of that id is recorded", hint=_ABSENT)
    return _agreement(row)


def _row(made: Agreement) -> dict[str, Any]:
    return {
        "id": made.id,
        "destination": made.destination,
        "kind": made.kind.value,
        "reference": made.reference,
        "digest": made.digest,
        "signed": made.signed,
        "effective": made.effective,
        "expires": made.expires,
        "classes": sorted(made.classes),
        "module": made.module.value if made.module else None,
        "from_zones": sorted(made.from_zones),
        "to_zones": sorted(made.to_zones),
        "retention_years": made.retention_years,
        "notes": list(made.notes),
        "recorded_by": made.recorded_by,
        "recorded_ms": milliseconds(made.recorded_at),
    }


def _agreement(row: RowMapping) -> Agreement:
    return Agreement(
        id=row["id"],
        destination=row["destination"],
        kind=AgreementKind(row["kind"]),
        reference=row["reference"],
        digest=row["digest"],
        signed=row["signed"],
        effective=row["effective"],
        expires=row["expires"],
        classes=frozenset(map(DataClass, row["classes"])),
        module=SccModule(row["module"]) if row["module"] else None,
        from_zones=frozenset(map(Zone, row["from_zones"])),
        to_zones=frozenset(map(Zone, row["to_zones"])),
        retention_years=row["retention_years"],
        notes=tuple(row["notes"]),
        recorded_by=row["recorded_by"],
        recorded_at=moment(row["recorded_ms"]),
        superseded_by=row["superseded_by"],
        superseded_on=row["superseded_on"],
        withdrawn_at=moment(row["withdrawn_ms"]) if row["withdrawn_ms"] is not None else None,
    )


def _entry(paper: Agreement, action: Action, by: str, at: datetime, **more: Fact) -> Entry:
    facts: dict[str, Fact] = {
        "destination": paper.destination,
        "kind": paper.kind.value,
        "reference": paper.reference,
        "digest": paper.digest,
        "signed": paper.signed.isoformat(),
        "effective": paper.effective.isoformat(),
        **_stated(expires=paper.expires, retention_years=paper.retention_years, module=paper.module),
        **_stated(classes="+".join(sorted(paper.classes)), notes="+".join(paper.notes)),
        **_stated(from_zones="+".join(sorted(paper.from_zones)), to_zones="+".join(sorted(paper.to_zones))),
        **more,
    }
    return Entry(at=at, actor=by, action=action, object=paper.id, facts=facts)


def _stated(**facts: date | str | int | None) -> dict[str, Fact]:
    """Those that were said."""
    return {name: each.isoformat() if isinstance(each, date) else each for name, each in facts.items() if each}
