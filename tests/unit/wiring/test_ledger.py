"""The ledger as a policy composes it: anchors, witnesses over HTTP, and a change of keys that survives a kill."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from sottovoce.errors import LedgerTampered, LedgerUnavailable, PolicyError, WorkspaceError
from sottovoce.ledger.proof import cosigners
from sottovoce.ledger.verifier import Found
from sottovoce.ledger.witness import Witness
from sottovoce.policy.load import parse_policy
from sottovoce.service.witness import SqliteWitnessMemory, WitnessApp
from sottovoce.settings import Workspace
from sottovoce.testing.house import make_test_workspace
from sottovoce.wiring.house import House
from sottovoce.wiring.ledger import cadence, retired_keys, rotate_log_key, tell_unsigned
from sottovoce.wiring.witness import create_witness, open_witness, trust_log

AN_S3_ANCHOR = (
    "{kind: s3, bucket: b, region: eu-west-1, endpoint: 'http://127.0.0.1:1', access_key: 'env:A', secret_key: 'env:A'}"
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_test_workspace(tmp_path / "w", count=1)


def say(workspace: Workspace, ledger: str) -> None:
    """Adds a `ledger` section to the workspace's policy."""
    workspace.policy.write_text(f"{workspace.policy.read_text()}\nledger:\n{ledger}", encoding="utf-8")


@pytest.fixture
def house(workspace: Workspace) -> Iterator[House]:
    made = House(workspace)
    yield made
    made.close()


