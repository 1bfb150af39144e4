"""The door: before any audio is fetched, and again when the sound is there (SPEC 4.1 to 4.3).

`Screener` is the only maker of the form `Admitted`. It refuses what any rule refuses, and a capture
whose admission was made under another policy. Every answer's evidence names the rules that were asked,
in order, and the one that decided.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial

from sottovoce.domain.consent import LawfulBasis
from sottovoce.domain.outcome import Evidence, Passed, Reason, Withheld
from sottovoce.domain.recording import Admission, Admitted, Captured, RecordingMetadata
from sottovoce.policy.model import Policy
from sottovoce.screening.basis import BasisStands
from sottovoce.screening.capture import declared_length, new_sound, same_recording, true_length
from sottovoce.screening.consent import ConsentStands, read_consent
from sottovoce.screening.exclusions import (
    FileReady,
    MetadataComplete,
    NoPayment,
    NotOnLegalHold,
    NotProcessed,
    NotSensitiveQueue,
    NotTestNumber,
)
from sottovoce.screening.limits import LanguageAllowed, LengthAllowed, QueueAllowed, RegionAllowed, SkillsAllowed
from sottovoce.screening.protocol import Known
from sottovoce.screening.rule import AllOf, Answer, Question, Rule, ScreeningContext, ask, withheld
from sottovoce.screening.strata import strata_of


def utc_today() -> date:
    return datetime.now(UTC).date()


def standard_rules(*, today: Callable[[], date]) -> tuple[Rule, ...]:
    """All rules in the order they are asked: what people said first, whether it was done before last."""
    return (
        BasisStands(today=today),
        ConsentStands(),
        MetadataComplete(),
        NotOnLegalHold(),
        NoPayment(),
        NotSensitiveQueue(),
        NotTestNumber(),
        FileReady(),
        LengthAllowed(),
        QueueAllowed(),
        SkillsAllowed(),
        LanguageAllowed(),
        RegionAllowed(),
        NotProcessed(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleAnswer:
    """One rule's own answer, asked whether or not an earlier one had refused; for `policy explain`."""

    rule: str
    passes: bool
    reason: Reason | None
    evidence: Evidence = field(default_factory=dict)


class Screener:
    """Admits recordings for one line under one policy.

    `policy_digest` goes into every admission; `known` is what the line has finished with; `today` dates
    the check of an assessment; `further` are rules of the line's own, asked first.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        policy_digest: str,
        known: Known,
        today: Callable[[], date] = utc_today,
        further: Sequence[Rule] = (),
    ) -> None:
        self._policy = policy
        self._digest = policy_digest
        self._known = known
        self._rules = (*further, *standard_rules(today=today))

    def admit(self, metadata: RecordingMetadata) -> Passed[Admission] | Withheld:
        """Whether the recording may be fetched, from its metadata alone."""
        answer = AllOf(rules=self._rules).check(metadata, self._context(metadata))
        if isinstance(answer, Withheld):
            return answer
        return Passed(value=self._admission(metadata), evidence=answer.evidence)

    def strata(self, metadata: RecordingMetadata) -> dict[str, str]:
        """What the recording is like, in the dimensions the policy names."""
        return strata_of(metadata, self._policy)

    def explain(self, metadata: RecordingMetadata) -> tuple[RuleAnswer, ...]:
        """Every rule's answer, in order; the first that does not pass is the one that decides."""
        context = self._context(metadata)
        return tuple(_told(rule.name, rule.check(metadata, context)) for rule in self._rules)

    def admitted(self, captured: Captured, admission: Admission) -> Passed[Admitted] | Withheld:
        """The form that goes on, if the sound is what was admitted and everybody still agrees.

        Metadata is screened again as it came with the sound, because consent may have been withdrawn
        since; then the sound's own length and digest are checked.
        """
        if admission.policy_digest != self._digest:
            return withheld(Reason.NO_LAWFUL_BASIS, rules="policy_digest", decided_by="policy_digest")
        again = self.admit(captured.metadata)
        if isinstance(again, Withheld):
            return again
        answer = ask(self._of_sound(captured), before=again.evidence)
        if isinstance(answer, Withheld):
            return answer
        return Passed(value=_form(captured, again.value, answer.evidence), evidence=answer.evidence)

    def _of_sound(self, captured: Captured) -> tuple[Question, ...]:
        return (
            ("same_recording", partial(same_recording, captured)),
            ("declared_length", partial(declared_length, captured)),
            ("true_length", partial(true_length, captured, self._policy.exclusions)),
            ("new_sound", partial(new_sound, captured, self._known)),
        )

    def _context(self, metadata: RecordingMetadata) -> ScreeningContext:
        return ScreeningContext(policy=self._policy, processed=self._known.processed(metadata.ref.key))

    def _admission(self, metadata: RecordingMetadata) -> Admission:
        basis = self._policy.lawful_basis
        return Admission(
            purpose=self._policy.purpose,
            basis=basis.basis,
            consent=read_consent(metadata, self._policy.consent),
            assessment=basis.assessment if basis.basis is LawfulBasis.LEGITIMATE_INTEREST else None,
            policy_digest=self._digest,
            rules=tuple(rule.name for rule in self._rules),
            stratum=self.strata(metadata),
        )


def _form(captured: Captured, admission: Admission, evidence: Evidence) -> Admitted:
    return Admitted(
        ref=captured.ref,
        metadata=captured.metadata,
        media=captured.media,
        sound=captured.sound,
        format=captured.format,
        admission=replace(admission, rules=tuple(str(evidence["rules"]).split("+"))),
        digest=captured.digest,
    )


def _told(rule: str, answer: Answer) -> RuleAnswer:
    reason = answer.reason if isinstance(answer, Withheld) else None
    return RuleAnswer(rule=rule, passes=reason is None, reason=reason, evidence=answer.evidence)
