"""`sottovoce keys`: what a custodian sees and does."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from sottovoce.testing.house import PASSPHRASE
from sottovoce.testing.kms_transit import ROOT_TOKEN, TransitServer
from sottovoce.wiring.workspace import utc_now

MONTH = utc_now().strftime("%Y-%m")
EPOCH = f"{MONTH}.0"


@pytest.fixture
def service():
    with TransitServer(clock=utc_now) as running:
        yield running


def on_transit(workspace: Path, service: TransitServer) -> None:
    """The policy, changed to name a key service."""
    (workspace / "token").write_text(ROOT_TOKEN)
    policy = workspace / "policy.yaml"
    text = policy.read_text()
    before = "keys:\n  passphrase: file:passphrase\n"
    assert before in text
    policy.write_text(text.replace(before, f"keys:\n  provider: transit\n  url: {service.url}\n  token: file:token\n"))


def ledgered(workspace: Path) -> list[tuple[str, str | None, str]]:
    """Every entry about keys: what, of which epoch, how it ended."""
    with sqlite3.connect(workspace / "registry.sqlite") as database:
        leaves = [json.loads(data) for (data,) in database.execute("SELECT data FROM ledger_leaves ORDER BY seq")]
    database.close()
    return [(e["action"], e.get("object"), e["outcome"]) for e in leaves if e["action"].startswith("key.")]


def test_status_counts_and_names_nobody(program, workspace):
    """Epochs, states and counts; no recording, no conversation, no caller."""
    said = program("keys", "status", "-w", workspace, "--json")
    assert said.json["provider"] == "local-file"
    assert said.json["production"] is False
    assert said.json["recordings"] == {"active": 6, "frozen": 0, "shredded": 0}
    assert [(e["epoch"], e["state"], e["provider_key"], e["recordings"]) for e in said.json["epochs"]] == [
        (EPOCH, "active", "active", 6)
    ]
    told = program("keys", "status", "-w", workspace).out
    assert EPOCH in told
    assert "conversation" not in told + said.out


def test_a_new_epoch_stands_in_the_ledger(workspace):
    """With the kind of its provider, and before anything was sealed under it."""
    assert ledgered(workspace)[0] == ("key.created", f"epoch:{MONTH}:g0", "ok")


def test_rolling_kills_older_backups_and_nothing_else(program, workspace, tmp_path):
    """The restored backup opens nothing, even with ring and passphrase; the workspace verifies."""
    shutil.copy(workspace / "keys.sqlite", tmp_path / "backup.sqlite")
    (rolled,) = program("keys", "roll", EPOCH, "-w", workspace, "--json").json
    assert (rolled["survivors_under"], rolled["rewrapped"], rolled["older_backups_dead"]) == (f"{MONTH}.1", 7, "now")
    assert program("corpus", "verify", "-w", workspace, "--json").json["ok"]
    assert ledgered(workspace)[-3:] == [
        ("key.rolled", f"epoch:{MONTH}:g0", "asked"),
        ("key.created", f"epoch:{MONTH}:g1", "ok"),
        ("key.rolled", f"epoch:{MONTH}:g0", "ok"),
    ]
    for log in workspace.glob("keys.sqlite-*"):
        log.unlink()
    shutil.copy(tmp_path / "backup.sqlite", workspace / "keys.sqlite")
    assert program("corpus", "verify", "-w", workspace, "--json").json["samples"] == {"erased": 12}


def test_without_a_name_only_earlier_months_are_rolled(program, workspace):
    """This month's epoch is left to its own time."""
    assert program("keys", "roll", "-w", workspace, "--json").json == []
    assert "by its name" in program("keys", "roll", "-w", workspace).out


def test_rotation_gives_the_epoch_another_key(program, workspace):
    """Everything still opens; the old provider key is destroyed, and the ledger says so."""
    said = program("keys", "rotate", "-w", workspace, "--json").json
    assert (said["epochs"], said["provider_keys_destroyed"], said["moved"]) == (1, 1, [EPOCH])
    assert program("corpus", "verify", "-w", workspace, "--json").json["ok"]
    assert [what for what, _, _ in ledgered(workspace)[-3:]] == ["key.rotated", "key.rotated", "key.destroyed"]


