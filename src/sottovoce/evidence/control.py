"""A control, and what a check of it can find. A check that cannot fail is no check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sottovoce.evidence.facts import Facts

Figure = str | int | float | bool | None


class Result(StrEnum):
    """Written to packs; append only."""

    MET = "met"
    NOT_MET = "not met"
    NOT_APPLICABLE = "not applicable"
    NEEDS_A_PERSON = "needs a person"
    """Software cannot see it: the pack says what is to be attached."""


_WORST = (Result.NOT_MET, Result.NEEDS_A_PERSON, Result.MET, Result.NOT_APPLICABLE)
"""One thing not met is not made up for by others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check looked at, what it found, and the figures. `actions` name ledger entries that show it."""

    checked: str
    result: Result
    said: str
    figures: Mapping[str, Figure] = field(default_factory=dict)
    actions: tuple[str, ...] = ()


Check = Callable[[Facts], Finding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A requirement by its own number, and the checks that speak for it."""

    number: str
    title: str
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A control with what its checks found."""

    control: Control
    findings: tuple[Finding, ...]

    @property
    def result(self) -> Result:
        found = {each.result for each in self.findings}
        return next(each for each in _WORST if each in found)


def judge(control: Control, facts: Facts) -> Judged:
    """Runs every check of the control."""
    return Judged(control=control, findings=tuple(check(facts) for check in control.checks))


def met(checked: str, said: str, figures: Mapping[str, Figure], *actions: str) -> Finding:
    return Finding(checked=checked, result=Result.MET, said=said, figures=figures, actions=actions)


def not_met(checked: str, said: str, figures: Mapping[str, Figure], *actions: str) -> Finding:
    return Finding(checked=checked, result=Result.NOT_MET, said=said, figures=figures, actions=actions)


def not_applicable(checked: str, said: str) -> Finding:
    return Finding(checked=checked, result=Result.NOT_APPLICABLE, said=said)


def for_a_person(checked: str, said: str, figures: Mapping[str, Figure] | None = None) -> Finding:
    return Finding(checked=checked, result=Result.NEEDS_A_PERSON, said=said, figures=figures or {})


def verdict(checked: str, holds: bool, good: str, bad: str, figures: Mapping[str, Figure], *actions: str) -> Finding:
    """Met or not, each in its own words."""
    return met(checked, good, figures, *actions) if holds else not_met(checked, bad, figures, *actions)
