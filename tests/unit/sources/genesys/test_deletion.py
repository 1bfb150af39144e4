"""Letting go of a recording, against the sandbox: by its date, or by a request about the person."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from sottovoce.domain.at_source import SourceState
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import SourceError, SourceRefused, SourceUnavailable
from sottovoce.sandbox.faults import Faults
from sottovoce.sandbox.serve import Sandbox
from sottovoce.sandbox.store import ALL_PERMISSIONS
from sottovoce.sources.genesys.client import GenesysClient
from sottovoce.sources.genesys.deletion import GenesysEraser
from sottovoce.sources.genesys.holds import protect, protected
from sottovoce.sources.genesys.hosts import Hosts
from sottovoce.sources.protocol import Timing
from sottovoce.testing.calls import call_entry, write_calls
from sottovoce.testing.clock import SteppedClock

ONE, TWO = call_entry(1), call_entry(2, ani="tel:+12025550001")
"""Two calls of one number."""


class Wire(httpx.HTTPTransport):
    """Notes what is written; `change` may alter an answer on its way."""

    def __init__(self, change: Callable[[httpx.Request, Any], Any] = lambda _request, body: body) -> None:
        super().__init__()
        self.written: list[str] = []
        self.change = change

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method != "GET" and not request.url.path.endswith(("/token", "/deletionprotection")):
            self.written.append(f"{request.method} {request.url.path}")
        answer = super().handle_request(request)
        body = answer.read()
        changed = self.change(request, json.loads(body)) if body else None
        return httpx.Response(answer.status_code, json=changed)


@contextmanager
def eraser(
    folder: Path, *entries: dict[str, Any], wire: Wire | None = None, **options: Any
) -> Iterator[tuple[Sandbox, GenesysEraser, SteppedClock]]:
    clock = SteppedClock()
    with Sandbox(write_calls(folder, list(entries)), now=clock.now, **options) as sandbox:
        client = GenesysClient(
            hosts=Hosts.of(api_url=sandbox.api_url),
            client_id=Confidential(sandbox.client_id),
            client_secret=Confidential(sandbox.client_secret),
            timing=Timing(now=clock.now, monotonic=clock.monotonic, sleep=clock.sleep),
            transport=wire,
        )
        try:
            yield sandbox, GenesysEraser(client=client), clock
        finally:
            client.close()


def test_a_recording_is_gone_when_the_platform_shows_it_so(tmp_path: Path) -> None:
    """A date is set once; asked again it is looked at, and only what reads DELETED is done."""
    wire = Wire()
    with eraser(tmp_path, ONE, wire=wire) as (_, asks, clock):
        first = asks.delete_recording(ONE["id"], ONE["recording_id"])
        again = asks.delete_recording(ONE["id"], ONE["recording_id"])
        clock.advance(600)
        last = asks.delete_recording(ONE["id"], ONE["recording_id"])
    assert [each.state for each in (first, again, last)] == [SourceState.ASKED, SourceState.ASKED, SourceState.DONE]
    assert len(wire.written) == 1


def test_an_archived_recording_is_not_restored_to_be_deleted(tmp_path: Path) -> None:
    """Its archive date goes back as it was: without it the platform would bring the recording back."""
    with eraser(tmp_path, call_entry(1, file_state="ARCHIVED")) as (sandbox, asks, _):
        answer = asks.delete_recording(ONE["id"], ONE["recording_id"])
        dates = sandbox.store.memory.dates[ONE["recording_id"]]
    assert answer.state is SourceState.ASKED
    assert dates.archive_at is not None
    assert dates.restored_at is None


def test_a_recording_or_conversation_that_is_not_there_is_gone(tmp_path: Path) -> None:
    """What was deleted meanwhile needs no request."""
    with eraser(tmp_path, ONE) as (_, asks, _):
        assert asks.delete_recording(ONE["id"], "nothing").state is SourceState.DONE
        assert asks.delete_recording("nothing", "nothing").state is SourceState.DONE


def test_a_protected_conversation_is_refused(tmp_path: Path) -> None:
    """By either way, with a code, and without anything being written."""
    wire = Wire()
    with eraser(tmp_path, ONE, wire=wire) as (sandbox, asks, _):
        sandbox.store.memory.protected.add(ONE["id"])
        answers = asks.delete_recording(ONE["id"], ONE["recording_id"]), asks.request_deletion(ONE["id"])
    assert {(a.state, a.code) for a in answers} == {(SourceState.REFUSED, "PROTECTED_AT_SOURCE")}
    assert wire.written == []


def test_one_request_is_filed_for_a_person(tmp_path: Path) -> None:
    """Two calls of one number are one person: the second finds the request that is open, and both follow it."""
    wire = Wire()
    with eraser(tmp_path, ONE, TWO, wire=wire) as (sandbox, asks, clock):
        first, second = asks.request_deletion(ONE["id"]), asks.request_deletion(TWO["id"])
        seen = [asks.look_at_request(first.reference or "").state for _ in range(4)]
        clock.advance(1)
        states = [sandbox.store.file_state(call) for call in sandbox.catalog.calls.values()]
    assert first.reference == second.reference is not None
    assert wire.written == ["POST /api/v2/gdpr/requests"]
    assert (seen[0], seen[-1]) == (SourceState.ASKED, SourceState.DONE)
    assert states == ["DELETED", "DELETED"]


@pytest.mark.parametrize(
    ("found", "code"),
    [([], "SUBJECT_UNKNOWN"), ([{"externalContactId": "a"}, {"externalContactId": "b"}], "SUBJECT_AMBIGUOUS")],
)
def test_a_person_whom_the_platform_cannot_name_is_left_to_a_person(tmp_path: Path, found: Any, code: str) -> None:
    """A number nobody knows, or that several share, has nobody erased."""
    wire = Wire(lambda request, body: {"entities": found} if request.url.path.endswith("/subjects") else body)
    with eraser(tmp_path, ONE, wire=wire) as (_, asks, _):
        answer = asks.request_deletion(ONE["id"])
    assert (answer.state, answer.code) == (SourceState.REFUSED, code)
    assert wire.written == []


def test_on_a_call_we_made_the_number_dialled_is_theirs(tmp_path: Path) -> None:
    """Our own number is never looked up as a person's."""
    looked: list[str] = []

    def change(request: httpx.Request, body: Any) -> Any:
        looked.extend(request.url.params.get_list("searchValue"))
        return body

    outbound = call_entry(1, direction="outbound", dnis="tel:+12025550777")
    with eraser(tmp_path, outbound, wire=Wire(change)) as (_, asks, _):
        asks.request_deletion(ONE["id"])
    assert looked == ["+12025550777"]


