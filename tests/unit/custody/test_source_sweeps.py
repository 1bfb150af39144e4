"""What a source keeps too long: its own job, carried through, and never over a hold of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from sottovoce.custody.holds import Holds
from sottovoce.custody.source_sweeps import SourceSweeps
from sottovoce.custody.subject import ByKeys
from sottovoce.domain.at_source import JobLook, JobState
from sottovoce.errors import RetentionConflict, SottovoceError, SourceRefused, SourceUnavailable
from sottovoce.ledger.entry import Action
from sottovoce.ledger.ledger import Ledger
from sottovoce.testing.custody import MemoryGuard

Make = Callable[..., Any]


@dataclass
class Keeper(MemoryGuard):
    """A source whose job moves a state with each look."""

    states: list[JobState] = field(default_factory=lambda: [JobState.PENDING, JobState.READY, JobState.FULFILLED])
    submitted: list[datetime] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    fails: SottovoceError | None = None

    def kept_too_long(self, days: int) -> int:
        return days

    def submit(self, before: datetime) -> str:
        self.submitted.append(before)
        return f"job-{len(self.submitted)}"

    def look_at(self, job: str) -> JobLook:
        if self.fails is not None:
            raise self.fails
        state = self.states.pop(0)
        return JobLook(state=state, counts={"deleted": 3} if state is JobState.FULFILLED else {})

    def execute(self, job: str) -> None:
        self.done.append(f"execute {job}")

    def cancel(self, job: str) -> None:
        self.done.append(f"cancel {job}")


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


@pytest.fixture
def sweeps(engine: Engine, ledger: Ledger, clock: Make, keeper: Keeper) -> SourceSweeps:
    return SourceSweeps(engine=engine, ledger=ledger, clock=clock, days={"calls": 30}, keepers=lambda _name: keeper)


def test_a_job_is_executed_when_it_is_ready_and_followed_to_its_end(
    sweeps: SourceSweeps, keeper: Keeper, ledger: Ledger, clock: Make
) -> None:
    """Each step is in the ledger, the last with what became of the recordings."""
    began = clock()
    made = sweeps.start("calls", by="officer-1")
    assert began - timedelta(days=31) < keeper.submitted[0] <= clock() - timedelta(days=30)
    states = [sweeps.pursue(by="officer-1")[0].state for _ in range(3)]
    assert states == [JobState.PENDING, JobState.PROCESSING, JobState.FULFILLED]
    assert keeper.done == ["execute job-1"]
    assert sweeps.pursue(by="officer-1") == ()
    told = [(e.outcome, e.facts.get("deleted")) for _, e in ledger.entries_about(made.id)]
    assert told == [("PENDING", None), ("PROCESSING", None), ("FULFILLED", 3)]
    assert {e.action for _, e in ledger.entries_about(made.id)} == {Action.RETENTION_AT_SOURCE}


def test_a_job_under_way_is_not_submitted_twice(sweeps: SourceSweeps, keeper: Keeper) -> None:
    """Asking again gives back the one there is; after its end there is a new one."""
    first = sweeps.start("calls", by="officer-1")
    assert sweeps.start("calls", by="officer-2").id == first.id
    for _ in range(3):
        sweeps.pursue(by="officer-1")
    assert sweeps.start("calls", by="officer-1").id == "job-2"


def test_a_hold_that_the_source_does_not_know_refuses_the_job(
    sweeps: SourceSweeps, keeper: Keeper, holds: Holds, three: list[str]
) -> None:
    """A job would delete what is held; protected there, it is skipped."""
    holds.place(ByKeys(keys=(three[0],), label="held"), matter="case", why="LITIGATION", by="counsel-1")
    with pytest.raises(RetentionConflict, match="1 held"):
        sweeps.start("calls", by="officer-1")
    assert keeper.submitted == []
    keeper.kept = {"PLANTED-1"}
    assert sweeps.start("calls", by="officer-1").state is JobState.PENDING


def test_a_hold_placed_meanwhile_cancels_the_job(
    sweeps: SourceSweeps, keeper: Keeper, holds: Holds, three: list[str]
) -> None:
    """Between submitting and executing days may pass."""
    sweeps.start("calls", by="officer-1")
    sweeps.pursue(by="officer-1")
    holds.place(ByKeys(keys=(three[0],), label="held"), matter="case", why="LITIGATION", by="counsel-1")
    assert sweeps.pursue(by="officer-1")[0].state is JobState.CANCELLED
    assert keeper.done == ["cancel job-1"]


@pytest.mark.parametrize("failure", [SourceRefused("no rights"), SourceUnavailable("no answer")])
def test_a_source_that_fails_is_said_and_asked_again(
    sweeps: SourceSweeps, keeper: Keeper, ledger: Ledger, failure: SottovoceError
) -> None:
    """The job keeps its state and has the code; the ledger hears of steps, not of tries."""
    made = sweeps.start("calls", by="officer-1")
    keeper.fails = failure
    (stuck,) = sweeps.pursue(by="officer-1")
    assert (stuck.state, stuck.code) == (JobState.PENDING, failure.code)
    assert len(list(ledger.entries_about(made.id))) == 1
    keeper.fails = None
    assert sweeps.pursue(by="officer-1")[0].code is None


def test_what_is_kept_too_long_is_counted_by_source(sweeps: SourceSweeps) -> None:
    """For the sources whose days policy says, and no others."""
    assert sweeps.kept_too_long() == {"calls": 30}
