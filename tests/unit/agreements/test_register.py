"""The register: every change with its ledger entry, nothing deleted, nothing kept but codes, dates and digests."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from sottovoce.agreements.needs import ELSEWHERE, SAFEGUARDS
from sottovoce.agreements.paper import SAFEGUARD, Paper
from sottovoce.agreements.register import Register
from sottovoce.database.engine import writing
from sottovoce.database.tables import ledger_leaves
from sottovoce.domain.agreement import AgreementKind, DataClass, SccModule
from sottovoce.domain.zone import Zone
from sottovoce.errors import AgreementInvalid, LedgerUnavailable
from sottovoce.ledger.entry import Action
from sottovoce.ledger.ledger import Ledger

Make = Callable[..., Any]
TODAY = date(2026, 3, 1)
PAPER = Paper(
    destination="verint", kind=AgreementKind.BAA, reference="BAA-1", digest="ab" * 32, signed=TODAY, effective=TODAY
)
CLAUSES = replace(
    PAPER,
    kind=AgreementKind.SCC,
    module=SccModule.CONTROLLER_TO_PROCESSOR,
    from_zones=frozenset({Zone.EU, Zone.CH}),
    to_zones=frozenset({Zone.US}),
    expires=TODAY + timedelta(days=365),
    classes=frozenset({DataClass.HIPAA}),
    notes=("TIA-1", "BOARD"),
)


@pytest.fixture
def register(engine: Engine, ledger: Ledger, clock: Make) -> Register:
    ids = iter(f"paper-{number}" for number in range(99))
    return Register(engine=engine, ledger=ledger, clock=clock, ids=lambda: next(ids))


def test_a_paper_is_kept_as_it_was_told_and_ledgered(register: Register, ledger: Ledger) -> None:
    """What comes back is what went in, who recorded it and when; the entry has codes, dates and the digest."""
    made = register.add(CLAUSES, by="officer-1")
    assert register.get(made.id) == made
    assert {each.name: getattr(made, each.name) for each in fields(Paper)} == {
        each.name: getattr(CLAUSES, each.name) for each in fields(Paper)
    }
    ((_, entry),) = ledger.entries_about(made.id)
    assert (entry.action, entry.actor) == (Action.AGREEMENT_ADDED, "officer-1")
    assert entry.facts == {
        "destination": "verint",
        "kind": "SCC",
        "reference": "BAA-1",
        "digest": "ab" * 32,
        "signed": "2026-03-01",
        "effective": "2026-03-01",
        "expires": "2027-03-01",
        "module": "two",
        "classes": "HIPAA",
        "notes": "TIA-1+BOARD",
        "from_zones": "ch+eu",
        "to_zones": "us",
    }


def test_a_renewal_follows_and_both_stay(register: Register, ledger: Ledger) -> None:
    """The old one holds until the day before the new one's first, and is still shown."""
    old = register.add(PAPER, by="o")
    later = replace(PAPER, digest="cd" * 32, effective=TODAY + timedelta(days=30))
    new = register.renew(old.id, later, by="o")
    kept = register.get(old.id)
    assert (kept.superseded_by, kept.last_day) == (new.id, TODAY + timedelta(days=29))
    assert register.on_file("verint") == (kept, new)
    assert register.list() == (new,)
    assert register.list(all_=True) == (kept, new)
    ((_, entry),) = ledger.entries_about(new.id)
    assert (entry.action, entry.facts["renews"]) == (Action.AGREEMENT_RENEWED, old.id)


def test_what_is_withdrawn_holds_no_more_and_stays(register: Register, ledger: Ledger) -> None:
    """It is off file at once, and in the register for ever; what it had renewed does not come back."""
    old = register.add(PAPER, by="o")
    new = register.renew(old.id, replace(PAPER, digest="cd" * 32), by="o")
    ended = register.withdraw(new.id, why="TERMINATED", by="officer-2")
    assert ended.withdrawn_at is not None
    assert [paper.id for paper in register.on_file("verint")] == [old.id]
    assert register.get(old.id).last_day == TODAY - timedelta(days=1)
    assert len(register.list(all_=True)) == 2
    _, entry = ledger.entries_about(new.id)[-1]
    assert (entry.action, entry.actor, entry.facts["why"]) == (Action.AGREEMENT_WITHDRAWN, "officer-2", "TERMINATED")