@pytest.mark.parametrize(
    ("status", "state", "code"),
    [("ERROR", SourceState.REFUSED, "GDPR_REQUEST_FAILED"), (None, SourceState.ASKED, None)],
)
def test_a_request_that_failed_is_said(tmp_path: Path, status: Any, state: SourceState, code: str | None) -> None:
    """And one whose status is not told is not done."""
    wire = Wire(lambda _request, body: body | {"status": status} if isinstance(body, dict) else body)
    with eraser(tmp_path, ONE, wire=wire) as (_, asks, _):
        answer = asks.look_at_request(asks.request_deletion(ONE["id"]).reference or "")
        unknown = asks.look_at_request("nothing")
    assert (answer.state, answer.code) == (state, code)
    assert (unknown.state, unknown.code) == (SourceState.REFUSED, "GDPR_REQUEST_UNKNOWN")


@pytest.mark.parametrize(
    "lacking",
    ["recording:recording:editRetention", "recording:recording:view", "gdpr:request:add", "gdpr:subject:view"],
)
def test_what_the_client_lacks_is_named(tmp_path: Path, lacking: str) -> None:
    """A refusal says which permission would mend it."""
    opened = eraser(tmp_path, ONE, permissions=ALL_PERMISSIONS - {lacking})
    with opened as (_, asks, _), pytest.raises(SourceRefused) as refused:
        if lacking.startswith("gdpr"):
            asks.request_deletion(ONE["id"])
        else:
            asks.delete_recording(ONE["id"], ONE["recording_id"])
    assert lacking in refused.value.hint


@pytest.mark.parametrize("faults", [Faults(server_errors=1), Faults(too_many=1, retry_after_s=60)])
def test_nobody_waits_for_it(tmp_path: Path, faults: Faults) -> None:
    """A source that asks to wait is asked another time."""
    with eraser(tmp_path, ONE, faults=faults) as (_, asks, clock):
        with pytest.raises(SourceUnavailable):
            asks.delete_recording(ONE["id"], ONE["recording_id"])
        assert clock.slept == []


def test_protection_is_applied_and_lifted(tmp_path: Path) -> None:
    """A hundred at a time; what the platform does not know comes back."""
    with eraser(tmp_path, ONE) as (_, asks, _):
        assert protect(asks.client.once, [ONE["id"], "unknown"]) == {"unknown"}
        assert protected(asks.client.once, [ONE["id"]]) == {ONE["id"]}
        assert protect(asks.client.once, [ONE["id"]], lift=True) == set()
        assert protected(asks.client.once, [ONE["id"]]) == set()


def test_a_protection_that_is_not_told_is_not_taken_for_none(tmp_path: Path) -> None:
    """An answer without a list is an error, and nothing is deleted on its word."""
    wire = Wire(lambda request, body: None if request.url.path.endswith("/deletionprotection") else body)
    with eraser(tmp_path, ONE, wire=wire) as (_, asks, _), pytest.raises(SourceError, match="protected"):
        asks.delete_recording(ONE["id"], ONE["recording_id"])
    assert wire.written == []
