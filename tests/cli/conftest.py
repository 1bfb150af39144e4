"""The program as a user has it: arguments in; exit code, standard output and standard error out."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sottovoce.cli.main import main
from sottovoce.testing.house import carry_all, make_test_workspace, quick_house, settle_all

RECORDINGS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one call of the program came to."""

    code: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        return self.raw.decode()

    @property
    def json(self) -> Any:
        """Standard output is pure JSON."""
        assert self.raw, self.err
        return json.loads(self.raw)


class Program:
    """`program("corpus", "list")` is `sottovoce corpus list`, in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, *arguments: object, stdin: bytes = b"") -> Said:
        out, err = io.TextIOWrapper(io.BytesIO(), write_through=True), io.StringIO()
        self._monkeypatch.setattr(sys, "argv", ["sottovoce", *map(str, arguments)])
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = _ended()
        said = Said(code=code, raw=out.buffer.getvalue(), err=err.getvalue())  # type: ignore[attr-defined]
        assert "Traceback" not in said.err
        return said


def _ended() -> int:
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    monkeypatch.delenv("SOTTOVOCE_PASSPHRASE", raising=False)
    monkeypatch.delenv("SOTTOVOCE_WORKSPACE", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    yield Program(monkeypatch)


@pytest.fixture(scope="session")
def _carried(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six tiny recordings, sealed and released as corpus/v1."""
    root = tmp_path_factory.mktemp("cli") / "w"
    house = quick_house(make_test_workspace(root, count=RECORDINGS))
    assert set(carry_all(house, settle_all(house)).values()) == {"sealed"}
    house.corpus.releaser.release(actor="test")
    house.ledger.checkpoint()
    house.close()
    return root


@pytest.fixture
def workspace(_carried: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed at will."""
    return Path(shutil.copytree(_carried, tmp_path / "w"))
