"""Each kind of rule, broken and kept; and that hearing more never takes a violation back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sottovoce.compliance.judge import Heard, judge
from sottovoce.compliance.phrases import Said, find, same
from sottovoce.compliance.rules import Rules, default_rules
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Role
from sottovoce.domain.spans import Span

RATE = 1000
AGENT, CUSTOMER = 0, 1


def said(text: str, *, at_s: float = 0.0, probability: float = 1.0) -> list[Said]:
    """Words of 300 ms each, from a moment on."""
    start = round(at_s * RATE)
    return [
        Said(text=word, span=Span(start + 300 * i, start + 300 * i + 280), probability=probability)
        for i, word in enumerate(text.lower().split())
    ]


def heard(agent: list[Said] = (), customer: list[Said] = (), **changes: Any) -> Heard:  # type: ignore[assignment]
    members: dict[str, Any] = {
        "words": {AGENT: list(agent), CUSTOMER: list(customer)},
        "findings": (),
        "roles": (Role.AGENT, Role.CUSTOMER),
        "rate": RATE,
        "until": 120 * RATE,
        "is_whole": True,
    }
    return Heard(**{**members, **changes})


def types(call: Heard) -> list[str]:
    return [violation.type for violation in judge(default_rules().rules.rules, call)]


OPENING = said("hello this call is being recorded")


def finding(entity: Entity, channel: int = CUSTOMER, at_s: float = 40.0) -> Finding:
    span = Span.of_seconds(at_s, at_s + 5, rate=RATE)
    return Finding(entity=entity, channel=channel, span=span, detector="d", score=0.9)


def test_a_clean_call_breaks_no_rule() -> None:
    """Disclosed, identified, nothing sensitive: nothing."""
    agent = [*OPENING, *said("may i have your name please", at_s=8), *said("your balance is fine", at_s=20)]
    assert types(heard(agent, said("yes of course", at_s=11))) == []


@pytest.mark.parametrize(
    ("entity", "type_"),
    [
        (Entity.CREDIT_DEBIT_NUMBER, "PCI_MID_CAPTURE"),
        (Entity.DTMF_DIGITS, "PCI_MID_CAPTURE"),
        (Entity.CREDIT_DEBIT_CVV, "CVV_KEPT"),
    ],
)
def test_card_data_in_the_recording_is_a_violation(entity: Entity, type_: str) -> None:
    """What was found in the sound was captured while recording was not paused; the offset is where it was said."""
    (violation,) = judge(default_rules().rules.rules, heard(OPENING, findings=[finding(entity)]))
    assert (violation.type, violation.channel, violation.span.start) == (type_, CUSTOMER, 40 * RATE)
    assert violation.confidence == 0.9


def test_other_findings_break_nothing() -> None:
    """A name in a call is no violation of the default rules."""
    assert types(heard(OPENING, findings=[finding(Entity.NAME)])) == []


def test_a_disclosure_is_in_time_late_or_missing() -> None:
    """Missing is said only when the call is over; a short call that never came to it is not judged."""
    late = said("by the way this call is recorded", at_s=45)
    assert types(heard(OPENING)) == []
    assert types(heard(late)) == ["DISCLOSURE_LATE"]
    assert types(heard(said("hello", probability=0.9))) == ["DISCLOSURE_MISSING"]
    assert types(heard(said("hello"), is_whole=False)) == []
    assert types(heard(said("hello"), until=20 * RATE)) == []


def test_asking_for_a_whole_card_number_is_a_violation() -> None:
    """Asking for the last four digits is not; nor is telling, nor the customer asking."""
    ask = said("can i have your card number please", at_s=20)
    assert types(heard([*OPENING, *ask])) == ["FULL_CARD_ASKED"]
    last = said("can you confirm the last four digits of your card number", at_s=20)
    assert types(heard([*OPENING, *last])) == []
    assert types(heard([*OPENING, *said("your card number is safe", at_s=20)])) == []
    assert types(heard(OPENING, ask)) == []


def test_account_talk_before_identity_is_a_violation() -> None:
    """Each account sentence before the first check; none after it."""
    early = said("your balance is forty pounds", at_s=5)
    check = said("can you confirm your date of birth", at_s=15)
    again = said("your balance is forty pounds", at_s=25)
    assert types(heard([*OPENING, *early, *check, *again])) == ["IDENTITY_NOT_VERIFIED"]
    assert types(heard([*OPENING, *check, *again])) == []
    assert types(heard([*OPENING, *early])) == ["IDENTITY_NOT_VERIFIED"]


def test_prohibited_words_are_the_agents() -> None:
    """The customer may say them."""
    words = said("there is no risk at all", at_s=30)
    assert types(heard([*OPENING, *words])) == ["PROHIBITED_PHRASE"]
    assert types(heard(OPENING, words)) == []


PROMPT = said("may we use this call as it is used to train our systems", at_s=5)


@pytest.mark.parametrize(
    ("answer", "flag", "broken"),
    [
        ("yes sure", True, False),
        ("yes sure", False, True),
        ("no thanks", True, True),
        ("no thanks", False, False),
        ("yes well no i don't", True, True),
        ("hmm what", True, False),
        ("yes", None, False),
    ],
)
def test_consent_said_is_held_against_the_flag(answer: str, flag: bool | None, broken: bool) -> None:
    """A refusal wins over a yes in the same answer; no clear answer and no flag say nothing."""
    call = heard([*OPENING, *PROMPT], said(answer, at_s=9), consent_flag=flag)
    assert types(call) == (["CONSENT_MISMATCH"] if broken else [])


def test_consent_is_judged_when_the_answer_is_over() -> None:
    """Half an answer may still be taken back."""
    call = heard([*OPENING, *PROMPT], said("yes", at_s=9), consent_flag=False, until=11 * RATE, is_whole=False)
    assert types(call) == []


def test_a_mono_call_is_judged_on_its_one_channel() -> None:
    """Where the sound does not say who speaks, everybody's rules hold."""
    call = Heard(
        words={0: said("there is no risk", at_s=2)},
        findings=(),
        roles=(Role.BOTH,),
        rate=RATE,
        until=10 * RATE,
        is_whole=True,
    )
    assert types(call) == ["PROHIBITED_PHRASE"]


