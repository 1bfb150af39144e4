"""From a signed event to an external engine's verdict and what follows: sandbox, intake, engine over real HTTP."""

from __future__ import annotations

import base64
import io
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import soundfile
import uvicorn

from sottovoce.cli.intake import _app
from sottovoce.compliance.verdict import Found
from sottovoce.custody.deliveries import Deliveries
from sottovoce.custody.subject import ByConversation
from sottovoce.detect.second_ear import SecondEar
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.sound import Role, Sound
from sottovoce.ledger.entry import Action
from sottovoce.policy.template import demo_policy
from sottovoce.redact.redactor import Redactor
from sottovoce.sandbox.serve import Sandbox
from sottovoce.settings import Workspace
from sottovoce.testing.compliance_engine import (
    ITS_SECRET,
    OUR_SECRET,
    LittleEngine,
    clean,
    judging,
    send,
    violation,
)
from sottovoce.testing.house import PASSPHRASE, Deaf, OneSecond, OneWord, exchange
from sottovoce.testing.judging import settle as work_off
from sottovoce.wiring.house import House
from sottovoce.wiring.rooms import noise_source
from sottovoce.wiring.workspace import build_workspace

pytestmark = pytest.mark.slow

SECRETS = {
    "INTAKE_SECRET": "whsec_" + base64.b64encode(b"s" * 32).decode(),
    "OUR_SECRET": "whsec_" + base64.b64encode(OUR_SECRET).decode(),
    "ITS_SECRET": "whsec_" + base64.b64encode(ITS_SECRET).decode(),
}
SECTIONS = """
intake:
  source: sandbox
  senders: [{{name: tenant, scheme: standard, secrets: ["env:INTAKE_SECRET"]}}]
compliance:
  work_item_type: review-type
  work_item_queue: compliance-queue
  engine:
    name: verity
    url: {url}
    secrets: ["env:OUR_SECRET"]
    callback_secrets: ["env:ITS_SECRET"]
    media_url: {intake}
    removed: true
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def engine() -> Iterator[LittleEngine]:
    with judging() as running:
        yield running


@pytest.fixture
def door() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        yield bound


def address(door: socket.socket) -> str:
    return f"http://127.0.0.1:{door.getsockname()[1]}"


@pytest.fixture
def house(
    sandbox: Sandbox, engine: LittleEngine, door: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    monkeypatch.setenv("SOTTOVOCE_PASSPHRASE", PASSPHRASE)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    root = tmp_path / "workspace"
    sections = SECTIONS.format(url=engine.url, intake=address(door))
    policy = demo_policy(api_url=sandbox.api_url, media_host=sandbox.media_host) + sections
    build_workspace(root, policy=policy, passphrase=Confidential(PASSPHRASE))
    (root / "sandbox-id").write_text(sandbox.client_id)
    (root / "sandbox-secret").write_text(sandbox.client_secret)
    made = House(Workspace(root), actor="compliance")
    yield made
    made.close()


@pytest.fixture
def intake(house: House, door: socket.socket) -> Iterator[str]:
    """The intake as the command serves it, with its own house as a process of its own would have."""
    serving = House(house.workspace, actor="intake")
    config = uvicorn.Config(_app(serving), log_level="critical", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
    thread.start()
    while not server.started:
        thread.join(0.01)
    yield address(door)
    server.should_exit = True
    thread.join()
    serving.close()


def quick(house: House) -> House:
    """Hears one word, and removes one second."""
    redactor = Redactor(transcriber=OneWord(), finder=OneSecond(), ears=(Deaf(),), noise_source=noise_source)
    return exchange(house, redactor=redactor)


def feed(sandbox: Sandbox, intake: str, *files: str) -> list[Any]:
    """Announces the calls of these files."""
    calls = [next(c for c in sandbox.catalog.calls.values() if c.file == file) for file in files]
    told = {
        "url": f"{intake}/v1/events/recordings",
        "kind": "recordingAvailable",
        "secret": SECRETS["INTAKE_SECRET"],
        "conversations": [call.id for call in calls],
    }
    with httpx.Client(trust_env=False, timeout=60) as http:
        assert http.post(f"{sandbox.api_url}/sandbox/events", json=told).json() == {"202": len(calls)}
    return calls


def settle(house: House, *, until: Callable[[], bool] | None = None, patience_s: float = 60) -> None:
    """Works until what is waited for is there, or until nothing asks for another try."""
    task, end = house.compliance.task(), time.monotonic() + patience_s
    while True:
        waiting = work_off(house.outbox, task, again=True)
        if until() if until is not None else not waiting:
            return
        assert time.monotonic() < end
        time.sleep(0.02)


def entries(house: House, action: Action) -> list[Any]:
    return [entry for _, entry in house.ledger.entries() if entry.action is action]


def test_an_answer_at_once(sandbox: Sandbox, engine: LittleEngine, house: House, intake: str) -> None:
    """The engine fetches redacted sound, its verdict is the conclusion, one of each step follows, the sound is gone."""
    engine.judge = violation
    (call,) = feed(sandbox, intake, "call-08.ogg")
    settle(quick(house))
    (row,) = house.compliance.docket.verdicts()
    assert (row.found, row.type, row.offset_ms) == (Found.VIOLATION, "PROHIBITED_PROMISE", 1200)
    (note,) = sandbox.store.memory.annotations[call.recording_id].values()
    assert (note["name"], note["location"]) == ("PROHIBITED_PROMISE", 1200)
    assert len(sandbox.store.memory.workitems) == 1
    (question,) = engine.asked.values()
    assert question["recordingId"] == row.subject
    assert call.id not in str(question)
    assert engine.sounds[question["correlationId"]][:4] == b"fLaC"
    assert [entry.facts["engine"] for entry in entries(house, Action.VERDICT_REACHED)] == ["verity"]
    (delivery,) = Deliveries(engine=house.registry.engine, ledger=house.ledger).of_recording(row.subject)
    assert (delivery.destination, delivery.receipt) == ("verity", question["correlationId"])
    assert [o.deleted for o in house.registry.objects(row.subject)] == [True]
    assert house.desk.counts() == {"done": 1}


def test_an_answer_later(
    sandbox: Sandbox, engine: LittleEngine, house: House, intake: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Promised, then called back: once, whatever is sent again; a link is over with its question; nothing is logged."""
    caplog.set_level(logging.DEBUG, logger="sottovoce")
    engine.status = lambda _: 202
    feed(sandbox, intake, "call-08.ogg")
    settle(quick(house), until=lambda: bool(engine.asked))
    assert house.compliance.docket.verdicts() == ()
    ((correlation, question),) = engine.asked.items()
    url = f"{intake}/v1/verdicts"
    assert send(url, b"{}", message_id="m0", secret=b"x" * 32).status_code == 401
    engine.judge = violation
    answers = [engine.call_back(url, correlation) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len({answer.content for answer in answers}) == 1
    assert engine.call_back(url, correlation, confidenceScore=0.1).status_code == 422
    engine.judge = clean
    body = httpx.Response(200, json=engine.judge(question)).content
    assert send(url, body, message_id="m9").status_code == 409
    assert send(url, body.replace(correlation.encode(), b"nobody"), message_id="m10").status_code == 404
    with httpx.Client(trust_env=False) as http:
        assert http.get(question["media"]["url"]).status_code == 404
    settle(house)
    (row,) = house.compliance.docket.verdicts()
    assert (row.found, row.type) == (Found.VIOLATION, "PROHIBITED_PROMISE")
    assert len(sandbox.store.memory.workitems) == 1
    token = question["media"]["url"].rpartition("/")[2]
    assert token not in caplog.text
    for path in (p for p in house.workspace.root.rglob("*") if p.is_file()):
        assert token.encode() not in path.read_bytes(), path.name


def test_an_erasure_tells_the_engine_and_takes_no_answer(
    sandbox: Sandbox, engine: LittleEngine, house: House, intake: str
) -> None:
    """It heard the recording, so it is owed a notice; its link is dead, and its answer comes too late."""
    engine.status = lambda _: 202
    (call,) = feed(sandbox, intake, "call-08.ogg")
    settle(quick(house), until=lambda: bool(engine.asked))
    ((correlation, question),) = engine.asked.items()
    report = house.eraser.erase(ByConversation(conversation_id=call.id), requested_by="test", why="REQUEST")
    assert [(each.destination, each.deliveries) for each in report.recipients] == [("verity", 1)]
    with httpx.Client(trust_env=False) as http:
        assert http.get(question["media"]["url"]).status_code == 404
    assert engine.call_back(f"{intake}/v1/verdicts", correlation).status_code == 410
    settle(house)
    assert house.compliance.docket.verdicts() == ()
    assert house.desk.counts() == {"done": 1}


def test_an_engine_that_fails_and_one_that_talks_nonsense(
    sandbox: Sandbox, engine: LittleEngine, house: House, intake: str
) -> None:
    """A failure is tried again with the same question; nonsense and a refusal are a person's."""
    engine.status = lambda number: 503 if number == 1 else 200
    feed(sandbox, intake, "call-08.ogg")
    settle(quick(house), until=lambda: bool(house.compliance.docket.verdicts()))
    assert (engine.requests, len(engine.asked)) == (2, 1)
    engine.judge = lambda question: {"said": "four one one one"}
    feed(sandbox, intake, "call-06.flac")
    settle(house)
    engine.status = lambda _: 403
    feed(sandbox, intake, "call-05.ogg")
    settle(house)
    found = [(row.found, row.type) for row in house.compliance.docket.verdicts()]
    assert sorted(found) == [(Found.DOUBT, "E_JUDGE_REFUSED"), (Found.DOUBT, "E_VERDICT"), (Found.NONE, "-")]


def test_what_the_engine_hears_holds_no_card_number(
    sandbox: Sandbox, engine: LittleEngine, house: House, intake: str
) -> None:
    """The real rooms: an ear that finds the number in the call finds none in what the engine fetched."""
    (call,) = feed(sandbox, intake, "call-01.flac")
    settle(house)
    (question,) = engine.asked.values()
    ear = SecondEar()
    assert ear.find(sound_of((sandbox.catalog.folder / call.file).read_bytes()))
    assert not ear.find(sound_of(engine.sounds[question["correlationId"]]))
    cards = [r for r in question["removed"] if "CREDIT_DEBIT_NUMBER" in r["entities"]]
    assert any(15_000 < r["startMs"] < 30_000 for r in cards)


def sound_of(data: bytes) -> Sound:
    samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    roles = (Role.BOTH,) * samples.shape[1]
    return Sound(samples=samples.T.copy(), rate=rate, roles=roles)
