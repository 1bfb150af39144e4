"""The lawful basis a purpose rests on (SPEC 4.1; GDPR Article 6(1)(a), (b), (f)).

Legitimate interest is refused unless its assessment is named, dated no later than today, and addresses
voice re-identification; consent is then asked of each call (consent.py); contract is accepted as the
policy states it, and shows in the evidence of every decision for a reviewer to question.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from sottovoce.domain.consent import LawfulBasis
from sottovoce.domain.outcome import Reason
from sottovoce.domain.recording import RecordingMetadata
from sottovoce.policy.model import Basis
from sottovoce.screening.rule import Answer, ScreeningContext, code, passed, withheld


@dataclass(frozen=True, slots=True, kw_only=True)
class BasisStands:
    today: Callable[[], date]
    name: str = "lawful_basis"

    def check(self, metadata: RecordingMetadata, context: ScreeningContext) -> Answer:  # noqa: ARG002 -- a policy is asked, not a call
        basis = context.policy.lawful_basis
        facts = {"basis": basis.basis.value, "purpose": context.policy.purpose.value}
        flaw = self._flaw(basis)
        if flaw:
            return withheld(Reason.NO_LAWFUL_BASIS, **facts, flaw=flaw)
        return passed(**facts, assessment=code(basis.assessment))

    def _flaw(self, basis: Basis) -> str:
        """A code for what an assessment lacks; empty when nothing, or when none is needed."""
        if basis.basis is not LawfulBasis.LEGITIMATE_INTEREST:
            return ""
        if not basis.assessment:
            return "assessment_unnamed"
        if basis.assessed_on is None:
            return "assessment_undated"
        if basis.assessed_on > self.today():
            return "assessment_in_future"
        return "" if basis.addresses_voice_reidentification else "voice_reidentification_unaddressed"
