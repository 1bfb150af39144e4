"""One thing that must be on file, and how it stands on a day."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from sottovoce.agreements.agreement import Agreement, year_after
from sottovoce.domain.agreement import AgreementKind, DataClass, SccModule
from sottovoce.domain.zone import Zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A border that is crossed."""

    origin: Zone
    target: Zone

    def __str__(self) -> str:
        return f"{self.origin.value}-{self.target.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Met by any paper of one of the kinds that says what is asked here. `rule` is its id, `law` what asks for it."""

    rule: str
    kinds: tuple[AgreementKind, ...]
    law: str
    data_class: DataClass | None = None
    names_class: bool = False
    """The paper must itself name the class."""
    yearly: bool = False
    """It says how things were on one day, and is good for twelve months."""
    years: int | None = None
    """It must promise to keep what is sent for so long."""
    move: Move | None = None
    modules: frozenset[SccModule] = frozenset()
    """Which modules of standard contractual clauses will do."""

    def is_kind(self, paper: Agreement) -> bool:
        """Whether it is such a paper and says what is asked, how long it keeps aside."""
        return (
            paper.kind in self.kinds
            and (not self.names_class or self.data_class in paper.classes)
            and (self.move is None or paper.covers(self.move.origin, self.move.target))
            and (paper.kind is not AgreementKind.SCC or not self.modules or paper.module in self.modules)
        )

    def is_long_enough(self, paper: Agreement) -> bool:
        return self.years is None or (paper.retention_years or 0) >= self.years

    def last_day(self, paper: Agreement) -> date | None:
        """The last day on which the paper meets this."""
        own = paper.last_day
        if not self.yearly:
            return own
        bound = year_after(paper.effective)
        return bound if own is None else min(own, bound)

    def in_force(self, paper: Agreement, today: date) -> bool:
        """Whether the day is among those on which the paper meets this."""
        last = self.last_day(paper)
        return paper.first_day <= today and (last is None or today <= last)


class State(StrEnum):
    """How a need stands."""

    FINE = "fine"
    EXPIRING = "expiring"
    """Met today, and not for long."""
    MISSING = "missing"
    EXPIRED = "expired"
    NOT_YET = "not yet"
    """On file, and its first day is still to come."""
    SHORT = "short"
    """On file, and it keeps for fewer years than the law asks."""
    WAIVED = "waived"


MET = frozenset({State.FINE, State.EXPIRING, State.WAIVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one need stands on one day: by which paper, and through which day."""

    need: Need
    state: State
    paper: Agreement | None = None
    last_day: date | None = None

    @property
    def met(self) -> bool:
        return self.state in MET

    def days_left(self, today: date) -> int | None:
        """Days after today on which it is still met; negative once it is over; None without an end."""
        return None if self.last_day is None else (self.last_day - today).days


NEVER: Final = -1
"""Days before the end: nobody is warned."""


def standing(need: Need, on_file: Iterable[Agreement], today: date, *, warn_days: int = NEVER) -> Standing:
    """The best that is on file: what lasts longest of what holds today, else the latest that does not."""
    papers = [paper for paper in on_file if need.is_kind(paper) and paper.withdrawn_at is None]
    enough = [paper for paper in papers if need.is_long_enough(paper)]
    holding = [paper for paper in enough if need.in_force(paper, today)]
    if holding:
        return _holding(need, max(holding, key=_lasting(need)), enough, today, warn_days)
    if any(need.in_force(paper, today) for paper in papers):
        return Standing(need=need, state=State.SHORT)
    if not enough:
        return Standing(need=need, state=State.SHORT if papers else State.MISSING)
    return _not_holding(need, max(enough, key=_lasting(need)), today)


def _holding(need: Need, paper: Agreement, enough: Sequence[Agreement], today: date, warn_days: int) -> Standing:
    last = _through(need, paper, enough)
    soon = last is not None and (last - today).days <= warn_days
    return Standing(need=need, state=State.EXPIRING if soon else State.FINE, paper=paper, last_day=last)


def _through(need: Need, paper: Agreement, enough: Sequence[Agreement]) -> date | None:
    """The last day without a gap: a paper that takes over on the next day goes on where this one ends."""
    last = need.last_day(paper)
    while last is not None and last < date.max:
        following = [each for each in enough if need.in_force(each, last + timedelta(days=1))]
        if not following:
            return last
        last = need.last_day(max(following, key=_lasting(need)))
    return last


def _not_holding(need: Need, paper: Agreement, today: date) -> Standing:
    state = State.NOT_YET if today < paper.first_day else State.EXPIRED
    return Standing(need=need, state=state, paper=paper, last_day=need.last_day(paper))


def _lasting(need: Need) -> Callable[[Agreement], tuple[date, str]]:
    """By the last day, then by id, so that the same papers in any order give the same answer."""
    return lambda paper: (need.last_day(paper) or date.max, paper.id)
