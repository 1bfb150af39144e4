"""The laws of the retention solver, whatever the artefacts, schedules, duties and holds."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from sottovoce.custody.duties import ARTICLES, KEEPS_ORIGINAL, LEAST_YEARS, LEGAL_HOLD, SCHEDULE, Duty, years_after
from sottovoce.custody.kinds import ArtefactKind
from sottovoce.custody.retention import Artefact, Conflict, Plan, Rules, Step, solve

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

moments = st.integers(0, 12 * 365).map(lambda days: NOW - timedelta(days=days))
kinds = st.sampled_from(list(ArtefactKind))
queues = st.sampled_from([None, "trading", "billing"])
duties = st.lists(
    st.builds(
        Duty,
        name=st.sampled_from(sorted(LEAST_YEARS)),
        years=st.integers(0, 10),
        queue_categories=st.sampled_from([(), ("trading",)]),
    ),
    max_size=6,
    unique_by=lambda duty: duty.name,
).map(tuple)
rules_ = st.builds(
    Rules,
    days=st.dictionaries(kinds, st.integers(0, 40_000), max_size=9),
    duties=duties,
    archive_days=st.one_of(st.none(), st.integers(1, 2000)),
)


@st.composite
def artefact_sets(draw: st.DrawFn) -> list[Artefact]:
    """Artefacts of a few recordings; a recording is held in all of its artefacts or in none."""
    held = {key: draw(st.one_of(st.none(), moments)) for key in ("r1", "r2", "r3")}
    found = []
    for number in range(draw(st.integers(0, 12))):
        key = draw(st.sampled_from(sorted(held)))
        made = draw(moments)
        found.append(
            Artefact(
                id=f"a{number}",
                kind=draw(kinds),
                recording=key,
                made_at=made,
                recorded_at=made - timedelta(days=draw(st.integers(0, 40))),
                queue_category=draw(queues),
                authentication_data=draw(st.booleans()),
                held_since=held[key],
            )
        )
    return found


@given(artefact_sets(), rules_)
def test_what_is_held_is_never_deleted(artefacts: list[Artefact], rules: Rules) -> None:
    """Under a hold the plan is to freeze, or there is none."""
    for each in solve(artefacts, rules, now=NOW):
        if each.artefact.held_since is not None:
            assert isinstance(each, Conflict) or (each.step is Step.FREEZE and each.because == (LEGAL_HOLD,))


@given(artefact_sets(), rules_)
def test_nothing_outlasts_its_shortest_maximum_without_a_longer_duty_stated(
    artefacts: list[Artefact], rules: Rules
) -> None:
    """A plan past the schedule names the duty that asks for it, and ends with the longest such duty."""
    for each in solve(artefacts, rules, now=NOW):
        days = rules.days.get(each.artefact.kind)
        if isinstance(each, Conflict) or each.step is Step.FREEZE or days is None:
            continue
        assert each.delete_at is not None
        schedule = each.artefact.made_at + timedelta(days=days)
        if each.delete_at > schedule:
            assert set(each.because) & (KEEPS_ORIGINAL | {"HIPAA"})
            assert each.delete_at == each.keep_until


@given(artefact_sets(), rules_)
def test_no_duty_to_keep_is_broken(artefacts: list[Artefact], rules: Rules) -> None:
    """An original without authentication data is kept for as long as every duty that covers it asks."""
    for each in solve(artefacts, rules, now=NOW):
        a = each.artefact
        if isinstance(each, Conflict) or a.kind is not ArtefactKind.ORIGINAL or a.authentication_data:
            continue
        for duty in rules.duties:
            if duty.name in KEEPS_ORIGINAL and duty.covers(a.queue_category) and each.delete_at is not None:
                assert each.delete_at >= years_after(a.recorded_at, duty.years)


@given(artefact_sets(), rules_)
def test_authentication_data_is_deleted_now_or_refused_by_both_names(artefacts: list[Artefact], rules: Rules) -> None:
    """PCI DSS 3.3.1 leaves no third way."""
    for each in solve(artefacts, rules, now=NOW):
        if not each.artefact.authentication_data or "PCI_DSS" not in rules.names:
            continue
        if isinstance(each, Plan):
            assert each.step is Step.DELETE
        else:
            assert each.duties[0] == "PCI_DSS"
            assert each.duties[1] in KEEPS_ORIGINAL | {LEGAL_HOLD, "HIPAA"}


@given(artefact_sets(), rules_)
def test_conflicts_are_only_of_duties_that_are_there(artefacts: list[Artefact], rules: Rules) -> None:
    """Without PCI DSS there is no conflict, and each names two things the policy or a matter states."""
    for each in solve(artefacts, rules, now=NOW):
        if isinstance(each, Conflict):
            assert "PCI_DSS" in rules.names
            assert set(each.duties) <= rules.names | {LEGAL_HOLD}
            assert each.hint


@given(artefact_sets(), rules_, st.randoms(use_true_random=False))
def test_the_same_facts_give_the_same_plan(artefacts: list[Artefact], rules: Rules, chance: random.Random) -> None:
    """In any order, and of any duties in any order."""
    shuffled = list(artefacts)
    chance.shuffle(shuffled)
    other = list(rules.duties)
    chance.shuffle(other)
    again = Rules(days=rules.days, duties=tuple(other), archive_days=rules.archive_days)
    assert solve(shuffled, again, now=NOW) == solve(artefacts, rules, now=NOW)


@given(artefact_sets(), rules_)
def test_a_plan_says_why_and_its_dates_are_in_order(artefacts: list[Artefact], rules: Rules) -> None:
    """Every code has its article; archiving comes before deletion; what is due is past its date."""
    for each in solve(artefacts, rules, now=NOW):
        if isinstance(each, Conflict):
            continue
        assert set(each.because) <= ARTICLES.keys()
        assert (each.step is Step.DELETE) == (each.delete_at is not None and each.delete_at <= NOW)
        if each.archive_at is not None and each.delete_at is not None:
            assert each.archive_at < each.delete_at
        if each.delete_at is not None and each.step is not Step.DELETE:
            assert SCHEDULE in each.because


@given(st.datetimes(timezones=st.just(UTC)), st.integers(0, 100))
@example(datetime(2024, 2, 29, tzinfo=UTC), 5)
def test_years_are_calendar_years(at: datetime, years: int) -> None:
    """The same day of the year, or 28 February; never beyond the calendar."""
    later = years_after(at, years)
    assert later.year == min(at.year + years, 9999)
    assert (later.month, later.day) == (at.month, at.day) or (at.day, later.day) == (29, 28)