def test_a_policy_names_anchors(workspace: Workspace, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder below the workspace keeps checkpoints; a bucket out of reach is one anchor too few, unless enough answer."""
    monkeypatch.setenv("A", "x")
    say(workspace, f"  anchors: [{{kind: folder, path: kept}}, {AN_S3_ANCHOR}]\n  anchors_needed: 1\n")
    note = house.ledger.checkpoint()
    assert [path.read_text() for path in (workspace.root / "kept").iterdir()] == [note]
    assert cadence(house.ledger, house.policy).entries == 256
    other = House(workspace)
    workspace.policy.write_text(workspace.policy.read_text().replace("anchors_needed: 1", "anchors_needed: 2"))
    with pytest.raises(LedgerUnavailable):
        other.ledger.checkpoint()
    other.close()


@pytest.mark.parametrize(
    "section",
    [
        "  anchors_needed: 1\n",
        "  witnesses_needed: 1\n",
        "  anchors: [{kind: s3, bucket: b, access_key: 'env:A'}]\n",
        "  anchors: [{kind: tape, path: x}]\n",
        "  witnesses: [{url: 'https://w', vkey: 'not a key'}]\n",
        "  checkpoint_entries: 0\n",
    ],
)
def test_what_cannot_be_is_refused(workspace: Workspace, section: str) -> None:
    """More needed than named, half a credential, unknown kinds and malformed keys are errors of the policy."""
    with pytest.raises(PolicyError):
        parse_policy(f"{workspace.policy.read_text()}\nledger:\n{section}")


@contextmanager
def served(witness: Witness) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(WitnessApp(witness), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def test_witnesses_cosign_over_http(workspace: Workspace, house: House, tmp_path: Path) -> None:
    """A witness of its own, served over HTTP, cosigns what the policy's ledger signs, and no other ledger's."""
    key = create_witness(tmp_path / "witness", name="witness.example/w1")
    with served(open_witness(tmp_path / "witness", memory=SqliteWitnessMemory)) as url:
        say(workspace, f"  witnesses: [{{url: '{url}/', vkey: '{key}'}}]\n")
        with pytest.raises(LedgerUnavailable) as refused:
            house.ledger.checkpoint()
    assert "404" in str(refused.value)
    assert trust_log(tmp_path / "witness", house.ledger.vkey) == (house.origin,)
    witness = open_witness(tmp_path / "witness", memory=SqliteWitnessMemory)
    with served(witness) as url:
        again = re.sub(r"http://[0-9.:]+", url, workspace.policy.read_text())
        workspace.policy.write_text(again)
        other = House(workspace)
        note = other.ledger.checkpoint()
        other.close()
    assert cosigners(note, [each.key for each in witness.cosigners])
    assert other.ledger.verify().found is Found.OK
    other.close()


def test_a_witness_that_is_gone_is_said(workspace: Workspace, house: House, tmp_path: Path) -> None:
    """Nobody at the address: the checkpoint does not count, and a line in the log says so by its code alone."""
    key = create_witness(tmp_path / "witness", name="witness.example/w1")
    say(workspace, f"  witnesses: [{{url: 'http://127.0.0.1:9', vkey: '{key}'}}]\n")
    with pytest.raises(LedgerUnavailable) as failed:
        house.ledger.checkpoint()
    tell_unsigned(failed.value)


def test_a_witness_needs_its_folder(tmp_path: Path) -> None:
    """No witness there, a name that is none, a key that is none: each says so."""
    with pytest.raises(WorkspaceError):
        trust_log(tmp_path, "x")
    with pytest.raises(WorkspaceError):
        create_witness(tmp_path / "a", name="with space")
    create_witness(tmp_path / "a", name="w")
    with pytest.raises(WorkspaceError):
        create_witness(tmp_path / "a", name="w")
    with pytest.raises(LedgerTampered):
        trust_log(tmp_path / "a", "not a vkey")


def test_the_log_key_is_changed(workspace: Workspace, house: House) -> None:
    """The new key takes the old one's file; the old one's public half is kept, and everything goes on verifying."""
    house.ledger.checkpoint()
    old = house.signer.vkey
    first, new = rotate_log_key(house.ledger, workspace=workspace, actor="operator")
    assert (first, new == old) == (old, False)
    again = House(workspace)
    assert again.ledger.vkeys == (new, old)
    again.ledger.checkpoint()
    assert again.ledger.verify().found is Found.OK
    assert not (workspace.root / "log.key.next").exists()
    rotate_log_key(again.ledger, workspace=workspace, actor="operator")
    third = House(workspace)
    assert len(third.ledger.vkeys) == 3
    assert third.ledger.verify().found is Found.OK
    again.close()
    third.close()


@pytest.mark.parametrize("killed_at", ["drawn", "signed", "written"])
def test_a_killed_change_is_finished_by_doing_it_again(
    workspace: Workspace, house: House, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    """Killed after the key was drawn, the change signed, or the retired key written: the same key comes in."""
    house.ledger.checkpoint()
    old = house.signer.vkey

    class Killed(BaseException):
        pass

    def kill(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        if killed_at == "drawn":
            patched.setattr("sottovoce.ledger.ledger.Ledger.rotate", kill)
        elif killed_at == "signed":
            patched.setattr("sottovoce.wiring.ledger._write_vkeys", kill)
        else:
            patched.setattr("pathlib.Path.replace", lambda self, to: kill() if "next" in self.name else self.rename(to))
        with pytest.raises(Killed):
            rotate_log_key(house.ledger, workspace=workspace, actor="operator")
    following = (workspace.root / "log.key.next").read_bytes()
    between = House(workspace)
    _, new = rotate_log_key(between.ledger, workspace=workspace, actor="operator")
    assert workspace.log_key.read_bytes() == following
    after = House(workspace)
    assert after.ledger.vkeys == (new, old)
    after.ledger.checkpoint()
    assert after.ledger.verify().found is Found.OK
    between.close()
    after.close()


def test_a_damaged_list_of_retired_keys_is_refused(workspace: Workspace) -> None:
    """log.vkeys that cannot be read is not taken for empty."""
    (workspace.root / "log.vkeys").write_text("damaged\n", encoding="utf-8")
    with pytest.raises(WorkspaceError):
        retired_keys(workspace)
