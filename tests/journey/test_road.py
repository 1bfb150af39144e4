"""The whole line, end to end: what the demo leaves behind holds what it promises."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from sottovoce.custody.lineage import corpus_members, lineage_of
from sottovoce.domain.outcome import OutcomeStatus
from sottovoce.errors import KeyShredded
from sottovoce.ledger.verifier import Found
from sottovoce.sandbox.catalog import PACKAGED
from sottovoce.settings import Workspace
from sottovoce.wiring.house import House

pytestmark = pytest.mark.slow

CALLS = json.loads((PACKAGED / "calls.json").read_text(encoding="utf-8"))["calls"]
BY_CONVERSATION = {call["id"]: call for call in CALLS}


def test_each_call_ends_as_its_script_says(demo):
    """Every sample call is sealed or excluded for the reason its script was written for."""
    house = demo.house()
    ended = {}
    for outcome in house.registry.outcomes("corpus"):
        ended[outcome.recording] = (outcome.status.value, outcome.reason.value if outcome.reason else None)
    expected = {}
    for call in CALLS:
        for key in house.registry.by_conversation(call["id"]):
            expected[key] = (call["expected"]["corpus"], call["expected"]["reason"])
    assert {key: ended[key] for key in expected} == expected
    assert len(ended) == len(CALLS)


def test_every_released_sample_plays_at_the_right_length(demo):
    """Every sample that was not erased decrypts, decodes at 16 kHz mono, and is as long as its call."""
    house = demo.house()
    members = [m for m in corpus_members(house.registry.engine) if m.version == demo.said["version"]]
    assert len(members) >= 8
    for member in members:
        data = house.corpus.opener.open(member.corpus_id, actor="test", purpose="test").reveal()
        with soundfile.SoundFile(io.BytesIO(data)) as sound:
            assert (sound.samplerate, sound.channels) == (16_000, 1)
            length = sound.frames / sound.samplerate
        assert length == pytest.approx(BY_CONVERSATION[member.conversation_id]["duration_s"], abs=0.02)


def test_the_erased_callers_samples_no_longer_decrypt(demo):
    """What was erased does not open, is not in storage, and its conversation leads nowhere."""
    house = demo.house()
    assert demo.said["erased"]["recordings"] >= 2
    assert demo.said["erased"]["no_longer_open"] == demo.said["erased"]["samples"] > 0
    erased = [s for s in house.registry.samples(demo.said["version"]) if s.erased]
    assert len(erased) == demo.said["erased"]["samples"]
    for sample in erased:
        with pytest.raises(KeyShredded):
            house.corpus.opener.open(sample.corpus_id, actor="test", purpose="test")
    known = {call["id"] for call in CALLS if house.registry.by_conversation(call["id"])}
    assert len(known) == len(CALLS) - demo.said["erased"]["recordings"]


def test_the_release_verifies(demo):
    """`corpus verify` finds manifest, objects and lengths in order, and names erased samples as erased."""
    verdict = demo.house().corpus.versions.verify(demo.said["version"])
    assert verdict.ok


def test_lineage_answers_for_a_conversation(demo):
    """A conversation leads to decisions, objects, samples and ledger entries."""
    house = demo.house()
    member = corpus_members(house.registry.engine)[0]
    (recording,) = lineage_of(house.registry.engine, member.conversation_id).recordings
    assert recording.outcomes[0].status is OutcomeStatus.SEALED
    assert recording.objects
    assert recording.samples
    assert recording.ledger


def test_the_ledger_verifies(demo):
    """The ledger is what was signed, in the database and offline alike."""
    house = demo.house()
    house.ledger.checkpoint()
    assert house.ledger.verify().found is Found.OK
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "sottovoce.ledger.verifier",
            str(demo.root / "ledger-export"),
            "--vkey",
            house.ledger.vkey,
        ],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("where", ["first", "middle", "last"])
def test_a_changed_byte_is_found(demo, tmp_path, where):
    """`ledger verify` fails once any byte of an entry is changed."""
    demo.house().ledger.checkpoint()
    root = tmp_path / "copy"
    shutil.copytree(demo.root, root)
    with sqlite3.connect(root / "registry.sqlite") as database:
        size = database.execute("SELECT count(*) FROM ledger_leaves").fetchone()[0]
        seq = {"first": 0, "middle": size // 2, "last": size - 1}[where]
        (data,) = database.execute("SELECT data FROM ledger_leaves WHERE seq = ?", (seq,)).fetchone()
        changed = bytearray(data)
        changed[len(changed) // 2] ^= 1
        database.execute("UPDATE ledger_leaves SET data = ? WHERE seq = ?", (bytes(changed), seq))
    database.close()
    assert House(Workspace(root)).ledger.verify().found is not Found.OK
    done = subprocess.run(
        [sys.executable, "-m", "sottovoce", "ledger", "verify", "-w", str(root)], capture_output=True, check=False
    )
    assert done.returncode == 8


def test_a_second_run_changes_nothing(demo, tmp_path):
    """What has its outcome is not taken again, whoever asks."""
    house = demo.house()
    before = house.registry.outcomes("corpus")
    for outcome in before:
        assert house.concluder().close("corpus", outcome.recording, "E_GAVE_UP") in {outcome.status.value, "erased"}
    assert house.registry.outcomes("corpus") == before


def test_it_can_be_listened_to(demo):
    """The demo leaves one redacted call to hear, as long as the original."""
    (path,) = demo.said["listen"]
    original = PACKAGED / Path(path).name.removeprefix("redacted-")
    assert soundfile.info(path).frames == soundfile.info(str(original)).frames


def test_one_violation_is_flagged(demo):
    """One event of a guilty call led to verdicts, one bookmark, one label and one work item, all of codes."""
    flagged = demo.said["flagged"]
    verdicts = demo.house().compliance.docket.verdicts()
    assert {"CVV_KEPT", "FULL_CARD_ASKED", "PCI_MID_CAPTURE"} & set(flagged["types"])
    assert set(flagged["types"]) == {row.type for row in verdicts}
    (bookmark,), (item,) = flagged["bookmarks"], flagged["work_items"]
    assert bookmark.split()[0] in flagged["types"]
    assert flagged["label"] == f"SV-{bookmark.split()[0]}"
    assert item == f"Compliance review: {bookmark.split()[0]}"
    assert demo.house().desk.counts() == {"done": 1}
