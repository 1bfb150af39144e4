"""The retention solver (SPEC 12.3): from schedules, duties and holds to a plan for each artefact, or a refusal.

Pure. For every artefact it answers what to do and why: keep until, archive at, delete at, freeze; or that two
duties cannot both be kept, naming both. Its laws, held by property tests:

- what a legal hold covers is never deleted;
- nothing is kept beyond the shortest binding maximum unless a longer duty is stated in the plan;
- sensitive authentication data goes at once (PCI DSS 3.3.1): where a law wants the original kept, the redacted
  recording stands for it, and where there is none, or a hold covers it, the answer is a refusal;
- the same facts give the same plan, in any order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sottovoce.custody.duties import LEGAL_HOLD, REDACTED_STANDS, SCHEDULE, Bound, Duty, minima
from sottovoce.custody.kinds import ArtefactKind


class Step(StrEnum):
    """What is to be done with an artefact today."""

    KEEP = "keep"
    ARCHIVE = "archive"
    FREEZE = "freeze"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """One thing that is kept. `recorded_at` is the call's own time, `made_at` when it came to lie here.

    `authentication_data` says that a card verification code, a PIN or keyed digits were found in the recording
    and this artefact still has them. `held_since` is the date of a legal hold.
    """

    id: str
    kind: ArtefactKind
    made_at: datetime
    recorded_at: datetime
    recording: str | None = None
    queue_category: str | None = None
    authentication_data: bool = False
    held_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """A policy's schedules in days, its duties, and after how many days things move to archive storage."""

    days: Mapping[ArtefactKind, int]
    duties: tuple[Duty, ...] = ()
    archive_days: int | None = None

    @property
    def names(self) -> frozenset[str]:
        return frozenset(duty.name for duty in self.duties)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What becomes of an artefact, and the codes of everything that made it so (`duties.ARTICLES`)."""

    artefact: Artefact
    step: Step
    keep_until: datetime | None = None
    archive_at: datetime | None = None
    delete_at: datetime | None = None
    because: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """No lawful plan: these duties cannot both be kept. A person decides; until then it is left alone."""

    artefact: Artefact
    duties: tuple[str, str]
    hint: str


Resolution = Plan | Conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One artefact with what its recording also has."""

    artefact: Artefact
    has_redacted: bool
    stands_for: Artefact | None
    lasting: tuple[Bound, ...] = field(default=())


def solve(artefacts: Iterable[Artefact], rules: Rules, *, now: datetime) -> tuple[Resolution, ...]:
    """One resolution for each artefact, by their ids."""
    ordered = sorted(artefacts, key=lambda each: each.id)
    return tuple(_resolve(case, rules, now) for case in _cases(ordered, rules))


def _cases(artefacts: Sequence[Artefact], rules: Rules) -> Iterable[_Case]:
    by_recording: dict[str, list[Artefact]] = defaultdict(list)
    for each in artefacts:
        if each.recording is not None:
            by_recording[each.recording].append(each)
    for each in artefacts:
        siblings = by_recording.get(each.recording or "", [])
        original = _displaced(siblings, rules) if each.kind is ArtefactKind.REDACTED else None
        kept = original if original is not None else each
        yield _Case(
            artefact=each,
            has_redacted=any(other.kind is ArtefactKind.REDACTED for other in siblings),
            stands_for=original,
            lasting=minima(
                kept.kind,
                recorded_at=kept.recorded_at,
                made_at=kept.made_at,
                queue_category=kept.queue_category,
                duties=rules.duties,
            ),
        )


def _displaced(siblings: Sequence[Artefact], rules: Rules) -> Artefact | None:
    """The original that has to go for its authentication data, and that a redacted recording stands for."""
    return next((o for o in siblings if o.kind is ArtefactKind.ORIGINAL and _forbidden(o, rules)), None)


def _forbidden(artefact: Artefact, rules: Rules) -> bool:
    """PCI DSS 3.3.1: it may not be here at all."""
    return artefact.authentication_data and "PCI_DSS" in rules.names


def _resolve(case: _Case, rules: Rules, now: datetime) -> Resolution:
    artefact = case.artefact
    if artefact.held_since is not None:
        return _held(artefact, rules)
    if _forbidden(artefact, rules):
        return _at_once(case, now)
    limit, keep_until = _limit(artefact, rules), max(case.lasting, key=lambda b: (b.at, b.duty), default=None)
    because = [limit.duty] if limit is not None else []
    if limit is not None and "GDPR" in rules.names:
        because.append("GDPR")
    delete_at = limit.at if limit is not None else None
    if keep_until is not None:
        because += sorted({bound.duty for bound in case.lasting})
        delete_at = max(delete_at, keep_until.at) if delete_at is not None else None
    if case.stands_for is not None and case.lasting:
        because.append(REDACTED_STANDS)
    archive_at = _archive_at(artefact, rules, delete_at)
    return Plan(
        artefact=artefact,
        step=_step(now, archive_at, delete_at),
        keep_until=keep_until.at if keep_until is not None else None,
        archive_at=archive_at,
        delete_at=delete_at,
        because=tuple(because),
    )


def _held(artefact: Artefact, rules: Rules) -> Resolution:
    if _forbidden(artefact, rules):
        hint = "ask counsel whether the redacted recording satisfies the matter, then lift the hold on the original"
        return Conflict(artefact=artefact, duties=("PCI_DSS", LEGAL_HOLD), hint=hint)
    return Plan(artefact=artefact, step=Step.FREEZE, because=(LEGAL_HOLD,))


def _at_once(case: _Case, now: datetime) -> Resolution:
    """Authentication data goes now; what else wants the original kept is served by the redacted one, or by nothing."""
    artefact = case.artefact
    wants = [bound for bound in case.lasting if bound.at > now]
    if wants and not case.has_redacted:
        hint = "seal a redacted recording beside it, which then stands for the original, or decide by hand"
        return Conflict(artefact=artefact, duties=("PCI_DSS", min(bound.duty for bound in wants)), hint=hint)
    because = ("PCI_DSS", REDACTED_STANDS) if wants else ("PCI_DSS",)
    return Plan(artefact=artefact, step=Step.DELETE, delete_at=artefact.made_at, because=because)


def _limit(artefact: Artefact, rules: Rules) -> Bound | None:
    days = rules.days.get(artefact.kind)
    return None if days is None else Bound(duty=SCHEDULE, at=_days_after(artefact.made_at, days))


def _archive_at(artefact: Artefact, rules: Rules, delete_at: datetime | None) -> datetime | None:
    if rules.archive_days is None or artefact.kind in {ArtefactKind.QUARANTINE, ArtefactKind.DOCUMENT}:
        return None
    at = _days_after(artefact.made_at, rules.archive_days)
    return at if delete_at is None or at < delete_at else None


def _step(now: datetime, archive_at: datetime | None, delete_at: datetime | None) -> Step:
    if delete_at is not None and now >= delete_at:
        return Step.DELETE
    return Step.ARCHIVE if archive_at is not None and now >= archive_at else Step.KEEP


def _days_after(at: datetime, days: int) -> datetime:
    """Far dates stop at the calendar's end."""
    try:
        return at + timedelta(days=days)
    except OverflowError:
        return datetime.max.replace(tzinfo=at.tzinfo)
