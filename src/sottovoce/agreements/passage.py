"""A recording on its way to a destination, and everything that this needs on file.

Made from metadata and policy alone, so that it can be asked before any audio is fetched and again at the door.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date

from sottovoce.agreements.classes import classes_of, years_to_keep
from sottovoce.agreements.need import Move, Need
from sottovoce.agreements.needs import NEEDS, need_of_move, need_required
from sottovoce.agreements.zones import moves, origins_of
from sottovoce.domain.agreement import AgreementKind, DataClass
from sottovoce.domain.recording import RecordingMetadata
from sottovoce.domain.zone import Zone
from sottovoce.policy.agreements import DestinationTerms
from sottovoce.policy.model import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """What the gate looks at. No `origins` or no `targets` means that they are unknown."""

    destination: str
    classes: frozenset[DataClass]
    allowed: frozenset[DataClass] | None
    """The classes this destination may be given; None for all."""
    origins: frozenset[Zone]
    targets: frozenset[Zone]
    confined: frozenset[Zone]
    """Zones that nothing leaves."""
    years: int
    """How long a record of finance is to be kept."""
    own_copy_years: int
    requires: tuple[AgreementKind, ...] = ()
    waived_until: tuple[tuple[AgreementKind, date], ...] = ()

    @property
    def moves(self) -> tuple[Move, ...]:
        return moves(self.origins, self.targets)

    def waives(self, need: Need, today: date) -> bool:
        """Whether every kind that would meet it is waived today. A border opens to a safeguard, and to no waiver."""
        waived = {kind for kind, until in self.waived_until if today <= until}
        return need.move is None and waived.issuperset(need.kinds)


def passage_of(
    metadata: RecordingMetadata, destination: str, classes: Collection[DataClass], policy: Policy
) -> Passage:
    """The recording's passage. What was said of its classes adds to what it shows, and takes nothing away."""
    return passage(
        destination,
        classes={*classes, *classes_of(metadata, policy)},
        origins=origins_of(metadata, policy),
        years=years_to_keep(metadata, policy),
        policy=policy,
    )


def passage(
    destination: str, *, classes: Collection[DataClass], origins: Collection[Zone], years: int, policy: Policy
) -> Passage:
    """The passage of whatever is of these classes and zones; a destination the policy does not name has no zones."""
    terms = policy.agreements.destinations.get(destination, DestinationTerms())
    allowed = None if terms.classes is None else frozenset({*terms.classes, DataClass.PERSONAL})
    return Passage(
        destination=destination,
        classes=frozenset({*classes, DataClass.PERSONAL}),
        allowed=allowed,
        origins=frozenset(origins),
        targets=frozenset(terms.zones),
        confined=frozenset(policy.residency.confined),
        years=years,
        own_copy_years=policy.agreements.own_copy_years or 0,
        requires=terms.requires,
        waived_until=tuple((waiver.kind, waiver.until) for waiver in terms.waivers),
    )


def needs_of(passage: Passage) -> tuple[Need, ...]:
    """The union of what its classes need, in their order; then its borders; then what the policy requires."""
    of_classes = (need for data_class in DataClass if data_class in passage.classes for need in NEEDS[data_class])
    return (
        *(_with_years(need, passage.years) for need in of_classes if not _is_ours(need, passage)),
        *map(need_of_move, passage.moves),
        *_required(passage),
    )


def _is_ours(need: Need, passage: Passage) -> bool:
    """A record that is kept elsewhere for long enough need not be kept by who is sent a copy."""
    return AgreementKind.RETENTION_TERMS in need.kinds and passage.own_copy_years >= passage.years


def _with_years(need: Need, years: int) -> Need:
    return replace(need, years=years) if AgreementKind.RETENTION_TERMS in need.kinds else need


def _required(passage: Passage) -> Iterator[Need]:
    return (need_required(kind) for kind in dict.fromkeys(passage.requires))
