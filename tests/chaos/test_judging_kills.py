"""Workers of the compliance line are killed at random: each call ends with its verdicts and one of each step."""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from sottovoce.compliance.docket import LINE
from sottovoce.compliance.task import QUEUE
from sottovoce.domain.confidential import Confidential
from sottovoce.intake.batch import Arrival
from sottovoce.intake.event import Announcement, Kind
from sottovoce.intake.protocol import Delivery
from sottovoce.ledger.entry import Action
from sottovoce.ledger.verifier import Found
from sottovoce.pipeline.supervisor import Supervisor
from sottovoce.policy.template import demo_policy
from sottovoce.sandbox.serve import Sandbox
from sottovoce.settings import Workspace
from sottovoce.testing.house import PASSPHRASE
from sottovoce.wiring.house import House
from sottovoce.wiring.intake import SourcePseudonyms
from sottovoce.wiring.workspace import build_workspace

WORKER = Path(__file__).with_name("judging_worker.py")
SLOTS = 2
SECTIONS = """
intake:
  source: sandbox
  senders: [{name: tenant, scheme: bearer, secrets: ["file:token"]}]
compliance:
  work_item_type: review-type
  work_item_queue: compliance-queue
  callback_queue: supervisors
  callback_number: file:number
"""


def build(root: Path, sandbox: Sandbox, database: str | None) -> House:
    policy = demo_policy(api_url=sandbox.api_url, media_host=sandbox.media_host) + SECTIONS
    if database is not None:
        policy += f"database:\n  url: '{database}'\n  engine_url: '{database}'\n  keys_url: '{database}'\n"
    build_workspace(root, policy=policy, passphrase=Confidential(PASSPHRASE))
    for name, text in {
        "sandbox-id": sandbox.client_id,
        "sandbox-secret": sandbox.client_secret,
        "number": "+12025550100",
        "token": "t" * 32,
    }.items():
        (root / name).write_text(text)
    return House(Workspace(root), actor="compliance")


def announce_all(house: House, sandbox: Sandbox) -> dict[str, str]:
    """One event for each call, taken in twice; recording keys by recording id."""
    names = SourcePseudonyms(tokenizer=house.tokenizer, source="sandbox")
    keys = {}
    for call in sandbox.catalog.calls.values():
        keys[call.recording_id] = names.recording(call.id, call.recording_id)
        announced = Announcement(
            kind=Kind.AVAILABLE,
            conversation_id=call.id,
            recording_id=call.recording_id,
            began_at=None,
            ended_at=None,
            tokens={},
        )
        delivery = Delivery(sender="tenant", id=call.recording_id, sent_at=None)
        subject = keys[call.recording_id]
        arrival = Arrival(delivery=delivery, digest="d", subject=subject, source="sandbox", announced=announced)
        house.desk.accept([arrival, arrival])
    return keys


def judge_with_kills(house: House, *, kills: int) -> int:
    """Works everything off while workers are killed, so often or until the end; how many kills that were."""
    queue, chance, left = house.queue(QUEUE, line=LINE), random.Random(5), kills
    supervisor = Supervisor(
        command=lambda slot: [sys.executable, str(WORKER), str(house.workspace.root), str(slot)],
        slots=SLOTS,
        logs=house.workspace.logs,
        max_quick_deaths=kills + 10,
    )
    dispatcher = house.compliance.dispatcher(queue)
    dispatcher.begin()
    deadline, following = time.monotonic() + 400 + 5 * kills, time.monotonic() + 2
    with supervisor.working():
        while not dispatcher.is_idle():
            assert time.monotonic() < deadline, house.desk.counts()
            if left and time.monotonic() > following:
                supervisor.kill(chance.randrange(SLOTS))
                left, following = left - 1, time.monotonic() + chance.uniform(0.5, 2.5)
            supervisor.mend()
            dispatcher.hand_on()
            dispatcher.tend()
            time.sleep(0.05)
    queue.close()
    return kills - left


def check_one_of_each(house: House, sandbox: Sandbox, keys: dict[str, str]) -> None:
    assert house.desk.counts() == {"done": len(keys)}
    found = house.compliance.docket.verdicts()
    assert {row.subject for row in found} == set(keys.values())
    told = Counter(e.object for _, e in house.ledger.entries() if e.action is Action.VERDICT_REACHED)
    assert told == Counter(row.subject for row in found)
    memory = sandbox.store.memory
    assert all(len(notes) == 1 for notes in memory.annotations.values())
    marks = Counter(item["externalTag"] for item in memory.workitems.values())
    assert set(marks.values()) == {1}
    called = Counter(json.dumps(call, sort_keys=True) for call in memory.callbacks.values())
    assert set(called.values()) <= {1}
    states = house.compliance.remediator.counts()
    assert set(states) <= {"done", "dead"}
    house.ledger.checkpoint()
    assert house.ledger.verify().found is Found.OK


@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_kills_while_judging(
    database: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    chaos_kills: int,
) -> None:
    """Verdicts once, annotation, label and work item once, a callback never twice; nothing is left undone."""
    monkeypatch.setenv("SOTTOVOCE_PASSPHRASE", PASSPHRASE)
    url = request.getfixturevalue("postgres") if database == "postgresql" else None
    with Sandbox() as sandbox:
        house = build(tmp_path / "workspace", sandbox, url)
        keys = announce_all(house, sandbox)
        killed = judge_with_kills(house, kills=chaos_kills)
        check_one_of_each(house, sandbox, keys)
        assert killed
        house.close()
