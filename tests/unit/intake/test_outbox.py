"""From what was taken in to the engine: handed on once, found by its key, ended or given up; on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, select

from sottovoce.database.compliance_tables import intake_jobs
from sottovoce.database.engine import reading, writing
from sottovoce.intake.batch import Arrival
from sottovoce.intake.desk import Desk
from sottovoce.intake.door import Door
from sottovoce.intake.outbox import Due, Outbox


@pytest.fixture
def arrive(door: Door, desk: Desk, an_event: Any, signed: Any) -> Callable[..., None]:
    def make(*numbers: int, event_id: str | None = None) -> None:
        arrivals: list[Arrival] = [door.admit(signed(an_event(n), event_id=event_id)) for n in numbers]
        desk.accept(arrivals)

    return make


def test_a_job_is_handed_on_once_and_forgets_its_ids_when_done(
    desk: Desk, outbox: Outbox, engine: Engine, arrive: Callable[..., None]
) -> None:
    """Done, the ids that lead to the recording are gone from the intake, and its events change nothing more."""
    arrive(0, 1, 2)
    ready = outbox.ready(limit=2)
    outbox.handed(ready)
    assert (len(ready), len(outbox.ready(limit=5)), outbox.under_way()) == (2, 1, ready)
    for due in ready:
        assert outbox.job(due.subject) is not None
        outbox.finish(due.subject)
        assert (outbox.job(due.subject), outbox.is_over(due.subject)) == (None, True)
    assert desk.counts() == {"done": 2, "ready": 1}
    with reading(engine) as connection:
        done = select(intake_jobs.c.locator, intake_jobs.c.tokens).where(intake_jobs.c.state == "done")
        assert [tuple(row) for row in connection.execute(done)] == [(None, {})] * 2
    arrive(0, event_id="late")
    assert desk.counts() == {"done": 2, "ready": 1}


def test_what_ended_before_it_was_marked_as_handed_on_stays_ended(
    desk: Desk, outbox: Outbox, arrive: Callable[..., None]
) -> None:
    """The engine may be done with a job before the dispatcher writes down that it gave it away."""
    arrive(1)
    ready = outbox.ready(limit=1)
    outbox.finish(ready[0].subject)
    outbox.handed(ready)
    assert desk.counts() == {"done": 1}


def test_a_dead_letter_comes_back_under_a_generation_of_its_own(
    desk: Desk, outbox: Outbox, arrive: Callable[..., None]
) -> None:
    """The engine never runs an id twice, so what a person asks for again has another; a late mark does not undo it."""
    arrive(1)
    first = outbox.ready(limit=1)
    outbox.handed(first)
    outbox.bury(first[0].subject)
    assert (desk.counts(), outbox.ready(limit=1)) == ({"dead": 1}, ())
    assert outbox.is_over(first[0].subject)
    assert (outbox.replay(), outbox.replay()) == (1, 0)
    outbox.handed(first)
    assert outbox.ready(limit=1) == (Due(subject=first[0].subject, generation=2),)
    assert outbox.generation(first[0].subject) == 2
    assert outbox.job(first[0].subject) is not None


def test_what_is_done_is_not_buried(desk: Desk, outbox: Outbox, arrive: Callable[..., None]) -> None:
    """A job that ended stays ended, whoever gives it up late."""
    arrive(1)
    (due,) = outbox.ready(limit=1)
    outbox.finish(due.subject)
    outbox.bury(due.subject)
    assert desk.counts() == {"done": 1}


def test_a_conversation_becomes_its_recordings(desk: Desk, outbox: Outbox, arrive: Callable[..., None]) -> None:
    """One job each, none of them twice, and one that only waited to be announced is due now."""
    arrive(1)
    (due,) = outbox.ready(limit=1)
    parent = outbox.job(due.subject)
    assert parent is not None
    assert outbox.add(parent, {"leg-a": "rec-a", "leg-b": "rec-b"}) == 2
    assert outbox.add(parent, {"leg-a": "rec-a", "leg-c": "rec-c"}) == 1
    found = outbox.job("leg-c")
    assert found is not None
    assert (found.conversation_id, found.recording_id) == ("conv-1", "rec-c")
    assert found.received_at == parent.received_at
    assert desk.counts() == {"ready": 4}


def test_reopening_is_part_of_its_callers_transaction(
    desk: Desk, outbox: Outbox, engine: Engine, arrive: Callable[..., None]
) -> None:
    """When that fails, nothing was reopened."""
    arrive(1)
    (due,) = outbox.ready(limit=1)
    outbox.finish(due.subject)
    with pytest.raises(KeyError), writing(engine) as connection:
        outbox.reopen(connection, [due.subject])
        raise KeyError
    assert desk.counts() == {"done": 1}


def test_nobody_knows_what_was_never_asked_for(outbox: Outbox) -> None:
    """An unknown key is over, in its first generation, and no job."""
    assert (outbox.is_over("x"), outbox.generation("x"), outbox.job("x")) == (True, 1, None)