def test_a_workspace_moves_from_the_file_ring_to_a_key_service(program, workspace, service, monkeypatch):
    """Before it moves it refuses and says what to do; afterwards all opens, and the ring's key is gone.

    Whoever copied the ring may know its epoch keys, so nothing is left under them.
    """
    from sottovoce.cli import doctor

    monkeypatch.delitem(doctor.CHECKS, "models")
    on_transit(workspace, service)
    objects = {p.name: p.read_bytes() for p in (workspace / "objects").rglob("*") if p.is_file()}
    monkeypatch.setenv("SOTTOVOCE_PASSPHRASE", PASSPHRASE)
    refused = program("corpus", "verify", "-w", workspace)
    assert refused.code != 0
    assert "sottovoce keys migrate" in program("doctor", "-w", workspace).out

    moved = program("keys", "migrate", "-w", workspace, "--json").json

    assert (moved["moved"], moved["provider_keys_destroyed"]) == ([EPOCH], 1)
    assert program("corpus", "verify", "-w", workspace, "--json").json["ok"]
    assert objects == {p.name: p.read_bytes() for p in (workspace / "objects").rglob("*") if p.is_file()}
    status = program("keys", "status", "-w", workspace, "--json").json
    assert (status["provider"], status["production"]) == ("transit", True)
    assert [(e["state"], e["recordings"]) for e in status["epochs"]] == [("destroyed", 0), ("active", 6)]
    assert program("keys", "migrate", "-w", workspace, "--json").json["moved"] == []
    assert "passphrase" not in program("keys", "status", "-w", workspace).out


def test_a_policy_of_before_may_be_named(program, workspace, service, tmp_path):
    """The provider to come from is read from the policy as it was."""
    shutil.copy(workspace / "policy.yaml", tmp_path / "before.yaml")
    on_transit(workspace, service)
    moved = program("keys", "migrate", "--from", tmp_path / "before.yaml", "-w", workspace, "--json").json
    assert moved["moved"] == [EPOCH]


def test_a_passphrase_is_never_given_on_the_command_line(program, workspace, service):
    """Only where it is."""
    on_transit(workspace, service)
    said = program("keys", "migrate", "--passphrase", PASSPHRASE, "-w", workspace)
    assert said.code == 2
    assert PASSPHRASE not in said.err


def test_doctor_asks_the_key_service(program, workspace, service, monkeypatch):
    """Reachable, the key usable, wrapping and unwrapping allowed; else what is wrong."""
    from sottovoce.cli import doctor

    monkeypatch.delitem(doctor.CHECKS, "models")
    on_transit(workspace, service)
    program("keys", "migrate", "--passphrase", "file:passphrase", "-w", workspace)

    def keys() -> tuple[bool, str]:
        (found,) = [c for c in program("doctor", "-w", workspace, "--json").json if c["check"] == "keys"]
        return found["ok"], found["says"] + found["mend"]

    assert keys() == (True, "transit; 1 living epoch")
    service.sealed = True
    ok, says = keys()
    assert (ok, "E_KEY_UNAVAILABLE" in says) == (False, True)
    service.sealed = False
    service.tokens.clear()
    ok, says = keys()
    assert (ok, "E_KEY_REFUSED" in says, "rights" in says) == (False, True, True)


def test_doctor_finds_a_disabled_key_and_one_being_destroyed(program, workspace, service, monkeypatch):
    """Each with its epoch and what to do."""
    from sottovoce.cli import doctor
    from sottovoce.domain.confidential import Confidential
    from sottovoce.kms.transit import Transit, by_token

    monkeypatch.delitem(doctor.CHECKS, "models")
    on_transit(workspace, service)
    program("keys", "migrate", "--passphrase", "file:passphrase", "-w", workspace)
    transit = Transit.connect(url=service.url, sign_in=by_token(Confidential(ROOT_TOKEN)), clock=utc_now)
    name = service.names[-1]
    for harm, says in ((transit.freeze, "disabled"), (transit.schedule_destroy, "being destroyed")):
        harm(name)
        (found,) = [c for c in program("doctor", "-w", workspace, "--json").json if c["check"] == "keys"]
        assert not found["ok"]
        assert says in found["says"]
        assert f"{MONTH}.1" in found["says"]


