"""The source against the sandbox, with a clock that only moves when waited on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import RecordingMetadata
from sottovoce.domain.sound import Role
from sottovoce.errors import MediaArchived, MediaGone, MediaNotReady, SourceRefused, SourceUnavailable, TruncatedMedia
from sottovoce.sandbox.faults import Faults
from sottovoce.sandbox.serve import Sandbox
from sottovoce.sandbox.store import ALL_PERMISSIONS
from sottovoce.sources.genesys.archive import restore
from sottovoce.sources.genesys.client import GenesysClient
from sottovoce.sources.genesys.hosts import Hosts
from sottovoce.sources.genesys.source import GenesysSource, quality_of
from sottovoce.sources.header import channels_of
from sottovoce.sources.protocol import HmacTokenizer, Timing
from sottovoce.testing.calls import call_entry, write_calls
from sottovoce.testing.clock import SteppedClock

SINCE = datetime(2026, 10, 1, tzinfo=UTC)


@contextmanager
def running(
    folder: Path, entries: list[dict[str, Any]], *, faults: Faults | None = None, channels: int = 2, **options: Any
) -> Iterator[tuple[Sandbox, GenesysSource, SteppedClock]]:
    clock = SteppedClock()
    allowed, restores = options.pop("media_hosts", None), options.pop("restores", False)
    with Sandbox(write_calls(folder, entries, channels=channels), faults=faults, now=clock.now, **options) as sandbox:
        client = GenesysClient(
            hosts=Hosts.of(api_url=sandbox.api_url, media_hosts=(sandbox.media_host,) if allowed is None else allowed),
            client_id=Confidential(sandbox.client_id),
            client_secret=Confidential(sandbox.client_secret),
            timing=Timing(now=clock.now, monotonic=clock.monotonic, sleep=clock.sleep),
            requests_per_minute=3000,
        )
        source = GenesysSource(
            name="genesys",
            client=client,
            tokenizer=HmacTokenizer(key=Confidential(b"k" * 32)),
            attributes=frozenset({"aiTrainingConsent"}),
            queue_categories={"Orders": "retail"},
            since=SINCE,
            restores=restores,
        )
        try:
            yield sandbox, source, clock
        finally:
            source.close()


def only(source: GenesysSource) -> RecordingMetadata:
    (found,) = source.discover()
    return found


def test_a_recording_is_described_without_its_sound(tmp_path: Path) -> None:
    """Discovery tells queue, language, length and consent, and hides caller and agent in tokens."""
    with running(tmp_path, [call_entry(1)]) as (sandbox, source, _):
        found = only(source)
        assert sandbox.store.memory.polls == {}
    assert (found.queue, found.queue_category, found.language) == ("Orders", "retail", "en-US")
    assert (found.duration_s, found.file_state, found.dnis) == (1.0, "AVAILABLE", "tel:+12025550199")
    assert [dict(p.attributes) for p in found.participants] == [{"aiTrainingConsent": "true"}, {}]
    assert "recording:recording:viewSensitiveData" in found.permissions
    assert "5550001" not in repr(found) + str(found.customer_token)
    assert found.conversation_id not in repr(found)


def test_two_channels_are_two_mono_files(tmp_path: Path) -> None:
    """A dual-channel recording arrives as "0" and "1", the customer where the configuration says."""
    with running(tmp_path, [call_entry(1)]) as (_, source, _):
        found = only(source)
        media = source.fetch(found.ref, found)
    assert media.roles == {"0": (Role.AGENT,), "1": (Role.CUSTOMER,)}
    assert [channels_of(part.reveal()) for part in media.parts.values()] == [1, 1]


def test_one_channel_is_one_file_of_both(tmp_path: Path) -> None:
    """A single-channel recording arrives as "S" and carries both voices."""
    with running(tmp_path, [call_entry(1)], channels=1) as (_, source, _):
        found = only(source)
        assert source.fetch(found.ref, found).roles == {"S": (Role.BOTH,)}


def test_calls_without_recording_active_calls_and_early_ones_are_left_out(tmp_path: Path) -> None:
    """What has no recording, has not ended or began before `since` is not discovered."""
    entries = [
        call_entry(1),
        call_entry(2, recorded=False),
        call_entry(3, started_at="2026-11-01T11:59:59.900Z", duration_s=600.0),
        call_entry(4, started_at="2026-09-30T23:59:59Z"),
    ]
    with running(tmp_path, entries) as (_, source, _):
        assert only(source).conversation_id == entries[0]["id"]


@pytest.mark.parametrize(
    "faults",
    [
        Faults(transcoding_polls=3),
        Faults(too_many=2, retry_after_s=30),
        Faults(server_errors=3),
        Faults(forgotten_tokens=1),
        Faults(expired_urls=2),
        Faults(truncated=1),
        Faults(media_errors=2),
        Faults(transcoding_polls=1, too_many=1, server_errors=1, expired_urls=1, truncated=1, forgotten_tokens=1),
    ],
)
def test_passing_faults_pass(tmp_path: Path, faults: Faults) -> None:
    """202s, 429s, 503s, a lost token, expired addresses and half a body end in the whole recording."""
    with running(tmp_path, [call_entry(1)], faults=faults) as (_, source, _):
        found = only(source)
        media = source.fetch(found.ref, found)
    assert [channels_of(part.reveal()) for part in media.parts.values()] == [1, 1]


def test_a_token_that_expires_between_calls_is_renewed(tmp_path: Path) -> None:
    """Hours between discovery and fetch are no trouble."""
    with running(tmp_path, [call_entry(1)], token_lifetime_s=300) as (sandbox, source, clock):
        found = only(source)
        clock.advance(100_000)
        assert set(source.fetch(found.ref, found).parts) == {"0", "1"}
        assert len(sandbox.store.memory.tokens) == 2


def test_addresses_that_always_expire_are_an_error(tmp_path: Path) -> None:
    """The API is asked once more for fresh addresses, not for ever."""
    with running(tmp_path, [call_entry(1)], faults=Faults(expired_urls=100)) as (_, source, _):
        found = only(source)
        with pytest.raises(SourceUnavailable, match="expire"):
            source.fetch(found.ref, found)


def test_media_that_stay_short_are_an_error(tmp_path: Path) -> None:
    """Half a recording is never taken for a whole one."""
    with running(tmp_path, [call_entry(1)], faults=Faults(truncated=100)) as (_, source, _):
        found = only(source)
        with pytest.raises(TruncatedMedia):
            source.fetch(found.ref, found)


def test_media_from_a_host_off_the_list_are_refused(tmp_path: Path) -> None:
    """An address on a host that policy does not allow is not fetched."""
    with running(tmp_path, [call_entry(1)], media_hosts=()) as (_, source, _):
        found = only(source)
        with pytest.raises(SourceRefused, match="not allowed"):
            source.fetch(found.ref, found)


@pytest.mark.parametrize("state", ["ARCHIVED", "DELETED", "ERROR"])
def test_a_recording_without_media_is_gone(tmp_path: Path, state: str) -> None:
    """The state is known before fetching, and fetching says the same."""
    with running(tmp_path, [call_entry(1, file_state=state)]) as (_, source, _):
        found = only(source)
        assert found.file_state == state
        with pytest.raises(MediaGone):
            source.fetch(found.ref, found)


@pytest.mark.parametrize("restores", [True, False])
def test_an_archived_recording_is_restored_where_policy_says_so(tmp_path: Path, restores: bool) -> None:
    """It is asked for once, comes when the archive has given it out, and keeps its delete date."""
    with running(tmp_path, [call_entry(1, file_state="ARCHIVED")], restores=restores) as (sandbox, source, clock):
        found = only(source)
        with pytest.raises(MediaNotReady if restores else MediaArchived) as told:
            source.fetch(found.ref, found)
        assert told.value.retryable is restores
        if restores:
            clock.advance(3600)
            assert set(source.fetch(found.ref, found).parts) == {"0", "1"}
            dates = sandbox.store.memory.dates[call_entry(1)["recording_id"]]
            assert dates.delete_at is not None
            assert dates.delete_at.year == 2036


@pytest.mark.parametrize("left", [{"remainingRestorationsAllowedForOrg": 0}, {"id": "another"}])
def test_a_restoration_that_cannot_be_is_said(left: dict[str, Any]) -> None:
    """Without restorations left, or a recording to restore, nothing is written."""

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 3600})
        assert request.method == "GET"
        return httpx.Response(200, json=[{"id": "r", **left}])

    clock = SteppedClock()
    client = GenesysClient(
        hosts=Hosts.of(region="eu_west_1"),
        client_id=Confidential("id"),
        client_secret=Confidential("secret"),
        timing=Timing(now=clock.now, monotonic=clock.monotonic, sleep=clock.sleep),
        transport=httpx.MockTransport(handler),
    )
    with pytest.raises(MediaGone):
        restore(client, "c", "r")


@pytest.mark.parametrize("state", ["UPLOADING", "RESTORING"])
def test_a_recording_on_its_way_is_left_for_the_next_time(
    tmp_path: Path, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is neither taken nor decided upon; that there is one is said, without whose."""
    entries = [call_entry(1), call_entry(2, file_state=state)]
    with running(tmp_path, entries) as (sandbox, source, _):
        assert only(source).conversation_id == entries[0]["id"]
        assert "1 recordings are on their way" in caplog.text
        calls = sandbox.catalog.calls
        calls[entries[1]["id"]] = calls[entries[1]["id"]].model_copy(update={"file_state": "AVAILABLE"})
        assert len(list(source.discover())) == 2


