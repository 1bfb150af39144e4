"""What every command shares: usage, versions, completion, errors of one line."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.main import get_command

from sottovoce import __version__
from sottovoce.cli.main import app

GROUPS = ("policy", "corpus", "ledger", "lineage")


def leaves(command, path=()):
    for name, below in getattr(command, "commands", {}).items():
        if hasattr(below, "commands"):
            yield from leaves(below, (*path, name))
        else:
            yield (*path, name), below


COMMANDS = dict(leaves(get_command(app)))


def test_it_names_its_version(program):
    """--version is one line."""
    assert program("--version").out == f"sottovoce {__version__}\n"


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_and_answers_json(program, path):
    """Each command has help that says what it does, a help text to each parameter, and --json."""
    said = program(*path, "--help")
    assert said.code == 0
    assert COMMANDS[path].help
    assert all(getattr(p, "help", None) for p in COMMANDS[path].params)
    assert "--json" in {option for p in COMMANDS[path].params for option in p.opts}


@pytest.mark.parametrize(
    "arguments",
    [
        ("nope",),
        ("redact",),
        ("redact", "missing.wav", "-o", "out.wav"),
        ("redact", ".", "--policy", "missing.yaml", "--plan"),
        ("--log-level", "loud", "plan"),
        ("erase",),
        ("erase", "--conversation", "a", "--customer", "-"),
        ("erase", "--customer", "missing.txt"),
        ("ledger", "verify", "--anchor", "missing"),
        ("corpus", "open", "0" * 32, "--json"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(program, tmp_path, monkeypatch, arguments):
    """What is wrong with the call is said on standard error, and nothing is made."""
    monkeypatch.chdir(tmp_path)
    said = program(*arguments)
    assert (said.code, said.out) == (2, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [("plan",), ("run",), ("doctor",), ("corpus", "list"), ("ledger", "verify"), ("lineage", "members")]
)
def test_without_a_workspace_the_hint_says_how_to_make_one(program, tmp_path, arguments):
    """Exit code 4, one line and a hint, and no folder made by asking."""
    said = program(*arguments, "-w", tmp_path / "w", "--json")
    assert (said.code, said.out) == (4, "")
    assert said.err.splitlines()[0].startswith("E_WORKSPACE ")
    assert "sottovoce init" in said.err
    assert not (tmp_path / "w").exists()


def test_a_surprise_is_one_line_without_its_words(program, workspace):
    """An error nobody foresaw is named by type and place: its message may hold anything."""
    (workspace / "token.key").write_text("four one one one")
    said = program("plan", "-w", workspace)
    assert said.code in {1, 4}
    assert "four" not in said.err + said.out
    assert len([line for line in said.err.splitlines() if line.startswith("E_")]) == 1


def test_the_shell_can_complete_it():
    """Completion scripts are printed by the installed program."""
    environment = {"_SOTTOVOCE_COMPLETE": "complete_bash", "COMP_WORDS": "sottovoce led", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv[0] = 'sottovoce'; from sottovoce.cli.main import main; main()"],
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.stdout.split() == [b"ledger"]
