"""Choosing a corpus: so many hours, evenly over the strata, with minimum shares (SPEC 4.4).

The next recording always comes from the stratum that has the fewest seconds so far, so that a queue
that is listed first, or is a thousand times larger, starves no other. Minimum shares are filled first,
in the same way. Within a stratum the order is that of a keyed hash of the recording's key: the same
seed chooses the same recordings whatever order they are offered in, and another seed chooses afresh.

Choosing stops with the recording that reaches the target. What could not be had is a shortage, not
an error: the corpus is then smaller, or less even, than the policy asked for, and says so.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from sottovoce.domain.outcome import Reason
from sottovoce.policy.model import MinimumShare
from sottovoce.policy.model import Selection as Wanted
from sottovoce.screening.rule import UNKNOWN
from sottovoce.screening.strata import canonical, label

HOUR_S = 3600.0
ROUNDING_S = 1e-6
"""Sums of durations are compared to within a microsecond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An admitted recording, as its key, length and values in every dimension the policy names."""

    key: str
    duration_s: float
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    key: str
    stratum: str
    reason: Reason = Reason.NOT_SELECTED


class Kind(StrEnum):
    """What a shortage is of."""

    TARGET = "target"
    SHARE = "share"
    STRATUM = "stratum"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """Hours that were wanted of the whole, a minimum share or a stratum, and those that could be had."""

    kind: Kind
    of: str
    wanted_h: float
    chosen_h: float

    @property
    def missing_h(self) -> float:
        return self.wanted_h - self.chosen_h


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Chosen in the order they were chosen; left out sorted by key. `hours` are of the newly chosen."""

    chosen: tuple[Candidate, ...]
    left_out: tuple[LeftOut, ...]
    shortages: tuple[Shortage, ...]

    @property
    def hours(self) -> float:
        return _seconds(self.chosen) / HOUR_S


def select(candidates: Iterable[Candidate], wanted: Wanted, *, kept: Iterable[Candidate] = ()) -> Selection:
    """The selection that policy asks for, from what there is. A key offered twice counts once.

    `kept` is what earlier runs chose and the corpus still has: it counts toward target, shares and strata,
    and is not chosen again, so that many runs fill one target and not each its own.
    """
    had = _by_key(kept)
    offered = [c for key, c in _by_key(candidates).items() if key not in had]
    draw = _Draw(kept=tuple(had.values()), offered=tuple(offered), wanted=wanted)
    draw.fill_shares()
    draw.fill_target()
    left = [c for c in draw.offered if c.key not in draw.chosen]
    return Selection(
        chosen=tuple(draw.chosen.values()),
        left_out=tuple(LeftOut(key=c.key, stratum=label(c.values, wanted.stratify_by)) for c in left),
        shortages=(*_of_target(draw), *_of_shares(draw), *_of_strata(draw, left)),
    )


def _by_key(candidates: Iterable[Candidate]) -> dict[str, Candidate]:
    return {c.key: c for c in sorted(candidates, key=lambda c: (c.key, c.duration_s))}


@dataclass(slots=True, kw_only=True)
class _Draw:
    """A selection under way: what was chosen, in order, and the seconds each stratum has."""

    kept: tuple[Candidate, ...]
    offered: tuple[Candidate, ...]
    wanted: Wanted
    chosen: dict[str, Candidate] = field(default_factory=dict)
    taken_s: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for candidate in self.kept:
            stratum = label(candidate.values, self.wanted.stratify_by)
            self.taken_s[stratum] = self.taken_s.get(stratum, 0.0) + candidate.duration_s

    @property
    def target_s(self) -> float:
        return self.wanted.target_hours * HOUR_S

    @property
    def held(self) -> tuple[Candidate, ...]:
        """Kept and chosen: what the corpus will have."""
        return (*self.kept, *self.chosen.values())

    def fill_shares(self) -> None:
        """Enough of each share even if the last recording overshoots the target by the longest there is."""
        longest_s = max((c.duration_s for c in self.offered), default=0.0)
        for share in self.wanted.minimum_shares:
            self._fill(partial(_is_of, share=share), share.share * (self.target_s + longest_s))

    def fill_target(self) -> None:
        self._fill(lambda _: True, self.target_s)

    def _fill(self, fits: Callable[[Candidate], bool], enough_s: float) -> None:
        """Takes what fits from the poorest stratum until there is enough of it, or no more."""
        waiting = self._waiting(fits)
        poorest = [(self.taken_s.get(stratum, 0.0), stratum) for stratum in waiting]
        heapq.heapify(poorest)
        got_s = _seconds(filter(fits, self.held))
        while poorest and got_s < enough_s - ROUNDING_S:
            taken_s, stratum = heapq.heappop(poorest)
            candidate = waiting[stratum].pop()
            self.chosen[candidate.key] = candidate
            self.taken_s[stratum] = taken_s + candidate.duration_s
            got_s += candidate.duration_s
            if waiting[stratum]:
                heapq.heappush(poorest, (self.taken_s[stratum], stratum))

    def _waiting(self, fits: Callable[[Candidate], bool]) -> dict[str, list[Candidate]]:
        """What is not yet chosen and fits, by stratum, the next one last."""
        waiting: dict[str, list[Candidate]] = {}
        for candidate in sorted(self.offered, key=lambda c: _lot(self.wanted.seed, c.key), reverse=True):
            if candidate.key not in self.chosen and fits(candidate):
                waiting.setdefault(label(candidate.values, self.wanted.stratify_by), []).append(candidate)
        return waiting


def _lot(seed: int, key: str) -> bytes:
    return hashlib.sha256(f"{seed}:{key}".encode()).digest()


def _is_of(candidate: Candidate, share: MinimumShare) -> bool:
    value = candidate.values.get(share.dimension, UNKNOWN)
    return canonical(share.dimension, value) == canonical(share.dimension, share.value)


def _of_target(draw: _Draw) -> Iterator[Shortage]:
    yield from _short(Kind.TARGET, "target", draw.target_s, _seconds(draw.held))


def _of_shares(draw: _Draw) -> Iterator[Shortage]:
    """A share is of the target, or of what was chosen where that is more."""
    whole_s = max(draw.target_s, _seconds(draw.held))
    for share in draw.wanted.minimum_shares:
        chosen_s = _seconds(c for c in draw.held if _is_of(c, share))
        value = canonical(share.dimension, share.value)
        yield from _short(
            Kind.SHARE, label({share.dimension: value}, [share.dimension]), share.share * whole_s, chosen_s
        )


def _of_strata(draw: _Draw, left: Iterable[Candidate]) -> Iterator[Shortage]:
    """A stratum that was used up before it had an even part of the target."""
    strata = sorted({label(c.values, draw.wanted.stratify_by) for c in (*draw.kept, *draw.offered)})
    more = {label(c.values, draw.wanted.stratify_by) for c in left}
    for stratum in strata:
        if stratum not in more:
            yield from _short(Kind.STRATUM, stratum, draw.target_s / len(strata), draw.taken_s.get(stratum, 0.0))


def _short(kind: Kind, of: str, wanted_s: float, chosen_s: float) -> Iterator[Shortage]:
    if chosen_s < wanted_s - ROUNDING_S:
        yield Shortage(kind=kind, of=of, wanted_h=wanted_s / HOUR_S, chosen_h=chosen_s / HOUR_S)


def _seconds(candidates: Iterable[Candidate]) -> float:
    return math.fsum(c.duration_s for c in candidates)
