"""What stays out whatever was consented to (SPEC 4.3)."""

from __future__ import annotations

from datetime import datetime

import pytest

from sottovoce.domain.outcome import Passed, Reason
from sottovoce.screening.exclusions import (
    FileReady,
    MetadataComplete,
    NoPayment,
    NotOnLegalHold,
    NotProcessed,
    NotSensitiveQueue,
    NotTestNumber,
    same_number,
)
from sottovoce.screening.limits import LanguageAllowed, LengthAllowed, QueueAllowed, RegionAllowed, SkillsAllowed
from sottovoce.screening.rule import ScreeningContext


def verdict(rule, metadata, policy, *, processed=False):
    """None for a pass, else the reason."""
    answer = rule.check(metadata, ScreeningContext(policy=policy, processed=processed))
    return None if isinstance(answer, Passed) else answer.reason


@pytest.mark.parametrize(
    ("facts", "missing"),
    [
        ({}, None),
        ({"started_at": None}, "started_at"),
        ({"started_at": datetime(2025, 6, 1)}, "started_at"),  # noqa: DTZ001 -- a start without a zone is what is tested
        ({"duration_s": None}, "duration_s"),
        ({"duration_s": float("nan")}, "duration_s"),
        ({"duration_s": float("inf")}, "duration_s"),
        ({"duration_s": -1.0}, "duration_s"),
        ({"started_at": None, "duration_s": None}, "started_at+duration_s"),
    ],
)
def test_incomplete_metadata(call, policy, facts, missing):
    """Without a certain start and length nothing else can be judged, and the evidence says what lacks."""
    answer = MetadataComplete().check(call(**facts), ScreeningContext(policy=policy()))
    if missing is None:
        assert isinstance(answer, Passed)
    else:
        assert answer.reason is Reason.METADATA_INCOMPLETE
        assert answer.evidence == {"missing": missing}


@pytest.mark.parametrize(("hold", "reason"), [(False, None), (True, Reason.LEGAL_HOLD)])
def test_legal_hold(call, policy, hold, reason):
    """A recording under legal hold is not used."""
    assert verdict(NotOnLegalHold(), call(legal_hold=hold), policy()) is reason


@pytest.mark.parametrize(
    ("people", "reason"),
    [
        ([{}], None),
        ([{"paymentCaptured": "false"}], None),
        ([{"paymentCaptured": "true"}], Reason.PAYMENT_FLAG),
        ([{"paymentCaptured": "yes"}], Reason.PAYMENT_FLAG),
        ([{"paymentCaptured": ""}], Reason.PAYMENT_FLAG),
        ([{"paymentCaptured": "false"}, {"PaymentCaptured": "1"}], Reason.PAYMENT_FLAG),
    ],
)
def test_payment_flag(call, policy, people, reason):
    """Any participant's payment flag that is not an explicit no excludes the call."""
    assert verdict(NoPayment(), call(*people), policy()) is reason


@pytest.mark.parametrize(
    ("queue", "category", "reason"),
    [
        ("q1", "billing", None),
        ("q1", "Crisis", Reason.SENSITIVE_QUEUE),
        ("q1", "health", Reason.SENSITIVE_QUEUE),
        ("mapped", None, Reason.SENSITIVE_QUEUE),
        ("Crisis Line (night)", None, Reason.SENSITIVE_QUEUE),
        ("mental_health-2", None, Reason.SENSITIVE_QUEUE),
        ("Healthy Snacks", None, None),
        ("q1", None, None),
        (None, None, None),
    ],
)
def test_sensitive_queues(call, policy, queue, category, reason):
    """Crisis and health queues are out by category, by the policy's category, or by a word of their name."""
    mapped = policy(corpus={"queue_categories": {"mapped": "crisis"}})
    assert verdict(NotSensitiveQueue(), call(queue=queue, queue_category=category), mapped) is reason


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("+13175550100", "+13175550100", True),
        ("tel:+13175550100", "+1 (317) 555-0100", True),
        ("tel:+1-317-555-0100;phone-context=x", "13175550100", True),
        ("sip:+13175550100@edge.example", "+13175550100", True),
        ("sips:5550100@edge.example", "+13175550100", True),
        ("0013175550100", "+13175550100", True),
        ("3175550100", "+13175550100", True),
        ("020 7946 0018", "+44 (0)20 7946 0018", True),
        ("1234", "1234", True),
        ("1234", "+13175551234", False),
        ("+13175550100", "+443175550100", False),
        ("+13175550101", "+13175550100", False),
        ("5550101", "+13175550100", False),
        ("", "+13175550100", False),
        ("sip:alice@edge.example", "sip:bob@edge.example", False),
        ("anonymous", "+13175550100", False),
    ],
)
def test_numbers_are_compared_as_lines(one, other, same):
    """tel: and sip: addresses, prefixes and punctuation do not hide a number; a short tail proves nothing."""
    assert same_number(one, other) is same
    assert same_number(other, one) is same


