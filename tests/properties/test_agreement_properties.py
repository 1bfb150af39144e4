"""The laws of the gate, whatever the classes, zones, papers and days."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import combinations

from hypothesis import assume, given
from hypothesis import strategies as st

from sottovoce.agreements.agreement import Agreement
from sottovoce.agreements.gate import admit, shortfalls
from sottovoce.agreements.need import Need
from sottovoce.agreements.passage import Passage, needs_of
from sottovoce.domain.agreement import AgreementKind, DataClass, SccModule
from sottovoce.domain.outcome import Passed, Withheld
from sottovoce.domain.zone import Zone
from sottovoce.ledger.entry import check_facts
from sottovoce.testing.agreements import DESTINATION, TODAY, paper_for

classes = st.frozensets(st.sampled_from(DataClass)).map(lambda some: some | {DataClass.PERSONAL})
zones = st.frozensets(st.sampled_from([Zone.EU, Zone.UK, Zone.CH, Zone.US, Zone.IN]), min_size=1, max_size=3)
kinds = st.sampled_from(AgreementKind)
days = st.integers(-800, 800).map(lambda number: TODAY + timedelta(days=number))
some_zones = st.frozensets(st.sampled_from([Zone.EU, Zone.UK, Zone.US]), max_size=3)


@st.composite
def passages(draw: st.DrawFn) -> Passage:
    return Passage(
        destination=DESTINATION,
        classes=draw(classes),
        allowed=draw(st.one_of(st.none(), classes)),
        origins=draw(zones),
        targets=draw(zones),
        confined=draw(st.sampled_from([frozenset(), frozenset({Zone.IN})])),
        years=draw(st.integers(3, 7)),
        own_copy_years=draw(st.sampled_from([0, 5])),
        requires=tuple(draw(st.lists(kinds, max_size=2))),
        waived_until=tuple(draw(st.lists(st.tuples(kinds, days), max_size=3, unique_by=lambda pair: pair[0]))),
    )


open_passages = passages().map(lambda each: replace(each, allowed=None, confined=frozenset(), waived_until=()))


@st.composite
def papers(draw: st.DrawFn) -> Agreement:
    """Any paper at all, also ones that no register would take."""
    signed = draw(days)
    return Agreement(
        id=f"p-{draw(st.integers(0, 10**6))}",
        destination=draw(st.sampled_from([DESTINATION, "another"])),
        kind=draw(kinds),
        reference="R",
        digest="ab" * 32,
        signed=signed,
        effective=draw(days),
        expires=draw(st.one_of(st.none(), days, st.just(date.max))),
        classes=draw(classes),
        module=draw(st.one_of(st.none(), st.sampled_from(SccModule))),
        from_zones=draw(some_zones),
        to_zones=draw(some_zones),
        retention_years=draw(st.one_of(st.none(), st.integers(1, 10))),
        recorded_by="o",
        recorded_at=datetime.combine(draw(days), datetime.min.time(), tzinfo=UTC),
        superseded_on=draw(st.one_of(st.none(), days)),
    )


def least(passage: Passage) -> list[Agreement]:
    """One paper for each need, each saying no more than that need asks."""
    return [paper_for(need, f"a-{number}") for number, need in enumerate(needs_of(passage))]


def redundant(passage: Passage, paper: Agreement, others: list[Agreement]) -> bool:
    """Whether everything that the paper is for is met by another."""
    return all(_met(need, others) for need in needs_of(passage) if _met(need, [paper]))


def _met(need: Need, some: list[Agreement]) -> bool:
    return any(need.is_kind(paper) and need.is_long_enough(paper) for paper in some)


@given(open_passages)
def test_without_any_needed_paper_it_is_refused(passage: Passage) -> None:
    """A paper for every need lets it through; with any one that no other stands in for away, nothing goes."""
    whole = least(passage)
    assert isinstance(admit(passage, whole, TODAY), Passed)
    for gone in whole:
        rest = [paper for paper in whole if paper is not gone]
        assert redundant(passage, gone, rest) is isinstance(admit(passage, rest, TODAY), Passed)
    assert isinstance(admit(passage, [], TODAY), Withheld)


@given(passages(), st.lists(papers(), max_size=6), papers(), days)
def test_one_paper_more_never_shuts_the_gate(
    passage: Passage, on_file: list[Agreement], more: Agreement, today: date
) -> None:
    """What passes with some papers passes with another beside them, and nothing more is wanting of what did not."""
    before, after = admit(passage, on_file, today), admit(passage, [*on_file, more], today)
    assert not (isinstance(before, Passed) and isinstance(after, Withheld))
    wanting = {each.rule for each in shortfalls(passage, on_file, today)}
    assert {each.rule for each in shortfalls(passage, [*on_file, more], today)} <= wanting


@given(passages(), st.lists(papers(), max_size=6), days, st.randoms())
def test_order_changes_nothing(passage: Passage, on_file: list[Agreement], today: date, random: object) -> None:
    """The same papers give the same answer, and a clearance that names the same of them."""
    on_file = list({paper.id: paper for paper in on_file}.values())
    shuffled = list(on_file)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert admit(passage, on_file, today) == admit(passage, shuffled, today)


@given(open_passages, classes)
def test_several_classes_need_what_each_needs(passage: Passage, more: frozenset[DataClass]) -> None:
    """The needs of a union are the union of the needs."""
    both = needs_of(replace(passage, classes=passage.classes | more))
    one, other = needs_of(passage), needs_of(replace(passage, classes=more))
    assert {need.rule for need in both} == {need.rule for need in (*one, *other)}
    assert len({need.rule for need in both}) == len(both)


@given(open_passages, days)
def test_a_clearance_holds_through_its_day_and_not_after(passage: Passage, last: date) -> None:
    """On the day it names everything passes; the day after, what ended refuses."""
    whole = [replace(paper, expires=last) for paper in least(passage)]
    first = max(paper.first_day for paper in whole)
    assume(first <= last)
    answer = admit(passage, whole, first)
    assert isinstance(answer, Passed)
    through = answer.value.through
    assert through is not None
    assert first <= through <= last
    assert isinstance(admit(passage, whole, through), Passed)
    assert isinstance(admit(passage, whole, through + timedelta(days=1)), Withheld)
    assert isinstance(admit(passage, whole, first - timedelta(days=1)), Withheld)


@given(passages(), st.lists(papers(), max_size=6), days)
def test_what_is_shut_stays_shut(passage: Passage, on_file: list[Agreement], today: date) -> None:
    """Nothing goes where its zone is unknown, its class is not allowed or its zone is confined, whatever is on file."""
    unknown = (replace(passage, origins=frozenset()), replace(passage, targets=frozenset()))
    barred = replace(passage, allowed=frozenset(), classes=passage.classes | {DataClass.HIPAA})
    confined = replace(
        passage, origins=frozenset({Zone.IN}), targets=frozenset({Zone.US}), confined=frozenset({Zone.IN})
    )
    for shut in (*unknown, barred, confined):
        assert isinstance(admit(shut, on_file, today), Withheld)


@given(passages(), st.lists(papers(), max_size=6), days)
def test_evidence_may_go_into_the_ledger(passage: Passage, on_file: list[Agreement], today: date) -> None:
    """Whatever is decided, its evidence is codes, counts and dates."""
    check_facts(admit(passage, on_file, today).evidence)


def test_every_pair_of_zones_needs_a_safeguard() -> None:
    """No border is open by itself."""
    for one, other in combinations(Zone, 2):
        for origin, target in ((one, other), (other, one)):
            shut = Passage(
                destination=DESTINATION,
                classes=frozenset(),
                allowed=None,
                origins=frozenset({origin}),
                targets=frozenset({target}),
                confined=frozenset(),
                years=0,
                own_copy_years=0,
            )
            assert isinstance(admit(shut, [], TODAY), Withheld)
