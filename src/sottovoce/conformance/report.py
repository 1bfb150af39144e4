"""Scores added up: the figures a vendor is judged by, as plain data without anything that was said."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

from sottovoce.conformance.findings import CallScore, Failure, PassageScore

CARD: Final = "CREDIT_DEBIT_NUMBER"
"""A card number by any type that starts so: spoken, read back, or typed on the keypad."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`conforms` when nothing leaked and nothing failed that is not allowed to."""

    scores: tuple[CallScore, ...]
    allowed: frozenset[Failure]

    @property
    def leaks(self) -> bool:
        return any(p.leaked or p.recovered for s in self.scores for p in s.passages)

    @property
    def failures(self) -> Counter[Failure]:
        """Files that fail, by failure; those allowed are left out."""
        kinds = ({f.failure for f in s.failures} - self.allowed for s in self.scores)
        return Counter(failure for found in kinds for failure in found)

    @property
    def conforms(self) -> bool:
        return not self.leaks and not self.failures

    def data(self) -> dict[str, Any]:
        """For JSON. Counts, shares and seconds; ids and file failures by call."""
        passages = [p for s in self.scores for p in s.passages]
        judged, removed = (sum(getattr(s, name) for s in self.scores) for name in ("judged_s", "removed_s"))
        hours = sum(s.duration_s for s in self.scores) / 3600
        return {
            "conforms": self.conforms,
            "calls": len(self.scores),
            **_counted(passages),
            "unit_leak_rate": _share(sum(p.leaked for p in passages), sum(p.units for p in passages)),
            "by_type": _by_type(passages),
            **_cards(passages),
            "leaked_seconds_per_hour": round(sum(p.leaked_s for p in passages) / hours, 2) if hours else 0.0,
            "over_redaction": _share(removed, judged),
            "judged_speech_s": round(judged, 1),
            "last4_lost": sum(s.keep_lost for s in self.scores),
            "last4": sum(s.keep_units for s in self.scores),
            "missing": [s.id for s in self.scores if s.fails(Failure.MISSING)],
            "wrong_length": [s.id for s in self.scores if s.wrong_length],
            "failures": {f.value: n for f, n in sorted(self.failures.items())},
            "files": {s.id: _told(s) for s in self.scores if s.failures},
        }


def report(scores: Iterable[CallScore], *, allowed: Collection[Failure] = ()) -> Report:
    return Report(scores=tuple(scores), allowed=frozenset(allowed))


def _counted(passages: Collection[PassageScore]) -> dict[str, int]:
    return {
        "units_leaked": sum(p.leaked for p in passages),
        "units_recovered": sum(p.recovered for p in passages),
        "units": sum(p.units for p in passages),
        "entities_leaked": sum(p.leaked > 0 for p in passages),
        "entities": len(passages),
    }


def _by_type(passages: Iterable[PassageScore]) -> dict[str, dict[str, int]]:
    kinds: defaultdict[str, list[PassageScore]] = defaultdict(list)
    for passage in passages:
        kinds[passage.type].append(passage)
    return {kind: _counted(kinds[kind]) for kind in sorted(kinds)}


def _cards(passages: Iterable[PassageScore]) -> dict[str, int]:
    """Card numbers of which a digit is heard, as the file is or after an attack."""
    cards = [p for p in passages if p.type.startswith(CARD)]
    return {"card_numbers_leaked": sum(p.leaked + p.recovered > 0 for p in cards), "card_numbers": len(cards)}


def _told(score: CallScore) -> list[dict[str, str]]:
    return [{"failure": f.failure.value, "detail": f.detail} for f in score.failures]


def _share(part: float, whole: float) -> float:
    return round(part / whole, 5) if whole else 0.0
