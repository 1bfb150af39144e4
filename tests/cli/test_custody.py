"""What a privacy officer does: who was used when, what is kept, what is held, what was erased, and the proof of it."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from sottovoce.custody.certificate import certificate_digest
from sottovoce.evidence.frameworks import Framework
from sottovoce.ledger import verifier
from sottovoce.ledger.note import VerifierKey, open_note
from sottovoce.settings import Workspace
from sottovoce.testing.house import quick_house
from sottovoce.vault.key_tables import RecordingKeyState
from sottovoce.wiring.evidence import write_evidence
from sottovoce.wiring.workspace import utc_now

RECORDINGS = 6
WHO, OTHER = "conversation-0001", "conversation-0002"
DIGEST = "ab" * 32


@pytest.fixture
def trained(program, workspace):
    """A run over the train split, ended, and a model of it."""
    said = [
        program("training", "register", "corpus/v1", "--run", "r-1", "--framework", "torch-2.9", "-w", workspace),
        program("training", "finish", "r-1", "-w", workspace),
        program("training", "model", "asr-7", "--digest", DIGEST, "--run", "r-1", "-w", workspace),
    ]
    assert [each.code for each in said] == [0, 0, 0]
    return workspace


def test_one_command_says_which_recordings_are_used_and_when(program, trained):
    """`lineage used`: conversation, sample, runs, models, last use; without conversations for others."""
    used = program("lineage", "used", "-w", trained, "--json").json
    assert (len(used["samples"]), used["erased"]) == (12, 0)
    read = [each for each in used["samples"] if each["split"] == "train"]
    assert read
    for each in read:
        assert (each["trainingRunIds"], each["models"]) == (["r-1"], ["asr-7"])
        assert each["runs"][0]["presumed"]
        assert each["treatment"]["verified"] is True
        assert each["consent"]["decided"]
    assert all(each["last_used_at"] is None for each in used["samples"] if each["split"] != "train")
    mine = program("lineage", "used", "--conversation", WHO, "-w", trained, "--json").json["samples"]
    assert {each["conversation"] for each in mine} == {WHO}
    hidden = program("lineage", "used", "--without-conversations", "-w", trained)
    assert "conversation-0" not in hidden.out
    assert "12 samples of 6 recordings" in hidden.out
    assert "asr-7" in program("training", "list", "-w", trained).out
    assert program("training", "list", "-w", trained, "--json").json["runs"][0]["status"] == "completed"


def test_readers_say_what_they_read(program, trained, tmp_path):
    """`training reads` replaces the presumption; a status that is none is refused."""
    shown = program("lineage", "used", "--conversation", WHO, "-w", trained, "--json").json["samples"]
    (tmp_path / "ids").write_text(shown[0]["corpus_id"] + "\n")
    said = program("training", "reads", "r-1", tmp_path / "ids", "--manifest", DIGEST, "-w", trained, "--json")
    assert (said.json["samples"], said.json["reads"]) == (1, "recorded")
    assert program("training", "finish", "r-1", "--status", "running", "-w", trained).code == 8
    assert program("training", "finish", "r-9", "-w", trained).code == 8


def test_an_erasure_is_followed_up(program, trained, tmp_path):
    """Certificate and proof convince the offline verifier; models wait for a decision and get one."""
    note = tmp_path / "c.note"
    used = program("lineage", "used", "--run", "r-1", "-w", trained, "--json").json["samples"]
    who = used[0]["conversation"]
    said = program("erase", "--conversation", who, "--certificate", note, "-w", trained, "--json")
    assert said.code == 1
    assert {each["node"] for each in said.json["impacts"]} == {"run:r-1", "model:asr-7"}
    proof = tmp_path / "c.note.tlog-proof"
    key = program("ledger", "prove", "0", "-w", trained, "--json").json["key"]
    assert verifier.main([str(note), "--vkey", key]) == 0
    assert verifier.main([str(proof), "--vkey", key]) == 0
    assert certificate_digest(note.read_text()) in _entry(proof)
    waiting = program("erase", "impact", "-w", trained, "--json").json
    assert [each["decision"] for each in waiting] == ["waiting", "waiting"]
    decided = program("erase", "decide", "model:asr-7", "retrain", "--why", "NEXT_CYCLE", "-w", trained, "--json")
    assert decided.json["erasures"] == 1
    assert program("erase", "decide", "model:asr-7", "accept", "--why", "AGAIN", "-w", trained).code == 8
    assert "retrain" in program("erase", "impact", "-w", trained).out
    (row,) = program("erase", "list", "-w", trained, "--json").json
    assert (row["recordings"], row["to_decide"]) == (1, 1)
    assert said.json["id"] in program("erase", "list", "-w", trained).out
    assert program("erase", "--conversation", who, "-w", trained).code == 0
    assert program("erase", "resume", "-w", trained).code == 0


def _entry(proof: Path) -> str:
    return base64.b64decode(proof.read_text().split("\n")[1].removeprefix("extra ")).decode()


@pytest.mark.parametrize("how", [(), ("--conversation", WHO, "--contributor", "c-1")])
def test_an_erasure_names_one_subject(program, workspace, how):
    """None and two are both refused, before anything is touched."""
    assert program("erase", *how, "-w", workspace).code == 2


def test_an_erasure_by_contributor_or_key(program, workspace):
    """A contributor nobody knows has nothing; a recording is found by its opaque key."""
    assert "Nothing is kept" in program("erase", "--contributor", "c-1", "-w", workspace).out
    key = program("lineage", "show", WHO, "-w", workspace, "--json").json["recordings"][0]["recording"]
    assert program("erase", "--recording", key, "-w", workspace, "--json").json["recordings"] == [key]


def test_a_hold_keeps_and_its_end_erases(program, workspace):
    """Held, refused with a date, its corpus copy gone; lifted, and the rest goes."""
    held = program("retention", "hold", "case-a", "--conversation", WHO, "-w", workspace, "--json").json
    assert (held["newly"], held["keys_not_frozen"]) == (1, [])
    said = program("erase", "--conversation", WHO, "-w", workspace)
    assert said.code == 1
    assert "LEGAL_HOLD" in said.out
    assert "The rest goes with the hold" in said.out
    assert held["recordings"][0] in program("retention", "holds", "-w", workspace).out
    assert program("retention", "lifecycle", "-w", workspace).code == 8
    assert '"Expiration"' not in program("retention", "lifecycle", "--no-expiry", "-w", workspace).out
    lifted = program("retention", "release", "case-a", "-w", workspace, "--json").json
    assert (lifted["erasures_put_off"], lifted["erased_now"]) == (1, 1)
    assert program("retention", "holds", "-w", workspace, "--json").json == []
    assert "Nothing is held" in program("retention", "holds", "-w", workspace).out
    assert program("retention", "release", "case-a", "-w", workspace).code == 8
    assert len(program("retention", "holds", "--all", "-w", workspace, "--json").json) == 1


def test_a_customer_is_held_by_number_from_a_file(program, workspace):
    """The number stands in no command line; a file that holds none is refused, and so is no subject."""
    said = program("retention", "hold", "case-b", "--customer", "-", "-w", workspace, "--json", stdin=b"+12025550001")
    assert said.json["newly"] == 1
    assert program("retention", "hold", "case-b", "--customer", "-", "-w", workspace, stdin=b"anonymous").code == 4
    assert program("retention", "hold", "case-b", "-w", workspace).code == 2


def test_the_plan_says_why_and_the_sweep_what_it_did(program, workspace, tmp_path):
    """Every artefact with its dates and reasons; a sweep leaves a record; bucket rules are written."""
    plan = program("retention", "plan", "-w", workspace, "--json").json
    assert {each["step"] for each in plan["artefacts"]} == {"keep"}
    assert all(each["because"] == ["SCHEDULE", "GDPR"] for each in plan["artefacts"])
    shown = program("retention", "plan", "--all", "-w", workspace).out
    assert "GDPR Article 5(1)(e)" in shown
    assert "Nothing was swept" in program("retention", "sweeps", "-w", workspace).out
    assert program("retention", "sweep", "-w", workspace, "--json").json["objects"] == 0
    assert program("retention", "sweep", "-w", workspace).code == 0
    assert [each["kept"] for each in program("retention", "sweeps", "-w", workspace, "--json").json] == [24, 24]
    target = tmp_path / "rules.json"
    said = program("retention", "lifecycle", "--provider", "azure", "--container", "c", "-o", target, "-w", workspace)
    assert said.code == 0
    assert json.loads(target.read_text())["rules"][0]["type"] == "Lifecycle"


def test_a_sweep_deletes_what_is_past_its_day(program, workspace):
    """A year later everything goes: keys, ciphertext and rows, certified; the versions say erased."""
    house = quick_house(Workspace(workspace), clock=lambda: utc_now() + timedelta(days=366))
    report = house.custody.sweeper.sweep(by="cron")
    assert (len(report.recordings), report.objects, report.kept) == (RECORDINGS, 24, 0)
    assert {house.keystore.state(key) for key in report.recordings} == {RecordingKeyState.SHREDDED}
    house.close()
    verified = program("corpus", "verify", "-w", workspace, "--json").json
    assert (verified["ok"], verified["samples"]) == (True, {"erased": 12})
    assert program("erase", "list", "-w", workspace, "--json").json[0]["why"] == "RETENTION"
    assert _sealed(workspace) == []


def test_recipients_are_told(program, workspace):
    """A delivery that is erased is owed a letter; it is sent once and acknowledged."""
    from sottovoce.custody.deliveries import Delivery

    house = quick_house(Workspace(workspace))
    (key,) = house.registry.by_conversation(WHO)
    given = Delivery(id="d-1", recording=key, destination="verint", receipt="rc-1", delivered_at=house.clock())
    house.custody.deliveries.record(given, actor="test")
    house.close()
    assert "Nobody was given" in program("erase", "notices", "-w", workspace).out
    program("erase", "--conversation", WHO, "-w", workspace)
    (owed,) = program("erase", "notices", "-w", workspace, "--json").json
    assert (owed["state"], owed["destination"]) == ("pending", "verint")
    assert program("erase", "acknowledge", owed["notice"], "--reference", "R-1", "-w", workspace).code == 8
    assert program("erase", "notify", "-w", workspace).code == 0
    (letter,) = (workspace / "reports" / "notices").iterdir()
    assert "rc-1" in letter.read_text()
    told = program("erase", "acknowledge", owed["notice"], "--reference", "R-1", "-w", workspace, "--json").json
    assert [each["state"] for each in told] == ["acknowledged"]


def test_a_restored_backup_forgets_again(program, workspace, tmp_path):
    """Registry and key store put back from before: `erase replay` destroys what came back, and says so."""
    files = ("registry.sqlite", "keys.sqlite")
    backup = tmp_path / "backup"
    backup.mkdir()
    for name in files:
        shutil.copy(workspace / name, backup / name)
    assert program("erase", "--conversation", WHO, "-w", workspace).code == 0
    for name in files:
        for left in workspace.glob(f"{name}-*"):
            left.unlink()
        shutil.copy(backup / name, workspace / name)
    assert len(program("lineage", "show", WHO, "-w", workspace, "--json").json["recordings"]) == 1
    pack = program("evidence", "gdpr", "-o", tmp_path / "red", "-w", workspace, "--json").json
    assert _control(pack, "17") == "not met"
    report = program("erase", "replay", "-w", workspace, "--json").json
    assert (report["recordings that had come back"], report["keys that had come back"]) == (1, 1)
    assert program("lineage", "show", WHO, "-w", workspace, "--json").json["recordings"] == []
    assert "Nothing had come back" in program("erase", "replay", "-w", workspace).out
    assert program("corpus", "verify", "corpus/v1", "-w", workspace, "--json").json["samples"]["erased"] == 2
    pack = program("evidence", "gdpr", "-o", tmp_path / "green", "-w", workspace, "--json").json
    assert _control(pack, "17") == "met"


def test_work_begins_with_a_replay(program, workspace, tmp_path):
    """A worker that warms up over a restored registry erases again before it processes anything."""
    shutil.copy(workspace / "registry.sqlite", tmp_path / "registry.sqlite")
    program("erase", "--conversation", WHO, "-w", workspace)
    for left in workspace.glob("registry.sqlite-*"):
        left.unlink()
    shutil.copy(tmp_path / "registry.sqlite", workspace / "registry.sqlite")
    house = quick_house(Workspace(workspace))
    report = house.custody.replay_if_restored()
    assert report is not None
    assert len(report.revived) == 1
    assert house.custody.replay_if_restored() is None
    house.close()


def _control(pack, number):
    return next(each["result"] for each in pack["controls"] if each["number"] == number)


def test_events_are_told_where_policy_says(program, workspace):
    """Nowhere by default; to a file when policy names one; looked at without sending."""
    assert program("lineage", "tell", "-w", workspace).code == 3
    assert len(program("lineage", "tell", "--dry-run", "-w", workspace).out.splitlines()) == 2
    policy = workspace / "policy.yaml"
    policy.write_text(policy.read_text() + "openlineage: {url: 'file:reports/lineage.jsonl'}\n")
    assert program("lineage", "tell", "-w", workspace, "--json").json == {"events": 2}
    program("training", "register", "corpus/v1", "--run", "r-1", "-w", workspace)
    assert len((workspace / "reports" / "lineage.jsonl").read_text().splitlines()) == 3
    assert "0 events told" in program("lineage", "tell", "-w", workspace).out


@pytest.fixture(scope="session")
def packs(_carried, tmp_path_factory):
    """Packs of the workspace as it was made, swept once: a folder for each framework."""
    root = Path(shutil.copytree(_carried, tmp_path_factory.mktemp("packs") / "w"))
    house = quick_house(Workspace(root))
    house.custody.sweeper.sweep(by="cron")
    folders = {each.value: root / "packs" / each.value for each in Framework}
    for name, folder in folders.items():
        write_evidence(house, Framework(name), folder)
    house.close()
    return folders


@pytest.mark.parametrize("framework", list(Framework))
def test_a_pack_is_whole_and_checks_offline(packs, framework):
    """JSON and page say the same; every proof verifies with the pack's own verifier; the note covers every file."""
    folder = packs[framework.value]
    written = json.loads((folder / "pack.json").read_text())
    page = (folder / "pack.html").read_text()
    assert written["counts"]["not met"] == 0
    assert all(each["number"] in page for each in written["controls"])
    assert "<script" not in page
    assert "http" not in page.split("</style>")[1]
    key = (folder / "ledger.vkey").read_text().strip()
    text = open_note((folder / "SHA256SUMS.note").read_text(), [VerifierKey.parse(key)]).text
    for line in text.splitlines()[1:]:
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    proofs = sorted((folder / "proofs").iterdir())
    assert proofs
    for proof in proofs:
        assert verifier.verify(proof, key).found is verifier.Found.OK


