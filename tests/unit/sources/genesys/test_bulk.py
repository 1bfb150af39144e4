"""The asynchronous job: what it spares, what it misses, and what its failures cost."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import BulkFailed
from sottovoce.sandbox.serve import Sandbox
from sottovoce.sources.genesys.bulk import job
from sottovoce.sources.genesys.client import GenesysClient
from sottovoce.sources.genesys.exchange import LOST, Answer, Send, Wait
from sottovoce.sources.genesys.hosts import Hosts
from sottovoce.sources.genesys.source import GenesysSource
from sottovoce.sources.protocol import HmacTokenizer, Timing
from sottovoce.testing.calls import call_entry, write_calls
from sottovoce.testing.clock import SteppedClock

START = datetime(2026, 10, 1, tzinfo=UTC)
WEEK = (START, START + timedelta(days=7))


class Lake:
    """Answers a job's requests: its states in turn, then its pages."""

    def __init__(self, states: list[str], pages: list[list[str]], *, cursors: list[str] | None = None) -> None:
        self.states = states
        self.pages = pages
        self.cursors = cursors or [str(n) for n in range(1, len(pages))]
        self.sent: list[Send] = []
        self.waited: list[float] = []

    def drive(self) -> dict[str, Any]:
        steps = job(WEEK)
        step = next(steps)
        try:
            while True:
                step = steps.send(self.answer(step))
        except StopIteration as done:
            found: dict[str, Any] = done.value
            return found

    def answer(self, step: Send | Wait) -> Answer:
        if isinstance(step, Wait):
            self.waited.append(step.seconds)
            return LOST
        self.sent.append(step)
        if step.method == "DELETE":
            return Answer(status=200)
        if step.method == "POST":
            return Answer(status=202, body={"jobId": "job-1"})
        if step.path.endswith("/results"):
            at = len([s for s in self.sent if s.path.endswith("/results")]) - 1
            body: dict[str, Any] = {"conversations": [{"conversationId": i} for i in self.pages[at % len(self.pages)]]}
            return Answer(status=200, body=body | ({"cursor": self.cursors[at]} if at < len(self.cursors) else {}))
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return Answer(status=200, body={"state": state})


def test_a_job_is_waited_for_and_read_to_its_last_page() -> None:
    """Queued, pending, fulfilled; then page after page until one has no cursor."""
    lake = Lake(["QUEUED", "PENDING", "FULFILLED"], [["a", "b"], ["c"], []])
    assert list(lake.drive()) == ["a", "b", "c"]
    assert lake.waited == [1.0, 2.0]
    assert [s.params.get("cursor") for s in lake.sent if s.path.endswith("/results") and s.params] == [None, "1", "2"]


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED", "EXPIRED"])
def test_a_job_that_is_lost_is_named(state: str) -> None:
    """It never passes for a listing of nothing."""
    with pytest.raises(BulkFailed) as failed:
        Lake(["PENDING", state], [[]]).drive()
    assert state in failed.value.hint


def test_a_job_that_never_ends_is_cancelled() -> None:
    """Patience ends; nothing is left running at the source."""
    lake = Lake(["PENDING"], [[]])
    with pytest.raises(BulkFailed, match="too long"):
        lake.drive()
    assert lake.sent[-1].method == "DELETE"
    assert max(lake.waited) <= 30


def test_a_cursor_that_comes_again_is_an_error() -> None:
    """Pages that go round in a circle are not read for ever."""
    with pytest.raises(BulkFailed, match="same page"):
        Lake(["FULFILLED"], [["a"], ["b"]], cursors=["1", "2", "1"]).drive()


class Noting(httpx.HTTPTransport):
    """Notes what is asked; `refuses` a path's end with 403, and `hides` a conversation from a job's results."""

    def __init__(self, *, refuses: str = "nothing", hides: str = "") -> None:
        super().__init__()
        self.asked: list[str] = []
        self.refuses = refuses
        self.hides = hides

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        if request.method == "POST" and request.url.path.endswith(self.refuses):
            return httpx.Response(403, json={"code": "missing.any.permissions"})
        answer = super().handle_request(request)
        if not request.url.path.endswith("/results"):
            return answer
        body = json.loads(answer.read())
        left = [c for c in body["conversations"] if c["conversationId"] != self.hides]
        return httpx.Response(200, json=body | {"conversations": left})


