"""`sottovoce run --follow`: one line as a continuous feed, until it is told to stop.

It looks again every `analytics.poll_seconds`, as far back as `analytics.lookback_hours`, because recordings arrive
late; what was seen before is known by its key. A source or a database that is away is waited for. When the lag's P95
goes beyond the objective, that is said once, in the log and in the workspace's alerts, and again when it is well.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from sottovoce.cli.output import answer, say, span
from sottovoce.cli.run import oldest_first, runner_of, supervisor_of
from sottovoce.errors import SottovoceError
from sottovoce.pipeline.run import Runner
from sottovoce.wiring.analytics import Delivered
from sottovoce.wiring.house import House

TICK_S: Final = 0.5
TEND_S: Final = 2.0
LATEST: Final = 500
"""Deliveries that the lag is judged by."""
ALARM: Final = "analytics.lag_over_objective"
CLEARED: Final = "analytics.lag_within_objective"

_log = logging.getLogger(__name__)


def follow(
    house: House, *, workers: int, stop: threading.Event, as_json: bool = False, passes: int | None = None
) -> None:
    """Looks, submits, keeps workers alive; `passes` ends it after so many looks and what they brought."""
    house.vault.epochs()
    queue, supervisor = house.queue(house.line.queue, line=house.line.name), supervisor_of(house, workers)
    try:
        feed = Feed(house=house, runner=runner_of(house, queue), as_json=as_json)
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

    def __init__(self, *, house: House, runner: Runner, as_json: bool) -> None:
        self._house = house
        self._runner = runner
        self._as_json = as_json
        self._next_look = self._next_tending = 0.0
        self._is_late = False
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
        self._tell(len(keys), house.analytics.delivered(latest=LATEST))

    def _tell(self, new: int, told: Delivered) -> None:
        if self._as_json:
            answer({"new": new, **told.as_json()})
        elif new:
            lag = ", ".join(f"{name.upper()} {span(s)}" for name, s in told.lag_s.items()) or "none yet"
            say(f"{new} new recordings; lag {lag}.")
        if told.is_late != self._is_late:
            self._is_late = told.is_late
            self._alarm({"type": ALARM if told.is_late else CLEARED, "p95_s": told.lag_s.get("p95", 0.0)})

    def _alarm(self, facts: Mapping[str, str | float]) -> None:
        _log.warning("%s: P95 %s s", facts["type"], facts["p95_s"])
        logs = self._house.workspace.logs
        logs.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(logs / "alerts.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "a", encoding="utf-8") as file:
            file.write(json.dumps({**facts, "at": self._house.clock().isoformat()}, sort_keys=True) + "\n")