def test_destroying_an_epoch_must_be_confirmed_by_its_name(program, workspace):
    """Without it nothing happens, and how many recordings it is about is said."""
    for given in ((), ("--confirm", "2020-01.0")):
        said = program("keys", "destroy-epoch", EPOCH, *given, "-w", workspace)
        assert said.code == 4
        assert "6 recordings" in said.err
    assert program("corpus", "verify", "-w", workspace, "--json").json["ok"]


def test_destroying_an_epoch_erases_what_it_carries_but_not_what_a_hold_keeps(program, workspace):
    """Five of six are erased with a certificate; the held one lives on under another epoch."""
    with sqlite3.connect(workspace / "keys.sqlite") as database:
        (rid,) = database.execute("SELECT rid FROM recording_keys WHERE rid NOT LIKE '#%' LIMIT 1").fetchone()
    database.close()
    with sqlite3.connect(workspace / "registry.sqlite") as database:
        (conversation,) = database.execute("SELECT conversation_id FROM recordings WHERE key = ?", (rid,)).fetchone()
    database.close()
    held = program("retention", "hold", "case-1", "--conversation", conversation, "-w", workspace)
    assert held.code == 0, held.err

    done = program("keys", "destroy-epoch", EPOCH, "--confirm", EPOCH, "-w", workspace, "--json").json

    assert (done["erased"], done["held"], done["older_backups_dead"]) == (5, 1, "now")
    status = program("keys", "status", "-w", workspace, "--json").json
    assert status["recordings"] == {"active": 0, "frozen": 1, "shredded": 5}
    assert [(e["state"], e["recordings"]) for e in status["epochs"]] == [("destroyed", 0), ("active", 1)]
    said = [entry for entry in ledgered(workspace) if entry[0] == "key.destroyed"]
    assert [outcome for _, _, outcome in said] == ["asked", "ok"]


def test_a_workspace_begins_on_a_key_service(program, tmp_path, service):
    """`init --policy` with a provider asks for no passphrase and makes no key ring."""
    root = tmp_path / "w"
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "sources: {r: {kind: folder, path: recordings}}\nlawful_basis: {basis: consent}\n"
        "consent: {wordings: [{version: '1', effective: 2025-01-01}]}\nenvironment: production\n"
        f"keys: {{provider: transit, url: {service.url}, token: file:token}}\n"
    )
    made = tmp_path / "token"
    made.write_text(ROOT_TOKEN)
    root.mkdir()
    shutil.copy(made, root / "token")
    assert program("init", "-w", root, "--policy", policy).code == 0
    assert not (root / "keys.ring").exists()
    assert program("keys", "status", "-w", root, "--json").json["production"] is True
    again = program("init", "-w", tmp_path / "v", "--policy", policy, "--generate-passphrase")
    assert again.code == 4
    assert "key service" in again.err


def test_status_tells_what_is_elsewhere_from_what_is_not_known(program, workspace, service):
    """Before a migration the epoch is under another provider; a key nobody knows is said to be that; an outage is
    an error of its own."""
    on_transit(workspace, service)

    def there() -> str:
        return program("keys", "status", "-w", workspace, "--json").json["epochs"][-1]["provider_key"]

    assert there() == "under another provider"
    assert program("keys", "migrate", "--passphrase", "file:passphrase", "-w", workspace).code == 0
    assert there() == "active"
    service.sealed = True
    said = program("keys", "status", "-w", workspace)
    assert (said.code, "E_KEY_UNAVAILABLE" in said.err) == (7, True)
    service.sealed = False
    service._keys.clear()
    assert there() == "not known there"
