"""`contributor`, `inbox`, `submit`: the whole way of two recordings, as its people walk it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from sottovoce.cli import run as command
from sottovoce.errors import KeyShredded
from sottovoce.sandbox.catalog import PACKAGED
from sottovoce.settings import Workspace
from sottovoce.testing.house import PASSPHRASE
from sottovoce.wiring.house import House

QUICK_WORKER = Path(__file__).parents[1] / "chaos" / "quick_worker.py"
CLIPS = ("call-09.wav", "call-12.ogg")
POLICY = """\
version: uploads-1
sources:
  voices:
    kind: inbox
    url: file:inbox
    wording: I agree that this recording is used to train AI models.
    wording_version: w1
    receipts_url: file:{root}/inbox/receipts
lawful_basis: {{basis: consent}}
consent:
  wordings:
    - {{version: w1, effective: 2025-01-01}}
keys: {{passphrase: env:SOTTOVOCE_PASSPHRASE}}
"""


@pytest.fixture
def root(program, tmp_path, monkeypatch):
    """A workspace with an inbox, made by `init`; workers with quick rooms."""
    monkeypatch.setenv("SOTTOVOCE_PASSPHRASE", PASSPHRASE)
    monkeypatch.setattr(
        command,
        "worker_command",
        lambda house, slot: [sys.executable, str(QUICK_WORKER), str(house.workspace.root), str(slot)],
    )
    (tmp_path / "policy.yaml").write_text(POLICY.format(root=tmp_path.resolve() / "w"))
    assert program("init", "-w", tmp_path / "w", "--policy", tmp_path / "policy.yaml").code == 0
    return tmp_path / "w"


def sending(program, root, tmp_path) -> tuple[str, list[object]]:
    """A contributor with a credential and the inbox's description: what `submit` needs."""
    contributor = program("contributor", "add", "-w", root, "--json").json["contributor"]
    given = program("contributor", "credential", contributor, "-w", root, "-o", tmp_path / "cred.json", "--json").json
    assert given["form"] == "folder"
    pin = program("inbox", "publish", "-w", root, "-o", tmp_path / "inbox.json", "--json").json["pin"]
    home = ["--home", tmp_path / "home", "--pin", pin]
    return contributor, ["--inbox", tmp_path / "inbox.json", "--credential", tmp_path / "cred.json", *home]


def test_two_clips_are_sent_sealed_and_withdrawn(program, root, tmp_path):
    """init, contributor add, submit, run, receipts, contributor withdraw: and then nothing opens."""
    contributor, way = sending(program, root, tmp_path)
    clips = [PACKAGED / name for name in CLIPS]
    sent = program("submit", *clips, *way, "--agree", "--language", "en-US", "--json").json
    assert [each["now"] for each in sent["sent"]] == [True, True]
    again = program("submit", *clips, *way, "--agree", "--json").json
    assert [each["now"] for each in again["sent"]] == [False, False]
    summary = program("run", "-w", root, "--workers", "1", "--json").json
    assert summary["by_status"] == {"sealed": 2}
    assert list((root / "inbox" / "in").rglob("*.svup")) == []
    states = {each["state"] for each in program("inbox", "list", "-w", root, "--json").json}
    assert states == {"destroyed"}
    assert "destroyed" in program("submit", *way, "--receipts").out
    receipts = program("submit", *way, "--receipts", "--json").json
    assert [each["state"] for each in receipts] == ["destroyed", "destroyed"]
    house = House(Workspace(root), actor="test")
    keys = [outcome.recording for outcome in house.registry.outcomes("corpus")]
    held = [each for key in keys for each in house.registry.objects(key)]
    assert all(house.vault.open(each, house.vault.fetch(each)) for each in held)
    withdrawn = program("contributor", "withdraw", contributor, "--by", "dpo-1", "-w", root, "--json").json
    assert sorted(withdrawn["recordings"]) == sorted(keys)
    for each in held:
        with pytest.raises(KeyShredded):
            house.vault.open(each, b"")
    assert list((root / "objects").rglob("*.svup")) == []
    assert program("inbox", "list", "-w", root, "--json").json == []
    assert program("ledger", "verify", "-w", root, "--json").json["verdict"] == "ok"
    house.close()


def test_the_words_are_shown_before_anything_is_agreed_to(program, root, tmp_path):
    """Without a person at a terminal and without --agree nothing is sent."""
    _, way = sending(program, root, tmp_path)
    said = program("submit", PACKAGED / CLIPS[0], *way)
    assert said.code == 14
    assert "used to train AI models" in said.out
    assert "was not agreed to" in said.err
    assert not (root / "inbox" / "in").exists() or not list((root / "inbox" / "in").rglob("*.svup"))


def test_what_fails_is_named_and_the_others_go(program, root, tmp_path):
    """One file too many does not keep the others; the exit code says that something was not sent."""
    _, way = sending(program, root, tmp_path)
    described = json.loads((tmp_path / "inbox.json").read_text())
    assert described["max_bytes"] == 512 << 20
    (tmp_path / "junk.wav").write_bytes(b"junk")
    said = program("submit", tmp_path / "junk.wav", PACKAGED / CLIPS[0], *way, "--agree")
    assert said.code == 0
    received = program("inbox", "receive", "-w", root, "--json").json
    assert (received["accepted"], received["reasons"]) == (1, {"MEDIA_UNREADABLE": 1})
    shown = program("inbox", "receive", "-w", root)
    assert "accepted" in shown.out
    told = program("inbox", "list", "-w", root)
    assert "MEDIA_UNREADABLE" in told.out
    credential = json.loads((tmp_path / "cred.json").read_text())
    credential["send"] = {"folder": str(tmp_path / "nowhere")}
    (tmp_path / "cred.json").write_text(json.dumps(credential))
    failed = program("submit", PACKAGED / CLIPS[1], *way, "--agree")
    assert failed.code == 14
    assert "E_STORAGE" in failed.err
    assert program("submit", *way).code == 2


def test_revoking_and_rotating_are_told(program, root, tmp_path):
    """Who there is, how they stand; a new key, and that the inbox is to be published again."""
    contributor = re.search(r"contributor +(c-[a-z]+)", program("contributor", "add", "-w", root).out)[1]
    given = program("contributor", "credential", contributor, "-w", root, "-o", tmp_path / "cred.json")
    assert "whoever holds it may send in their name" in given.out
    assert (tmp_path / "cred.json").stat().st_mode & 0o777 == 0o600
    assert re.search(r"pin +[0-9a-f]{64}", program("inbox", "publish", "-w", root, "-o", tmp_path / "i.json").out)
    assert program("contributor", "list", "-w", root, "--json").json[0]["credentials"] == 1
    assert program("inbox", "rotate", "-w", root, "--json").json["keys_destroyed"] == 0
    assert program("contributor", "revoke", contributor, "-w", root, "--json").code == 0
    assert program("contributor", "revoke", contributor, "-w", root).code == 0
    (row,) = program("contributor", "list", "-w", root, "--json").json
    assert (row["standing"], row["credentials"]) == ("revoked", 0)
    assert contributor in program("contributor", "list", "-w", root).out
    refused = program("contributor", "credential", contributor, "-w", root, "-o", tmp_path / "x.json")
    assert refused.code == 14
    assert not (tmp_path / "x.json").exists()
    assert "Publish the inbox again" in program("inbox", "rotate", "-w", root).out
    assert program("contributor", "withdraw", contributor, "-w", root).code == 0
    assert program("contributor", "revoke", "c-nobody", "-w", root).code == 14
