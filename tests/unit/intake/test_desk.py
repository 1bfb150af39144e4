"""Each event once, one job a recording, nothing lost: on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sottovoce.errors import IntakeBusy, LedgerUnavailable
from sottovoce.intake.batch import Arrival
from sottovoce.intake.clerk import Clerk
from sottovoce.intake.desk import Desk
from sottovoce.intake.door import Door
from sottovoce.intake.event import Kind
from sottovoce.intake.outbox import Job, Outbox


@pytest.fixture
def arrive(door: Door, an_event: Any, signed: Any) -> Callable[..., Arrival]:
    def make(number: int = 1, kind: str = "recordingAvailable", *, event_id: str | None = None, **data: Any) -> Arrival:
        return door.admit(signed(an_event(number, kind, **data), event_id=event_id))

    return make


def job_of(outbox: Outbox) -> Job:
    (due,) = outbox.ready(limit=10)
    job = outbox.job(due.subject)
    assert job is not None
    return job


def test_copies_get_the_first_answer(desk: Desk, arrive: Callable[..., Arrival]) -> None:
    """The same event fifty times, together and later, is one job and one answer."""
    first, *others = desk.accept([arrive() for _ in range(50)])
    assert first.fresh
    assert not any(receipt.fresh or receipt.conflict for receipt in others)
    assert {receipt.job for receipt in (*others, *desk.accept([arrive()]))} == {first.job}
    assert desk.counts() == {"ready": 1}


def test_another_body_under_the_same_id_is_a_conflict(desk: Desk, arrive: Callable[..., Arrival]) -> None:
    """An id is not used for two things, in one batch or across them."""
    batch = desk.accept([arrive(), arrive(2, event_id="evt-1")])
    assert [receipt.conflict for receipt in batch] == [False, True]
    assert desk.accept([arrive(3, event_id="evt-1")])[0].conflict
    assert desk.counts() == {"ready": 1}


def test_a_recording_has_one_job_whoever_announces_it(desk: Desk, arrive: Callable[..., Arrival]) -> None:
    """Another event about the same recording changes nothing more."""
    first = desk.accept([arrive()])[0]
    again = desk.accept([arrive(event_id="evt-other", extension="4711")])[0]
    assert (again.job, again.fresh) == (first.job, False)
    assert desk.counts() == {"ready": 1}


@pytest.mark.parametrize("together", [True, False])
def test_a_recording_that_began_waits_until_it_is_there(
    desk: Desk, outbox: Outbox, arrive: Callable[..., Arrival], *, together: bool
) -> None:
    """`recordingStarted` is metadata only; the job becomes due when the recording is available."""
    began, there = arrive(1, "recordingStarted", event_id="a"), arrive(1, event_id="b")
    batches = [[began, there]] if together else [[began], [there]]
    receipts = [receipt for batch in batches for receipt in desk.accept(batch)]
    assert receipts[0].job == receipts[1].job
    job = job_of(outbox)
    assert (job.kind, job.recording_id, job.conversation_id) == (Kind.AVAILABLE, "rec-1", "conv-1")


def test_an_early_event_that_comes_late_changes_nothing(
    desk: Desk, outbox: Outbox, arrive: Callable[..., Arrival]
) -> None:
    """Events come in any order: what is known already is not forgotten."""
    desk.accept([arrive(event_id="b")])
    desk.accept([arrive(1, "recordingStarted", event_id="a")])
    assert job_of(outbox).kind is Kind.AVAILABLE
    desk.accept([arrive(2, "recordingStarted", event_id="c")])
    assert len(outbox.ready(limit=10)) == 1


def test_events_are_remembered_for_a_week_and_jobs_for_ever(
    desk: Desk, clock: Any, arrive: Callable[..., Arrival]
) -> None:
    """After the events are forgotten, a replayed one still meets the recording's one job."""
    first = desk.accept([arrive()])[0]
    assert desk.forget() == 0
    clock.pass_(8 * 86_400)
    assert desk.forget() == 1
    again = desk.accept([arrive()])[0]
    assert (again.job, again.fresh) == (first.job, False)


def test_writers_at_once_make_one_job_each(desk: Desk, arrive: Callable[..., Arrival]) -> None:
    """Eight writers with the same shuffled events make exactly one job for each recording."""
    events = [arrive(n % 20) for n in range(60)]
    batches = []
    for seed in range(8):
        shuffled = list(events)
        random.Random(seed).shuffle(shuffled)
        batches.append(shuffled)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(desk.accept, batches))
    assert desk.counts() == {"ready": 20}
    assert sum(receipt.fresh for receipts in results for receipt in receipts) == 20


def test_the_clerk_shares_commits(arrive: Callable[..., Arrival]) -> None:
    """What arrives while a transaction is written goes into the next one together."""

    class Counting:
        def __init__(self) -> None:
            self.sizes: list[int] = []

        def accept(self, arrivals: list[Arrival]) -> tuple[Any, ...]:
            self.sizes.append(len(arrivals))
            return tuple(arrival.subject for arrival in arrivals)

    async def run() -> list[Any]:
        clerk = Clerk(desk=counting, batch=64)  # type: ignore[arg-type]
        found = await asyncio.gather(*(clerk.accept(arrive(n)) for n in range(100)))
        await clerk.close()
        return list(found)

    counting = Counting()
    found = asyncio.run(run())
    assert found == [f"r-conv-{n}-rec-{n}" for n in range(100)]
    assert (sum(counting.sizes), max(counting.sizes) <= 64, len(counting.sizes) <= 3) == (100, True, True)


def test_the_clerk_refuses_what_it_cannot_take_on(arrive: Callable[..., Arrival]) -> None:
    """Beyond the most that may wait, an event is refused; when the database fails, all of the batch are."""

    class Failing:
        def accept(self, _: list[Arrival]) -> tuple[Any, ...]:
            raise LedgerUnavailable("the registry's database failed")

    async def run() -> list[Any]:
        clerk = Clerk(desk=Failing(), most_waiting=3)  # type: ignore[arg-type]
        found = await asyncio.gather(*(clerk.accept(arrive(n)) for n in range(5)), return_exceptions=True)
        await clerk.close()
        return found

    kinds = [type(found) for found in asyncio.run(run())]
    assert kinds.count(LedgerUnavailable) == 3
    assert kinds.count(IntakeBusy) == 2
