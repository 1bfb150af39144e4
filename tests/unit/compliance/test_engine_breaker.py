"""The breaker in real time, before a real engine over HTTP that fails half of the time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sottovoce.breaker import BreakerState
from sottovoce.compliance.engine_client import EngineClient
from sottovoce.compliance.verdict import Found
from sottovoce.errors import BreakerOpen, JudgeUnavailable
from sottovoce.intake.outbox import Job
from sottovoce.testing.compliance_engine import judging, violation

OPEN_S = 1.0
CALLS = 12


@dataclass
class Work:
    """Calls whose questions are prepared, so that an attempt takes no longer than its request."""

    line: Any
    jobs: Mapping[str, Job]

    def attempt(self, subject: str) -> str:
        try:
            self.line.judge.judge(self.jobs[subject], self.line.platform)
        except BreakerOpen:
            return "held"
        except JudgeUnavailable:
            return "failed"
        return "judged"

    def left(self) -> list[str]:
        done = {row.subject for row in self.line.docket.verdicts()}
        return [subject for subject in self.jobs if subject not in done]

    def wait_open(self) -> None:
        """The breaker's own time, in real time."""
        while self.line.breaker.state is BreakerState.OPEN:
            time.sleep(self.line.breaker.wait_s)


def work(external: Callable[..., Any], clock: Any, url: str, *, calls: int, least: int) -> Work:
    clock.now = datetime.now(UTC)  # the engine believes no signature of another day
    client = EngineClient(url=url, timeout_s=30)
    line = external(client=client, link_s=None, monotonic=time.monotonic, least=least, open_s=OPEN_S)
    for number in range(calls):
        line.announce(number)
    due = line.outbox.ready(limit=calls)
    jobs = {each.subject: job for each in due if (job := line.outbox.job(each.subject)) is not None}
    for job in jobs.values():
        line.judge._prepared(job, line.platform)
    return Work(line, jobs)


def test_it_opens_holds_work_probes_once_and_loses_nothing(external: Callable[..., Any], clock: Any) -> None:
    """Every second request fails until it opens; then nothing is sent; of all that wait one is let through; in the end
    each call has exactly one verdict."""
    with judging(judge=violation, status=lambda number: 503 if number % 2 else 200) as engine:
        here = work(external, clock, engine.url, calls=CALLS, least=6)
        breaker = here.line.breaker
        assert [here.attempt(subject) for subject in list(here.jobs)[:6]] == ["failed", "judged"] * 3
        assert breaker.state is BreakerState.OPEN
        assert len(here.left()) == CALLS - 3
        assert {here.attempt(subject) for subject in here.left()} == {"held"}
        assert engine.requests == 6

        arrived, release = threading.Event(), threading.Event()

        def slowly(question: Mapping[str, Any]) -> dict[str, Any]:
            arrived.set()
            release.wait(30)
            return violation(question)

        engine.status, engine.judge = lambda _: 200, slowly
        here.wait_open()
        first, *others = here.left()
        probe = threading.Thread(target=here.attempt, args=(first,))
        probe.start()
        assert arrived.wait(30)
        assert breaker.state is BreakerState.HALF_OPEN
        assert {here.attempt(subject) for subject in others} == {"held"}
        assert engine.requests == 7
        release.set()
        probe.join()
        assert breaker.state is BreakerState.CLOSED
        assert {here.attempt(subject) for subject in others} == {"judged"}
        assert engine.requests == CALLS + 3

    rows = here.line.docket.verdicts()
    assert sorted(row.subject for row in rows) == sorted(here.jobs)
    assert {row.found for row in rows} == {Found.VIOLATION}
    assert here.line.platform.asked == CALLS


def test_a_probe_that_fails_opens_it_again(external: Callable[..., Any], clock: Any) -> None:
    """One request in each opening, however many wait, and none of them is lost."""
    with judging(status=lambda _: 503) as engine:
        here = work(external, clock, engine.url, calls=5, least=3)
        for sent in (3, 4, 5):
            for subject in here.jobs:
                here.attempt(subject)
            assert engine.requests == sent
            here.wait_open()
        assert here.line.docket.verdicts() == ()
        assert len(here.left()) == 5
