"""Looking around in a workspace: policy, plan, corpus, lineage, ledger, doctor."""

from __future__ import annotations

import io
import json
import re
import shutil
import sqlite3

import pytest
import soundfile

from sottovoce.ledger import verifier

CONVERSATION = "conversation-0001"


def test_policy_is_read_back_in_sentences(program, workspace):
    """`policy check` says what the file means; with --json its digest."""
    assert "consent" in program("policy", "check", "-w", workspace).out
    assert re.fullmatch("[0-9a-f]{64}", program("policy", "check", "-w", workspace, "--json").json["digest"])


def test_policy_explains_a_conversation(program, workspace):
    """Every rule with its answer, and the outcome; without the caller's number."""
    (explained,) = program("policy", "explain", CONVERSATION, "-w", workspace, "--json").json
    assert explained["outcome"] == "sealed"
    assert all(rule["passes"] for rule in explained["rules"])
    assert "1202555" not in program("policy", "explain", CONVERSATION, "-w", workspace).out
    said = program("policy", "explain", "nobody", "-w", workspace)
    assert said.code == 8
    assert "sottovoce plan" in said.err


def test_plan_decides_nothing(program, workspace):
    """It says what would be taken, twice the same, and leaves the ledger as it was."""
    before = program("ledger", "verify", "-w", workspace, "--json").json
    first, second = (program("plan", "-w", workspace, "--json").json for _ in range(2))
    assert first == second
    assert (first["seen"], first["taken"]) == (6, [])
    assert program("ledger", "verify", "-w", workspace, "--json").json == before


def test_corpus_versions_are_listed_shown_and_verified(program, workspace):
    """Samples by opaque ids only; every one is there, whole and opens."""
    (version,) = program("corpus", "list", "-w", workspace, "--json").json
    shown = program("corpus", "show", "-w", workspace, "--json")
    assert len(shown.json["samples"]) == 12
    assert "conversation" not in shown.out
    verified = program("corpus", "verify", version["version"], "-w", workspace, "--json").json
    assert (verified["ok"], verified["samples"]) == (True, {"sound": 12})
    assert program("corpus", "show", "corpus/v9", "-w", workspace).code == 8


def test_a_table_keeps_ids_whole(program, workspace):
    """What is printed can be copied into the next command."""
    sample = program("corpus", "show", "-w", workspace, "--json").json["samples"][0]["corpusId"]
    assert sample in program("corpus", "show", "-w", workspace).out


def test_a_missing_object_fails_verification_and_doctor_counts_it(program, workspace):
    """Exit code 8; `doctor` says how many sealed objects are gone."""
    shutil.rmtree(workspace / "objects")
    assert program("corpus", "verify", "-w", workspace).code == 8
    said = program("doctor", "-w", workspace, "--json")
    (storage,) = [check for check in said.json if check["check"] == "storage"]
    assert said.code == 1
    assert "E_OBJECT_MISSING" in storage["says"]


def test_a_second_release_differs_in_nothing(program, workspace):
    """`corpus release` numbers on; `corpus diff` finds the same samples; the page is written."""
    made = program("corpus", "release", "-w", workspace, "--json").json
    assert (made["version"], made["samples"], made["label"]) == ("corpus/v2", 12, "voice-transformed")
    diff = program("corpus", "diff", "corpus/v1", "corpus/v2", "-w", workspace, "--json").json
    assert diff == {"added": [], "removed": [], "moved": [], "changed": []}
    assert (workspace / "reports" / "demographics-corpus-v2.html").is_file()


def test_a_sample_opens_for_a_purpose_and_the_read_is_ledgered(program, workspace, tmp_path):
    """Sound on standard output or in a whole file; one more entry for each read."""
    sample = program("corpus", "show", "-w", workspace, "--json").json["samples"][0]["corpusId"]
    piped = program("corpus", "open", sample, "-w", workspace)
    before = program("ledger", "verify", "-w", workspace, "--json").json["entries"]
    assert soundfile.info(io.BytesIO(piped.raw)).frames == 48_000
    assert program("corpus", "open", sample, "-w", workspace, "-o", tmp_path / "a.flac").code == 0
    assert (tmp_path / "a.flac").read_bytes() == piped.raw
    assert program("ledger", "verify", "-w", workspace, "--json").json["entries"] == before + 1


def test_a_purpose_is_a_code(program, workspace, tmp_path):
    """Prose is refused before anything is opened: the ledger holds no names."""
    sample = program("corpus", "show", "-w", workspace, "--json").json["samples"][0]["corpusId"]
    said = program("corpus", "open", sample, "-w", workspace, "-o", tmp_path / "a.flac", "--purpose", "for Ms. Doe")
    assert said.code == 8
    assert "Doe" not in said.err
    assert not (tmp_path / "a.flac").exists()


