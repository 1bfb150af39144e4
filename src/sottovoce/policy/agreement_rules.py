"""What agreements and residency demand of each other, and of the rest of a policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sottovoce.domain.agreement import DataClass
from sottovoce.domain.zone import zone_of
from sottovoce.policy.flaw import Flaw
from sottovoce.policy.model import Policy

_KEEPING: Final = frozenset({"MIFID_II", "FINRA", "SEC_17A4"})
"""Duties to keep the recording itself (`custody/duties.py`)."""


def agreement_flaws(policy: Policy) -> Iterator[Flaw]:
    """Every contradiction within and around both sections."""
    yield from _destination_terms(policy)
    yield from _financial_duties(policy)
    yield from _residency_names(policy)


def _destination_terms(policy: Policy) -> Iterator[Flaw]:
    for name, terms in policy.agreements.destinations.items():
        at = ("agreements", "destinations", name)
        if not terms.zones:
            yield Flaw(
                path=(*at, "zones"),
                message="a destination states where it keeps what it gets",
                hint="add `zones: [eu]`, or whichever it is; without it nothing could be sent there",
            )
        for number, waiver in enumerate(terms.waivers):
            if waiver.kind in terms.requires:
                yield Flaw(
                    path=(*at, "waivers", number),
                    message=f"{waiver.kind.value} is required and waived",
                    hint="take it out of `requires` or out of `waivers`",
                )


def _financial_duties(policy: Policy) -> Iterator[Flaw]:
    stated = {each for classes in policy.agreements.classes.values() for each in classes}
    if DataClass.FINANCIAL in stated and not any(duty.name in _KEEPING for duty in policy.retention.duties):
        yield Flaw(
            path=("agreements", "classes"),
            message="FINANCIAL recordings need a duty that says how long they are kept",
            hint="add FINRA, SEC_17A4 or MIFID_II to `retention.duties`",
        )


def _residency_names(policy: Policy) -> Iterator[Flaw]:
    for name in policy.residency.sources:
        if name not in policy.sources:
            yield Flaw(
                path=("residency", "sources", name),
                message="there is no source of this name",
                hint="name one of `sources`",
            )
    for name, zone in policy.residency.regions.items():
        if zone_of(name) not in {None, zone}:
            yield Flaw(
                path=("residency", "regions", name),
                message="this region is known, and stands in another zone",
                hint="leave it out; only regions of your own are named here",
            )
