"""What a policy says of where recordings may go: destinations, classes of recordings, zones of residency.

How a destination is reached is not said here, and which papers it has stands in the register, not in the policy:
this is what must be on file before anything leaves (SPEC 10.2).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from sottovoce.domain.agreement import AgreementKind, DataClass
from sottovoce.domain.zone import Zone
from sottovoce.policy.strict import Strict

DestinationName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")]


class AgreementWaiver(Strict):
    """A paper that is not asked for: said by whom, why and until when, never by absence."""

    kind: AgreementKind
    who: Annotated[str, Field(min_length=1)]
    why: Annotated[str, Field(min_length=1)]
    until: date
    """The last day on which it is not asked for."""


class DestinationTerms(Strict):
    zones: tuple[Zone, ...] = ()
    """Every zone in which it keeps or opens what it gets."""
    classes: tuple[DataClass, ...] | None = None
    """If given, only recordings all of whose classes are among these; every recording is PERSONAL."""
    requires: tuple[AgreementKind, ...] = ()
    """Papers beyond what the classes need."""
    waivers: tuple[AgreementWaiver, ...] = ()


class Agreements(Strict):
    destinations: dict[DestinationName, DestinationTerms] = Field(default_factory=dict)
    """What is not named here is given nothing."""
    classes: dict[str, tuple[DataClass, ...]] = Field(default_factory=dict)
    """By queue or queue category; added to what the program sees for itself."""
    warn_days: Annotated[int, Field(ge=0, le=366)] = 30
    own_copy_years: Annotated[int, Field(ge=1, le=100)] | None = None
    """For how many years the original itself is kept, here or at its source; then no recipient has to."""


class Residency(Strict):
    sources: dict[str, Zone] = Field(default_factory=dict)
    """By source, whose law its recordings are under, beside where they are stored."""
    regions: dict[str, Zone] = Field(default_factory=dict)
    """Regions that only you know by name."""
    confined: tuple[Zone, ...] = ()
    """Zones that nothing leaves, whatever is on file."""
