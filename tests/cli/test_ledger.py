"""The ledger and its witness from the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from sottovoce.ledger import verifier
from sottovoce.settings import Workspace
from sottovoce.wiring.house import House


def unsigned(workspace: Path) -> None:
    """Appends an entry that no checkpoint covers."""
    from sottovoce.ledger.entry import Action, Entry

    house = House(Workspace(workspace))
    house.ledger.record([Entry(at=house.clock(), actor="cli", action=Action.RUN_STARTED)])
    house.close()


def test_an_unsigned_tail_has_an_exit_code_of_its_own(program, workspace):
    """17, with what to do; 0 where it is expected, and after signing."""
    program("ledger", "checkpoint", "-w", workspace)
    assert program("ledger", "verify", "-w", workspace).code == 0
    unsigned(workspace)
    said = program("ledger", "verify", "-w", workspace, "--json")
    assert (said.code, said.json["verdict"]) == (17, "unsigned tail")
    assert "sottovoce ledger checkpoint" in said.err
    assert program("ledger", "verify", "-w", workspace, "--unsigned-ok").code == 0
    assert program("ledger", "checkpoint", "-w", workspace).code == 0
    assert program("ledger", "verify", "-w", workspace).code == 0


def test_a_checkpoint_is_printed_kept_and_grown_from(program, workspace, tmp_path):
    """What `checkpoint` writes anchors later verifications; `consistency` proves growth since, offline."""
    kept, growth = tmp_path / "kept.note", tmp_path / "growth.tlog-consistency"
    assert program("ledger", "checkpoint", "-w", workspace, "-o", kept).code == 0
    assert program("ledger", "checkpoint", "-w", workspace).out == kept.read_text()
    unsigned(workspace)
    assert program("ledger", "consistency", kept, "-w", workspace, "-o", growth).code == 0
    key = program("ledger", "keys", "-w", workspace).out.strip()
    assert verifier.main([str(growth), "--key", key, "--anchor", str(kept)]) == 0
    assert program("ledger", "verify", "-w", workspace, "--anchor", kept).code == 0
    said = program("ledger", "consistency", kept, "-w", workspace, "--json").json
    assert (said["proof"], said["key"]) == (growth.read_text(), key)


def test_anchors_show_what_they_keep(program, workspace):
    """Without one in the policy that is said; with one, its newest size is the ledger's."""
    said = program("ledger", "anchor", "-w", workspace)
    assert (said.code, "docs/ledger.md" in said.err) == (3, True)
    policy = workspace / "policy.yaml"
    policy.write_text(policy.read_text() + "\nledger:\n  anchors: [{kind: folder, path: kept}]\n", encoding="utf-8")
    unsigned(workspace)
    shown = program("ledger", "anchor", "-w", workspace, "--json").json
    assert shown["anchored"] == [shown["entries"]]
    assert program("ledger", "anchor", "-w", workspace).code == 0
    with create_engine(f"sqlite:///{workspace / 'registry.sqlite'}").begin() as database:
        for table in ("ledger_leaves", "ledger_nodes"):
            database.execute(text(f"DELETE FROM {table} WHERE seq >= 1"))  # noqa: S608
        database.execute(text("DELETE FROM checkpoints"))
    said = program("ledger", "verify", "-w", workspace, "--json")
    assert (said.code, said.json["verdict"]) == (8, "truncated")
    assert program("ledger", "checkpoint", "-w", workspace).code == 8


def test_the_log_key_is_replaced(program, workspace, tmp_path):
    """Everything verifies under the new key, and an export under both."""
    old = program("ledger", "keys", "-w", workspace).out.strip()
    said = program("ledger", "rotate-key", "-w", workspace, "--json").json
    assert said["retired"] == old
    assert program("ledger", "keys", "-w", workspace, "--json").json == {"current": said["current"], "retired": [old]}
    assert program("ledger", "rotate-key", "-w", workspace).code == 0
    assert program("ledger", "verify", "-w", workspace).code == 0
    export = program("ledger", "export", tmp_path / "e", "-w", workspace)
    keys = program("ledger", "keys", "-w", workspace).out.split()
    assert (len(keys), export.code) == (3, 0)
    assert all(f"--key '{key}'" in export.out for key in keys)
    assert verifier.main([str(tmp_path / "e"), *[word for key in keys for word in ("--key", key)]]) == 0


