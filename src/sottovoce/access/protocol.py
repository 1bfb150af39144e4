"""What this room needs of keys, stores and signers."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from sottovoce.domain.confidential import Confidential


class OpenedKey(Protocol):
    """A recording's key, opened."""

    @property
    def key(self) -> Confidential[bytes]: ...


class RecordingKeys(Protocol):
    """The key store, as far as readers need it. `vault.keystore.KeyStore` is one."""

    def unwrap(self, rid: str) -> OpenedKey:
        """Raises KeyShredded after erasure, KeyRefused where there is none, KeyUnavailable."""
        ...


class Ciphertext(Protocol):
    """Where sealed objects lie. Every `storage.protocol.ObjectStore` is one."""

    def get(self, name: str) -> bytes: ...

    def get_range(self, name: str, start: int, end: int) -> bytes: ...


@runtime_checkable
class Presigner(Protocol):
    """A store that can hand out a link to one of its objects."""

    def presign_get(self, name: str, seconds: int) -> str:
        """A URL that gets the object for so many seconds and no longer."""
        ...


class NoteSigner(Protocol):
    """The log key: it signs and opens nothing. `ledger.signer.Ed25519Signer` is one."""

    @property
    def name(self) -> str: ...

    @property
    def vkey(self) -> str: ...

    def sign(self, message: bytes) -> bytes: ...
