"""Writing back to the sandbox: each once, however often it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import MediaGone, SourceRefused, SourceUnavailable
from sottovoce.sandbox.serve import Sandbox
from sottovoce.sandbox.store import ALL_PERMISSIONS
from sottovoce.sources.genesys.client import GenesysClient
from sottovoce.sources.genesys.hosts import Hosts
from sottovoce.sources.genesys.writeback import ATTRIBUTE, GenesysWriter
from sottovoce.sources.protocol import Timing
from sottovoce.testing.calls import QUEUE, call_entry, write_calls
from sottovoce.testing.clock import SteppedClock

CALL = call_entry(1)
ITEM = {"name": "Review", "type_id": "t", "queue_id": QUEUE, "priority": 10, "description": "PCI_MID_CAPTURE"}


def writer_for(sandbox: Sandbox) -> GenesysWriter:
    clock = SteppedClock()
    client = GenesysClient(
        hosts=Hosts.of(api_url=sandbox.api_url, media_hosts=(sandbox.media_host,)),
        client_id=Confidential(sandbox.client_id),
        client_secret=Confidential(sandbox.client_secret),
        timing=Timing(now=clock.now, monotonic=clock.monotonic, sleep=clock.sleep),
    )
    return GenesysWriter(client=client)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(write_calls(tmp_path / "calls", [CALL])) as running:
        yield running


@pytest.fixture
def writer(sandbox: Sandbox) -> Iterator[GenesysWriter]:
    made = writer_for(sandbox)
    yield made
    made.client.close()


def test_an_annotation_is_written_once(writer: GenesysWriter, sandbox: Sandbox) -> None:
    """The second time our mark is there already."""
    wrote = [
        writer.annotate(CALL["id"], CALL["recording_id"], mark="sv:v-1", name="PCI_MID_CAPTURE", at_ms=4200)
        for _ in range(3)
    ]
    (note,) = sandbox.store.memory.annotations[CALL["recording_id"]].values()
    assert wrote == [True, False, False]
    assert (note["location"], note["description"], note["type"]) == (4200, "sv:v-1", "bookmark")


def test_a_label_replaces_ours_and_never_a_customers(writer: GenesysWriter, sandbox: Sandbox) -> None:
    """Where the one external tag is somebody else's, an attribute carries the code."""
    assert [writer.label(CALL["id"], code=code) for code in ("A", "A", "B")] == [True, False, True]
    assert sandbox.store.memory.tags[CALL["id"]] == "SV-B"
    sandbox.store.memory.tags[CALL["id"]] = "their own"
    assert [writer.label(CALL["id"], code="C") for _ in range(2)] == [True, False]
    assert sandbox.store.memory.tags[CALL["id"]] == "their own"
    (written,) = sandbox.store.memory.attributes.values()
    assert written == {ATTRIBUTE: "C"}


def test_a_work_item_is_made_once(writer: GenesysWriter, sandbox: Sandbox) -> None:
    """Found again by its external tag; another mark is another item."""
    made = [writer.work_item(mark=mark, **ITEM) for mark in ("sv-1", "sv-1", "sv-2")]  # type: ignore[arg-type]
    items = list(sandbox.store.memory.workitems.values())
    assert made == [True, False, True]
    assert [(item["externalTag"], item["queue"]["id"], item["priority"]) for item in items] == [
        ("sv-1", QUEUE, 10),
        ("sv-2", QUEUE, 10),
    ]


def test_a_callback_is_asked_for_once_and_never_again(writer: GenesysWriter, sandbox: Sandbox) -> None:
    """When nobody knows whether it was made, it is not tried again here."""
    writer.call_back(mark="sv-1", queue_id=QUEUE, number="+12025550100", data={"code": "X"})
    assert len(sandbox.store.memory.callbacks) == 1
    sandbox.faults.set({"server_errors": 1})
    with pytest.raises(SourceUnavailable, match="nobody knows"):
        writer.call_back(mark="sv-1", queue_id=QUEUE, number="+12025550100", data={})
    sandbox.faults.set({"too_many": 1})
    with pytest.raises(SourceUnavailable, match="wait"):
        writer.call_back(mark="sv-1", queue_id=QUEUE, number="+12025550100", data={})
    assert len(sandbox.store.memory.callbacks) == 1


def test_other_writes_persist_through_faults(writer: GenesysWriter, sandbox: Sandbox) -> None:
    """503s and a 429 are waited out; the annotation is there once."""
    sandbox.faults.set({"server_errors": 2, "too_many": 1})
    writer.annotate(CALL["id"], CALL["recording_id"], mark="sv:v-1", name="X", at_ms=0)
    assert len(sandbox.store.memory.annotations[CALL["recording_id"]]) == 1


def test_what_is_gone_or_not_allowed_says_so(writer: GenesysWriter, tmp_path: Path) -> None:
    """A deleted recording is gone; a reader's client is told what its role needs."""
    with pytest.raises(MediaGone):
        writer.annotate(CALL["id"], "other", mark="m", name="X", at_ms=0)
    readers = ALL_PERMISSIONS - {"workitems:workitem:add", "conversation:externalTag:edit"}
    with Sandbox(write_calls(tmp_path / "other", [CALL]), permissions=readers) as sandbox:
        reader = writer_for(sandbox)
        with pytest.raises(SourceRefused) as refused:
            reader.work_item(mark="m", **ITEM)  # type: ignore[arg-type]
        assert "workitems:workitem:add" in refused.value.hint
        with pytest.raises(SourceRefused):
            reader.label(CALL["id"], code="X")
        reader.client.close()
