"""Train, validation and test sets that never share a speaker (SPEC 11.3).

Samples that have a speaker in common, directly or through other samples, form a component and go
together: a mix or mono sample joins its agent to its caller. Speakers whom the source could not name
are taken for one person, because they might be.

Components are dealt to the split that lacks most hours, the large ones first and the rest by lot, then
moved while that brings the whole nearer to its shares. No split that is wanted stays empty while there
are components enough. The same seed and speakers give the same splits in any order.

Whoever was in a split of an earlier version stays there, because a model may have learnt from them. Where
speakers of two earlier splits are joined by a new sample, all go to the one that was trained on.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from sottovoce.corpus.sample import Split
from sottovoce.domain.recording import RecordingMetadata
from sottovoce.domain.sound import Role

UNNAMED = "unnamed"
NOWHERE: Mapping[str, Split] = {}


PASSES = 20
"""Rounds of moving; a corpus that still moves then is near enough."""
GAIN_S2 = 1e-6
"""Square seconds below which a move is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """A sample to be dealt: its name, length and the pseudonyms of all who speak in it, at least one."""

    name: str
    duration_s: float
    speakers: frozenset[str]


def speakers_of(metadata: RecordingMetadata, role: Role) -> frozenset[str]:
    """Who speaks on a channel of that role. Agents and callers never have one pseudonym."""
    agent = f"agent:{metadata.agent_token or UNNAMED}"
    customer = f"customer:{metadata.customer_token or UNNAMED}"
    match role:
        case Role.AGENT:
            return frozenset({agent})
        case Role.CUSTOMER:
            return frozenset({customer})
        case Role.BOTH:
            return frozenset({agent, customer})


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """Samples that must stay together."""

    names: tuple[str, ...]
    duration_s: float
    speakers: frozenset[str]


def components(samples: Iterable[Spoken]) -> tuple[Component, ...]:
    """The connected components over speakers, sorted by name."""
    leaders: dict[str, str] = {}
    offered = sorted(samples, key=lambda s: s.name)
    for sample in offered:
        first, *others = sorted(sample.speakers)
        for other in others:
            leaders[_leader(leaders, other)] = _leader(leaders, first)
    groups: dict[str, list[Spoken]] = {}
    for sample in offered:
        groups.setdefault(_leader(leaders, min(sample.speakers)), []).append(sample)
    return tuple(map(_component, groups.values()))


def _leader(leaders: dict[str, str], speaker: str) -> str:
    """The speaker who stands for a component, with the path to them shortened on the way."""
    while (above := leaders.get(speaker, speaker)) != speaker:
        leaders[speaker] = leaders.get(above, above)
        speaker = above
    return speaker


def _component(group: Sequence[Spoken]) -> Component:
    return Component(
        names=tuple(s.name for s in group),
        duration_s=sum(s.duration_s for s in group),
        speakers=frozenset().union(*(s.speakers for s in group)),
    )


def assign(
    samples: Iterable[Spoken],
    shares: Mapping[Split, float],
    *,
    seed: int,
    before: Mapping[str, Split] = NOWHERE,
) -> dict[str, Split]:
    """The split of every sample by name. Shares are of the hours, and need not sum to one.

    `before` are the splits of samples in an earlier version. Raises ValueError when no split has a share.
    """
    wanted = {split: share for split in Split if (share := shares.get(split, 0.0)) > 0}
    if not wanted:
        raise ValueError("no split has a share")
    parts = components(samples)
    total_s = sum(part.duration_s for part in parts)
    whole = sum(wanted.values())
    deal = _Deal(target_s={split: total_s * share / whole for split, share in wanted.items()})
    for part in parts:
        deal.keep(part, {split for name in part.names if (split := before.get(name)) in wanted})
    for part in _dealing_order(parts, min(deal.target_s.values()), seed):
        if part not in deal.kept:
            deal.give(part, max(wanted, key=deal.lacks_s))
    deal.settle()
    deal.fill_empty()
    return {name: split for part, split in deal.home.items() for name in part.names}


def _dealing_order(parts: Iterable[Component], smallest_s: float, seed: int) -> list[Component]:
    """Components that would overfill the smallest split first, by size; the rest by lot."""

    def order(part: Component) -> tuple[float, str]:
        lot = hashlib.sha256(f"{seed}:{'/'.join(sorted(part.speakers))}".encode()).hexdigest()
        return (-part.duration_s if part.duration_s > smallest_s else 0.0, lot)

    return sorted(parts, key=order)


@dataclass(slots=True, kw_only=True)
class _Deal:
    """Which component lives in which split, and how far that is from the targets."""

    target_s: Mapping[Split, float]
    home: dict[Component, Split] = field(default_factory=dict)
    kept: set[Component] = field(default_factory=set)
    """Those that may not move."""
    _given_s: dict[Split, float] = field(default_factory=dict)

    def lacks_s(self, split: Split) -> float:
        return self.target_s[split] - self._given_s.get(split, 0.0)

    def keep(self, part: Component, lived_in: AbstractSet[Split | None]) -> None:
        """Puts the part where it was, for good; training comes first among several."""
        home = next((split for split in Split if split in lived_in), None)
        if home is not None:
            self.give(part, home)
            self.kept.add(part)

    def give(self, part: Component, split: Split) -> None:
        before = self.home.get(part)
        if before is not None:
            self._given_s[before] -= part.duration_s
        self.home[part] = split
        self._given_s[split] = self._given_s.get(split, 0.0) + part.duration_s

    def settle(self) -> None:
        """Moves components one at a time while that lessens the squared distance from the targets."""
        for _ in range(PASSES):
            moved = False
            for part in [part for part in self.home if part not in self.kept]:
                split = self.home[part]
                better = min(self.target_s, key=lambda other: self._cost(part, split, other))
                if self._cost(part, split, better) < -GAIN_S2:
                    self.give(part, better)
                    moved = True
            if not moved:
                return

    def _cost(self, part: Component, split: Split, other: Split) -> float:
        """By how much the squared distance would grow if the part moved."""
        if other is split:
            return 0.0
        return 2 * part.duration_s * (part.duration_s + self.lacks_s(split) - self.lacks_s(other))

    def fill_empty(self) -> None:
        """Gives each empty split the shortest component of those that can spare one."""
        for split in self.target_s:
            lived_in = Counter(self.home.values())
            spare = [part for part, home in self.home.items() if lived_in[home] > 1 and part not in self.kept]
            if not lived_in[split] and spare:
                self.give(min(spare, key=lambda part: (part.duration_s, sorted(part.speakers))), split)
