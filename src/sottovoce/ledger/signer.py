"""The log key in a file: Ed25519, PKCS#8, mode 0600, apart from every key that opens data.

It signs checkpoints and certificates and can open nothing (SECURITY.md 3.3). A passphrase wraps it;
without one the file's permissions are all that guards it. It refuses a file that others can read.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import LedgerTampered, WorkspaceError
from sottovoce.ledger.note import VerifierKey, valid_name


class Ed25519Signer:
    """Signs notes with a private key held in memory."""

    def __init__(self, *, name: str, key: Confidential[Ed25519PrivateKey]) -> None:
        self._key = key
        public = key.reveal().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._verifier = VerifierKey.parse(str(VerifierKey(name=name, key=public)))

    @property
    def name(self) -> str:
        return self._verifier.name

    @property
    def vkey(self) -> str:
        return str(self._verifier)

    def sign(self, message: bytes) -> bytes:
        """An Ed25519 signature of 64 bytes."""
        return self._key.reveal().sign(message)


def create_log_key(path: Path, *, name: str, passphrase: Confidential[str] | None = None) -> Ed25519Signer:
    """Draws a log key and writes it to a new file that only its owner may read.

    Raises WorkspaceError when the file exists: replacing a log key would orphan every checkpoint.
    """
    if not valid_name(name):
        raise LedgerTampered("a key's name has no spaces and no plus")
    return Ed25519Signer(name=name, key=draw_key(path, passphrase=passphrase))


def draw_key(path: Path, *, passphrase: Confidential[str] | None = None) -> Confidential[Ed25519PrivateKey]:
    """A new Ed25519 key in a new file that only its owner may read; raises WorkspaceError when the file exists."""
    key = Confidential(Ed25519PrivateKey.generate())
    wrapped = key.reveal().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, _wrapping(passphrase))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as failure:
        raise WorkspaceError(f"the log key cannot be created ({failure.strerror})") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(wrapped)
        file.flush()
        os.fsync(file.fileno())
    return key


def load_log_key(path: Path, *, name: str, passphrase: Confidential[str] | None = None) -> Ed25519Signer:
    """The signer of a key file; raises WorkspaceError when it is missing, open to others, or does not unlock."""
    return Ed25519Signer(name=name, key=read_key(path, passphrase=passphrase))


def read_key(path: Path, *, passphrase: Confidential[str] | None = None) -> Confidential[Ed25519PrivateKey]:
    """The key in a file; raises WorkspaceError when it is missing, open to others, or does not unlock."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        wrapped = path.read_bytes()
    except OSError as failure:
        raise WorkspaceError(f"the log key cannot be read ({failure.strerror})", hint="run `sottovoce init`") from None
    if mode & 0o077:
        raise WorkspaceError("the log key can be read by others", hint="chmod 600 it, and ask who has read it")
    try:
        key = load_pem_private_key(wrapped, passphrase.reveal().encode() if passphrase else None)
    except (ValueError, TypeError):
        raise WorkspaceError("the log key does not unlock", hint="check the passphrase") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise WorkspaceError("the log key is not an Ed25519 key")
    return Confidential(key)


def _wrapping(passphrase: Confidential[str] | None) -> KeySerializationEncryption:
    return BestAvailableEncryption(passphrase.reveal().encode()) if passphrase else NoEncryption()
