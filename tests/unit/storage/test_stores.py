"""Object stores: what is particular to a folder, and to opening one."""

from __future__ import annotations

import os
import stat

import pytest
from obstore.store import LocalStore

from sottovoce.errors import ObjectMissing, PolicyError, StorageError, WorkspaceError
from sottovoce.policy.model import Storage
from sottovoce.storage.open_store import open_store
from sottovoce.storage.stores import CloudStore, FolderStore


@pytest.fixture
def store(tmp_path):
    return FolderStore(root=tmp_path / "deep" / "objects")


@pytest.fixture
def root(tmp_path):
    return tmp_path / "deep" / "objects"


def files(root):
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())


def test_files_and_folders_are_for_their_owner_alone(store, root):
    """Mode 0600 and 0700."""
    store.put("ab/cd", b"1")
    assert stat.S_IMODE((root / "ab" / "cd").stat().st_mode) == 0o600
    assert stat.S_IMODE((root / "ab").stat().st_mode) == 0o700


def test_nothing_but_the_object_is_left(store, root):
    """No temporary file after a put."""
    store.put("ab/cd", os.urandom(100_000))
    assert files(root) == ["ab/cd"]


def test_a_full_disk_is_a_named_error_and_loses_nothing(store, root, no_room):
    """What was there before stays, nothing half-written is left, and a retry completes."""
    store.put("ab/cd", b"before")
    with no_room(), pytest.raises(StorageError, match="is full") as failure:
        store.put("ab/cd", os.urandom(100_000))
    assert failure.value.retryable
    assert "space" in failure.value.hint
    assert failure.value.__suppress_context__
    assert (files(root), store.get("ab/cd")) == (["ab/cd"], b"before")
    store.put("ab/cd", b"after")
    assert store.get("ab/cd") == b"after"


def test_remains_of_a_killed_write_are_listed_and_deleted_with_their_object(store, root):
    """A worker that died while writing leaves a part; erasure finds it under the object's name."""
    (root / "ab").mkdir()
    (root / "ab" / "cd.4711.part").write_bytes(b"half")
    assert list(store.list("ab")) == ["ab/cd"]
    with pytest.raises(ObjectMissing):
        store.get("ab/cd")
    store.delete("ab/cd")
    assert files(root) == []


def test_a_folder_that_cannot_be_written_is_a_named_error(store, root):
    """A file where a folder should be."""
    (root / "ab").write_bytes(b"")
    with pytest.raises(StorageError, match="failed"):
        store.put("ab/cd", b"1")


def test_a_link_in_the_way_of_a_write_is_replaced_and_not_followed(store, root, tmp_path):
    """An object never lands where a link points."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"mine")
    (root / "x").symlink_to(elsewhere)
    store.put("x", b"1")
    assert elsewhere.read_bytes() == b"mine"
    assert not (root / "x").is_symlink()


def test_an_unwritable_store_says_permission(store, root, monkeypatch):
    """A refusal of the system is told apart from a failure."""

    def refuse(*_args, **_fields):
        raise PermissionError

    monkeypatch.setattr("sottovoce.storage.stores.write_durably", refuse)
    with pytest.raises(StorageError, match="refuses access"):
        store.put("x", b"1")


@pytest.mark.parametrize(("url", "where"), [("file:objects", "objects"), ("file:a/b", "a/b"), ("file:{}/abs", "abs")])
def test_a_folder_lies_below_the_workspace_unless_its_path_is_whole(tmp_path, url, where):
    """`file:objects` is the default."""
    open_store(Storage(url=url.format(tmp_path)), base=tmp_path).put("x", b"1")
    assert (tmp_path / where / "x").read_bytes() == b"1"


@pytest.mark.parametrize("url", ["", "file:", "objects", "ftp://host/x", "s3:", "s3:///prefix", "http://bucket"])
def test_a_url_of_no_store_is_a_policy_error(tmp_path, url):
    """With what to write instead."""
    with pytest.raises(PolicyError, match="names no store") as refusal:
        open_store(Storage(url=url), base=tmp_path)
    assert "s3://" in refusal.value.hint


def test_a_backend_that_says_not_found_on_deleting_is_understood(tmp_path):
    """Some services answer 404 where others say nothing: it is gone either way."""
    backend = CloudStore(backend=LocalStore(tmp_path), scheme="file", labelled=False)
    backend.delete("never/there")
    assert not backend.exists("never/there")


@pytest.mark.parametrize(("url", "scheme"), [("file:objects", "file"), ("memory:", "memory"), ("s3://bucket", "s3")])
def test_a_store_says_what_it_is(tmp_path, url, scheme):
    """For receipts and `doctor`."""
    assert open_store(Storage(url=url), base=tmp_path).scheme == scheme


def test_plain_http_needs_an_endpoint_that_says_so(tmp_path):
    """Without http:// in the endpoint nothing is sent in the clear."""
    plain = open_store(Storage(url="s3://b", endpoint="http://127.0.0.1:9"), base=tmp_path)
    default = open_store(Storage(url="s3://b", endpoint="https://127.0.0.1:9"), base=tmp_path)
    assert plain._backend.client_options["allow_http"] in {True, "true"}
    assert default._backend.client_options["allow_http"] in {False, "false"}


def test_credentials_come_by_reference(tmp_path, monkeypatch):
    """A reference that leads nowhere is named; its value never is."""
    monkeypatch.delenv("NO_SUCH_SECRET", raising=False)
    policy = Storage(url="s3://b", access_key="env:NO_SUCH_SECRET", secret_key="env:NO_SUCH_SECRET")
    with pytest.raises(WorkspaceError, match="NO_SUCH_SECRET"):
        open_store(policy, base=tmp_path)


def test_a_deletion_that_may_not_last_is_not_claimed(store, root, monkeypatch):
    """Unlinked, and the folder could not be flushed: after a power cut it might be there again."""
    store.put("ab/cd", b"1")

    def fail(_folders):
        raise OSError(5, "I/O error")

    monkeypatch.setattr("sottovoce.storage.stores.sync_folders", fail)
    assert {name: each.code for name, each in store.delete_all(["ab/cd"]).items()} == {"ab/cd": "E_STORAGE"}
    with pytest.raises(StorageError, match="failed"):
        store.delete("ab/cd")
