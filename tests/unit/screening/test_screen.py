"""The door, before the sound and after it (SPEC 4.1 to 4.3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.consent import ConsentState, LawfulBasis, Purpose
from sottovoce.domain.outcome import Passed, Reason, Withheld
from sottovoce.domain.recording import Captured, RecordingRef
from sottovoce.domain.sound import Media, MediaFormat, Role, Sound
from sottovoce.ledger.entry import check_facts
from sottovoce.screening.capture import declared_length
from sottovoce.screening.screen import utc_today
from sottovoce.testing.known import KnownInMemory

RULES = (
    "lawful_basis+consent+metadata_complete+legal_hold+payment+sensitive_queue+test_number+file_state+"
    "length+queue+skills+language+residency+not_processed"
)


def captured(metadata, *, seconds=90.0, digest="a" * 64):
    samples = np.zeros((2, round(seconds * 100)), np.float32)
    return Captured(
        ref=metadata.ref,
        metadata=metadata,
        media=Media(parts={"S": Confidential(b"")}, roles={"S": (Role.AGENT, Role.CUSTOMER)}),
        sound=Sound(samples=samples, rate=100, roles=(Role.AGENT, Role.CUSTOMER)),
        format=MediaFormat(container="WAV", codec="ULAW", rate=8000, channels=2),
        digest=digest,
    )


def test_an_admission_says_why(call, screener):
    """Purpose, basis, consent, policy, rules and stratum are kept with the decision."""
    answer = screener().admit(call())
    assert isinstance(answer, Passed)
    admission = answer.value
    assert (admission.purpose, admission.basis) == (Purpose.AI_TRAINING, LawfulBasis.CONSENT)
    assert admission.consent is not None
    assert (admission.consent.state, admission.consent.wording) == (ConsentState.GIVEN, "w1")
    assert admission.assessment is None
    assert admission.policy_digest == "d" * 64
    assert "+".join(admission.rules) == RULES == answer.evidence["rules"]
    assert admission.stratum == {"queue_category": "billing"}


def test_an_assessment_is_kept(call, screener):
    """Under legitimate interest the admission names the assessment."""
    lawful = {
        "basis": "legitimate_interest",
        "assessment": "LIA-7",
        "assessed_on": "2025-05-01",
        "addresses_voice_reidentification": True,
    }
    answer = screener(lawful_basis=lawful).admit(call({}))
    assert isinstance(answer, Passed)
    assert answer.value.assessment == "LIA-7"


@pytest.mark.parametrize(
    ("facts", "reason", "decided_by"),
    [
        ({"started_at": None}, Reason.CONSENT_BEFORE_WORDING, "consent"),
        ({"duration_s": None}, Reason.METADATA_INCOMPLETE, "metadata_complete"),
        ({"legal_hold": True}, Reason.LEGAL_HOLD, "legal_hold"),
        ({"queue_category": "crisis"}, Reason.SENSITIVE_QUEUE, "sensitive_queue"),
        ({"file_state": "DELETED"}, Reason.FILE_STATE, "file_state"),
        ({"duration_s": 5.0}, Reason.TOO_SHORT, "length"),
        ({"language": "de"}, Reason.LANGUAGE_NOT_ALLOWED, "language"),
    ],
)
def test_a_refusal_names_the_rules_asked_and_the_one_that_decided(call, screener, facts, reason, decided_by):
    """The rules in evidence end with the deciding one; nothing after it was asked."""
    answer = screener().admit(call(**facts))
    assert isinstance(answer, Withheld)
    assert answer.reason is reason
    assert answer.evidence["decided_by"] == decided_by
    assert answer.evidence["rules"] == RULES[: RULES.index(decided_by) + len(decided_by)]


def test_a_withdrawal_is_heard_before_already_processed(call, screener):
    """A recording that was used before its consent was withdrawn answers withdrawn, so that it is erased."""
    done = KnownInMemory(done=frozenset({"k1"}))
    withdrawn = screener(done).admit(call({"aiTrainingConsentWithdrawn": "true"}))
    assert isinstance(withdrawn, Withheld)
    assert withdrawn.reason is Reason.CONSENT_WITHDRAWN
    again = screener(done).admit(call())
    assert isinstance(again, Withheld)
    assert again.reason is Reason.ALREADY_PROCESSED


def test_evidence_carries_no_identifiers(call, screener):
    """Numbers, ids and names of a call occur in no decision about it, and the ledger takes every fact."""
    metadata = call(
        {"aiTrainingConsent": "true", "paymentCaptured": "4716 9"},
        dnis="tel:+13175550100",
        conversation_id="conversation-77",
        customer_token="token-88",
    )
    for told in (screener().admit(metadata), screener().admit(call()), *screener().explain(metadata)):
        check_facts(told.evidence)
    text = repr(screener().admit(metadata)) + repr(screener().explain(metadata))
    assert not [secret for secret in ("4716", "5550100", "conversation-77", "token-88") if secret in text]


def test_explain_asks_every_rule(call, screener):
    """`policy explain` hears every rule's own answer, also after the one that decides."""
    told = screener().explain(call({}, duration_s=5.0))
    assert "+".join(answer.rule for answer in told) == RULES
    refusals = {answer.rule: answer.reason for answer in told if not answer.passes}
    assert refusals == {"consent": Reason.CONSENT_ABSENT, "length": Reason.TOO_SHORT}


