"""How everything stands that a policy needs on file: destination by destination, need by need.

The policy tells which classes and zones to expect. A recording may still be of a class that nothing here foresees;
the gate asks each one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sottovoce.agreements.classes import foreseen_classes, keeping_duties, longest
from sottovoce.agreements.gate import stands
from sottovoce.agreements.need import Standing, State
from sottovoce.agreements.passage import Passage, needs_of, passage
from sottovoce.agreements.protocol import OnFile
from sottovoce.agreements.zones import foreseen_origins, unplaced_sources
from sottovoce.domain.zone import Zone
from sottovoce.policy.model import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """One need of one destination, as it stands."""

    destination: str
    standing: Standing
    days_left: int | None

    @property
    def concern(self) -> str:
        """The class, border or key of the policy that asks for it."""
        need = self.standing.need
        if need.move is not None:
            return f"{need.move.origin.value} to {need.move.target.value}"
        return need.data_class.value if need.data_class is not None else "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Everything, as of one day. `confined` are zones that nothing leaves, by destination elsewhere."""

    on: date
    rows: tuple[Reviewed, ...]
    confined: tuple[tuple[str, Zone], ...]
    unplaced: tuple[str, ...]
    """Sources that state no zone."""

    @property
    def wanting(self) -> tuple[Reviewed, ...]:
        return tuple(row for row in self.rows if not row.standing.met)

    @property
    def expiring(self) -> tuple[Reviewed, ...]:
        return tuple(row for row in self.rows if row.standing.state is State.EXPIRING)


def review(policy: Policy, on_file: OnFile, today: date) -> Review:
    """Every destination of the policy, in its order."""
    passages = [_passage(name, policy) for name in policy.agreements.destinations]
    return Review(
        on=today,
        rows=tuple(row for each in passages for row in _rows(each, on_file, today, policy.agreements.warn_days)),
        confined=tuple(
            (each.destination, zone)
            for each in passages
            for zone in sorted({m.origin for m in each.moves} & each.confined)
        ),
        unplaced=unplaced_sources(policy),
    )


def _passage(name: str, policy: Policy) -> Passage:
    """What may be sent there: classes the destination may not be given need no paper."""
    classes, allowed = foreseen_classes(policy), policy.agreements.destinations[name].classes
    wanted = classes if allowed is None else frozenset(allowed)
    years = longest(keeping_duties(policy))
    return passage(name, classes=wanted, origins=foreseen_origins(policy), years=years, policy=policy)


def _rows(each: Passage, on_file: OnFile, today: date, warn_days: int) -> tuple[Reviewed, ...]:
    papers = on_file.on_file(each.destination)
    found = (stands(each, need, papers, today, warn_days=warn_days) for need in needs_of(each))
    return tuple(Reviewed(destination=each.destination, standing=s, days_left=s.days_left(today)) for s in found)
