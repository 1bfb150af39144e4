"""Consent to training, read over all participants of a conversation (SPEC 4.2; GDPR 7).

The order is fixed, and each line beats all below it, whoever said what and in whichever order:

    withdrawn   any participant's withdrawal flag that is not an explicit no
    refused     any participant's opt-out flag that is not an explicit no, or consent said as a no
    absent      any consent that is neither yes, no nor blank: doubt is not consent
    given       at least one participant's consent is exactly `true` (trimmed, case folded)
    absent      nobody said anything

Given consent counts only for calls that began on or after the first day (UTC) on which the prompt's
wording named AI training; consent to being recorded is another attribute, which nobody asks for here.
An opt-out holds whatever the lawful basis is: under legitimate interest it is the objection of GDPR 21.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sottovoce.domain.attributes import Said, raised, values_of
from sottovoce.domain.consent import ConsentRecord, ConsentState, ConsentWording, LawfulBasis
from sottovoce.domain.outcome import Reason
from sottovoce.domain.recording import RecordingMetadata
from sottovoce.policy.model import Consent
from sottovoce.screening.rule import Answer, ScreeningContext, code, passed, withheld


def read_consent(metadata: RecordingMetadata, policy: Consent) -> ConsentRecord:
    """The one answer of all participants, and the wording in force when the call began."""
    people = metadata.participants
    return ConsentRecord(
        state=_state(
            withdrawn=raised(values_of(people, policy.withdrawn_attribute)),
            opted_out=raised(values_of(people, policy.opt_out_attribute)),
            consents=values_of(people, policy.consent_attribute),
        ),
        wording=_wording(metadata.started_at, policy),
        participants=len(people),
    )


def _state(*, withdrawn: int, opted_out: int, consents: Sequence[Said]) -> ConsentState:
    if withdrawn:
        return ConsentState.WITHDRAWN
    if opted_out or Said.NO in consents:
        return ConsentState.REFUSED
    if Said.UNCLEAR in consents:
        return ConsentState.ABSENT
    return ConsentState.GIVEN if Said.YES in consents else ConsentState.ABSENT


def _wording(started_at: datetime | None, policy: Consent) -> str | None:
    """The newest wording in effect on the call's first day; None before the first, or without a zone."""
    if started_at is None or started_at.tzinfo is None:
        return None
    day = started_at.astimezone(UTC).date()
    wordings = (ConsentWording(version=w.version, effective=w.effective) for w in policy.wordings)
    in_force = [w for w in wordings if w.effective <= day]
    return max(in_force, key=lambda w: (w.effective, w.version)).version if in_force else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentStands:
    """Refusals bind under every basis; presence and wording matter where consent is the basis."""

    name: str = "consent"

    def check(self, metadata: RecordingMetadata, context: ScreeningContext) -> Answer:
        record = read_consent(metadata, context.policy.consent)
        reason = _objection(record)
        if reason is None and context.policy.lawful_basis.basis is LawfulBasis.CONSENT:
            reason = _missing(record)
        facts = {"consent": record.state.value, "participants": record.participants, "wording": code(record.wording)}
        return passed(**facts) if reason is None else withheld(reason, **facts)


def _objection(record: ConsentRecord) -> Reason | None:
    match record.state:
        case ConsentState.WITHDRAWN:
            return Reason.CONSENT_WITHDRAWN
        case ConsentState.REFUSED:
            return Reason.CONSENT_REFUSED
        case ConsentState.GIVEN | ConsentState.ABSENT:
            return None


def _missing(record: ConsentRecord) -> Reason | None:
    if record.state is not ConsentState.GIVEN:
        return Reason.CONSENT_ABSENT
    return None if record.wording else Reason.CONSENT_BEFORE_WORDING
