"""The watch over bulk access, on streams of reads."""

from __future__ import annotations

import json
import random

import pytest

from sottovoce.access.watch import DAY_S, WINDOWS_S, Alarm, Baseline, Breach, Limits, Stream
from sottovoce.testing.traces import JOBS, PEOPLE, START_S, attack, job_day, person_day

PLANNED = Limits(per_hour=None, per_day=None)


def first(stream: Stream, reads, *, per_minute: int | None = None) -> tuple[int, float, Alarm] | None:
    """How many reads it took, when, and what it was."""
    for number, (at, name) in enumerate(reads, 1):
        alarm = stream.observe(name, at, per_minute=per_minute)
        if alarm is not None:
            return number, at, alarm
    return None


def used_to(person, days: int = 30, seed: int = 11) -> tuple[Stream, int]:
    """A stream after some weeks of ordinary days, and how many alarms those raised."""
    stream, draw, alarms = Stream(limits=Limits(), baseline=Baseline()), random.Random(f"{seed}{person.name}"), 0
    for day in range(days):
        for at, name in person_day(person, day, draw):
            alarms += stream.observe(name, at) is not None
    return stream, alarms


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.name)
def test_a_reader_at_a_hundred_times_normal_is_stopped(person) -> None:
    """Within 25 recordings or 60 seconds (SPEC 13.3), after a month without a false alarm."""
    stream, alarms = used_to(person)
    assert alarms == 0
    start = START_S + 30 * DAY_S + 11 * 3600
    found = first(stream, attack(person.per_second, start, random.Random(1)))
    assert found is not None
    assert found[0] <= 25 or found[1] - start <= 60


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_a_job_keeps_to_its_plan_and_a_thief_does_not(job) -> None:
    """Epochs begin with bursts, at any hour; a hundred times as fast is stopped within seconds."""
    stream, draw = Stream(limits=PLANNED, baseline=Baseline()), random.Random(5)
    for day in range(10):
        assert first(stream, job_day(job, day, draw), per_minute=job.per_minute) is None
    start = START_S + 11 * DAY_S
    found = first(stream, attack(job.per_second, start, random.Random(2)), per_minute=job.per_minute)
    assert found is not None and found[1] - start < 10


def test_the_floor_is_for_everybody() -> None:
    """Twenty distinct recordings in a second alarm nobody; the twenty-first does when little was normal."""
    stream = Stream(limits=Limits(), baseline=Baseline())
    for day in range(8):
        stream.observe(f"{day}", START_S + day * DAY_S)
    at = START_S + 8 * DAY_S
    assert [stream.observe(f"new-{n}", at) is None for n in range(21)] == [True] * 20 + [False]


def test_the_same_recording_counts_once_a_day() -> None:
    """Hearing one a thousand times tells no more than hearing it once."""
    stream = Stream(limits=Limits(), baseline=Baseline())
    assert all(stream.observe("same", START_S + n / 10) is None for n in range(1000))
    assert first(stream, ((START_S + 200 + n, "same") for n in range(100))) is None


def test_somebody_new_has_a_first_day() -> None:
    """Sessions of forty recordings an hour are nothing strange, three hundred an hour are."""
    stream = Stream(limits=Limits(), baseline=Baseline())
    assert first(stream, ((START_S + n * 90, str(n)) for n in range(200))) is None
    found = first(Stream(limits=Limits(), baseline=Baseline()), ((START_S + n * 2, str(n)) for n in range(200)))
    assert found is not None and found[2].breach is Breach.RATE


def test_ceilings_hold_whatever_was_normal() -> None:
    """Three hundred an hour, a thousand a day."""
    stream = Stream(limits=Limits(), baseline=Baseline())
    for day in range(10):
        for n in range(280):
            stream.observe(f"{day}-{n}", START_S + day * DAY_S + n * 13)
    found = first(stream, ((START_S + 10 * DAY_S + n * 11, f"x{n}") for n in range(400)))
    assert found is not None and found[2].breach is Breach.CEILING and found[2].limit == 300


def test_more_than_planned_is_said_as_such() -> None:
    """A grant for a hundred a minute is not for two hundred."""
    stream = Stream(limits=PLANNED, baseline=Baseline())
    found = first(stream, ((START_S + n / 100, str(n)) for n in range(300)), per_minute=100)
    assert found is not None
    assert (found[2].breach, found[2].limit, found[0]) == (Breach.PLAN, 100, 101)


def test_nobody_teaches_it_within_a_week() -> None:
    """Doubling every day moves what is normal by a quarter a day at most."""
    stream, _ = used_to(PEOPLE[0])
    before = stream.limit(2)
    for day in range(31, 38):
        for n in range(20):
            stream.observe(f"{day}-{n}", START_S + day * DAY_S + n * 2)
    stream.baseline.turn(START_S + 39 * DAY_S)
    assert stream.limit(2) <= max(20, before * 1.25**7)


def test_what_raises_an_alarm_is_not_learned() -> None:
    """A theft that was stopped is not what is normal tomorrow."""
    stream, _ = used_to(PEOPLE[0])
    start = START_S + 30 * DAY_S + 11 * 3600
    for n in range(500):
        stream.observe(f"stolen-{n}", start + n / 10)
    stream.baseline.turn(start + DAY_S)
    assert stream.limit(0) <= 2 * 25


def test_a_clock_that_jumps_back_forgives_nothing() -> None:
    """What was counted stays counted, and no day is closed twice."""
    stream = Stream(limits=Limits(), baseline=Baseline())
    times = [START_S + (0 if n % 2 else 500) for n in range(60)]
    assert first(stream, ((at, str(n)) for n, at in enumerate(times))) is not None
    assert stream.baseline.days == 0


def test_what_was_normal_survives_a_restart() -> None:
    """A baseline is kept as JSON and judges the same again."""
    stream, _ = used_to(PEOPLE[1])
    kept = Baseline.of_json(json.loads(json.dumps(stream.baseline.as_json())))
    again = Stream(limits=Limits(), baseline=kept)
    assert [again.limit(w) for w in range(len(WINDOWS_S))] == [stream.limit(w) for w in range(len(WINDOWS_S))]
    assert kept.known


def test_old_reads_are_forgotten_and_counts_stay_right() -> None:
    """Memory is of a day: many days of many reads still count to the last window exactly."""
    stream = Stream(limits=PLANNED, baseline=Baseline())
    for n in range(20_000):
        assert stream.observe(str(n), START_S + n * 30, per_minute=1000) is None
    assert len(stream._seen) < 2 * DAY_S / 30 + 4096
    assert stream._counts(START_S + 20_000 * 30)[WINDOWS_S.index(3600)] == 119


def test_replayed_reads_count_and_teach_nothing() -> None:
    """After a restart the last day's reads are put back, and were learned before."""
    stream = Stream(limits=Limits(), baseline=Baseline())
    for n in range(20):
        stream.replay(str(n), START_S + n)
        stream.replay(str(n), START_S + n)
    assert stream.baseline.as_json()["read_today"] == 0
    assert stream._counts(START_S + 20)[2] == 20
