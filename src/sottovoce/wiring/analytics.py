"""The analytics line composed: the gate as a rule of admission, errands, the engine's task, lag."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from sottovoce.agreements.gate import AgreementGate
from sottovoce.delivery.receipts import ParcelState, lag_summary
from sottovoce.domain.outcome import Withheld
from sottovoce.domain.percentiles import percentiles
from sottovoce.domain.recording import RecordingMetadata
from sottovoce.pipeline.analytics import AnalyticsCloser, AnalyticsTask
from sottovoce.pipeline.errands import Errands, LineRows
from sottovoce.pipeline.lines import ANALYTICS
from sottovoce.screening.rule import Answer, ScreeningContext, passed
from sottovoce.wiring.corridor import call_ends

if TYPE_CHECKING:
    from collections.abc import Callable

    from sottovoce.delivery.deliverer import Deliverer
    from sottovoce.wiring.house import House


@dataclass(frozen=True, slots=True, kw_only=True)
class SomebodyMayHaveIt:
    """Refuses, before anything is fetched, what no destination may be given; its reason is the first one's."""

    gate: AgreementGate
    destinations: Sequence[str]
    today: Callable[[], date]
    name: str = "agreements"

    def check(self, metadata: RecordingMetadata, context: ScreeningContext) -> Answer:  # noqa: ARG002 - the gate has the policy
        answers = [self.gate.admit(metadata, name, (), self.today()) for name in self.destinations]
        refusals = [answer for answer in answers if isinstance(answer, Withheld)]
        if refusals and len(refusals) == len(answers):
            return Withheld(reason=refusals[0].reason, evidence=_told(refusals[0]))
        return passed(destinations=len(answers) - len(refusals))


def _told(refusal: Withheld) -> dict[str, str | int | bool]:
    """The gate's evidence, under names that do not meet the screener's own."""
    return {f"gate_{name}" if name in ("rules", "decided_by") else name: v for name, v in refusal.evidence.items()}


class AnalyticsRooms:
    """What the line needs of one house."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._deliverer: Deliverer | None = None

    @property
    def destinations(self) -> tuple[str, ...]:
        return self._house.policy.analytics.destinations

    def rule(self) -> SomebodyMayHaveIt:
        house = self._house
        return SomebodyMayHaveIt(gate=house.agreements.gate, destinations=self.destinations, today=house.today)

    @cached_property
    def errands(self) -> Errands:
        house = self._house
        return Errands(
            line=ANALYTICS.name,
            destinations=self.destinations,
            registry=house.registry,
            vault=house.vault,
            book=house.deliveries.book,
            deliverer=self._delivers,
            gate=house.agreements.gate,
            purpose=ANALYTICS.purpose.value,
            policy_digest=house.loaded.digest,
            keep_delivered=house.policy.analytics.keep_delivered,
            actor=house.actor,
            clock=house.clock,
        )

    def task(self) -> AnalyticsTask:
        """The engine's task, with every model behind it loaded when first used."""
        house = self._house
        return AnalyticsTask(carrier=house.carrier(), closer=house.concluder(), errands=self.errands)

    def closer(self) -> AnalyticsCloser:
        """Loads no model."""
        return AnalyticsCloser(closer=self._house.concluder(), errands=self.errands)

    def rows(self) -> LineRows:
        return LineRows(registry=self._house.registry, errands=self.errands)

    def delivered(self, *, latest: int | None = None, waiting: Collection[str] = ()) -> Delivered:
        """How deliveries stand: all of them, or the latest; what is `waiting` counts as late as it is by now.

        Of many that wait as many are asked for their age as of the latest: keys are digests, so the first are no
        choice.
        """
        house = self._house
        now = house.clock()
        ends = call_ends(house, sorted(waiting)[:latest])
        ages = tuple(max(0.0, (now - end).total_seconds()) for end in ends.values())
        rows = house.deliveries.book.rows(line=ANALYTICS.name, limit=latest)
        receipts = [row.receipt for row in rows if row.receipt is not None]
        return Delivered(
            by_destination={
                name: _states(row.state for row in rows if row.destination == name) for name in self.destinations
            },
            withheld=house.deliveries.book.withheld(ANALYTICS.name),
            lag_s=lag_summary(receipts),
            waiting=len(waiting),
            oldest_waiting_s=round(max(ages, default=0.0), 1),
            with_waiting_s=percentiles([*ages, *(each.lag_s for each in receipts if each.lag_s is not None)]),
            objective_s=60.0 * house.policy.delivery.objective_minutes,
        )

    def _delivers(self) -> Deliverer:
        """One for the whole process: its breakers remember."""
        if self._deliverer is None:
            self._deliverer = self._house.deliveries.deliverer(purpose=ANALYTICS.purpose.value)
        return self._deliverer


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What became of recordings at their destinations. Seconds from the end of the call."""

    by_destination: Mapping[str, Mapping[str, int]]
    withheld: Mapping[str, int]
    lag_s: Mapping[str, float]
    waiting: int
    """How many recordings are still on their way."""
    oldest_waiting_s: float
    """How long ago the call of the oldest of them ended."""
    with_waiting_s: Mapping[str, float]
    """The lag's percentiles, were everything delivered now: a destination that is down is seen, not waited for."""
    objective_s: float

    @property
    def is_late(self) -> bool:
        """Whether P95 of the lag is beyond the objective, with what waits."""
        return self.with_waiting_s.get("p95", 0.0) > self.objective_s

    def as_json(self) -> dict[str, object]:
        return {
            "deliveries": self.by_destination,
            "withheld": self.withheld,
            "lag_s": self.lag_s,
            "objective_s": self.objective_s,
            "late": self.is_late,
        }


def _states(states: Iterable[ParcelState]) -> dict[str, int]:
    return _counted(state.value for state in states)


def _counted(names: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in names:
        found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))
