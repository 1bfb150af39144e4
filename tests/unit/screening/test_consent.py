"""Consent over all participants, and only for calls whose prompt named AI (SPEC 4.2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sottovoce.domain.consent import ConsentState
from sottovoce.domain.outcome import Passed, Reason, Withheld
from sottovoce.screening.consent import ConsentStands, read_consent
from sottovoce.screening.rule import ScreeningContext

YES = {"aiTrainingConsent": "true"}
NO = {"aiTrainingConsent": "false"}
OUT = {"aiTrainingOptOut": "true"}
GONE = {"aiTrainingConsentWithdrawn": "true"}


@pytest.mark.parametrize(
    ("people", "state"),
    [
        ([YES], ConsentState.GIVEN),
        ([{}, YES], ConsentState.GIVEN),
        ([YES | {"aiTrainingOptOut": "false"}], ConsentState.GIVEN),
        ([YES | {"aiTrainingOptOut": "no", "aiTrainingConsentWithdrawn": "0"}], ConsentState.GIVEN),
        ([YES, {"aiTrainingConsent": ""}], ConsentState.GIVEN),
        ([{}], ConsentState.ABSENT),
        ([], ConsentState.ABSENT),
        ([{"recordingConsent": "true"}], ConsentState.ABSENT),
        ([{"aiTrainingConsent": "yes"}], ConsentState.ABSENT),
        ([{"aiTrainingConsent": "1"}], ConsentState.ABSENT),
        ([{"aiTrainingConsent": None}], ConsentState.ABSENT),
        ([YES, {"aiTrainingConsent": "maybe"}], ConsentState.ABSENT),
        ([NO], ConsentState.REFUSED),
        ([YES, NO], ConsentState.REFUSED),
        ([NO, YES], ConsentState.REFUSED),
        # the guide's loop returns True at the first consent and never sees the second participant
        ([YES, OUT], ConsentState.REFUSED),
        ([OUT, YES], ConsentState.REFUSED),
        ([YES | OUT], ConsentState.REFUSED),
        ([OUT], ConsentState.REFUSED),
        ([YES, {"aitrainingoptout": "TRUE"}], ConsentState.REFUSED),
        ([YES, {"aiTrainingOptOut": "yes"}], ConsentState.REFUSED),
        ([YES, {"aiTrainingOptOut": "1"}], ConsentState.REFUSED),
        ([YES, {"aiTrainingOptOut": ""}], ConsentState.REFUSED),
        ([YES, {"aiTrainingOptOut": None}], ConsentState.REFUSED),
        ([YES, GONE], ConsentState.WITHDRAWN),
        ([GONE, YES], ConsentState.WITHDRAWN),
        ([YES, OUT, GONE], ConsentState.WITHDRAWN),
        ([YES | {"aiTrainingConsentWithdrawn": "2025-11-03"}], ConsentState.WITHDRAWN),
    ],
)
def test_the_answer_of_all_participants(call, policy, people, state):
    """Withdrawn beats refused beats doubt beats given, whoever says it and in whichever order."""
    metadata = call(participants=call(*people).participants if people else ())
    record = read_consent(metadata, policy().consent)
    assert record.state is state
    assert record.participants == len(people)


@pytest.mark.parametrize(
    ("started_at", "wording"),
    [
        (datetime(2024, 12, 31, 23, 59, tzinfo=UTC), None),
        (datetime(2025, 1, 1, tzinfo=UTC), "w1"),
        (datetime(2025, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))), None),
        (datetime(2025, 5, 31, tzinfo=UTC), "w1"),
        (datetime(2025, 6, 1, tzinfo=UTC), "w2"),
        (datetime(2030, 1, 1, tzinfo=UTC), "w2"),
        (datetime(2030, 1, 1), None),  # noqa: DTZ001 -- a start without a zone is what is tested
        (None, None),
    ],
)
def test_the_wording_in_force(call, policy, started_at, wording):
    """The newest wording in effect on the call's first day, in UTC; without a certain day there is none."""
    wordings = [{"version": "w2", "effective": "2025-06-01"}, {"version": "w1", "effective": "2025-01-01"}]
    record = read_consent(call(started_at=started_at), policy(consent={"wordings": wordings}).consent)
    assert record.wording == wording


def _check(call, policy, *people, **sections):
    return ConsentStands().check(call(*people), ScreeningContext(policy=policy(**sections)))


@pytest.mark.parametrize(
    ("people", "reason"),
    [
        ([GONE, YES], Reason.CONSENT_WITHDRAWN),
        ([YES, OUT], Reason.CONSENT_REFUSED),
        ([NO], Reason.CONSENT_REFUSED),
        ([{}], Reason.CONSENT_ABSENT),
    ],
)
def test_each_state_has_its_reason(call, policy, people, reason):
    """A refused, withdrawn or missing consent is withheld under its own name, with counts as evidence."""
    answer = _check(call, policy, *people)
    assert isinstance(answer, Withheld)
    assert answer.reason is reason
    assert set(answer.evidence) == {"consent", "participants", "wording"}


def test_consent_before_any_wording_named_ai_does_not_count(call, policy):
    """Consent to a prompt that did not yet name AI training is not consent to it."""
    answer = _check(call, policy, YES, consent={"wordings": [{"version": "w9", "effective": "2025-07-01"}]})
    assert answer == Withheld(
        reason=Reason.CONSENT_BEFORE_WORDING, evidence={"consent": "given", "participants": 1, "wording": "unknown"}
    )
    none_at_all = _check(call, policy, YES, consent={})
    assert isinstance(none_at_all, Withheld)
    assert none_at_all.reason is Reason.CONSENT_BEFORE_WORDING


def test_given_consent_passes_with_the_wording_as_evidence(call, policy):
    """The version of the prompt that the caller heard is kept with the decision."""
    answer = _check(call, policy, {}, YES)
    assert answer == Passed(value=None, evidence={"consent": "given", "participants": 2, "wording": "w1"})


@pytest.mark.parametrize("basis", ["legitimate_interest", "contract"])
def test_an_objection_holds_under_every_basis(call, policy, basis):
    """Without consent as the basis nobody need have said yes, but whoever said no is heard (GDPR 21)."""
    lawful = {"basis": basis}
    assert isinstance(_check(call, policy, {}, lawful_basis=lawful), Passed)
    for people, reason in (([YES, OUT], Reason.CONSENT_REFUSED), ([YES, GONE], Reason.CONSENT_WITHDRAWN)):
        answer = _check(call, policy, *people, lawful_basis=lawful)
        assert isinstance(answer, Withheld)
        assert answer.reason is reason
