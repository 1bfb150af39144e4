"""A part of an object store as a store of its own: everything in it lies below one name.

The archive of raw recordings is one: its prefix has rights and a lifecycle of its own, and its keys are a class of
their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sottovoce.errors import StorageError
from sottovoce.storage.protocol import UNLABELLED, ObjectLabels, ObjectStore


class StoreBelow:
    """An `ObjectStore` below `prefix` of another."""

    def __init__(self, *, inner: ObjectStore, prefix: str) -> None:
        self._inner = inner
        self._prefix = f"{prefix}/"

    @property
    def scheme(self) -> str:
        return self._inner.scheme

    def put(self, name: str, data: bytes, *, labels: ObjectLabels = UNLABELLED) -> None:
        self._inner.put(self._prefix + name, data, labels=labels)

    def get(self, name: str) -> bytes:
        return self._inner.get(self._prefix + name)

    def get_range(self, name: str, start: int, end: int) -> bytes:
        return self._inner.get_range(self._prefix + name, start, end)

    def delete(self, name: str) -> None:
        self._inner.delete(self._prefix + name)

    def delete_all(self, names: Iterable[str]) -> Mapping[str, StorageError]:
        failed = self._inner.delete_all([self._prefix + name for name in names])
        return {name.removeprefix(self._prefix): failure for name, failure in failed.items()}

    def exists(self, name: str) -> bool:
        return self._inner.exists(self._prefix + name)

    def list(self, prefix: str) -> Iterator[str]:
        for name in self._inner.list(self._prefix + prefix):
            yield name.removeprefix(self._prefix)
