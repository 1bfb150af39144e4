"""What the platform keeps too long, and its job that deletes it, against the sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from sottovoce.domain.at_source import JobState
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import SourceError, SourceRefused, SourceUnavailable
from sottovoce.sandbox.serve import Sandbox
from sottovoce.sandbox.store import ALL_PERMISSIONS
from sottovoce.sources.genesys.client import GenesysClient
from sottovoce.sources.genesys.hosts import Hosts
from sottovoce.sources.genesys.keeping import GenesysKeeper
from sottovoce.sources.protocol import Timing
from sottovoce.testing.calls import call_entry, write_calls
from sottovoce.testing.clock import SteppedClock

OLD, NEW = call_entry(1, started_at="2026-09-01T10:00:00Z"), call_entry(2, started_at="2026-10-30T10:00:00Z")
BEFORE = datetime(2026, 10, 2, 9, 30, tzinfo=UTC)


@contextmanager
def keeper(folder: Path, *entries: dict[str, Any], **options: Any) -> Iterator[tuple[Sandbox, GenesysKeeper]]:
    clock = SteppedClock()
    with Sandbox(write_calls(folder, list(entries)), now=clock.now, **options) as sandbox:
        client = GenesysClient(
            hosts=Hosts.of(api_url=sandbox.api_url),
            client_id=Confidential(sandbox.client_id),
            client_secret=Confidential(sandbox.client_secret),
            timing=Timing(now=clock.now, monotonic=clock.monotonic, sleep=clock.sleep),
        )
        try:
            yield sandbox, GenesysKeeper(client=client)
        finally:
            client.close()


def test_a_job_deletes_what_is_old_and_nothing_else(tmp_path: Path) -> None:
    """Prepared, executed when asked, fulfilled with its counts; the younger recording stays."""
    with keeper(tmp_path, OLD, NEW) as (sandbox, keeps):
        assert keeps.kept_too_long(30) == 1
        job = keeps.submit(BEFORE)
        assert keeps.look(job).state is JobState.READY
        keeps.execute(job)
        last = keeps.look(job)
        assert (last.state, last.counts["deleted"], last.counts["failed"]) == (JobState.FULFILLED, 1, 0)
        assert keeps.kept_too_long(30) == 0
        assert [sandbox.store.file_state(c) for c in sandbox.catalog.calls.values()] == ["DELETED", "AVAILABLE"]


def test_what_began_on_the_day_itself_stays(tmp_path: Path) -> None:
    """The platform takes whole days, so that the day on which the limit falls is left out."""
    today = call_entry(1, started_at="2026-10-02T01:00:00Z")
    with keeper(tmp_path, today) as (_, keeps):
        job = keeps.submit(BEFORE)
        keeps.look(job)
        keeps.execute(job)
        assert keeps.look(job).counts["deleted"] == 0


def test_a_protected_recording_is_skipped_and_counted(tmp_path: Path) -> None:
    """The platform keeps what is protected."""
    with keeper(tmp_path, OLD) as (sandbox, keeps):
        sandbox.store.memory.protected.add(OLD["id"])
        job = keeps.submit(BEFORE)
        keeps.look(job)
        keeps.execute(job)
        assert keeps.look(job).counts["skipped"] == 1


def test_a_third_job_waits(tmp_path: Path) -> None:
    """An organisation has two at a time; a job that was cancelled makes room, and cancelling twice is no error."""
    with keeper(tmp_path, OLD) as (_, keeps):
        first, _second = keeps.submit(BEFORE), keeps.submit(BEFORE)
        with pytest.raises(SourceUnavailable, match="two recording jobs"):
            keeps.submit(BEFORE)
        keeps.cancel(first)
        keeps.cancel(first)
        keeps.cancel("nothing")
        assert keeps.look(first).state is keeps.look("nothing").state is JobState.CANCELLED
        keeps.submit(BEFORE)


@pytest.mark.parametrize(
    "lacking", ["recording:job:add", "recording:recording:viewSensitiveData", "recording:job:view"]
)
def test_what_the_client_lacks_is_named(tmp_path: Path, lacking: str) -> None:
    """A job that would leave sensitive recordings out is not submitted as if it were whole."""
    opened = keeper(tmp_path, OLD, permissions=ALL_PERMISSIONS - {lacking})
    with opened as (_, keeps), pytest.raises(SourceRefused) as refused:
        keeps.submit(BEFORE)
    assert lacking in refused.value.hint


@pytest.mark.parametrize("by_field", [True, False])
def test_every_page_is_counted(by_field: bool) -> None:
    """The cursor stands in a field or in the next page's address; one that comes again is an error."""
    cursors = iter(["2", "3", None, "2", "2"])

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 3600})
        cursor, body = next(cursors), {"entities": [{"recordingId": "r"}, None]}
        named = {"cursor": cursor} if by_field else {"nextUri": f"/api/v2/recordings/retention/query?cursor={cursor}"}
        return httpx.Response(200, content=json.dumps(body | (named if cursor else {})).encode())

    clock = SteppedClock()
    client = GenesysClient(
        hosts=Hosts.of(region="eu_west_1"),
        client_id=Confidential("id"),
        client_secret=Confidential("secret"),
        timing=Timing(now=clock.now, monotonic=clock.monotonic, sleep=clock.sleep),
        transport=httpx.MockTransport(handler),
    )
    keeps = GenesysKeeper(client=client)
    assert keeps.kept_too_long(30) == 3
    with pytest.raises(SourceError, match="same page"):
        keeps.kept_too_long(30)
