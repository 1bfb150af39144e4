"""Readers as they are on ordinary days, and one who is not: traces to hold the watch over bulk access to.

People work in sessions, come back from breaks, hear some recordings twice, work late now and then, and once in a
while have far more to do than usual. Training jobs begin every epoch with a burst, read on steadily, and start at
any hour. Times are seconds since 1970; recordings are numbers as text. Deterministic for a seed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

DAY_S: Final = 86_400
START_S: Final = 1_767_571_200
"""Midnight UTC of a Monday, 2026-01-05."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who listens. Rates are of a working day of eight hours; `pause_s` is the median between two recordings."""

    name: str
    sessions_a_day: float
    session_length: float
    pause_s: float
    begins_hour: int = 8
    days_a_week: int = 5
    busy_day: float = 0.03
    """How often a day is three times as full."""

    @property
    def per_second(self) -> float:
        """The average over the hours worked: what a hundred times normal is counted from."""
        return self.sessions_a_day * self.session_length / (8 * 3600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A training job: whole epochs, each beginning with a burst; `per_minute` is the plan its grant states."""

    name: str
    recordings: int
    per_second: float
    burst: int
    burst_s: float
    per_minute: int
    runs_a_week: float


PEOPLE: Final = (
    Person(name="scientist", sessions_a_day=5, session_length=6, pause_s=45),
    Person(name="curator", sessions_a_day=8, session_length=9, pause_s=40, begins_hour=7),
    Person(name="labeller", sessions_a_day=6, session_length=40, pause_s=50, begins_hour=9),
    Person(name="listener", sessions_a_day=12, session_length=15, pause_s=15),
    Person(name="officer", sessions_a_day=1, session_length=3, pause_s=120),
    Person(name="visitor", sessions_a_day=0.4, session_length=6, pause_s=60, days_a_week=3),
)

JOBS: Final = (
    Job(name="trainer", recordings=6000, per_second=12, burst=1500, burst_s=20, per_minute=3000, runs_a_week=4),
    Job(name="evaluation", recordings=400, per_second=4, burst=120, burst_s=5, per_minute=400, runs_a_week=7),
)

Read = tuple[float, str]


def person_day(person: Person, day: int, draw: random.Random, *, recordings: int = 20_000) -> Iterator[Read]:
    """One person's reads of one day (numbered from the start), in order of time."""
    if day % 7 >= person.days_a_week and draw.random() > 0.02:
        return
    late = draw.random() < 0.04
    begins = START_S + day * DAY_S + (person.begins_hour + (9 if late else 0)) * 3600
    ends = min(begins + 12 * 3600, START_S + (day + 1) * DAY_S)
    times = 3 if draw.random() < person.busy_day else 1
    starts = sorted(begins + draw.uniform(0, 8.5 * 3600) for _ in range(_poisson(person.sessions_a_day * times, draw)))
    heard: list[str] = []
    at = 0.0
    for start in starts:
        at = max(at, start)
        if at > ends:
            return
        for _ in range(1 + _geometric(person.session_length - 1, draw)):
            if at >= ends:
                return
            again = heard and draw.random() < 0.15
            name = draw.choice(heard[-20:]) if again else str(draw.randrange(recordings))
            heard.append(name)
            yield at, name
            at += person.pause_s * math.exp(draw.gauss(0, 0.8))


def job_day(job: Job, day: int, draw: random.Random) -> Iterator[Read]:
    """One job's reads of one day: a run of one to three epochs, starting at any hour."""
    if draw.random() > job.runs_a_week / 7:
        return
    at = START_S + day * DAY_S + draw.uniform(0, 20 * 3600)
    for _ in range(draw.randint(1, 3)):
        names = [str(number) for number in range(job.recordings)]
        draw.shuffle(names)
        burst = round(job.burst * draw.uniform(0.6, 1.0))
        for number, name in enumerate(names):
            pace = job.burst_s / burst if number < burst else 1 / (job.per_second * draw.uniform(0.5, 1.5))
            yield at, name
            at += pace * draw.uniform(0.5, 1.5)
        at += draw.uniform(30, 300)


def attack(
    per_second: float, start_s: float, draw: random.Random, *, times: float = 100, ramp_s: float = 0
) -> Iterator[Read]:
    """A reader at so many times normal, all recordings new; with a ramp it gets there from normal, exponentially."""
    at = start_s
    for number in range(1_000_000):
        share = min(1.0, (at - start_s) / ramp_s) if ramp_s else 1.0
        at += draw.expovariate(1) / (per_second * times**share)
        yield at, f"stolen-{number}"


def _poisson(mean: float, draw: random.Random) -> int:
    """Knuth's way: few are wanted."""
    limit, count, product = math.exp(-mean), 0, draw.random()
    while product > limit:
        count, product = count + 1, product * draw.random()
    return count


def _geometric(mean: float, draw: random.Random) -> int:
    return int(math.log(1 - draw.random()) / math.log(mean / (mean + 1)))