@contextmanager
def running(
    folder: Path, entries: list[dict[str, Any]], wire: Noting, *, bulk_from: int | None = 1, lag_s: int = 0, **how: Any
) -> Iterator[tuple[Sandbox, GenesysSource]]:
    """The sandbox and a source that asks a job about every week."""
    clock = SteppedClock()
    with Sandbox(write_calls(folder, entries), now=clock.now) as sandbox:
        sandbox.store.settings = dataclasses.replace(sandbox.store.settings, lake_lag_s=lag_s)
        client = GenesysClient(
            hosts=Hosts.of(api_url=sandbox.api_url, media_hosts=(sandbox.media_host,)),
            client_id=Confidential(sandbox.client_id),
            client_secret=Confidential(sandbox.client_secret),
            timing=Timing(now=clock.now, monotonic=clock.monotonic, sleep=clock.sleep),
            transport=wire,
            requests_per_minute=3000,
        )
        yield (
            sandbox,
            GenesysSource(
                name="genesys",
                client=client,
                tokenizer=HmacTokenizer(key=Confidential(b"k" * 32)),
                attributes=frozenset({"aiTrainingConsent"}),
                queue_categories={"Orders": "retail"},
                since=START,
                bulk_from=bulk_from,
                **{"language_matters": lambda _participants: False} | how,
            ),
        )
        client.close()


def singly(wire: Noting, entries: list[dict[str, Any]]) -> int:
    """How many of these were asked one by one."""
    return sum(f"GET /api/v2/conversations/{e['id']}" in wire.asked for e in entries)


def test_what_a_job_told_is_not_asked_again(tmp_path: Path) -> None:
    """Queue, caller, agent and attributes come from the job; they are what the conversations themselves say."""
    entries = [call_entry(n) for n in (1, 2, 3)]
    wire, plain = Noting(), Noting()
    with running(tmp_path / "a", entries, wire) as (_, source):
        told = list(source.discover())
    with running(tmp_path / "b", entries, plain, bulk_from=None) as (_, source):
        asked = list(source.discover())
    assert (singly(wire, entries), singly(plain, entries)) == (0, 3)
    for mine, theirs in zip(told, asked, strict=True):
        for name in ("queue", "queue_category", "customer_token", "agent_token", "dnis", "duration_s"):
            assert getattr(mine, name) == getattr(theirs, name)
        assert [dict(p.attributes) for p in mine.participants] == [dict(p.attributes) for p in theirs.participants]


def test_the_language_is_asked_for_where_it_decides(tmp_path: Path) -> None:
    """A job does not tell the language: a call whose language decides is asked for it, the others are not."""
    silent = [{"purpose": "customer", "attributes": {}}, {"purpose": "agent", "attributes": {}}]
    entries, wire = [call_entry(1), call_entry(2, participants=silent)], Noting()
    decides = {"language_matters": lambda parties: any(p.attributes for p in parties)}
    with running(tmp_path, entries, wire, **decides) as (_, source):
        assert sorted(str(m.language) for m in source.discover()) == ["None", "en-US"]
    assert singly(wire, entries[:1]) == singly(wire, entries) == 1


def test_what_is_newer_than_the_lake_is_found_all_the_same(tmp_path: Path) -> None:
    """A lake two days behind hides nothing: weeks it has not got whole are asked singly."""
    entries, wire = [call_entry(1), call_entry(2, started_at="2026-10-31T10:00:00Z")], Noting()
    with running(tmp_path, entries, wire, lag_s=172_800) as (_, source):
        assert {m.conversation_id for m in source.discover()} == {e["id"] for e in entries}
    assert (singly(wire, entries[:1]), singly(wire, entries[1:])) == (0, 1)


def test_what_a_job_misses_is_asked_singly(tmp_path: Path) -> None:
    """Measured on a real one: 83 of 669 were missing. The listing counts, and not one is lost."""
    entries = [call_entry(n) for n in (1, 2, 3)]
    wire = Noting(hides=entries[1]["id"])
    with running(tmp_path, entries, wire) as (_, source):
        assert {m.conversation_id for m in source.discover()} == {e["id"] for e in entries}
    assert singly(wire, entries) == singly(wire, entries[1:2]) == 1


def test_a_job_that_is_refused_costs_nothing_but_time(tmp_path: Path) -> None:
    """The discovery is whole; a second job is not tried."""
    entries = [call_entry(1), call_entry(2, started_at="2026-10-12T10:00:00Z")]
    wire = Noting(refuses="/details/jobs")
    with running(tmp_path, entries, wire) as (_, source):
        assert len(list(source.discover())) == 2
    assert wire.asked.count("POST /api/v2/analytics/conversations/details/jobs") == 1
    assert singly(wire, entries) == 2


def test_a_few_conversations_are_no_work_for_a_job(tmp_path: Path) -> None:
    """Below the number that is worth it, none is submitted."""
    entries, wire = [call_entry(1)], Noting()
    with running(tmp_path, entries, wire, bulk_from=2) as (sandbox, source):
        assert len(list(source.discover())) == 1
        assert sandbox.store.memory.jobs == {}
