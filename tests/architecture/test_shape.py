"""The house keeps its shape."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "sottovoce"
FILES = sorted(SOURCE.rglob("*.py"))


def test_every_module_says_what_it_is_for():
    """Each module opens with a docstring."""
    bare = [p.relative_to(SOURCE).as_posix() for p in FILES if not ast.get_docstring(ast.parse(p.read_text()))]
    assert bare == []


def test_no_room_is_called_after_nothing():
    """There is no utils, helpers, common, base or manager."""
    named = {p.stem for p in FILES} | {p.name for p in SOURCE.rglob("*") if p.is_dir()}
    assert named & {"utils", "helpers", "common", "base", "manager", "misc"} == set()


def test_files_stay_readable():
    """No file grows past 400 lines."""
    long = {p.relative_to(SOURCE).as_posix(): n for p in FILES if (n := len(p.read_text().splitlines())) > 400}
    assert long == {}


def test_nothing_is_left_for_later():
    """No TODO, FIXME or XXX is committed."""
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    assert [p.name for p in FILES if marks.search(p.read_text())] == []


@pytest.mark.parametrize("folder", ["src", "tests", "scripts", "benchmarks", "docs"])
def test_no_path_of_a_developers_machine(folder):
    """The repository names no one's home folder."""
    marks = re.compile(r"/(work/main|root/|home/[a-z]+/|Users/[A-Z])")
    texts = [p for p in (ROOT / folder).rglob("*") if p.suffix in {".py", ".md", ".json", ".yaml", ".toml"}]
    mine = Path(__file__).resolve()
    assert [p.name for p in texts if p.resolve() != mine and marks.search(p.read_text(encoding="utf-8"))] == []


def test_doubles_are_real_small_implementations():
    """No test reaches for unittest.mock."""
    tests = [p for p in (ROOT / "tests").rglob("*.py") if p.resolve() != Path(__file__).resolve()]
    assert [p.name for p in tests if "unittest.mock" in p.read_text() or "MagicMock" in p.read_text()] == []
