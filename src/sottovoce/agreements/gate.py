"""The gate: may this recording go to that destination, today? (SPEC 10.2)

Asked before any audio is fetched, and again at the door. It refuses what it does not know: a destination the policy
does not name, a zone that nothing says, a class without its paper. A refusal names rules and kinds of paper, never
the recording. The answer depends on what it is given and on nothing else, so it is as good as its date and its
register: read both anew each time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sottovoce.agreements.agreement import Agreement
from sottovoce.agreements.need import NEVER, Need, Standing, State, standing
from sottovoce.agreements.passage import Passage, needs_of, passage_of
from sottovoce.agreements.protocol import OnFile
from sottovoce.domain.agreement import AgreementKind, DataClass
from sottovoce.domain.outcome import Evidence, Fact, Passed, Reason, Withheld
from sottovoce.domain.recording import RecordingMetadata
from sottovoce.policy.model import Policy

_MOST_NAMED: Final = 8
"""Rules named in evidence, so that what is joined stays within a ledger's code; the count is always whole."""

_MOST_PAPERS: Final = 24
"""Papers named in evidence, each as a fact of its own; an entry of the ledger has room for 64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """One thing that keeps a recording from a destination. `standing` says how the paper stands, where one is asked."""

    rule: str
    reason: Reason
    kinds: tuple[AgreementKind, ...] = ()
    data_class: DataClass | None = None
    standing: Standing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """What let a recording through: the papers relied on, by id, and through which day they all hold."""

    destination: str
    agreements: tuple[str, ...]
    rules: tuple[str, ...]
    waived: tuple[str, ...]
    on: date
    through: date | None
    """None when none of them ends."""


class AgreementGate:
    """The gate over one policy and one register."""

    def __init__(self, *, policy: Policy, on_file: OnFile) -> None:
        self._policy = policy
        self._on_file = on_file

    def admit(
        self, metadata: RecordingMetadata, destination: str, classes: Collection[DataClass], today: date
    ) -> Passed[Clearance] | Withheld:
        """Whether the recording may go there. `classes` adds to what its metadata and the policy show.

        Raises LedgerUnavailable when the register cannot be read.
        """
        passage = passage_of(metadata, destination, classes, self._policy)
        return admit(passage, self._on_file.on_file(destination), today)

    def shortfalls(
        self, metadata: RecordingMetadata, destination: str, classes: Collection[DataClass], today: date
    ) -> tuple[Shortfall, ...]:
        """Everything that keeps it from there, the deciding one first; empty where `admit` passes."""
        passage = passage_of(metadata, destination, classes, self._policy)
        return shortfalls(passage, self._on_file.on_file(destination), today)


def admit(passage: Passage, on_file: Sequence[Agreement], today: date) -> Passed[Clearance] | Withheld:
    """The decision itself: pure. The first shortfall gives the reason, and evidence counts them all."""
    found = shortfalls(passage, on_file, today)
    if found:
        return Withheld(reason=found[0].reason, evidence=_of_refusal(passage, found))
    standings = tuple(stands(passage, need, on_file, today) for need in needs_of(passage))
    clearance = _clearance(passage, standings, today)
    return Passed(value=clearance, evidence=_of_clearance(clearance))


def shortfalls(passage: Passage, on_file: Sequence[Agreement], today: date) -> tuple[Shortfall, ...]:
    """Everything that is wanting: zones first, then classes and borders that no paper opens, then papers."""
    return (
        *_unknown(passage),
        *_shut(passage),
        *_unmet(stands(passage, need, on_file, today) for need in needs_of(passage)),
    )


def _unknown(passage: Passage) -> Iterator[Shortfall]:
    if not passage.targets:
        yield Shortfall(rule="zone.destination", reason=Reason.ZONE_UNKNOWN)
    if not passage.origins:
        yield Shortfall(rule="zone.recording", reason=Reason.ZONE_UNKNOWN)


def _shut(passage: Passage) -> Iterator[Shortfall]:
    if passage.allowed is not None:
        for data_class in sorted(passage.classes - passage.allowed):
            rule = f"class.{data_class.value.lower()}"
            yield Shortfall(rule=rule, reason=Reason.CLASS_NOT_ALLOWED, data_class=data_class)
    for move in passage.moves:
        if move.origin in passage.confined:
            yield Shortfall(rule=f"confined.{move.origin.value}", reason=Reason.TRANSFER_NOT_ALLOWED)


def stands(
    passage: Passage, need: Need, on_file: Sequence[Agreement], today: date, *, warn_days: int = NEVER
) -> Standing:
    """How a need of the passage stands; papers of other destinations do not count."""
    if passage.waives(need, today):
        return Standing(need=need, state=State.WAIVED)
    own = [paper for paper in on_file if paper.destination == passage.destination]
    return standing(need, own, today, warn_days=warn_days)


def _unmet(standings: Iterable[Standing]) -> Iterator[Shortfall]:
    for each in standings:
        if not each.met:
            need = each.need
            yield Shortfall(
                rule=need.rule, reason=_reason(each), kinds=need.kinds, data_class=need.data_class, standing=each
            )


def _reason(each: Standing) -> Reason:
    if each.need.move is not None:
        return Reason.TRANSFER_NOT_ALLOWED
    if each.state is State.SHORT:
        return Reason.RETENTION_TERMS_SHORT
    return Reason.AGREEMENT_EXPIRED if each.state is State.EXPIRED else Reason.AGREEMENT_MISSING


def _clearance(passage: Passage, standings: Sequence[Standing], today: date) -> Clearance:
    waived = [each.need for each in standings if each.state is State.WAIVED]
    until = dict(passage.waived_until)
    ends = [each.last_day for each in standings if each.last_day is not None]
    ends += [until[kind] for need in waived for kind in need.kinds]
    return Clearance(
        destination=passage.destination,
        agreements=tuple(dict.fromkeys(each.paper.id for each in standings if each.paper is not None)),
        rules=tuple(each.need.rule for each in standings),
        waived=tuple(need.rule for need in waived),
        on=today,
        through=min(ends, default=None),
    )


def _of_refusal(passage: Passage, found: Sequence[Shortfall]) -> Evidence:
    facts: dict[str, Fact] = {
        "destination": passage.destination,
        "rules": _joined(each.rule for each in found),
        "decided_by": found[0].rule,
        "wanting": len(found),
    }
    return facts | ({"kinds": _joined(kind.value for kind in found[0].kinds)} if found[0].kinds else {})


def _of_clearance(clearance: Clearance) -> Evidence:
    facts: dict[str, Fact] = {
        "destination": clearance.destination,
        "rules": _joined(clearance.rules),
        "agreements": len(clearance.agreements),
        "on": clearance.on.isoformat(),
        **{f"paper_{number}": id_ for number, id_ in enumerate(clearance.agreements[:_MOST_PAPERS], start=1)},
    }
    facts |= {"through": clearance.through.isoformat()} if clearance.through else {}
    return facts | ({"waived": _joined(clearance.waived)} if clearance.waived else {})


def _joined(codes: Iterable[str]) -> str:
    return "+".join(tuple(codes)[:_MOST_NAMED])