@pytest.mark.parametrize(
    "changes",
    [
        {"digest": "AB" * 32},
        {"digest": "ab"},
        {"reference": "the one in the drawer"},
        {"reference": "2025550199"},
        {"reference": "R" * 65},
        {"notes": ("call me at 12",)},
        {"signed": TODAY + timedelta(days=1)},
        {"expires": TODAY - timedelta(days=1)},
        {"expires": TODAY, "effective": TODAY + timedelta(days=1)},
        {"kind": AgreementKind.SCC},
        {"kind": AgreementKind.ADEQUACY, "from_zones": frozenset({Zone.EU})},
        {"from_zones": frozenset({Zone.EU}), "to_zones": frozenset({Zone.US})},
        {"from_zones": frozenset({Zone.EU})},
        {"module": SccModule.CONTROLLER_TO_PROCESSOR},
        {"kind": AgreementKind.RETENTION_TERMS},
        {"kind": AgreementKind.RETENTION_TERMS, "retention_years": 0},
        {"retention_years": 7},
        {"kind": AgreementKind.DEROGATION, "from_zones": frozenset({Zone.EU}), "to_zones": frozenset({Zone.US})},
    ],
)
def test_what_cannot_be_such_a_paper_is_not_recorded(
    register: Register, ledger: Ledger, changes: dict[str, Any]
) -> None:
    """Free text, a wrong digest, impossible days, or less or more than its kind has: refused, and nothing written."""
    with pytest.raises(AgreementInvalid) as refused:
        register.add(replace(PAPER, **changes), by="o")
    assert refused.value.hint
    assert (register.list(all_=True), ledger.size()) == ((), 0)


def test_every_safeguard_says_what_it_carries() -> None:
    """The kinds that open a border in the table of needs are those that must name one."""
    assert {kind for each in (*SAFEGUARDS.values(), ELSEWHERE) for kind in each.kinds} == SAFEGUARD


def test_the_same_document_is_on_file_once(register: Register) -> None:
    """Until it was withdrawn; one document may be two kinds of paper."""
    made = register.add(PAPER, by="o")
    with pytest.raises(AgreementInvalid):
        register.add(replace(PAPER, reference="BAA-2"), by="o")
    register.add(replace(PAPER, kind=AgreementKind.DPA), by="o")
    register.withdraw(made.id, why="MISTAKE", by="o")
    register.add(PAPER, by="o")


def test_only_what_stands_is_renewed_or_withdrawn(register: Register) -> None:
    """Not what is unknown, withdrawn, renewed already, or another's."""
    made = register.add(PAPER, by="o")
    for number, other in enumerate(({"destination": "nice"}, {"kind": AgreementKind.DPA})):
        with pytest.raises(AgreementInvalid):
            register.renew(made.id, replace(PAPER, digest=f"{number:064x}", **other), by="o")
    register.renew(made.id, replace(PAPER, digest="cd" * 32), by="o")
    with pytest.raises(AgreementInvalid):
        register.renew(made.id, replace(PAPER, digest="ef" * 32), by="o")
    register.withdraw(made.id, why="X", by="o")
    for attempt in (
        lambda: register.withdraw(made.id, why="X", by="o"),
        lambda: register.withdraw("nothing", why="X", by="o"),
        lambda: register.withdraw(made.id, why="because they were late", by="o"),
        lambda: register.get("nothing"),
    ):
        with pytest.raises(AgreementInvalid):
            attempt()
    assert len(register.list(all_=True)) == 2


def test_without_a_ledger_nothing_is_on_file(register: Register, engine: Engine, ledger: Ledger) -> None:
    """The row and its entry commit together, or neither does."""
    with writing(engine) as connection:
        ledger_leaves.drop(connection)
    with pytest.raises(LedgerUnavailable):
        register.add(PAPER, by="o")
    assert register.list(all_=True) == ()


def test_two_that_renew_the_same_paper_at_once_do_so_once(
    register: Register, engine: Engine, ledger: Ledger, clock: Make
) -> None:
    """One of them succeeds and the other is told; the register and the ledger have one renewal."""
    old = register.add(PAPER, by="o")
    ids = iter(f"other-{number}" for number in range(9))
    registers = [Register(engine=engine, ledger=ledger, clock=clock, ids=lambda: next(ids)) for _ in range(4)]

    def renew(number: int) -> bool:
        try:
            registers[number].renew(old.id, replace(PAPER, digest=f"{number:064x}"), by="o")
        except AgreementInvalid:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(renew, range(4))) == 1
    assert len(register.list(all_=True)) == 2
    assert [entry.action for _, entry in ledger.entries()].count(Action.AGREEMENT_RENEWED) == 1
