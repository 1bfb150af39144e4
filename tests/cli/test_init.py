"""`sottovoce init` makes a workspace whole, or not at all."""

from __future__ import annotations

import stat

import pytest

PRIVATE = ("keys.ring", "log.key", "token.key", "policy.yaml", "registry.sqlite", "keys.sqlite")


def test_a_workspace_is_made_with_files_of_its_owner_only(program, tmp_path, monkeypatch):
    """With a passphrase from the environment; the passphrase is kept nowhere."""
    monkeypatch.setenv("SOTTOVOCE_PASSPHRASE", "a passphrase for a test")
    said = program("init", "-w", tmp_path / "w", "--json")
    assert said.code == 0
    assert set(said.json) == {"workspace", "policy", "policy_digest", "ledger_key"}
    assert all(stat.S_IMODE((tmp_path / "w" / name).stat().st_mode) == 0o600 for name in PRIVATE)
    assert (tmp_path / "w" / "recordings").is_dir()
    held = [p for p in (tmp_path / "w").rglob("*") if p.is_file() and b"a passphrase for a test" in p.read_bytes()]
    assert held == []


def test_a_drawn_passphrase_is_kept_for_trials(program, tmp_path):
    """--generate-passphrase keeps it beside the ring, for its owner only, and the policy refers to it."""
    assert program("init", "-w", tmp_path, "--generate-passphrase").code == 0
    assert stat.S_IMODE((tmp_path / "passphrase").stat().st_mode) == 0o600
    assert "passphrase: file:passphrase" in (tmp_path / "policy.yaml").read_text()


@pytest.mark.parametrize("passphrase", ["", "short"])
def test_without_a_good_passphrase_nothing_is_made(program, tmp_path, monkeypatch, passphrase):
    """A missing or short passphrase leaves no folder behind, and says what to do."""
    monkeypatch.setenv("SOTTOVOCE_PASSPHRASE", passphrase)
    said = program("init", "-w", tmp_path / "w")
    assert said.code in {4, 7}
    assert len(said.err.splitlines()) == 2
    assert not (tmp_path / "w").exists()


def test_what_was_in_the_folder_stays_when_init_fails(program, tmp_path, monkeypatch):
    """Only what init itself made is taken back."""
    monkeypatch.setenv("SOTTOVOCE_PASSPHRASE", "short")
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "call.wav").touch()
    assert program("init", "-w", tmp_path).code == 7
    assert [p.name for p in tmp_path.iterdir()] == ["recordings"]
    assert (tmp_path / "recordings" / "call.wav").exists()


def test_a_second_init_changes_nothing(program, workspace):
    """A folder with a workspace is refused as it is."""
    before = (workspace / "policy.yaml").read_bytes(), (workspace / "keys.ring").read_bytes()
    said = program("init", "-w", workspace, "--generate-passphrase")
    assert said.code == 4
    assert "already" in said.err
    assert before == ((workspace / "policy.yaml").read_bytes(), (workspace / "keys.ring").read_bytes())


def test_a_wrong_policy_makes_no_workspace(program, tmp_path):
    """The error names the line; a policy that is not there is a usage error."""
    (tmp_path / "bad.yaml").write_text('version: "1"\nfoo: bar\n')
    said = program("init", "-w", tmp_path / "w", "--generate-passphrase", "--policy", tmp_path / "bad.yaml")
    assert said.code == 3
    assert "line 2" in said.err
    assert not (tmp_path / "w").exists()
    assert program("init", "-w", tmp_path / "w", "--policy", tmp_path / "none.yaml").code == 2