def test_a_call_whose_end_nobody_told_is_read_all_the_same(tmp_path: Path) -> None:
    """Only a call that began within two days can still go on."""
    began = {"started_at": "2026-10-05T10:00:00Z", "duration_s": 10.0**7}
    with running(
        tmp_path, [call_entry(1, **began), call_entry(2, **began | {"started_at": "2026-10-31T10:00:00Z"})]
    ) as (
        _,
        source,
        _clock,
    ):
        assert only(source).conversation_id == call_entry(1)["id"]


def test_missing_permissions_are_named(tmp_path: Path) -> None:
    """A client that may not see recordings is told what it needs."""
    lacking = ALL_PERMISSIONS - {"recording:recording:view"}
    opened = running(tmp_path, [call_entry(1)], permissions=lacking)
    with opened as (_, source, _), pytest.raises(SourceRefused) as refused:
        list(source.discover())
    assert "recording:recording:view" in refused.value.hint


def test_optional_permissions_are_not_needed(tmp_path: Path) -> None:
    """Without the right to list queues the conversation's own name for its queue is used."""
    with running(tmp_path, [call_entry(1)], permissions=ALL_PERMISSIONS - {"routing:queue:view"}) as (_, source, _):
        assert only(source).queue == "Orders"


def test_a_protected_conversation_is_under_legal_hold(tmp_path: Path) -> None:
    """The platform's protection from deletion arrives as a legal hold."""
    entries = [call_entry(1), call_entry(2)]
    with running(tmp_path, entries) as (sandbox, source, _):
        sandbox.store.memory.protected.add(entries[1]["id"])
        held = {m.conversation_id: m.legal_hold for m in source.discover()}
    assert held == {entries[0]["id"]: False, entries[1]["id"]: True}


def test_quality_follows_the_opinion_score() -> None:
    """Good from 4.0, fair from 3.6, else poor; unknown stays unknown."""
    assert [quality_of(mos) for mos in (4.4, 4.0, 3.7, 2.0, None)] == ["good", "good", "fair", "poor", None]
