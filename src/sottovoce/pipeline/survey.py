"""What there is, what may be taken of it, and what must go: before any audio is fetched.

`look` reads every source's metadata into the registry and answers with a plan. `settle` writes the
decisions down: refusals are concluded at once (nothing of them is ever fetched), what was merely not
selected stays free for the next run, and the keys of what is to be carried come back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sottovoce.custody.registry import Registry
from sottovoce.domain.consent import ConsentState
from sottovoce.domain.outcome import OutcomeStatus, Reason
from sottovoce.domain.recording import RecordingMetadata
from sottovoce.errors import RecordingErased
from sottovoce.ledger.entry import Action
from sottovoce.pipeline.journal import Journal
from sottovoce.pipeline.lines import Line
from sottovoce.pipeline.reasons import status_for
from sottovoce.policy.model import Policy
from sottovoce.screening.consent import read_consent
from sottovoce.screening.report import NotTaken, PlanReport, Taken, plan
from sottovoce.screening.screen import Screener
from sottovoce.sources.protocol import Source

RETRACTED = frozenset({ConsentState.WITHDRAWN, ConsentState.REFUSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """One look at all sources.

    `withdrawn` are keys of recordings that were kept and whose consent has been taken back since;
    `erased` counts recordings that sources still hold and that were erased here: they are not looked at.
    """

    report: PlanReport
    seen: int
    new: int
    erased: int
    withdrawn: tuple[str, ...]


class Surveyor:
    """Looks for one line, under one policy."""

    def __init__(
        self,
        *,
        line: Line,
        policy: Policy,
        policy_digest: str,
        sources: Sequence[Source],
        screener: Screener,
        registry: Registry,
        actor: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._line = line
        self._policy = policy
        self._policy_digest = policy_digest
        self._sources = sources
        self._screener = screener
        self._registry = registry
        self._actor = actor
        self._clock = clock

    def look(self, *, seen: Callable[[int], None] = lambda _count: None) -> Survey:
        """Metadata only. Raises SourceError when a source cannot be read through."""
        found: list[RecordingMetadata] = []
        new = erased = 0
        for metadata in self._discover():
            try:
                new += self._registry.remember(metadata.ref, metadata)
            except RecordingErased:
                erased += 1
                continue
            found.append(metadata)
            seen(len(found))
        open_, sealed = self._parted(found)
        report = plan(open_, screener=self._screener, wanted=self._policy.selection, kept=sealed)
        return Survey(report=report, seen=len(found), new=new, erased=erased, withdrawn=tuple(self._withdrawn(sealed)))

    def settle(self, survey: Survey) -> tuple[str, ...]:
        """Writes down every decision; answers the keys to carry, in the order they were chosen."""
        for refused in survey.report.not_taken:
            self._refuse(refused)
        for taken in survey.report.taken:
            self._accept(taken)
        return tuple(taken.key for taken in survey.report.taken)

    def _discover(self) -> Iterable[RecordingMetadata]:
        for source in self._sources:
            yield from source.discover()

    def _parted(self, found: Iterable[RecordingMetadata]) -> tuple[list[RecordingMetadata], list[RecordingMetadata]]:
        """Those without an outcome on this line, and those that were sealed."""
        open_, sealed = [], []
        for metadata in found:
            outcome = self._registry.outcome(self._line.name, metadata.ref.key)
            if outcome is None:
                open_.append(metadata)
            elif outcome.status is OutcomeStatus.SEALED:
                sealed.append(metadata)
        return open_, sealed

    def _withdrawn(self, sealed: Iterable[RecordingMetadata]) -> Iterable[str]:
        for metadata in sealed:
            if read_consent(metadata, self._policy.consent).state in RETRACTED:
                yield metadata.ref.key

    def _accept(self, taken: Taken) -> None:
        self._registry.decide(
            self._line.name,
            taken.key,
            admitted=True,
            policy_digest=self._policy_digest,
            rules=taken.admission.rules,
            stratum=taken.admission.stratum,
            evidence={"basis": taken.admission.basis.value},
        )

    def _refuse(self, refused: NotTaken) -> None:
        self._registry.decide(
            self._line.name,
            refused.key,
            admitted=False,
            policy_digest=self._policy_digest,
            reason=refused.reason,
            rules=str(refused.evidence.get("rules", "")).split("+"),
            evidence=_storable(refused),
        )
        if refused.reason is Reason.NOT_SELECTED:
            return
        journal = self._journal(refused.key)
        journal.note(Action.RECORDING_EXCLUDED, _storable(refused), outcome=refused.reason.value)
        self._registry.conclude(
            self._line.name,
            refused.key,
            status_for(refused.reason),
            refused.reason,
            entries=journal.entries(),
        )

    def _journal(self, key: str) -> Journal:
        return Journal(
            line=self._line.name,
            key=key,
            actor=self._actor,
            purpose=self._line.purpose.value,
            policy=self._policy_digest,
            clock=self._clock,
        )


def _storable(refused: NotTaken) -> dict[str, str | int | bool]:
    """The rule that decided and its facts; the list of rules asked is kept in its own column."""
    return {k: v for k, v in refused.evidence.items() if k not in {"rules", "stratum"}}
