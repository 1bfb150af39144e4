"""Many files on many processes: what kills one process is named, and costs nothing else."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from sottovoce.cli.batch import Item, Result, partial_of, workers_for
from sottovoce.cli.crew import treat_all
from sottovoce.errors import ModelError


def ready(*, works: bool = True) -> None:
    if not works:
        raise ModelError("there is no model", hint="get one")


def unready() -> None:
    ready(works=False)


def treat(item: Item) -> Result:
    """Kills its process in the middle of writing when the file is called so."""
    if item.source.name.startswith("deadly"):
        partial_of(item.target).write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    item.target.write_bytes(b"whole")
    if item.source.name.startswith("meets"):
        _wait_for(item.target.with_name(item.source.name.removeprefix("meets-")))
    return Result(source=item.source.name, target=str(item.target), reason=None, facts={"process": os.getpid()})


def _wait_for(other: Path) -> None:
    """Until another process has written its file: only two at once can pass."""
    until = time.monotonic() + 60
    while not other.exists() and time.monotonic() < until:
        time.sleep(0.01)


def todo(folder: Path, *names: str) -> list[Item]:
    return [Item(source=Path(name), target=folder / name, relative=Path(name)) for name in names]


def treated(items: list[Item], prepare=ready) -> list[Result]:
    return treat_all(treat, items, prepare=prepare, settings=(), workers=2, title="treating", quiet=True)


def test_what_kills_its_process_is_named_and_the_others_are_done(tmp_path):
    """In the order given, with nothing of the deadly ones left."""
    names = ["a", "deadly-1", "b", "c", "deadly-2", "d"]
    results = treated(todo(tmp_path, *names))
    assert [r.reason for r in results] == [None, "E_PROCESS_DIED", None, None, "E_PROCESS_DIED", None]
    assert {p.name for p in tmp_path.iterdir()} == {"a", "b", "c", "d"}


def test_a_single_deadly_file_is_named_too(tmp_path):
    """The program itself survives it."""
    (result,) = treated(todo(tmp_path, "deadly"))
    assert result.reason == "E_PROCESS_DIED"
    assert list(tmp_path.iterdir()) == []


def test_two_processes_share_the_work(tmp_path):
    """Neither this process nor one alone does it all."""
    results = treated(todo(tmp_path, "meets-b", "b"))
    workers = {r.facts["process"] for r in results}
    assert len(workers) == 2
    assert os.getpid() not in workers


def test_a_process_that_cannot_be_ready_says_why(tmp_path):
    """Its own error with its hint, not that of a broken pool."""
    with pytest.raises(ModelError, match="no model") as raised:
        treated(todo(tmp_path, "a", "b"), prepare=unready)
    assert raised.value.hint == "get one"
    assert list(tmp_path.iterdir()) == []


def test_there_are_never_more_processes_than_files():
    """And one at least."""
    assert workers_for(8, 3) == 3
    assert workers_for(None, 0) == 1
