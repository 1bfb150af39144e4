"""Judging a vendor from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sottovoce.cli.main import app
from sottovoce.errors import TruthInvalid

RUN = CliRunner()


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One call of the public kit, to be quick."""
    folder = tmp_path_factory.mktemp("kit") / "kit"
    assert RUN.invoke(app, ["conformance", "make", str(folder)]).exit_code == 0
    calls = json.loads((folder / "truth.json").read_text())
    (folder / "truth.json").write_text(json.dumps([c for c in calls if c["id"] == "call-09"]))
    return folder


def score(kit: Path, redacted: Path, *options: str):
    return RUN.invoke(app, ["conformance", "score", "--truth", str(kit), "--redacted", str(redacted), *options])


def test_the_kit_holds_no_words(kit: Path) -> None:
    """Times and types only."""
    assert '"text"' not in (kit / "truth.json").read_text()


def test_a_clean_redaction_leaves_with_0_and_a_leaking_one_with_1(kit: Path, tmp_path: Path) -> None:
    """So that a build can depend on it."""
    for how, code in (("clean", 0), ("untouched", 1)):
        made = RUN.invoke(app, ["conformance", "sabotage", str(kit), str(tmp_path / how), "--how", how])
        assert made.exit_code == 0
        assert score(kit, tmp_path / how).exit_code == code
    told = score(kit, tmp_path / "untouched").output
    assert "unredacted_copy" in told
    assert "does not conform" in told


def test_json_can_be_piped_and_failures_allowed(kit: Path, tmp_path: Path) -> None:
    """Figures on standard output; an allowed failure is in the file's list and not in the count."""
    RUN.invoke(app, ["conformance", "sabotage", str(kit), str(tmp_path / "m"), "--how", "metadata"])
    assert score(kit, tmp_path / "m", "--json").exit_code == 1
    found = score(kit, tmp_path / "m", "--json", "--allow", "dirty_metadata")
    data = json.loads(found.stdout)
    assert found.exit_code == 0
    assert data["conforms"]
    assert data["files"]["call-09"][0]["failure"] == "dirty_metadata"


def test_wrong_input_is_a_named_error(kit: Path, tmp_path: Path) -> None:
    """No truth, no folder, no such type."""
    assert isinstance(score(tmp_path, tmp_path).exception, TruthInvalid)
    assert isinstance(score(kit, tmp_path / "nowhere").exception, TruthInvalid)
    assert isinstance(score(kit, tmp_path, "--types", "NOTHING").exception, TruthInvalid)