def _admission(screener, metadata):
    answer = screener.admit(metadata)
    assert isinstance(answer, Passed)
    return answer.value


def test_the_form_admitted(call, screener):
    """A captured sound that is what was declared becomes Admitted, with its digest unchanged."""
    door, metadata = screener(), call()
    sound = captured(metadata, seconds=91.0)
    answer = door.admitted(sound, _admission(door, metadata))
    assert isinstance(answer, Passed)
    assert answer.value.digest == sound.digest
    assert answer.value.sound is sound.sound
    heard = "+same_recording+declared_length+true_length+new_sound"
    assert answer.evidence["rules"] == RULES + heard == "+".join(answer.value.admission.rules)
    assert answer.evidence["decided_by"] == "new_sound"
    check_facts(answer.evidence)


@pytest.mark.parametrize(
    ("declared", "seconds", "reason"),
    [
        (90.0, 81.0, None),
        (90.0, 80.9, Reason.MEDIA_TRUNCATED),
        (90.0, 45.0, Reason.MEDIA_TRUNCATED),
        (90.0, 99.1, Reason.METADATA_INCOMPLETE),
        (31.0, 29.0, Reason.TOO_SHORT),
        (300.0, 301.0, Reason.TOO_LONG),
    ],
)
def test_the_true_length(call, screener, declared, seconds, reason):
    """A sound must be about as long as declared, and itself within the policy's limits."""
    door, metadata = screener(), call(duration_s=declared)
    answer = door.admitted(captured(metadata, seconds=seconds), _admission(door, metadata))
    assert (answer.reason if isinstance(answer, Withheld) else None) is reason


@pytest.mark.parametrize(
    ("sounds", "reason"),
    [
        ({}, None),
        ({"a" * 64: "k1"}, None),
        ({"a" * 64: "k2"}, Reason.DUPLICATE_SOUND),
        ({"b" * 64: "k2"}, None),
    ],
)
def test_the_same_sound_under_another_id(call, screener, sounds, reason):
    """A sound that another recording already had is not used twice; a retry of its own is not another."""
    door, metadata = screener(KnownInMemory(sounds=sounds)), call()
    answer = door.admitted(captured(metadata), _admission(door, metadata))
    assert (answer.reason if isinstance(answer, Withheld) else None) is reason


def test_consent_withdrawn_while_fetching(call, screener):
    """Metadata is screened again as it came with the sound."""
    door = screener()
    later = call({"aiTrainingConsent": "true", "aiTrainingConsentWithdrawn": "true"})
    answer = door.admitted(captured(later), _admission(door, call()))
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.CONSENT_WITHDRAWN


def test_an_admission_under_another_policy(call, screener):
    """An admission does not outlive the policy it was made under."""
    door = screener()
    stale = replace(_admission(door, call()), policy_digest="e" * 64)
    answer = door.admitted(captured(call()), stale)
    assert isinstance(answer, Withheld)
    assert (answer.reason, answer.evidence["decided_by"]) == (Reason.NO_LAWFUL_BASIS, "policy_digest")


def test_a_capture_of_another_recording(call, screener):
    """A sound whose metadata is another recording's is refused."""
    door, metadata = screener(), call()
    stranger = RecordingRef(source="calls", key="k2", locator=Confidential("x"))
    answer = door.admitted(replace(captured(metadata), ref=stranger), _admission(door, metadata))
    assert isinstance(answer, Withheld)
    assert answer.evidence["decided_by"] == "same_recording"


def test_a_sound_without_a_declared_length(call):
    """Nothing to compare with is doubt, whoever asks."""
    answer = declared_length(captured(call(duration_s=None)))
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.METADATA_INCOMPLETE


def test_the_default_day_is_today():
    """Assessments are dated against the day in UTC unless another clock is given."""
    assert abs((utc_today() - datetime.now(UTC).date()).days) <= 1