def test_lineage_leads_both_ways(program, workspace):
    """From a conversation to its samples, and from the corpus to its conversations."""
    (recording,) = program("lineage", "show", CONVERSATION, "-w", workspace, "--json").json["recordings"]
    members = program("lineage", "members", "-w", workspace, "--json").json
    mine = {m["corpus_id"] for m in members if m["conversation"] == CONVERSATION}
    assert mine == {s["corpus_id"] for s in recording["samples"]}
    assert "Nothing is known" in program("lineage", "show", "nobody", "-w", workspace).out


def test_proof_and_export_convince_the_offline_verifier(program, workspace, tmp_path):
    """What `ledger prove` and `ledger export` write is checked without the program's database."""
    folder, proof = tmp_path / "export", tmp_path / "5.tlog-proof"
    key = program("ledger", "export", folder, "-w", workspace, "--json").json["key"]
    assert program("ledger", "prove", "5", "-w", workspace, "-o", proof).code == 0
    assert verifier.main([str(folder), "--vkey", key]) == 0
    assert verifier.main([str(proof), "--vkey", key]) == 0
    assert program("ledger", "prove", "5", "-w", workspace).out == proof.read_text()
    assert program("ledger", "prove", "9999", "-w", workspace).code == 8


def test_a_changed_byte_is_exit_code_8(program, workspace):
    """The answer still comes, as JSON, with the entry that is wrong."""
    with sqlite3.connect(workspace / "registry.sqlite") as database:
        (data,) = database.execute("SELECT data FROM ledger_leaves WHERE seq = 3").fetchone()
        changed = data.replace(b'"line":"corpus"', b'"line":"korpus"')
        assert changed != data
        database.execute("UPDATE ledger_leaves SET data = ? WHERE seq = 3", (changed,))
    database.close()
    said = program("ledger", "verify", "-w", workspace, "--json")
    assert said.code == 8
    assert said.json["verdict"] != "ok"
    assert "E_LEDGER_TAMPERED" in said.err


@pytest.mark.parametrize(
    ("harm", "check", "mend"),
    [
        (lambda w: (w / "passphrase").write_text("another passphrase"), "keys", "passphrase"),
        (lambda w: (w / "log.key").chmod(0o644), "key files", "chmod 600 log.key"),
        (lambda w: (w / "token.key").write_text("junk"), "key files", "backup"),
        (lambda w: (w / "keys.ring").unlink(), "key files", "backup"),
        (lambda w: (w / "registry.sqlite").write_bytes(b"junk" * 1000), "registry", "reachable"),
        (lambda w: shutil.rmtree(w / "calls"), "sources", "policy"),
    ],
    ids=["passphrase", "mode", "token", "ring", "database", "source"],
)
def test_doctor_names_what_is_broken_and_how_to_mend_it(program, workspace, harm, check, mend, monkeypatch):
    """Exit code 1, the check that fails, and what to do; no traceback whatever is broken."""
    from sottovoce.cli import doctor

    monkeypatch.delitem(doctor.CHECKS, "models")
    for wal in workspace.glob("registry.sqlite-*"):
        wal.unlink()
    harm(workspace)
    said = program("doctor", "-w", workspace, "--json")
    failed = {one["check"]: one for one in said.json if not one["ok"]}
    assert said.code == 1
    assert mend in failed[check]["mend"]


def test_doctor_is_content_with_a_healthy_workspace(program, workspace):
    """Every check does the real thing once, models included; exit code 0."""
    said = program("doctor", "-w", workspace)
    assert said.code == 0
    assert "NOT OK" not in said.out


def test_a_wrong_policy_is_all_that_doctor_asks(program, workspace):
    """Without a policy nothing else can be asked."""
    with (workspace / "policy.yaml").open("a") as file:
        file.write("foo: bar\n")
    said = program("doctor", "-w", workspace, "--json")
    assert said.code == 1
    assert [one["check"] for one in said.json] == ["policy"]


def test_no_answer_holds_a_callers_number(program, workspace):
    """Whatever is asked of a workspace, what is answered is codes, counts and opaque ids."""
    asked = [
        ("plan",),
        ("corpus", "show"),
        ("corpus", "demographics"),
        ("lineage", "show", CONVERSATION),
        ("lineage", "members"),
        ("policy", "explain", CONVERSATION),
        ("ledger", "prove", "5"),
    ]
    said = [program(*command, "-w", workspace, *form) for command in asked for form in ((), ("--json",))]
    assert all(one.code == 0 for one in said)
    assert all(json.loads(one.raw) is not None for one in said[1::2])
    assert not any("1202555" in one.out + one.err for one in said)
