"""What admits a recording must not contradict itself, on any line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sottovoce.domain.consent import LawfulBasis
from sottovoce.policy.flaw import Flaw
from sottovoce.policy.model import Policy


def admission_flaws(policy: Policy) -> Iterator[Flaw]:
    """Every contradiction in the corpus's ground and limits, and in those of the analytics line once it is open."""
    yield from _of_a_line(policy)
    yield from _analytics(policy)


def _of_a_line(policy: Policy) -> Iterator[Flaw]:
    for rule in (_basis, _wordings, _waiver, _lengths):
        yield from rule(policy)


def _basis(policy: Policy) -> Iterator[Flaw]:
    given = policy.lawful_basis
    if given.basis is LawfulBasis.CONSENT and not policy.consent.wordings:
        yield Flaw(
            path=("consent", "wordings"),
            message="consent needs at least one wording that names AI training",
            hint="add `wordings: [{version: …, effective: 2025-01-31}]` under `consent`",
        )
    if given.basis is not LawfulBasis.LEGITIMATE_INTEREST:
        return
    wanted = {
        "assessment": bool(given.assessment),
        "assessed_on": given.assessed_on is not None,
        "addresses_voice_reidentification": given.addresses_voice_reidentification,
    }
    for name in (name for name, there in wanted.items() if not there):
        yield Flaw(
            path=("lawful_basis", name),
            message=f"legitimate interest needs `lawful_basis.{name}`",
            hint="state the assessment's id and date, and that it addresses re-identification by voice",
        )


def _wordings(policy: Policy) -> Iterator[Flaw]:
    seen: set[str] = set()
    for i, wording in enumerate(policy.consent.wordings):
        if wording.version in seen:
            yield Flaw(
                path=("consent", "wordings", i),
                message="two wordings have the same version",
                hint="give each wording its own version",
            )
        seen.add(wording.version)


def _waiver(policy: Policy) -> Iterator[Flaw]:
    chosen = policy.anonymization
    if chosen.method == "none" and not (chosen.waiver_who and chosen.waiver_why):
        yield Flaw(
            path=("anonymization", "method"),
            message="voices may stay as they are only by a waiver",
            hint="add `waiver_who` and `waiver_why` under `anonymization`, or use `method: disguise`",
        )


def _lengths(policy: Policy) -> Iterator[Flaw]:
    if policy.exclusions.min_seconds >= policy.exclusions.max_seconds:
        yield Flaw(
            path=("exclusions", "max_seconds"),
            message="`min_seconds` must be less than `max_seconds`",
            hint="with these bounds every recording is too short or too long",
        )


def _analytics(policy: Policy) -> Iterator[Flaw]:
    line = policy.analytics
    if line.lawful_basis is None:
        if line.destinations:
            yield Flaw(
                path=("analytics", "lawful_basis"),
                message="the analytics line has destinations and no lawful basis",
                hint="say on what ground recordings go to a vendor, such as legitimate_interest with its assessment",
            )
        return
    if not line.destinations:
        yield Flaw(
            path=("analytics", "destinations"),
            message="the analytics line has nowhere to go",
            hint="name a destination of `delivery.destinations`",
        )
    for at, name in enumerate(line.destinations):
        if name not in policy.delivery.destinations:
            yield Flaw(
                path=("analytics", "destinations", at),
                message="there is no such destination",
                hint="known are: " + (", ".join(policy.delivery.destinations) or "none"),
            )
    for flaw in _of_a_line(policy.for_analytics()):
        yield replace(flaw, path=("analytics", *flaw.path))
