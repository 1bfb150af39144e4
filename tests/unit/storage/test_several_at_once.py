"""Several objects kept in one go: a folder's are flushed side by side, and named together."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from sottovoce.errors import StorageError
from sottovoce.storage.protocol import Put, PutsMany, WritesPieces
from sottovoce.storage.stores import FolderStore, keep_all, memory_store
from sottovoce.testing.stores import LyingStore


@pytest.fixture
def store(tmp_path):
    return FolderStore(root=tmp_path / "objects")


def files(tmp_path):
    return sorted(p.relative_to(tmp_path / "objects").as_posix() for p in tmp_path.rglob("*") if p.is_file())


def puts(*names: str) -> list[Put]:
    return [Put(name=name, data=name.encode(), digest="") for name in names]


def test_only_a_folder_is_written_piece_by_piece(store):
    """What another program answers for is given whole, and read back."""
    assert isinstance(store, WritesPieces)
    assert not isinstance(memory_store(), WritesPieces)
    assert isinstance(memory_store(), PutsMany)
    assert not isinstance(LyingStore(inner=store, lie=lambda data: data), WritesPieces | PutsMany)


def test_objects_have_their_names_when_all_are_written(store, tmp_path):
    """Not before; for their owner alone; and whole."""
    with store.writing() as begin:
        for name in ("a/1", "a/2", "b/3"):
            with begin(name) as write:
                write(memoryview(b"piece "))
                write(memoryview(b"by piece"))
        assert not store.exists("a/1")
    assert files(tmp_path) == ["a/1", "a/2", "b/3"]
    assert store.get("b/3") == b"piece by piece"
    assert stat.S_IMODE((tmp_path / "objects" / "a" / "1").stat().st_mode) == 0o600


def test_after_an_error_nothing_is_left(store, tmp_path):
    """Neither the one that failed nor those before it; what had a name keeps its bytes."""
    store.put("a/1", b"before")

    def fail():
        with store.writing() as begin:
            with begin("a/1") as write:
                write(memoryview(b"after"))
            with begin("a/2") as write:
                write(memoryview(b"half"))
                raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (files(tmp_path), store.get("a/1")) == (["a/1"], b"before")


def test_a_full_disk_leaves_nothing_and_says_so(store, tmp_path, no_room):
    """Named as for one object."""

    def fill():
        with store.writing() as begin, begin("a/1") as write:
            write(memoryview(bytes(100_000)))

    with no_room(), pytest.raises(StorageError, match="is full"):
        fill()
    assert files(tmp_path) == []


def test_no_name_leads_elsewhere(store):
    """As for one object."""

    def escape():
        with store.writing() as begin, begin("../x"):
            pass

    with pytest.raises(ValueError, match="name"):
        escape()


def test_several_are_kept_and_each_is_read_back():
    """By a store that takes several, and by one that does not."""
    store = memory_store()
    keep_all(store, puts("a", "b", "c"))
    assert store.get("b") == b"b"
    keep_all(LyingStore(inner=store, lie=lambda data: data), puts("d", "e"))
    assert store.get("e") == b"e"
    with pytest.raises(StorageError, match="did not keep"):
        keep_all(LyingStore(inner=store, lie=lambda data: None if data == b"g" else data), puts("f", "g"))


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_flush_that_fails_leaves_none_of_them(store, tmp_path, monkeypatch, failing):
    """Whichever of them it is, and however late: what cannot survive a power cut was not kept."""
    flushed = []

    def fsync(handle: int) -> None:
        flushed.append(handle)
        if len(flushed) == failing:
            raise OSError(5, "I/O error")

    def keep_three():
        with store.writing() as begin:
            for name in ("a/1", "a/2", "a/3"):
                with begin(name) as write:
                    write(memoryview(b"x"))

    (tmp_path / "objects" / "a").mkdir()
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr("sottovoce.durable.os.fsync", fsync)
    with pytest.raises(StorageError, match="failed"):
        keep_three()
    assert files(tmp_path) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before
