"""From a signed event to an annotation, a label and a work item: sandbox, intake and judging over real HTTP."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from sottovoce.compliance.verdict import Found
from sottovoce.domain.confidential import Confidential
from sottovoce.intake.clerk import Clerk
from sottovoce.policy.template import demo_policy
from sottovoce.sandbox.faults import Faults
from sottovoce.sandbox.serve import Sandbox
from sottovoce.service.intake import IntakeApp
from sottovoce.service.intake_server import configured
from sottovoce.settings import Workspace
from sottovoce.testing import judging
from sottovoce.testing.house import PASSPHRASE
from sottovoce.wiring.house import House
from sottovoce.wiring.workspace import build_workspace

pytestmark = pytest.mark.slow

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
SECTIONS = """
intake:
  source: sandbox
  senders: [{name: tenant, scheme: standard, secrets: ["env:INTAKE_SECRET"]}]
compliance:
  work_item_type: review-type
  work_item_queue: compliance-queue
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(faults=Faults(transcoding_polls=1)) as running:
        yield running


@pytest.fixture
def house(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("SOTTOVOCE_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("INTAKE_SECRET", SECRET)
    root = tmp_path / "workspace"
    policy = demo_policy(api_url=sandbox.api_url, media_host=sandbox.media_host) + SECTIONS
    build_workspace(root, policy=policy, passphrase=Confidential(PASSPHRASE))
    (root / "sandbox-id").write_text(sandbox.client_id)
    (root / "sandbox-secret").write_text(sandbox.client_secret)
    made = House(Workspace(root), actor="compliance")
    yield made
    made.close()


@pytest.fixture
def intake(house: House) -> Iterator[str]:
    """The intake on a port of its own, with its own house as a process of its own would have."""
    serving = House(house.workspace, actor="intake")
    app = IntakeApp(door=serving.door, clerk=Clerk(desk=serving.desk), ready=serving.desk.counts)
    server = uvicorn.Server(configured(app, port=0))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/v1/events/recordings"
    server.should_exit = True
    thread.join()
    serving.close()


def feed(sandbox: Sandbox, url: str, **order: Any) -> dict[str, int]:
    told = {"url": url, "kind": "recordingAvailable", "secret": SECRET, **order}
    with httpx.Client(trust_env=False, timeout=60) as http:
        return dict(http.post(f"{sandbox.api_url}/sandbox/events", json=told).json())


def call_named(sandbox: Sandbox, file: str) -> Any:
    return next(call for call in sandbox.catalog.calls.values() if call.file == file)


def settle(house: House) -> None:
    """Everything worked off, tries that were asked for included."""
    task, again = house.compliance.task(), True
    while again:
        again = bool(judging.settle(house.outbox, task, again=True))


def test_a_card_number_said_while_recording_ran(sandbox: Sandbox, house: House, intake: str, tmp_path: Path) -> None:
    """Fifty copies of its event, out of order with another's: one annotation, one label, one work item; nothing leaks."""
    guilty, clean = call_named(sandbox, "call-01.flac"), call_named(sandbox, "call-08.ogg")
    statuses = feed(sandbox, intake, conversations=[guilty.id, clean.id], copies=25, shuffle=True)
    assert statuses == {"202": 2, "200": 48}
    settle(house)
    feed(sandbox, intake, conversations=[guilty.id], copies=25, kind="recordingCompleted")
    settle(house)

    memory = sandbox.store.memory
    (note,) = memory.annotations[guilty.recording_id].values()
    assert note["name"] in ("FULL_CARD_ASKED", "PCI_MID_CAPTURE")
    assert 15_000 < note["location"] < 25_000
    assert {key: value for key, value in memory.tags.items() if key == guilty.id} == {guilty.id: f"SV-{note['name']}"}
    items = [item for item in memory.workitems.values() if item["externalTag"] == note["description"]]
    assert [item["queue"]["id"] for item in items] == ["compliance-queue"]
    types = {row.type for row in house.compliance.docket.verdicts() if row.found is Found.VIOLATION}
    assert "PCI_MID_CAPTURE" in types
    assert not house.desk.counts().get("ready")

    clip = next(row for row in house.compliance.docket.verdicts() if row.evidence)
    held = [o for o in house.registry.objects(clip.subject) if o.kind == "evidence"]
    assert held
    sound = house.vault.open(held[0], house.vault.fetch(held[0])).reveal()
    assert sound[:4] == b"fLaC"
    number = guilty.ani.removeprefix("tel:+")
    for path in (p for p in house.workspace.root.rglob("*") if p.is_file() and "sqlite" in p.name):
        data = path.read_bytes()
        assert number.encode() not in data
        assert b"agent@example.com" not in data


def test_verdicts_come_with_their_time(sandbox: Sandbox, house: House, intake: str) -> None:
    """A conversation's end leads to its recording, judged by workers of their own; verdicts say how long that took."""
    call = call_named(sandbox, "call-03.flac")
    assert feed(sandbox, intake, conversations=[call.id], kind="conversationEnd") == {"202": 1}
    root = str(house.workspace.root)
    command = [sys.executable, "-m", "sottovoce", "compliance", "run", "--once", "--json", "-w", root]
    ended = subprocess.run(command, capture_output=True, timeout=300, check=True)
    assert json.loads(ended.stdout) == {"jobs": {"done": 2}, "steps": {"done": 3}}
    found = house.compliance.docket.verdicts()
    assert {"CVV_KEPT", "FULL_CARD_ASKED"} & {row.type for row in found}
    assert all(0 <= row.seconds_to_verdict < 120 for row in found)


def test_a_medium_that_fails_is_tried_again_or_a_persons(sandbox: Sandbox, house: House, intake: str) -> None:
    """Cut off once: tried again and judged. Corrupt: a verdict of doubt and a work item, nothing else."""
    cut, corrupt = call_named(sandbox, "call-05.ogg"), call_named(sandbox, "call-06.flac")
    sandbox.faults.set({"corrupt": 2})
    feed(sandbox, intake, conversations=[corrupt.id])
    settle(house)
    (doubt,) = house.compliance.docket.verdicts()
    assert doubt.found is Found.DOUBT
    assert len(sandbox.store.memory.workitems) == 1
    assert not sandbox.store.memory.annotations
    sandbox.faults.set({"corrupt": 0, "truncated": 1, "expired_urls": 1})
    feed(sandbox, intake, conversations=[cut.id])
    settle(house)
    assert len({row.subject for row in house.compliance.docket.verdicts()}) == 2