def test_an_export_is_continued(program, workspace, tmp_path):
    """A second export into the folder adds to it; the entries it says are those that it holds."""
    first = program("ledger", "export", tmp_path / "e", "-w", workspace, "--json").json
    unsigned(workspace)
    second = program("ledger", "export", tmp_path / "e", "-w", workspace, "--json").json
    assert second["entries"] == first["entries"] + 1
    assert second["keys"] == [first["key"]]
    assert verifier.main([str(tmp_path / "e"), "--key", first["key"]]) == 0


def test_a_witness_is_made_and_trusts(program, workspace, tmp_path):
    """Its key is printed once made; it trusts a ledger's key, and nothing that is none."""
    folder = tmp_path / "witness"
    made = program("witness", "init", folder, "--name", "witness.example/w1", "--json").json
    assert made["key"].startswith("witness.example/w1+")
    assert program("witness", "init", folder, "--name", "witness.example/w1").code == 4
    key = program("ledger", "keys", "-w", workspace).out.strip()
    assert program("witness", "trust", folder, key, "--json").json == {"logs": [key.partition("+")[0]]}
    assert program("witness", "trust", folder, key).code == 0
    assert program("witness", "trust", folder, "junk").code == 8
    assert program("witness", "trust", tmp_path, key).code == 4
    assert program("witness", "init", tmp_path / "other", "--name", "with space").code == 4
    assert program("witness", "init", tmp_path / "another", "--name", "w").code == 0


def start(*arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "sottovoce", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=30)


@pytest.mark.parametrize("seconds", [0.05])
def test_checkpoints_are_kept_until_interrupted(program, workspace, seconds):
    """`checkpoint --watch` signs what others append, and ends on Ctrl-C."""
    policy = workspace / "policy.yaml"
    policy.write_text(f"{policy.read_text()}\nledger: {{checkpoint_seconds: {seconds}}}\n", encoding="utf-8")
    watching = start("ledger", "checkpoint", "-w", str(workspace), "--watch")
    assert watching.stdout is not None
    while watching.stdout.readline() != "\n":
        assert watching.poll() is None
    unsigned(workspace)
    deadline = time.monotonic() + 20
    while program("ledger", "verify", "-w", workspace).code != 0:
        assert time.monotonic() < deadline
    assert "Ctrl-C" in ended(watching)[1]
    assert watching.returncode == 0


def test_a_served_witness_cosigns(program, workspace, tmp_path, unused_port):
    """Two commands on one machine and three on the other: the ledger's checkpoint carries the cosignature."""
    folder = str(tmp_path / "witness")
    vkey = program("witness", "init", folder, "--name", "witness.example/w1", "--json").json["key"]
    key = program("ledger", "keys", "-w", workspace).out.strip()
    program("witness", "trust", folder, key)
    serving = start("witness", "serve", folder, "--port", str(unused_port))
    assert serving.stdout is not None
    while "logs" not in serving.stdout.readline():
        assert serving.poll() is None
    policy = workspace / "policy.yaml"
    witness = json.dumps({"url": f"http://127.0.0.1:{unused_port}", "vkey": vkey})
    policy.write_text(f"{policy.read_text()}\nledger: {{witnesses: [{witness}]}}\n", encoding="utf-8")
    deadline = time.monotonic() + 20
    while (said := program("ledger", "checkpoint", "-w", workspace)).code != 0:
        assert time.monotonic() < deadline, said.err
    assert "— witness.example/w1 " in said.out
    program("ledger", "export", tmp_path / "e", "-w", workspace)
    call = [str(tmp_path / "e"), "--key", key]
    assert verifier.main([*call, "--witness", vkey]) == 0
    other = program("witness", "init", tmp_path / "o", "--name", "witness.example/w2", "--json").json["key"]
    assert (
        verifier.main([*call, "--witness", vkey, "--witness", other]) == verifier.EXIT_CODES[verifier.Found.UNWITNESSED]
    )
    assert verifier.main([*call, "--witness", vkey, "--witness", other, "--quorum", "1"]) == 0
    ended(serving)


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
