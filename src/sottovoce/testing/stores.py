"""Object stores that misbehave, to see that nobody believes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from sottovoce.errors import StorageError
from sottovoce.storage.failures import delete_each
from sottovoce.storage.protocol import UNLABELLED, ObjectLabels, ObjectStore


class LyingStore:
    """Answers every put with success, and keeps `lie(data)`, or nothing where that is None."""

    def __init__(self, *, inner: ObjectStore, lie: Callable[[bytes], bytes | None]) -> None:
        self._inner = inner
        self._lie = lie

    @property
    def scheme(self) -> str:
        return self._inner.scheme

    def put(self, name: str, data: bytes, *, labels: ObjectLabels = UNLABELLED) -> None:
        kept = self._lie(data)
        if kept is not None:
            self._inner.put(name, kept, labels=labels)

    def get(self, name: str) -> bytes:
        return self._inner.get(name)

    def get_range(self, name: str, start: int, end: int) -> bytes:
        return self._inner.get_range(name, start, end)

    def delete(self, name: str) -> None:
        self._inner.delete(name)

    def delete_all(self, names: Iterable[str]) -> Mapping[str, StorageError]:
        return delete_each(self.delete, list(names))

    def exists(self, name: str) -> bool:
        return self._inner.exists(name)

    def list(self, prefix: str) -> Iterator[str]:
        return self._inner.list(prefix)


class StubbornStore(LyingStore):
    """Keeps what it is given, and deletes nothing while `stubborn`."""

    def __init__(self, *, inner: ObjectStore) -> None:
        super().__init__(inner=inner, lie=lambda data: data)
        self.stubborn = True

    def delete(self, name: str) -> None:
        if self.stubborn:
            raise StorageError("the object store refuses to delete")
        super().delete(name)
