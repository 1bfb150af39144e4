"""What the vault needs from an object store: one small interface. It keeps ciphertext only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

from sottovoce.errors import StorageError


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectLabels:
    """What an object says about itself outside its ciphertext: classes and codes, opaque ids at most."""

    tags: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


UNLABELLED = ObjectLabels()

MAX_PRESIGNED_S: Final = 60
"""The longest a signed address may live (SPEC 13)."""


class Presigner(Protocol):
    """A store that can hand out one object's ciphertext for a moment, without handing out its credentials."""

    def presign_get(self, name: str, seconds: int) -> str:
        """An address that whoever holds it may read until it expires, 60 seconds at most."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """One object to be kept, with the SHA-256 of its ciphertext as hex."""

    name: str
    data: bytes
    digest: str
    labels: ObjectLabels = UNLABELLED


@runtime_checkable
class PutsMany(Protocol):
    """A store that keeps several objects in less time than one after the other."""

    def put_all(self, puts: Sequence[Put]) -> None:
        """Durable, each whole or not at all. Some of them may be there when it raises StorageError."""
        ...


Sink = Callable[[memoryview], object]
"""Takes the next piece of an object, and is done with it when it returns."""
Opened = Callable[[str], AbstractContextManager[Sink]]
"""Begins an object by its name."""


@runtime_checkable
class WritesPieces(Protocol):
    """A store of our own making, whose every write is answered by the system itself: a folder."""

    def writing(self) -> AbstractContextManager[Opened]:
        """Objects begun in the block are all there, durable, when it ends without an error; else none is."""
        ...


class ObjectStore(Protocol):
    """Keeps named ciphertext. Every method raises StorageError, or ObjectMissing for what is not there.

    Names are `[A-Za-z0-9_.-]` parts joined by `/`; a store refuses others with ValueError.
    """

    @property
    def scheme(self) -> str:
        """`file`, `memory`, `s3`, …"""
        ...

    def put(self, name: str, data: bytes, *, labels: ObjectLabels = UNLABELLED) -> None:
        """Durable, whole or not at all; replaces what had the name."""
        ...

    def get(self, name: str) -> bytes: ...

    def get_range(self, name: str, start: int, end: int) -> bytes:
        """Bytes start..end, half open; shorter where the object ends first."""
        ...

    def delete(self, name: str) -> None:
        """Gone afterwards, also when it was never there."""
        ...

    def delete_all(self, names: Iterable[str]) -> Mapping[str, StorageError]:
        """The same for many in few requests: what could not be deleted and why, instead of raising."""
        ...

    def exists(self, name: str) -> bool: ...

    def list(self, prefix: str) -> Iterator[str]:
        """Every name under `prefix` (whole parts, without the final slash), remains of failed writes included."""
        ...
