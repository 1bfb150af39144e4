"""Asked again at every release: may this recording still be used? (SPEC 4.2)

Consent is not a fact of the past. The rules about people and law are asked of what the registry knows
today; those about lengths, queues and files were answered for good when the recording was admitted.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from sottovoce.domain.outcome import Reason, Withheld
from sottovoce.domain.recording import RecordingMetadata
from sottovoce.policy.model import Policy
from sottovoce.screening.basis import BasisStands
from sottovoce.screening.consent import ConsentStands
from sottovoce.screening.exclusions import NotOnLegalHold
from sottovoce.screening.rule import AllOf, ScreeningContext


class PolicyStanding:
    """Lawful basis, consent and legal holds under today's policy."""

    def __init__(self, *, policy: Policy, today: Callable[[], date]) -> None:
        self._context = ScreeningContext(policy=policy)
        self._rules = AllOf(rules=(BasisStands(today=today), ConsentStands(), NotOnLegalHold()))

    def objection(self, metadata: RecordingMetadata) -> Reason | None:
        answer = self._rules.check(metadata, self._context)
        return answer.reason if isinstance(answer, Withheld) else None
