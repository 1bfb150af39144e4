"""Where ciphertext lies: a local folder, memory, or S3, through obstore; Google and Azure by the same class.

A folder is written by us, because obstore does not fsync: temporary name, fsync, rename, folder fsync. On S3
an object carries its tags and metadata in the same request, and SSE-KMS headers where a key is named.
Object Lock headers cannot be set through obstore (they would have to be signed): set the bucket's default
retention instead.

`keep` believes no store: it reads back what was put. Errors never repeat a store's own words, which hold
addresses and paths.
"""

from __future__ import annotations

import errno
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, MemoryStore
from obstore.store import ObjectStore as Backend

from sottovoce.durable import PART, sync_folder, sync_folders, write_durably
from sottovoce.errors import ObjectMissing, StorageError, StorageRefused
from sottovoce.storage.protocol import UNLABELLED, ObjectLabels, ObjectStore

_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")
_BULK: Final = 1000
"""What S3's DeleteObjects takes at once (Amazon S3 API Reference); obstore cuts smaller where it must."""
_PATIENCE: Final = 3
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def keep(store: ObjectStore, name: str, data: bytes, *, labels: ObjectLabels = UNLABELLED) -> str:
    """Puts, reads back and compares; answers the SHA-256 of what is there now.

    StorageError when the store kept nothing, or something else, whatever it answered.
    """
    store.put(name, data, labels=labels)
    try:
        if store.get(name) == data:
            return hashlib.sha256(data).hexdigest()
    except ObjectMissing:
        pass
    raise StorageError("the object store did not keep what it was given", hint="check the store, then try again")


class CloudStore:
    """An `ObjectStore` over any obstore backend. Only S3-like backends take `labelled`."""

    def __init__(self, *, backend: Backend, scheme: str, labelled: bool) -> None:
        self._backend = backend
        self._scheme = scheme
        self._labelled = labelled

    @property
    def scheme(self) -> str:
        return self._scheme

    def put(self, name: str, data: bytes, *, labels: ObjectLabels = UNLABELLED) -> None:
        tags, metadata = (dict(labels.tags), dict(labels.metadata)) if self._labelled else ({}, {})
        try:
            with _failures_named():
                obstore.put(self._backend, checked(name), data, tags=tags or None, attributes=metadata or None)
        except ObjectMissing:
            raise StorageError(
                "the object store has no such place", hint="check the bucket's name in storage.url"
            ) from None

    def get(self, name: str) -> bytes:
        with _failures_named():
            return bytes(obstore.get(self._backend, checked(name)).bytes())

    def get_range(self, name: str, start: int, end: int) -> bytes:
        if end <= start:
            return b""
        with _failures_named():
            return bytes(obstore.get_range(self._backend, checked(name), start=start, end=end))

    def delete(self, name: str) -> None:
        try:
            with _failures_named():
                obstore.delete(self._backend, checked(name))
        except ObjectMissing:
            return

    def delete_all(self, names: Iterable[str]) -> Mapping[str, StorageError]:
        """In bulk requests where the service has them; what one of those failed for, one by one."""
        failed: dict[str, StorageError] = {}
        for some in batched([checked(name) for name in names], _BULK):
            try:
                with _failures_named():
                    obstore.delete(self._backend, some)
            except StorageError:
                failed |= delete_each(self.delete, some)
        return failed

    def exists(self, name: str) -> bool:
        try:
            with _failures_named():
                obstore.head(self._backend, checked(name))
        except ObjectMissing:
            return False
        return True

    def list(self, prefix: str) -> Iterator[str]:
        with _failures_named():
            for chunk in obstore.list(self._backend, prefix=checked(prefix)):
                for found in chunk:
                    yield found["path"]


class FolderStore:
    """An `ObjectStore` in a local folder; what `put` returned from survives a power cut."""

    def __init__(self, *, root: Path) -> None:
        with _failures_named():
            _make_folder(root)
            self._reads = CloudStore(backend=LocalStore(root), scheme="file", labelled=False)
        self._root = root

    @property
    def scheme(self) -> str:
        return self._reads.scheme

    def put(self, name: str, data: bytes, *, labels: ObjectLabels = UNLABELLED) -> None:  # noqa: ARG002 - files have none
        path = self._root / checked(name)
        with _failures_named():
            _make_folder(path.parent)
            write_durably(path, data)

    def get(self, name: str) -> bytes:
        return self._reads.get(name)

    def get_range(self, name: str, start: int, end: int) -> bytes:
        return self._reads.get_range(name, start, end)

    def delete(self, name: str) -> None:
        for failure in self.delete_all([name]).values():
            raise failure

    def delete_all(self, names: Iterable[str]) -> Mapping[str, StorageError]:
        """What was unlinked is flushed once, at the end."""
        touched: set[Path] = set()
        paths = {name: self._root / checked(name) for name in names}
        failed = delete_each(lambda name: self._unlink(paths[name], touched), list(paths))
        try:
            with _failures_named():
                sync_folders(touched)
        except StorageError as failure:
            return dict.fromkeys(paths, failure)
        return failed

    def _unlink(self, path: Path, touched: set[Path]) -> None:
        with _failures_named():
            if path.parent.is_dir():
                for part in (path, *path.parent.glob(f"{path.name}.*{PART}")):
                    part.unlink(missing_ok=True)
                touched.add(path.parent)

    def exists(self, name: str) -> bool:
        return self._reads.exists(name)

    def list(self, prefix: str) -> Iterator[str]:
        return iter(sorted({_whole(found) for found in self._reads.list(prefix)}))


def memory_store() -> CloudStore:
    """An `ObjectStore` that is gone with its process."""
    return CloudStore(backend=MemoryStore(), scheme="memory", labelled=False)


def delete_each(delete: Callable[[str], None], names: Sequence[str]) -> dict[str, StorageError]:
    """What did not go and why. A store that failed three times in a row is asked for no more of them."""
    failed: dict[str, StorageError] = {}
    in_a_row = 0
    for at, name in enumerate(names):
        try:
            delete(name)
            in_a_row = 0
        except StorageError as failure:
            failed[name] = failure
            in_a_row = in_a_row + 1 if failure.retryable else 0
            if in_a_row == _PATIENCE:
                return failed | dict.fromkeys(names[at + 1 :], failure)
    return failed


def checked(name: str) -> str:
    """The name, if every store can keep it and it leads nowhere else; ValueError otherwise."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise ValueError("an object's name is parts of letters, digits, `_`, `-` and `.`, joined by `/`")
    return name


def _whole(name: str) -> str:
    """The object that the remains of a failed write belong to."""
    return re.sub(rf"\.\d+{re.escape(PART)}$", "", name)


def _make_folder(folder: Path) -> None:
    """The folder and those above it, each durable in its own parent."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def batched(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (names[start : start + size] for start in range(0, len(names), size))


@contextmanager
def _failures_named() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise ObjectMissing("there is no such object", hint="it was deleted, or never stored here") from None
    except (PermissionDeniedError, UnauthenticatedError, PermissionError):
        raise StorageRefused("the object store refuses access", hint="check its credentials and permissions") from None
    except (BaseError, OSError) as failure:
        full = isinstance(failure, OSError) and failure.errno in _FULL
        what, hint = (
            ("is full", "free some space, then try again") if full else ("failed", "check that it can be reached")
        )
        raise StorageError(f"the object store {what} ({type(failure).__name__})", hint=hint) from None
