"""The gate, paper by paper and day by day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sottovoce.agreements.agreement import Agreement, year_after
from sottovoce.agreements.gate import AgreementGate, admit, shortfalls
from sottovoce.agreements.need import Move, State, standing
from sottovoce.agreements.needs import NEEDS, need_of_move
from sottovoce.agreements.passage import Passage, needs_of
from sottovoce.domain.agreement import AgreementKind, DataClass, SccModule
from sottovoce.domain.outcome import OutcomeStatus, Passed, Reason, Withheld
from sottovoce.domain.zone import Zone
from sottovoce.pipeline.reasons import status_for
from sottovoce.testing.agreements import (
    DESTINATION,
    LONG_AGO,
    TODAY,
    MemoryPapers,
    a_call,
    a_paper,
    a_policy,
    paper_for,
)

DAY = timedelta(days=1)
K = AgreementKind
DPA = a_paper(K.DPA, "dpa")


def a_passage(**changes: Any) -> Passage:
    """A personal recording of the Economic Area, to a destination there."""
    stated: dict[str, Any] = {
        "destination": DESTINATION,
        "classes": frozenset({DataClass.PERSONAL}),
        "allowed": None,
        "origins": frozenset({Zone.EU}),
        "targets": frozenset({Zone.EU}),
        "confined": frozenset(),
        "years": 6,
        "own_copy_years": 0,
    }
    return Passage(**stated | changes)


def reason(passage: Passage, *papers: Agreement, on: Any = TODAY) -> Reason | None:
    answer = admit(passage, papers, on)
    return answer.reason if isinstance(answer, Withheld) else None


def test_what_expired_yesterday_refuses_today() -> None:
    """The last day belongs to the agreement, the next one does not."""
    ended = replace(DPA, expires=TODAY - DAY)
    assert reason(a_passage(), ended) is Reason.AGREEMENT_EXPIRED
    assert reason(a_passage(), replace(DPA, expires=TODAY)) is None
    assert reason(a_passage(), replace(DPA, expires=TODAY), on=TODAY + DAY) is Reason.AGREEMENT_EXPIRED


@pytest.mark.parametrize("which", ["signed", "effective", "recorded_at"])
def test_nothing_holds_before_its_first_day(which: str) -> None:
    """It holds from the latest of the days it was signed, took effect and was recorded, that day included."""
    value: Any = datetime(2026, 3, 1, 23, 59, tzinfo=UTC) if which == "recorded_at" else TODAY
    begins = replace(DPA, **{which: value})
    assert reason(a_passage(), begins, on=TODAY) is None
    assert reason(a_passage(), begins, on=TODAY - DAY) is Reason.AGREEMENT_MISSING


def test_a_clock_that_jumps_changes_the_answer_and_nothing_else() -> None:
    """Forward past its end it refuses, back before it was on file it refuses, and on its own days it passes again."""
    paper = replace(DPA, recorded_at=datetime(2026, 2, 1, tzinfo=UTC), expires=TODAY + DAY)
    days = [TODAY, TODAY + 3 * DAY, LONG_AGO, TODAY + DAY, TODAY.replace(year=2090), TODAY]
    assert [reason(a_passage(), paper, on=day) is None for day in days] == [True, False, False, True, False, True]


@pytest.mark.parametrize(
    ("data_class", "kinds"),
    [
        (DataClass.PERSONAL, [K.DPA]),
        (DataClass.SPECIAL_CATEGORY, [K.DPA]),
        (DataClass.HIPAA, [K.BAA]),
        (DataClass.PCI, [K.PCI_AGREEMENT, K.PCI_AOC]),
        (DataClass.FINANCIAL, [K.RETENTION_TERMS]),
    ],
)
def test_each_class_needs_its_papers(data_class: DataClass, kinds: list[AgreementKind]) -> None:
    """The table, by what it asks; every row cites its law."""
    assert [need.kinds for need in NEEDS[data_class]] == [(kind,) for kind in kinds]
    assert all(need.law for need in NEEDS[data_class])
    assert reason(a_passage(classes={DataClass.PERSONAL, data_class})) is Reason.AGREEMENT_MISSING


def test_every_class_has_needs() -> None:
    """A class without a row would need nothing by accident."""
    assert set(NEEDS) == set(DataClass)


def test_a_baa_stands_in_for_no_dpa() -> None:
    """Each law asks for its own paper."""
    hipaa = a_passage(classes={DataClass.PERSONAL, DataClass.HIPAA})
    baa = a_paper(K.BAA, "baa")
    assert reason(hipaa, DPA) is reason(hipaa, baa) is Reason.AGREEMENT_MISSING
    assert reason(hipaa, DPA, baa) is None


def test_special_categories_are_named_in_the_contract() -> None:
    """A contract that does not name them is none for them (GDPR Article 28(3))."""
    special = a_passage(classes={DataClass.PERSONAL, DataClass.SPECIAL_CATEGORY})
    assert reason(special, DPA) is Reason.AGREEMENT_MISSING
    assert reason(special, replace(DPA, classes=frozenset({DataClass.SPECIAL_CATEGORY}))) is None


def test_an_attestation_is_good_for_twelve_months() -> None:
    """Whatever end it states: compliance is looked at every twelve months (PCI DSS 12.8.4)."""
    pci = a_passage(classes={DataClass.PERSONAL, DataClass.PCI})
    rest = DPA, a_paper(K.PCI_AGREEMENT, "pci")
    old = a_paper(K.PCI_AOC, "aoc", effective=TODAY.replace(year=2025), expires=TODAY.replace(year=2030))
    assert reason(pci, *rest, old) is None
    assert reason(pci, *rest, old, on=TODAY + DAY) is Reason.AGREEMENT_EXPIRED
    assert year_after(date(2028, 2, 29)) == date(2029, 2, 28)


def test_retention_terms_meet_the_duty_or_our_own_copy_does() -> None:
    """Six years asked, five promised: refused, unless the original is kept for six elsewhere."""
    financial = a_passage(classes={DataClass.PERSONAL, DataClass.FINANCIAL})
    terms = a_paper(K.RETENTION_TERMS, "terms", retention_years=5)
    assert reason(financial, DPA, terms) is Reason.RETENTION_TERMS_SHORT
    assert reason(financial, DPA, replace(terms, retention_years=6)) is None
    assert reason(replace(financial, own_copy_years=5), DPA) is Reason.AGREEMENT_MISSING
    assert reason(replace(financial, own_copy_years=6), DPA) is None


def test_a_border_needs_a_safeguard_that_covers_it() -> None:
    """From and to, both; the other way round it is another border."""
    abroad = a_passage(targets=frozenset({Zone.US}))
    clauses = paper_for(need_of_move(Move(origin=Zone.EU, target=Zone.US)), "scc", kind=K.SCC)
    assert reason(abroad, DPA) is Reason.TRANSFER_NOT_ALLOWED
    assert reason(abroad, DPA, clauses) is None
    assert reason(abroad, DPA, replace(clauses, from_zones=clauses.to_zones, to_zones=clauses.from_zones))
    assert reason(abroad, DPA, replace(clauses, from_zones=frozenset({Zone.CH})))
    assert reason(abroad, DPA, replace(clauses, to_zones=frozenset({Zone.IN})))
    assert reason(replace(abroad, targets=frozenset({Zone.US, Zone.IN})), DPA, clauses) is Reason.TRANSFER_NOT_ALLOWED
    assert reason(abroad, DPA, replace(clauses, expires=TODAY - DAY)) is Reason.TRANSFER_NOT_ALLOWED


@pytest.mark.parametrize("module", list(SccModule))
def test_clauses_of_another_module_carry_nothing_to_a_processor(module: SccModule) -> None:
    """Modules two and three are for transfers to a processor."""
    need = need_of_move(Move(origin=Zone.EU, target=Zone.US))
    clauses = replace(paper_for(need, "scc", kind=K.SCC), module=module)
    passes = reason(a_passage(targets=frozenset({Zone.US})), DPA, clauses) is None
    assert passes is (module.value in {"two", "three"})


def test_european_clauses_alone_carry_nothing_out_of_the_united_kingdom() -> None:
    """There it takes the transfer agreement or the addendum."""
    move = Move(origin=Zone.UK, target=Zone.US)
    british = a_passage(origins=frozenset({Zone.UK}), targets=frozenset({Zone.US}))
    need = need_of_move(move)
    assert reason(british, DPA, paper_for(need, "scc", kind=K.SCC)) is Reason.TRANSFER_NOT_ALLOWED
    assert reason(british, DPA, paper_for(need, "idta", kind=K.IDTA)) is None


def test_what_nobody_knows_is_refused_first() -> None:
    """An unknown zone refuses whatever is on file, and a class or zone that is shut comes before any paper."""
    assert reason(a_passage(origins=frozenset()), DPA) is Reason.ZONE_UNKNOWN
    assert reason(a_passage(targets=frozenset()), DPA) is Reason.ZONE_UNKNOWN
    shut = a_passage(classes={DataClass.PERSONAL, DataClass.HIPAA}, allowed=frozenset({DataClass.PERSONAL}))
    assert reason(shut) is Reason.CLASS_NOT_ALLOWED
    confined = a_passage(targets=frozenset({Zone.US}), confined=frozenset({Zone.EU}))
    clauses = paper_for(need_of_move(Move(origin=Zone.EU, target=Zone.US)), "scc", kind=K.SCC)
    assert reason(confined, DPA, clauses) is Reason.TRANSFER_NOT_ALLOWED


def test_a_waiver_ends_and_opens_no_border() -> None:
    """Through its last day a paper is not asked for; a border is another matter."""
    waived = a_passage(waived_until=((K.DPA, TODAY),))
    answer = admit(waived, [], TODAY)
    assert isinstance(answer, Passed)
    assert (answer.value.waived, answer.value.through) == (("personal.dpa",), TODAY)
    assert reason(waived, on=TODAY + DAY) is Reason.AGREEMENT_MISSING
    every = tuple((kind, TODAY) for kind in K)
    assert reason(a_passage(targets=frozenset({Zone.US}), waived_until=every)) is Reason.TRANSFER_NOT_ALLOWED


def test_a_policy_may_require_more() -> None:
    """`requires` adds to the law and takes nothing away."""
    more = a_passage(requires=(K.SUBPROCESSOR_LIST,))
    assert reason(more, DPA) is Reason.AGREEMENT_MISSING
    assert reason(more, DPA, a_paper(K.SUBPROCESSOR_LIST, "subs")) is None


def test_papers_of_others_and_withdrawn_ones_do_not_count() -> None:
    """A contract binds who signed it, as long as it stands."""
    assert reason(a_passage(), replace(DPA, destination="another")) is Reason.AGREEMENT_MISSING
    withdrawn = replace(DPA, withdrawn_at=datetime(2026, 2, 1, tzinfo=UTC))
    assert reason(a_passage(), withdrawn) is Reason.AGREEMENT_MISSING


def test_a_renewal_takes_over_without_a_gap_and_without_a_warning() -> None:
    """What was renewed holds until the day before; the two together last as long as the second."""
    need = NEEDS[DataClass.PERSONAL][0]
    old = replace(DPA, superseded_by="new", superseded_on=TODAY + 10 * DAY)
    new = replace(DPA, id="new", effective=TODAY + 10 * DAY, expires=TODAY + 400 * DAY)
    found = standing(need, [old, new], TODAY, warn_days=30)
    assert (found.state, found.last_day) == (State.FINE, new.expires)
    late = replace(new, effective=TODAY + 11 * DAY)
    found = standing(need, [old, late], TODAY, warn_days=30)
    assert (found.state, found.days_left(TODAY)) == (State.EXPIRING, 9)


def test_evidence_names_rules_and_kinds_and_counts_what_is_wanting() -> None:
    """The first shortfall decides; all of them are counted."""
    answer = admit(a_passage(classes={DataClass.PERSONAL, DataClass.HIPAA, DataClass.PCI}), [DPA], TODAY)
    assert isinstance(answer, Withheld)
    assert answer.evidence == {
        "destination": DESTINATION,
        "rules": "hipaa.baa+pci.agreement+pci.aoc",
        "decided_by": "hipaa.baa",
        "wanting": 3,
        "kinds": "BAA",
    }


def test_a_clearance_says_which_papers_it_rests_on() -> None:
    """By id, with the rules that were asked and the last day on which all of them hold."""
    ends = replace(DPA, expires=TODAY + DAY)
    answer = admit(a_passage(), [ends], TODAY)
    assert isinstance(answer, Passed)
    assert (answer.value.agreements, answer.value.through) == (("dpa",), TODAY + DAY)
    assert answer.evidence == {
        "destination": DESTINATION,
        "rules": "personal.dpa",
        "agreements": 1,
        "on": "2026-03-01",
        "through": "2026-03-02",
        "paper_1": "dpa",
    }


@pytest.mark.parametrize(
    "one",
    [
        Reason.ZONE_UNKNOWN,
        Reason.CLASS_NOT_ALLOWED,
        Reason.TRANSFER_NOT_ALLOWED,
        Reason.AGREEMENT_MISSING,
        Reason.AGREEMENT_EXPIRED,
        Reason.RETENTION_TERMS_SHORT,
    ],
)
def test_its_refusals_are_decisions(one: Reason) -> None:
    """Nothing is in doubt: the recording is excluded, not quarantined."""
    assert status_for(one) is OutcomeStatus.EXCLUDED


def test_the_gate_reads_policy_and_register_anew() -> None:
    """What is put on file between plan and delivery counts, and so does what was withdrawn."""
    papers = MemoryPapers()
    gate = AgreementGate(policy=a_policy(), on_file=papers)
    call = a_call(region="us_east_1")
    asked = call, DESTINATION, (), TODAY
    assert [each.rule for each in gate.shortfalls(*asked)] == ["personal.dpa"]
    papers.papers = [DPA]
    assert isinstance(gate.admit(*asked), Passed)
    papers.papers = []
    assert isinstance(gate.admit(*asked), Withheld)
    assert papers.asked == 3


def test_what_a_recording_shows_cannot_be_left_out() -> None:
    """Whoever forgets to say its classes is asked for their papers all the same."""
    gate = AgreementGate(policy=a_policy(), on_file=MemoryPapers(papers=[DPA]))
    answer = gate.admit(a_call(region="us", queue="Clinic"), DESTINATION, (), TODAY)
    assert isinstance(answer, Withheld)
    assert answer.evidence["decided_by"] == "hipaa.baa"


def test_a_destination_the_policy_does_not_name_gets_nothing() -> None:
    """Nobody said where it keeps anything."""
    gate = AgreementGate(policy=a_policy(), on_file=MemoryPapers(papers=[DPA]))
    answer = gate.admit(a_call(region="us_east_1"), "somewhere", (), TODAY)
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.ZONE_UNKNOWN


def test_needs_are_told_once_each() -> None:
    """What two classes share, or a policy requires twice, is one need."""
    passage = a_passage(requires=(K.OTHER, K.OTHER), targets=frozenset({Zone.EU, Zone.US}))
    assert [need.rule for need in needs_of(passage)] == ["personal.dpa", "transfer.eu-us", "required.other"]
    assert [each.rule for each in shortfalls(passage, [], TODAY)] == [need.rule for need in needs_of(passage)]
