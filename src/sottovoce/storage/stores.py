"""Where ciphertext lies: a local folder, memory, S3, Google Cloud Storage or Azure Blob, through obstore.

A folder is written by us, because obstore does not fsync: temporary name, fsync, rename, folder fsync. In a
cloud an object carries its labels in the same request; what only S3 has (versions, Object Lock) is in `s3`.

`keep` believes no store: it reads back what was put. Errors never repeat a store's own words, which hold
addresses and paths.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import obstore
from obstore.store import LocalStore, MemoryStore
from obstore.store import ObjectStore as Backend

from sottovoce.durable import PART, DurableFiles, durable_files, sync_folder, sync_folders, write_durably
from sottovoce.errors import ObjectMissing, StorageError
from sottovoce.storage.dress import Labelling, amazon, unlabelled
from sottovoce.storage.failures import AT_ONCE, delete_each, delete_side_by_side, failures_named, no_such_place
from sottovoce.storage.names import checked, in_portions
from sottovoce.storage.protocol import (
    MAX_PRESIGNED_S,
    UNLABELLED,
    ObjectLabels,
    ObjectStore,
    Opened,
    Put,
    PutsMany,
    Sink,
)

_BULK: Final = 1000
"""What S3's DeleteObjects takes at once (Amazon S3 API Reference); obstore cuts smaller where it must."""


def keep(store: ObjectStore, name: str, data: bytes, *, labels: ObjectLabels = UNLABELLED) -> str:
    """Puts, reads back and compares; answers the SHA-256 of what is there now.

    StorageError when the store kept nothing, or something else, whatever it answered.
    """
    put = Put(name=name, data=data, digest=hashlib.sha256(data).hexdigest(), labels=labels)
    keep_all(store, [put])
    return put.digest


def keep_all(store: ObjectStore, puts: Sequence[Put]) -> None:
    """The same for several, at once where the store can: afterwards each is what its digest says.

    When it raises StorageError some of them may be there; putting all again completes.
    """
    if isinstance(store, PutsMany) and len(puts) > 1:
        store.put_all(puts)
    else:
        for put in puts:
            store.put(put.name, put.data, labels=put.labels)
    for put in puts:
        _believe(store, put)


def _believe(store: ObjectStore, put: Put) -> None:
    """Returns once what was put has been read."""
    try:
        if store.get(put.name) == put.data:
            return
    except ObjectMissing:
        pass
    raise StorageError("the object store did not keep what it was given", hint="check the store, then try again")


class CloudStore:
    """An `ObjectStore` over any obstore backend; `labelling` says how it carries labels."""

    def __init__(
        self, *, backend: Backend, scheme: str, labelled: bool = False, labelling: Labelling | None = None
    ) -> None:
        self._backend = backend
        self._scheme = scheme
        self._labelling = labelling or (amazon if labelled else unlabelled)

    @property
    def scheme(self) -> str:
        return self._scheme

    def put(self, name: str, data: bytes, *, labels: ObjectLabels = UNLABELLED) -> None:
        dress = self._labelling(labels)
        tags, metadata = dict(dress.tags) or None, dict(dress.metadata) or None
        try:
            with failures_named():
                obstore.put(self._backend, checked(name), data, tags=tags, attributes=metadata)
        except ObjectMissing:
            raise no_such_place() from None

    def put_all(self, puts: Sequence[Put]) -> None:
        """Several requests under way at once."""
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            list(pool.map(lambda put: self.put(put.name, put.data, labels=put.labels), puts))

    def get(self, name: str) -> bytes:
        with failures_named():
            return bytes(obstore.get(self._backend, checked(name)).bytes())

    def get_range(self, name: str, start: int, end: int) -> bytes:
        if end <= start:
            return b""
        with failures_named():
            return bytes(obstore.get_range(self._backend, checked(name), start=start, end=end))

    def delete(self, name: str) -> None:
        self._delete_one(name)

    def delete_all(self, names: Iterable[str]) -> Mapping[str, StorageError]:
        """In bulk requests where the service has them; what one of those failed for, each alone."""
        failed: dict[str, StorageError] = {}
        for some in in_portions([checked(name) for name in names], _BULK):
            try:
                with failures_named():
                    obstore.delete(self._backend, some)
            except StorageError:
                failed |= delete_side_by_side(self._delete_one, some)
        return failed

    def exists(self, name: str) -> bool:
        try:
            with failures_named():
                obstore.head(self._backend, checked(name))
        except ObjectMissing:
            return False
        return True

    def list(self, prefix: str) -> Iterator[str]:
        with failures_named():
            for chunk in obstore.list(self._backend, prefix=checked(prefix)):
                for found in chunk:
                    yield found["path"]

    def _delete_one(self, name: str) -> None:
        try:
            with failures_named():
                obstore.delete(self._backend, checked(name))
        except ObjectMissing:
            return


class SigningStore(CloudStore):
    """A `CloudStore` of a service that can sign addresses: a `Presigner`."""

    def presign_get(self, name: str, seconds: int) -> str:
        """An address that reads one object's ciphertext for `seconds` from now, without any credentials.

        It is a bearer secret: it goes to the reader who asked, and into no log. ValueError beyond a minute;
        StorageError where there are no credentials to sign with.
        """
        if not 1 <= seconds <= MAX_PRESIGNED_S:
            raise ValueError(f"a signed address lives 1 to {MAX_PRESIGNED_S} seconds")
        backend: Any = self._backend
        with failures_named():
            return str(obstore.sign(backend, "GET", checked(name), timedelta(seconds=seconds)))


class FolderStore:
    """An `ObjectStore` in a local folder; what `put` returned from survives a power cut."""

    def __init__(self, *, root: Path) -> None:
        with failures_named():
            _make_folder(root)
            self._reads = CloudStore(backend=LocalStore(root), scheme="file", labelled=False)
        self._root = root

    @property
    def scheme(self) -> str:
        return self._reads.scheme

    def put(self, name: str, data: bytes, *, labels: ObjectLabels = UNLABELLED) -> None:  # noqa: ARG002 - files have none
        path = self._root / checked(name)
        with failures_named():
            _make_folder(path.parent)
            write_durably(path, data)

    @contextmanager
    def writing(self) -> Iterator[Opened]:
        """What is written is not read back: every write and flush was answered by the system itself."""
        with failures_named(), durable_files() as files:
            yield lambda name: self._begun(files, name)

    def _begun(self, files: DurableFiles, name: str) -> AbstractContextManager[Sink]:
        path = self._root / checked(name)
        _make_folder(path.parent)
        return files.file(path)

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
            with failures_named():
                sync_folders(touched)
        except StorageError as failure:
            return dict.fromkeys(paths, failure)
        return failed

    def exists(self, name: str) -> bool:
        return self._reads.exists(name)

    def list(self, prefix: str) -> Iterator[str]:
        return iter(sorted({_whole(found) for found in self._reads.list(prefix)}))

    def _unlink(self, path: Path, touched: set[Path]) -> None:
        with failures_named():
            if path.parent.is_dir():
                for found in path.parent.iterdir():
                    if found == path or (found.name.startswith(f"{path.name}.") and found.suffix == PART):
                        found.unlink(missing_ok=True)
                touched.add(path.parent)


def memory_store() -> CloudStore:
    """An `ObjectStore` that is gone with its process."""
    return CloudStore(backend=MemoryStore(), scheme="memory", labelled=False)


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
