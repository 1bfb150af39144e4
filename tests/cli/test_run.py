"""`run`, `worker`, `erase`, `sandbox`: what changes a workspace, and how it is told."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from sottovoce.cli import run as command
from sottovoce.ledger import verifier
from sottovoce.testing.house import make_test_workspace

QUICK_WORKER = Path(__file__).parents[1] / "chaos" / "quick_worker.py"


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """Three recordings nobody has looked at, one of them cut off; workers with quick rooms."""
    workspace = make_test_workspace(tmp_path / "w", count=3)
    cut = workspace.root / "calls" / "call-0002.wav"
    whole = cut.read_bytes()
    cut.write_bytes(whole[:9000])
    monkeypatch.setattr(
        command,
        "worker_command",
        lambda house, slot: [sys.executable, str(QUICK_WORKER), str(house.workspace.root), str(slot)],
    )
    return workspace.root, cut, whole


def test_a_run_twice_and_a_retry(program, fresh):
    """New recordings end once; a second run finds nothing new; what is mended is sealed by --retry."""
    root, cut, whole = fresh
    first = program("run", "-w", root, "--workers", "2", "--json").json
    assert first["by_status"] == {"sealed": 2, "quarantined": 1}
    assert first["by_reason"] == {"MEDIA_TRUNCATED": 1}
    assert first["removed_s"]["CREDIT_DEBIT_NUMBER"] > 2
    second = program("run", "-w", root)
    assert "Nothing new" in second.out
    assert second.code == 0
    assert re.search(r"decided before +3\n", second.out)
    cut.write_bytes(whole)
    third = program("run", "-w", root, "--retry", "--json").json
    assert (third["by_status"], third["decided_before"]) == ({"sealed": 1}, 2)
    assert program("ledger", "verify", "-w", root, "--json").json["verdict"] == "ok"


def test_a_run_tells_people_what_came_of_it(program, fresh):
    """Counts, reasons, seconds by entity and the way to try again; nothing sensitive in it or in logs."""
    root, _, _ = fresh
    said = program("run", "-w", root, "--workers", "1")
    for told in ("sealed", "quarantined", "MEDIA_TRUNCATED", "CREDIT_DEBIT_NUMBER", "--retry"):
        assert told in said.out
    logs = "".join(path.read_text() for path in (root / "logs").iterdir())
    assert not any(secret in said.out + said.err + logs for secret in ("1202555", "conversation-0", "Traceback"))


def test_a_ring_that_does_not_open_ends_the_run(program, fresh):
    """A wrong passphrase is said before any work, with its own code; nothing is decided then."""
    root, _, _ = fresh
    (root / "passphrase").write_text("another passphrase")
    said = program("run", "-w", root, "--json")
    assert (said.code, said.out) == (7, "")
    assert not (root / "logs").exists()
    assert program("ledger", "verify", "-w", root, "--json").json["entries"] == 0


def test_a_conversation_is_erased_once_and_certified(program, workspace, tmp_path):
    """The certificate convinces the offline verifier; asking again finds nothing; the samples are gone."""
    key = program("ledger", "export", tmp_path / "e", "-w", workspace, "--json").json["key"]
    certificate = tmp_path / "certificate.note"
    erase = ("erase", "-w", workspace, "--conversation", "conversation-0001")
    done = program(*erase, "--by", "dpo-1", "--certificate", certificate, "--json").json
    assert (len(done["recordings"]), done["samples_erased"], done["complete"]) == (1, 2, True)
    assert verifier.main([str(certificate), "--vkey", key]) == 0
    again = program(*erase, "--certificate", tmp_path / "second.note")
    assert (again.code, "Nothing is kept" in again.out) == (0, True)
    assert not (tmp_path / "second.note").exists()
    verified = program("corpus", "verify", "-w", workspace, "--json").json
    assert verified["samples"] == {"sound": 10, "erased": 2}
    erased = [
        s["corpusId"] for s in program("corpus", "show", "-w", workspace, "--json").json["samples"] if s["erased"]
    ]
    said = program("corpus", "open", erased[0], "-w", workspace, "-o", tmp_path / "x.flac")
    assert said.code in {7, 8}
    assert not (tmp_path / "x.flac").exists()


@pytest.mark.parametrize("given", ["-", "file"])
def test_a_customer_is_named_in_a_file_or_on_standard_input(program, workspace, tmp_path, given):
    """The number stands on no command line and in no answer."""
    (tmp_path / "number").write_text("+1 202 555 0003\n")
    where, stdin = ("-", b"+12025550003\n") if given == "-" else (tmp_path / "number", b"")
    said = program("erase", "-w", workspace, "--customer", where, "--json", stdin=stdin)
    assert len(said.json["recordings"]) == 1
    assert "0003" not in json.dumps({k: v for k, v in said.json.items() if k not in {"certificate", "opening"}})


@pytest.mark.parametrize("stdin", [b"", b"\xff\xfe\x00", b"   \n"])
def test_no_number_is_no_erasure(program, workspace, stdin):
    """Nothing readable: an error or nothing found, and the corpus is as it was."""
    program("erase", "-w", workspace, "--customer", "-", stdin=stdin)
    assert program("corpus", "verify", "-w", workspace, "--json").json["samples"] == {"sound": 12}


def test_a_certificate_that_cannot_be_written_stops_the_erasure(program, workspace, tmp_path):
    """What it says can be said only once, so it is known beforehand where it goes."""
    said = program(
        "erase", "-w", workspace, "--conversation", "conversation-0001", "--certificate", tmp_path / "none" / "c.note"
    )
    assert said.code == 4
    assert program("corpus", "verify", "-w", workspace, "--json").json["samples"] == {"sound": 12}


def test_why_is_a_code(program, workspace):
    """Prose would carry names into the ledger: refused before anything is destroyed."""
    said = program("erase", "-w", workspace, "--conversation", "conversation-0001", "--why", "Ms. Doe asked")
    assert said.code == 8
    assert "Doe" not in said.err
    assert program("corpus", "verify", "-w", workspace, "--json").json["samples"] == {"sound": 12}


def test_the_sandbox_says_where_it_is_and_leaves_when_told(program):
    """JSON once it serves; a second one on its port is an error; SIGTERM is a good end."""
    started = [sys.executable, "-m", "sottovoce", "sandbox", "--port", "18790", "--media-port", "18791", "--json"]
    with subprocess.Popen(started, stdout=subprocess.PIPE) as process:
        try:
            lines = iter(process.stdout.readline, b"}\n")
            where = json.loads(b"".join([*lines, b"}"]))
            assert httpx.get(f"{where['api_url']}/api/v2/nothing").status_code in {401, 404}
            said = program("sandbox", "--port", "18790", "--media-port", "18791")
            assert (said.code, said.out) == (9, "")
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.mark.parametrize("fault", ["truncated", "truncated=-1", "truncatd=1", "truncated=1@nobody", "=1"])
def test_the_sandbox_takes_no_fault_that_is_none(program, fault):
    """A misspelled fault, a call that is not there: an error before anything is served."""
    said = program("sandbox", "--port", "18792", "--media-port", "18793", "--fault", fault)
    assert said.code == 2


def test_a_demo_replaces_nothing_but_a_demo(program, workspace):
    """A folder that is not a demo's is left as it is."""
    before = sorted(p.name for p in workspace.iterdir())
    said = program("demo", "--into", workspace)
    assert said.code == 4
    assert sorted(p.name for p in workspace.iterdir()) == before
