"""What the vault needs from a key service and from an object store: two small interfaces.

`KeyProvider` fits what AWS KMS, Google Cloud KMS, Azure Key Vault, HashiCorp/OpenBao transit, PKCS#11 and
a file all have. Data keys are drawn here, never there: a provider only wraps and unwraps 32 bytes. It is
asked once for each epoch and worker, not once for each recording. `ObjectStore` holds ciphertext only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from sottovoce.domain.confidential import Confidential

Context = Mapping[str, str]
"""Opaque names only: key services log it in the clear."""


class KeyState(StrEnum):
    """How a provider's key stands. Only an ACTIVE key wraps or unwraps."""

    ACTIVE = "active"
    FROZEN = "frozen"
    """Disabled, and may come back."""
    PENDING = "pending"
    """Unusable, and destroyed for good when its waiting time is over (AWS: 7 to 30 days)."""
    DESTROYED = "destroyed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can promise, for `doctor`, receipts and evidence packs."""

    kms: str
    """Its kind, written beside every key it wrapped and on every receipt: `local-file`, `aws-kms`, …"""
    key_per_epoch: bool
    """It makes a key for each epoch, so that destroying one kills every backup of what it wrapped."""
    destroyed_after: timedelta
    """How long a destroyed key could still be brought back; zero where it is gone at once."""
    exportable: bool
    """Its master keys can leave it (a file does; a KMS or HSM does not)."""
    production: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedKey:
    """A key as its provider returned it: opaque, and worthless without that provider's key."""

    kms: str
    key_id: str
    blob: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destruction:
    """How far the destruction of a provider's key has come, and when it is (or was) final."""

    key_id: str
    state: KeyState
    final_at: datetime


class KeyProvider(Protocol):
    """Wraps 32-byte keys under keys it never shows.

    Every method raises KeyUnavailable when the service cannot be reached (try again), KeyRefused when
    it answers no (a frozen or unknown key, missing rights), KeyShredded for a key that is pending or destroyed.
    """

    @property
    def capabilities(self) -> Capabilities: ...

    def create_key(self, context: Context) -> str:
        """The id of a key for this epoch: a new one, or the standing one without `key_per_epoch`."""
        ...

    def wrap(self, key: Confidential[bytes], context: Context, *, key_id: str) -> WrappedKey:
        """`key` under `key_id`, bound to `context`."""
        ...

    def unwrap(self, wrapped: WrappedKey, context: Context) -> Confidential[bytes]:
        """The key again. SealBroken when blob or context are not exactly what was wrapped."""
        ...

    def rewrap(self, wrapped: WrappedKey, context: Context, *, key_id: str) -> WrappedKey:
        """The same key under `key_id`, without leaving the provider where that can re-encrypt."""
        ...

    def key_state(self, key_id: str) -> KeyState: ...

    def freeze(self, key_id: str) -> None:
        """Disabled until thawed; idempotent."""
        ...

    def thaw(self, key_id: str) -> None: ...

    def schedule_destroy(self, key_id: str) -> Destruction:
        """Unusable from now on, gone at `final_at`; asking again answers the same."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectLabels:
    """What an object says about itself outside its ciphertext: classes and codes, opaque ids at most."""

    tags: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


UNLABELLED = ObjectLabels()


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

    def exists(self, name: str) -> bool: ...

    def list(self, prefix: str) -> Iterator[str]:
        """Every name under `prefix` (whole parts, without the final slash), remains of failed writes included."""
        ...


class Held(Protocol):
    """A sealed object as a registry remembers it, with the recording it belongs to."""

    @property
    def recording(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def channel(self) -> int | None: ...

    @property
    def rev(self) -> int: ...

    @property
    def location(self) -> str: ...
