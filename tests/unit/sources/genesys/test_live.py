"""One recording's sound while it still comes, from the sandbox over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.sound import Role
from sottovoce.errors import MediaNotReady, SourceUnavailable, TruncatedMedia
from sottovoce.sandbox.faults import Faults
from sottovoce.sandbox.serve import Sandbox
from sottovoce.sources.genesys.client import GenesysClient
from sottovoce.sources.genesys.hosts import Hosts
from sottovoce.sources.genesys.source import GenesysSource
from sottovoce.sources.protocol import HmacTokenizer, Timing
from sottovoce.testing.calls import call_entry, write_calls
from sottovoce.testing.clock import SteppedClock

CALL = call_entry(1)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    clock = SteppedClock()
    with Sandbox(write_calls(tmp_path / "calls", [CALL]), now=clock.now, faults=Faults(transcoding_polls=1)) as running:
        yield running


@pytest.fixture
def source(sandbox: Sandbox) -> Iterator[GenesysSource]:
    clock = SteppedClock()
    client = GenesysClient(
        hosts=Hosts.of(api_url=sandbox.api_url, media_hosts=(sandbox.media_host,)),
        client_id=Confidential(sandbox.client_id),
        client_secret=Confidential(sandbox.client_secret),
        timing=Timing(now=clock.now, monotonic=clock.monotonic, sleep=clock.sleep),
    )
    made = GenesysSource(
        name="sandbox",
        client=client,
        tokenizer=HmacTokenizer(key=Confidential(b"k" * 32)),
        attributes=frozenset({"aiTrainingConsent"}),
    )
    yield made
    made.close()


def test_a_recording_is_described_and_its_files_grow(source: GenesysSource) -> None:
    """Both channels, each with its role, whole in the end; described as `discover` describes it."""
    assert source.recordings_of(CALL["id"]) == (CALL["recording_id"],)
    live = source.live(CALL["id"], CALL["recording_id"])
    assert live.roles == {"0": (Role.AGENT,), "1": (Role.CUSTOMER,)}
    assert all(part.read(0, 4) == b"RIFF" and len(part.read(0, part.size)) == part.size for part in live.parts.values())
    (found,) = source.discover()
    assert live.metadata.ref.key == found.ref.key
    assert live.metadata.participants == found.participants


def test_expired_addresses_are_asked_for_again(source: GenesysSource, sandbox: Sandbox) -> None:
    """Once; when the new ones have expired too, the clock is wrong."""
    sandbox.faults.set({"expired_urls": 1})
    assert source.live(CALL["id"], CALL["recording_id"]).parts
    sandbox.faults.set({"expired_urls": 9})
    with pytest.raises(SourceUnavailable, match="expire"):
        source.live(CALL["id"], CALL["recording_id"])


def test_half_a_body_fails_its_reader(source: GenesysSource, sandbox: Sandbox) -> None:
    """The file says why it ended early."""
    sandbox.faults.set({"truncated": 1})
    live = source.live(CALL["id"], CALL["recording_id"])
    failures = []
    for part in live.parts.values():
        try:
            part.read(0, part.size)
        except TruncatedMedia:
            failures.append(part.failure)
    assert len(failures) == 1


def test_what_is_not_listed_yet_is_asked_for_later(source: GenesysSource) -> None:
    """An unknown recording, and a conversation that nobody has heard of yet."""
    with pytest.raises(MediaNotReady):
        source.live(CALL["id"], "other")
    with pytest.raises(MediaNotReady):
        source.live("unknown", "other")
