"""What the vault needs from an object store: one small interface. It keeps ciphertext only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from sottovoce.domain.confidential import Confidential
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

    def presign_get(self, name: str, *, seconds: int) -> Confidential[str]:
        """An address that whoever holds it may read until it expires, 60 seconds at most."""
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
