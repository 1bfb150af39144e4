"""What `sottovoce plan` shows before any audio is fetched (SPEC 4.5): what would be taken, why not the rest.

Keys are the opaque ones of `RecordingRef`; nothing else here names a recording, so the report may be
printed, stored and sent on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

from sottovoce.domain.outcome import Evidence, Passed, Reason
from sottovoce.domain.recording import Admission, RecordingMetadata
from sottovoce.policy.model import Selection as Wanted
from sottovoce.screening.sampler import HOUR_S, Candidate, Selection, Shortage, select
from sottovoce.screening.screen import Screener
from sottovoce.screening.strata import label


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A recording that a run would fetch, with the admission that lets it."""

    key: str
    duration_s: float
    stratum: str
    admission: Admission = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTaken:
    key: str
    reason: Reason
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class StratumHours:
    """Hours admitted and hours chosen in one stratum."""

    stratum: str
    admitted: int
    admitted_h: float
    chosen: int
    chosen_h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReport:
    """One plan; `taken` in the order of choosing, the rest sorted by key."""

    considered: int
    target_h: float
    chosen_h: float
    kept_h: float
    """What earlier runs have sealed toward the target."""
    taken: tuple[Taken, ...]
    not_taken: tuple[NotTaken, ...]
    reasons: Mapping[Reason, int]
    strata: tuple[StratumHours, ...]
    shortages: tuple[Shortage, ...]

    def as_json(self) -> dict[str, object]:
        """The same as plain lists, numbers and strings; admissions reduced to their stratum."""
        return {
            "considered": self.considered,
            "target_h": round(self.target_h, 4),
            "chosen_h": round(self.chosen_h, 4),
            "kept_h": round(self.kept_h, 4),
            "taken": [{"key": t.key, "duration_s": t.duration_s, "stratum": t.stratum} for t in self.taken],
            "not_taken": [
                {"key": n.key, "reason": n.reason.value, "evidence": dict(n.evidence)} for n in self.not_taken
            ],
            "reasons": {reason.value: count for reason, count in self.reasons.items()},
            "strata": [_rounded(asdict(s)) for s in self.strata],
            "shortages": [_rounded(asdict(s) | {"missing_h": s.missing_h}) for s in self.shortages],
        }


def _rounded(members: Mapping[str, object]) -> dict[str, object]:
    """Hours to a third of a second."""
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in members.items()}


def plan(
    recordings: Iterable[RecordingMetadata],
    *,
    screener: Screener,
    wanted: Wanted,
    kept: Iterable[RecordingMetadata] = (),
) -> PlanReport:
    """Screens every recording and selects from the admitted. Reads metadata only.

    `kept` are the recordings earlier runs have sealed: they count toward the target.
    """
    had = [_candidate(metadata, screener.strata(metadata)) for metadata in kept]
    admissions: dict[str, Admission] = {}
    candidates: list[Candidate] = []
    refused: list[NotTaken] = []
    for metadata in recordings:
        answer = screener.admit(metadata)
        if isinstance(answer, Passed):
            admissions[metadata.ref.key] = answer.value
            candidates.append(_candidate(metadata, answer.value.stratum))
        else:
            refused.append(NotTaken(key=metadata.ref.key, reason=answer.reason, evidence=answer.evidence))
    selection = select(candidates, wanted, kept=had)
    refused += [_not_selected(left.key, left.stratum) for left in selection.left_out]
    return _report(selection, refused, admissions, candidates, had, wanted)


def _candidate(metadata: RecordingMetadata, values: Mapping[str, str]) -> Candidate:
    """An admitted recording has a duration: `metadata_complete` was asked."""
    return Candidate(key=metadata.ref.key, duration_s=metadata.duration_s or 0.0, values=values)


def _not_selected(key: str, stratum: str) -> NotTaken:
    return NotTaken(key=key, reason=Reason.NOT_SELECTED, evidence={"decided_by": "selection", "stratum": stratum})


def _report(
    selection: Selection,
    refused: list[NotTaken],
    admissions: Mapping[str, Admission],
    candidates: list[Candidate],
    had: list[Candidate],
    wanted: Wanted,
) -> PlanReport:
    by_key = sorted(refused, key=lambda n: n.key)
    reasons = Counter(n.reason for n in by_key)
    return PlanReport(
        considered=len(selection.chosen) + len(refused),
        target_h=wanted.target_hours,
        chosen_h=selection.hours,
        kept_h=sum(c.duration_s for c in had) / HOUR_S,
        taken=tuple(
            Taken(
                key=c.key,
                duration_s=c.duration_s,
                stratum=label(c.values, wanted.stratify_by),
                admission=admissions[c.key],
            )
            for c in selection.chosen
        ),
        not_taken=tuple(by_key),
        reasons=dict(sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))),
        strata=_hours(candidates, selection, wanted),
        shortages=selection.shortages,
    )


def _hours(candidates: Iterable[Candidate], selection: Selection, wanted: Wanted) -> tuple[StratumHours, ...]:
    admitted, chosen = _by_stratum(candidates, wanted), _by_stratum(selection.chosen, wanted)
    return tuple(
        StratumHours(
            stratum=stratum,
            admitted=len(lengths),
            admitted_h=sum(lengths) / HOUR_S,
            chosen=len(chosen.get(stratum, ())),
            chosen_h=sum(chosen.get(stratum, ())) / HOUR_S,
        )
        for stratum, lengths in sorted(admitted.items())
    )


def _by_stratum(candidates: Iterable[Candidate], wanted: Wanted) -> dict[str, list[float]]:
    lengths: dict[str, list[float]] = {}
    for candidate in candidates:
        lengths.setdefault(label(candidate.values, wanted.stratify_by), []).append(candidate.duration_s)
    return lengths