def test_a_pack_carries_its_own_verifier(packs):
    """On a machine that knows nothing of us: the file beside the proofs, Python and `cryptography`."""
    folder = packs["gdpr"]
    proof = min((folder / "proofs").iterdir())
    key = (folder / "ledger.vkey").read_text().strip()
    call = [sys.executable, "-I", "verifier.py", f"proofs/{proof.name}", "--vkey", key]
    done = subprocess.run(call, cwd=folder, check=False, capture_output=True)
    assert (done.returncode, done.stdout[:2]) == (0, b"ok")


def test_a_pack_is_never_written_over(program, workspace, tmp_path):
    """It goes to a new or empty folder, by default one named after its day; what it holds is also said as JSON."""
    said = program("evidence", "soc2", "-w", workspace, "--json")
    assert said.json["schema"] == "sottovoce/evidence-pack@v1"
    assert program("evidence", "soc2", "-o", said.json["folder"], "-w", workspace).code == 4


def _sealed(workspace):
    """Files of sealed objects, and neither notes nor manifests."""
    return sorted((workspace / "objects").glob("[0-9a-f][0-9a-f]/*/*"))


def _hurt_object(workspace):
    victim = _sealed(workspace)[0]
    victim.write_bytes(b"x" + victim.read_bytes()[1:])