@pytest.mark.parametrize(
    ("dnis", "reason"),
    [("tel:+13175550100", Reason.TEST_NUMBER), ("tel:+13175550199", None), (None, None)],
)
def test_test_numbers(call, policy, dnis, reason):
    """Calls to the policy's test numbers are out."""
    assert verdict(NotTestNumber(), call(dnis=dnis), policy(exclusions={"test_numbers": ["317-555-0100"]})) is reason


@pytest.mark.parametrize(
    ("source", "state", "reason"),
    [
        ("calls", "AVAILABLE", None),
        ("calls", "available", None),
        ("calls", "ARCHIVED", Reason.FILE_STATE),
        ("calls", "DELETED", Reason.FILE_STATE),
        ("calls", "", Reason.FILE_STATE),
        ("calls", None, Reason.FILE_STATE),
        ("disk", None, None),
        ("disk", "ERROR", Reason.FILE_STATE),
    ],
)
def test_file_state(call, policy, source, state, reason):
    """Only a file that its source calls ready is fetched; a source with states must state one."""
    assert verdict(FileReady(), call(source=source, file_state=state), policy()) is reason


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [
        (29.999, Reason.TOO_SHORT),
        (30.0, None),
        (300.0, None),
        (300.001, Reason.TOO_LONG),
        (None, Reason.METADATA_INCOMPLETE),
    ],
)
def test_length(call, policy, seconds, reason):
    """Both limits are part of the allowed range."""
    assert verdict(LengthAllowed(), call(duration_s=seconds), policy()) is reason


@pytest.mark.parametrize(
    ("rule", "field", "facts", "reason"),
    [
        (QueueAllowed, "queues_allowed", {}, None),
        (QueueAllowed, "queues_allowed", {"queue": "Good"}, None),
        (QueueAllowed, "queues_allowed", {"queue_category": "good"}, None),
        (QueueAllowed, "queues_allowed", {"queue": "bad", "queue_category": "bad"}, Reason.QUEUE_NOT_ALLOWED),
        (QueueAllowed, "queues_allowed", {"queue": None, "queue_category": None}, Reason.QUEUE_NOT_ALLOWED),
        (SkillsAllowed, "skills_allowed", {}, None),
        (SkillsAllowed, "skills_allowed", {"skills": ("good", " GOOD")}, None),
        (SkillsAllowed, "skills_allowed", {"skills": ("good", "bad")}, Reason.SKILL_NOT_ALLOWED),
        (SkillsAllowed, "skills_allowed", {"skills": ()}, Reason.SKILL_NOT_ALLOWED),
        (RegionAllowed, "regions_allowed", {}, None),
        (RegionAllowed, "regions_allowed", {"region": "good"}, None),
        (RegionAllowed, "regions_allowed", {"region": "bad"}, Reason.RESIDENCY_NOT_ALLOWED),
        (RegionAllowed, "regions_allowed", {"region": None}, Reason.RESIDENCY_NOT_ALLOWED),
    ],
)
def test_lists(call, policy, rule, field, facts, reason):
    """No list limits nothing; a list admits only what is stated and listed."""
    limits = {field: ["good"]} if facts else {}
    assert verdict(rule(), call(**facts), policy(exclusions=limits)) is reason


@pytest.mark.parametrize(
    ("language", "allowed", "reason"),
    [
        ("en", ["en"], None),
        ("en-US", ["en"], None),
        ("EN_gb", ["en"], None),
        ("en", ["en-US"], Reason.LANGUAGE_NOT_ALLOWED),
        ("enm", ["en"], Reason.LANGUAGE_NOT_ALLOWED),
        ("de", ["en"], Reason.LANGUAGE_NOT_ALLOWED),
        ("de", ["*"], None),
        ("de", ["en", "de"], None),
        (None, ["en"], None),
        ("en", [], Reason.LANGUAGE_NOT_ALLOWED),
    ],
)
def test_languages(call, policy, language, allowed, reason):
    """A range covers its subtags; an unstated language is left to hearing."""
    assert (
        verdict(LanguageAllowed(), call(language=language), policy(exclusions={"languages_allowed": allowed})) is reason
    )


@pytest.mark.parametrize(("processed", "reason"), [(False, None), (True, Reason.ALREADY_PROCESSED)])
def test_already_processed(call, policy, processed, reason):
    """A recording that has its outcome is not taken again."""
    assert verdict(NotProcessed(), call(), policy(), processed=processed) is reason