def test_rules_hold_where_they_say() -> None:
    """A rule for one queue or category is not asked of another's calls."""
    rules = Rules.model_validate(
        {"rules": [{"id": "p1", "kind": "prohibited", "type": "PPP", "phrases": ["no risk"], "queues": ["sales"]}]}
    )
    assert len(rules.for_queue("q", "sales")) == len(rules.for_queue("sales", None)) == 1
    assert rules.for_queue("q", "care") == rules.for_queue(None, None) == ()


@pytest.mark.parametrize(
    ("text", "phrase", "hit"),
    [
        ("this call is being recorded", "this call is being recorded", True),
        ("this call is uh being recorded", "this call is being recorded", True),
        ("this call is being recordet", "this call is being recorded", True),
        ("call is being recorded", "this call is being recorded", True),
        ("this phone is being used", "this call is being recorded", False),
        ("recorded being is call this", "this call is being recorded", False),
        ("now", "no", False),
        ("knot", "not", False),
        ("there is a risk", "there is no risk", False),
    ],
)
def test_phrases_match_nearly_whole_and_in_order(text: str, phrase: str, hit: bool) -> None:
    """A transcriber's slip is forgiven; another sentence is not."""
    assert bool(list(find([phrase], said(text)))) == hit


def test_long_words_may_differ_by_one_letter() -> None:
    """Changed, left out or added; short words not at all."""
    assert same("recorded", "recoded")
    assert same("recorded", "recordded")
    assert same("recorded", "recorbed")
    assert not same("recorded", "reported")
    assert not same("call", "cell")


WORDS = [
    "this",
    "call",
    "is",
    "being",
    "recorded",
    "card",
    "number",
    "last",
    "four",
    "your",
    "balance",
    "date",
    "of",
    "birth",
    "no",
    "risk",
    "yes",
    "can",
    "i",
    "have",
]


@given(
    st.lists(st.sampled_from(WORDS), max_size=40),
    st.lists(st.sampled_from(WORDS), max_size=40),
    st.integers(0, 60_000),
    st.sampled_from([True, False, None]),
)
def test_hearing_more_takes_nothing_back(agent: list[str], customer: list[str], cut: int, flag: bool | None) -> None:
    """Whatever was certain after half a call is still claimed after all of it."""
    spoken, answered = said(" ".join(agent), at_s=3), said(" ".join(customer), at_s=4)
    whole = heard(spoken, answered, until=60_000, consent_flag=flag)
    half = heard(
        [w for w in spoken if w.span.end <= cut],
        [w for w in answered if w.span.end <= cut],
        until=cut,
        is_whole=False,
        consent_flag=flag,
    )
    rules = default_rules().rules.rules
    later = judge(rules, whole)
    for early in judge(rules, half):
        assert any(v.rule == early.rule and v.span.start <= early.span.end for v in later)
