"""What the vault needs from a key service: one small interface.

`KeyProvider` fits what AWS KMS, Google Cloud KMS, Azure Key Vault, HashiCorp/OpenBao transit, PKCS#11 and
a file all have. Data keys are drawn in the vault, never there: a provider only wraps and unwraps 32 bytes.
It is asked once for each epoch and worker, not once for each recording.
"""

from __future__ import annotations

from collections.abc import Mapping
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """The service answered. `service_time` is its own clock's, where it says so."""

    service_time: datetime | None = None


class KeyProvider(Protocol):
    """Wraps 32-byte keys under keys it never shows.

    Every method raises KeyUnavailable when the service cannot be reached (try again), KeyRefused when
    it answers no (a frozen or unknown key, missing rights), KeyShredded for a key that is pending or destroyed.
    """

    @property
    def capabilities(self) -> Capabilities: ...

    def reach(self) -> Reached:
        """Asks the service for an answer and changes nothing."""
        ...

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
