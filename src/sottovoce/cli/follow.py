"""`sottovoce run --follow`: one line as a continuous feed, until it is told to stop.

It looks again every `analytics.poll_seconds`, as far back as `analytics.lookback_hours`, because recordings arrive
late; what was seen before is known by its key. A source or a database that is away is waited for. What somebody has to
hear is said once, in the log and over every channel of `access.alerts`: that the lag's P95 goes beyond the objective,
with what still waits counted as it stands, and that it is well again; that more is withheld; that a paper ends soon.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Final

from sottovoce.access.alert import Notice
from sottovoce.agreements.tell import kinds_told
from sottovoce.cli.output import answer, say, span
from sottovoce.cli.run import oldest_first, runner_of, supervisor_of
from sottovoce.errors import SottovoceError
from sottovoce.pipeline.lines import ANALYTICS
from sottovoce.pipeline.run import Runner
from sottovoce.wiring.analytics import Delivered
from sottovoce.wiring.house import House

TICK_S: Final = 0.5
TEND_S: Final = 2.0
LATEST: Final = 500
"""Deliveries that the lag is judged by, and as many of those that wait."""
ALARM: Final = "analytics.lag_over_objective"
CLEARED: Final = "analytics.lag_within_objective"
WITHHELD: Final = "delivery.withheld"
EXPIRING: Final = "agreements.expiring"

_log = logging.getLogger(__name__)


def follow(
    house: House, *, workers: int, stop: threading.Event, as_json: bool = False, passes: int | None = None
) -> None:
    """Looks, submits, keeps workers alive; `passes` ends it after so many looks and what they brought."""
    house.vault.epochs()
    queue, supervisor = house.queue(house.line.queue, line=house.line.name), supervisor_of(house, workers)
    try:
        feed = Feed(house=house, runner=runner_of(house, queue), waiting=queue.waiting, as_json=as_json)
        with house.signing(), supervisor.working():
            while not stop.is_set():
                supervisor.mend()
                feed.turn()
                if passes is not None and feed.looks >= passes and not queue.unfinished():
                    break
                stop.wait(TICK_S)
    finally:
        queue.close()
    house.ledger.checkpoint()


class Feed:
    """What one process does between two ticks."""

    def __init__(
        self, *, house: House, runner: Runner, waiting: Callable[[], Collection[str]], as_json: bool = False
    ) -> None:
        self._house = house
        self._runner = runner
        self._waiting = waiting
        self._as_json = as_json
        self._alerts = house.access.alerts
        self._next_look = self._next_tending = 0.0
        self._is_late = False
        self._withheld: int | None = None
        self._papers: set[tuple[str, str, str]] = set()
        self.looks = 0

    def turn(self) -> None:
        """Whatever is due. What is away is asked again; what is wrong is raised."""
        now = time.monotonic()
        try:
            if now >= self._next_look:
                self._next_look = now + self._house.policy.analytics.poll_seconds
                self._look()
            if now >= self._next_tending:
                self._next_tending = now + TEND_S
                self._runner.tend()
        except SottovoceError as error:
            if not error.retryable:
                raise
            _log.warning("waiting: %s", error.code)

    def _look(self) -> None:
        house = self._house
        back = timedelta(hours=house.policy.analytics.lookback_hours)
        house.look_since((house.clock() - back).date())
        surveyor = house.surveyor()
        survey = surveyor.look()
        house.erase_withdrawn(survey.withdrawn)
        keys = oldest_first(house, surveyor.settle(survey))
        self._runner.submit(keys)
        self.looks += 1
        self._tell(len(keys), house.analytics.delivered(latest=LATEST, waiting=self._waiting()))
        self._tell_of_papers()
        self._alerts.deliver(patiently=True)

    def _tell(self, new: int, told: Delivered) -> None:
        if self._as_json:
            waits = {"waiting": told.waiting, "oldest_waiting_s": told.oldest_waiting_s}
            answer({"new": new, **told.as_json(), **waits})
        elif new:
            lag = ", ".join(f"{name.upper()} {span(s)}" for name, s in told.lag_s.items()) or "none yet"
            say(f"{new} new recordings; lag {lag}.")
        if told.is_late != self._is_late:
            by_rank = {f"{name}_s": seconds for name, seconds in told.with_waiting_s.items()}
            facts = {**by_rank, "objective_s": told.objective_s, "waiting": told.waiting}
            self._alarm(ALARM if told.is_late else CLEARED, ANALYTICS.name, facts)
            self._is_late = told.is_late
        withheld = sum(told.withheld.values())
        if self._withheld is not None and withheld > self._withheld:
            self._alarm(WITHHELD, ANALYTICS.name, told.withheld)
        self._withheld = withheld

    def _tell_of_papers(self) -> None:
        """Each once, while this process lives."""
        for row in self._house.agreements.expiring():
            kinds, last = kinds_told(row.standing.need), str(row.standing.last_day)
            if (row.destination, kinds, last) not in self._papers:
                self._alarm(EXPIRING, row.destination, {"paper": kinds, "last_day": last})
                self._papers.add((row.destination, kinds, last))

    def _alarm(self, kind: str, subject: str, facts: Mapping[str, str | int | float]) -> None:
        _log.warning("%s: %s: %s", kind, subject, ", ".join(f"{name} {value}" for name, value in facts.items()))
        at = self._house.clock()
        self._alerts.tell(Notice(id=uuid.uuid4().hex, kind=kind, subject=subject, at=at, facts=facts))
