"""A batch of events, written by few statements, whatever their number and whatever is kept already."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, event

from sottovoce.intake.batch import Arrival
from sottovoce.intake.desk import Desk
from sottovoce.intake.door import Door
from sottovoce.intake.event import Kind
from sottovoce.intake.outbox import Outbox


@pytest.fixture
def arrive(door: Door, an_event: Any, signed: Any) -> Callable[..., Arrival]:
    def make(number: int = 1, kind: str = "recordingAvailable", *, event_id: str | None = None) -> Arrival:
        return door.admit(signed(an_event(number, kind), event_id=event_id))

    return make


@pytest.fixture
def said(engine: Engine) -> list[tuple[str, Any]]:
    """What the database is told from here on."""
    heard: list[tuple[str, Any]] = []

    def hear(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        heard.append((statement, values))

    event.listen(engine, "before_cursor_execute", hear)
    return heard


def test_a_hundred_events_cost_as_many_statements_as_one(
    desk: Desk, arrive: Callable[..., Arrival], said: list[tuple[str, Any]]
) -> None:
    """New recordings, known ones and ones that had only begun: the number of statements stays."""
    counted = []
    for first, number in ((0, 1), (100, 100)):
        numbers = range(first, first + number)
        for kind in ("recordingStarted", "recordingAvailable"):
            said.clear()
            desk.accept([arrive(n, kind, event_id=f"{kind}-{n}") for n in numbers])
            counted.append(len(said))
    assert counted[:2] == counted[2:]
    assert max(counted) <= 6


def test_more_events_than_a_statement_may_bind(desk: Desk, arrive: Callable[..., Arrival]) -> None:
    """Beyond what one statement holds there are several, and still one transaction."""
    receipts = desk.accept([arrive(n) for n in range(3000)])
    assert len({receipt.job for receipt in receipts}) == 3000
    assert desk.counts() == {"ready": 3000}


def test_no_batch_reads_a_whole_table(
    desk: Desk, engine: Engine, arrive: Callable[..., Arrival], said: list[tuple[str, Any]]
) -> None:
    """What is known is searched by an index, so that a batch costs the same however many events are kept."""
    desk.accept([arrive(n) for n in range(40)])
    asked = [(text, values) for text, values in said if text.startswith("SELECT") and "VALUES" in text]
    assert len(asked) == 2
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET enable_seqscan = off")
        for text, values in asked:
            explain = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
            plan = "\n".join(str(row) for row in connection.exec_driver_sql(explain + text, values))
            assert re.search(r"SEARCH intake_(events|jobs) USING INDEX|Index (Only )?Scan using (pk_)?intake_", plan), (
                plan
            )
            assert not re.search(r"(SCAN|Seq Scan on) intake_", plan)


@pytest.mark.parametrize("taken", [False, True])
def test_what_is_under_way_is_not_due_again(
    desk: Desk, outbox: Outbox, arrive: Callable[..., Arrival], *, taken: bool
) -> None:
    """A later event of a recording whose job was handed on tells its kind, and does not start it a second time."""
    desk.accept([arrive(1, "recordingCompleted", event_id="a")])
    first = outbox.ready(limit=1)
    if taken:
        outbox.handed(first)
    desk.accept([arrive(1, "recordingAvailable", event_id="b")])
    assert outbox.ready(limit=1) == (() if taken else first)
    job = outbox.job(first[0].subject)
    assert job is not None
    assert job.kind is Kind.AVAILABLE
