"""What is told: to who plans, in sentences; to who answers for it, need by need."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sottovoce.agreements.forecast import forecast, foresee
from sottovoce.agreements.gate import AgreementGate
from sottovoce.agreements.need import Move, State
from sottovoce.agreements.needs import need_of_move
from sottovoce.agreements.review import review
from sottovoce.domain.agreement import AgreementKind
from sottovoce.domain.outcome import Passed, Reason
from sottovoce.domain.zone import Zone
from sottovoce.policy.model import Policy
from sottovoce.testing.agreements import TODAY, MemoryPapers, a_call, a_paper, a_policy, paper_for

K = AgreementKind
DAY = timedelta(days=1)
TWO = """
agreements:
  destinations: {verint: {zones: [us]}, nice: {zones: [eu], classes: [PCI]}}
  classes: {Health Line: [HIPAA]}
residency: {sources: {calls: us}}"""
DPA, BAA = a_paper(K.DPA, "dpa"), a_paper(K.BAA, "baa")


def sentences(call: object, policy: Policy, *papers: object, destination: str = "verint") -> tuple[str, ...]:
    gate = AgreementGate(policy=policy, on_file=MemoryPapers(papers=papers))  # type: ignore[arg-type]
    return foresee(call, destination, gate=gate, policy=policy, today=TODAY).sentences  # type: ignore[arg-type]


def test_a_privacy_officer_is_told_what_to_do() -> None:
    """Which paper, for which queue and why, and the command that mends it."""
    assert sentences(a_call(queue="Health Line"), a_policy(TWO), DPA) == (
        (
            "verint: no BAA on file, and queue Health Line is HIPAA (as the policy says); "
            "add one with `sottovoce agreements add verint BAA`"
        ),
    )


def test_what_ended_is_renewed_and_what_is_to_come_is_waited_for() -> None:
    """The paper is named by its id; one whose first day is still to come needs nothing."""
    call, policy = a_call(queue="orders"), a_policy(TWO)
    ended = replace(DPA, expires=TODAY - DAY)
    assert sentences(call, policy, ended) == (
        (
            "verint: the DPA on file ended on 2026-02-28, and queue orders is PERSONAL (as every recording is); "
            "renew it with `sottovoce agreements add verint DPA --renews dpa`"
        ),
    )
    coming = replace(DPA, effective=TODAY + DAY)
    assert sentences(call, policy, coming) == (
        (
            "verint: the DPA on file holds from 2026-03-02 on, and queue orders is PERSONAL (as every recording is); "
            "it may go from then on"
        ),
    )


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        (
            "residency: {sources: {calls: eu}}",
            (
                "verint: no ADEQUACY, SCC, BCR or DEROGATION on file, and a recording without a queue would go from eu to us; "
                "add one with `sottovoce agreements add verint ADEQUACY --from eu --to us`"
            ),
        ),
        (
            "",
            "verint: nothing says whose law a recording without a queue is under; add its source to `residency.sources`",
        ),
        (
            "residency: {sources: {calls: eu}, confined: [eu]}",
            "verint: nothing leaves eu (`residency.confined`), and a recording without a queue is under its law",
        ),
    ],
)
def test_borders_are_told(sections: str, said: str) -> None:
    """From where to where, and what would open it."""
    policy = a_policy(f"agreements: {{destinations: {{verint: {{zones: [us]}}}}}}\n{sections}")
    assert sentences(a_call(), policy, DPA)[0] == said


def test_a_class_that_is_not_wanted_there_and_a_destination_nobody_named_are_told() -> None:
    """By class, and by the key of the policy to write."""
    call = a_call(queue="Health Line")
    assert sentences(call, a_policy(TWO), destination="nice")[0] == (
        "nice: may not be given HIPAA, and queue Health Line is HIPAA (as the policy says)"
    )
    assert sentences(call, a_policy(TWO), destination="gong")[0] == (
        "gong: nothing says in which zones it keeps what it gets; add `agreements.destinations`"
    )


def test_years_that_are_too_few_are_told() -> None:
    """With the years that the duty asks."""
    policy = a_policy(f"{TWO}\nretention: {{duties: [{{name: FINRA, queue_categories: [trading]}}]}}")
    terms = a_paper(K.RETENTION_TERMS, "terms", retention_years=5)
    (said,) = sentences(a_call(queue_category="trading"), policy, DPA, terms)
    assert said == (
        "verint: the RETENTION_TERMS on file are for fewer than 6 years, and the trading category is FINANCIAL "
        "(by a duty to keep it); add one with `sottovoce agreements add verint RETENTION_TERMS --years 6`"
    )


def test_a_plan_is_told_by_destination_reason_and_sentence() -> None:
    """Every recording is asked about for every destination; the register is read once for each."""
    papers = MemoryPapers(papers=[DPA])
    calls = [a_call(queue="orders"), a_call(queue="Health Line"), a_call(queue="Health Line", region="eu")]
    found = forecast(calls, ("verint", "nice"), policy=a_policy(TWO), on_file=papers, today=TODAY)
    assert found.cleared == {"verint": 1}
    assert found.reasons == {Reason.AGREEMENT_MISSING: 3, Reason.CLASS_NOT_ALLOWED: 2}
    assert next(iter(found.sentences.values())) == 2
    assert papers.asked == 2
    assert isinstance(found.foreseen[0].answer, Passed)
    assert found.foreseen[0].sentences == ()


def test_a_review_covers_every_destination_and_need() -> None:
    """What is fine, what will end, what ended and what is missing; a class not sent there needs nothing there."""
    clauses = paper_for(need_of_move(Move(origin=Zone.US, target=Zone.EU)), "terms", destination="nice")
    papers = [replace(DPA, expires=TODAY + 30 * DAY), replace(BAA, expires=TODAY - DAY), clauses]
    found = review(a_policy(TWO), MemoryPapers(papers=papers), TODAY)
    assert [(row.destination, row.concern, row.standing.state, row.days_left) for row in found.rows] == [
        ("verint", "PERSONAL", State.EXPIRING, 30),
        ("verint", "HIPAA", State.EXPIRED, -1),
        ("nice", "PERSONAL", State.MISSING, None),
        ("nice", "PCI", State.MISSING, None),
        ("nice", "PCI", State.MISSING, None),
        ("nice", "us to eu", State.FINE, None),
    ]
    assert (len(found.wanting), len(found.expiring), found.unplaced) == (4, 1, ())


@pytest.mark.parametrize(("days", "state"), [(29, State.EXPIRING), (30, State.EXPIRING), (31, State.FINE)])
def test_the_warning_begins_on_its_day(days: int, state: State) -> None:
    """`warn_days` before the end, that day included."""
    papers = MemoryPapers(papers=[replace(DPA, expires=TODAY + days * DAY)])
    assert review(a_policy(TWO), papers, TODAY).rows[0].standing.state is state


def test_what_is_shut_and_what_is_not_placed_is_told() -> None:
    """Zones that nothing leaves, sources that state no zone, papers that are waived."""
    waiver = "{kind: DPA, who: officer-1, why: intra-group, until: 2026-12-31}"
    policy = a_policy(f"""
agreements: {{destinations: {{verint: {{zones: [us], requires: [OTHER], waivers: [{waiver}]}}}}}}
residency: {{sources: {{calls: in}}, confined: [in]}}""")
    found = review(policy, MemoryPapers(), TODAY)
    assert found.confined == (("verint", Zone.IN),)
    assert {row.concern: row.standing.state for row in found.rows} == {
        "PERSONAL": State.WAIVED,
        "in to us": State.MISSING,
        "required": State.MISSING,
    }
    assert review(a_policy(), MemoryPapers(), TODAY).unplaced == ("calls",)