def _hurt_ledger(workspace):
    with sqlite3.connect(workspace / "registry.sqlite") as database:
        (data,) = database.execute("SELECT data FROM ledger_leaves WHERE seq = 3").fetchone()
        changed = data.replace(b"corpus", b"korpus")
        assert changed != data
        database.execute("UPDATE ledger_leaves SET data = ? WHERE seq = 3", (changed,))
    database.close()


def _lose_key(workspace):
    house = quick_house(Workspace(workspace))
    (key,) = house.registry.by_conversation(OTHER)
    house.keystore.shred(key)
    house.close()


def _thaw(workspace):
    house = quick_house(Workspace(workspace))
    (key,) = house.registry.by_conversation(OTHER)
    house.registry.hold(key)
    house.close()


def _widen(workspace):
    policy = workspace / "policy.yaml"
    policy.write_text(policy.read_text() + "redaction: {default: [NAME]}\n")


def _report(workspace):
    (workspace / "reports").mkdir(exist_ok=True)
    (workspace / "reports" / "conformance-1.json").write_text('{"calls": 3, "conforms": false}')


def _plain_object(workspace):
    victim = _sealed(workspace)[0]
    victim.write_bytes(b"RIFF0000WAVEfmt ")


@pytest.mark.parametrize(
    ("harm", "framework", "number"),
    [
        (_hurt_object, "gdpr", "32"),
        (_plain_object, "pci", "3.5.1"),
        (_hurt_ledger, "soc2", "CC7.1-CC7.4"),
        (_lose_key, "hipaa", "164.312(a)(2)(iv)"),
        (_thaw, "gdpr", "18"),
        (_widen, "pci", "3.4.1"),
        (_report, "pci", "3.3.1, 3.3.1.1-3.3.1.3"),
    ],
    ids=["object", "plain", "ledger", "key", "hold", "policy", "recall"],
)
def test_breaking_a_workspace_turns_its_control_red(program, packs, workspace, tmp_path, harm, framework, number):
    """Exit code 1, and the control says what is wrong; the pack is written all the same."""
    before = json.loads((packs[framework] / "pack.json").read_text())
    assert _control(before, number) != "not met"
    harm(workspace)
    said = program("evidence", framework, "-o", tmp_path / "after", "-w", workspace)
    assert said.code == 1
    after = json.loads((tmp_path / "after" / "pack.json").read_text())
    assert _control(after, number) == "not met"
    assert number.split(",")[0] in said.out
