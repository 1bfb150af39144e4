"""Witnesses' cosignatures on checkpoints (c2sp.org/tlog-cosignature): Ed25519 (0x04) and ML-DSA-44 (0x06).

A cosignature says that at its time the witness had seen no larger tree of the log than this one, and that it grew
out of every one seen before. The time stands before the signature and is signed with it.

It refuses times of zero, or beyond 2**63 - 1, and keys that were not made for cosigning.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import LedgerTampered
from sottovoce.ledger.checkpoint import Checkpoint
from sottovoce.ledger.note import valid_name

ED25519_COSIGNATURE, ML_DSA_44_COSIGNATURE = 0x04, 0x06
KEY_SIZES = {ED25519_COSIGNATURE: 32, ML_DSA_44_COSIGNATURE: 1312}
_TIME_SIZE = 8
_MAX_TIME = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessKey:
    """A witness's public key under its name: `name+keyid+base64(type || key)`."""

    name: str
    type: int
    key: bytes

    @property
    def key_id(self) -> bytes:
        """SHA-256(name || 0x0A || type || key), its first four bytes."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.key).digest()[:4]

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes([self.type]) + self.key).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    @classmethod
    def parse(cls, text: str) -> WitnessKey:
        """Raises LedgerTampered for anything but the vkey of a witness whose id fits its name and key."""
        name, _, rest = text.partition("+")
        key_id, _, encoded = rest.partition("+")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if not valid_name(name) or not raw or KEY_SIZES.get(raw[0]) != len(raw) - 1:
            raise LedgerTampered("this is not a witness's key", hint="copy the whole vkey: name+id+key")
        found = cls(name=name, type=raw[0], key=raw[1:])
        if str(found) != text or found.key_id.hex() != key_id:
            raise LedgerTampered("the witness's key does not fit its own id", hint="copy the whole vkey")
        return found

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """True when `signature` (time and signature) is this witness's on the checkpoint whose text is `message`."""
        timestamp = int.from_bytes(signature[:_TIME_SIZE])
        if len(signature) <= _TIME_SIZE or not 0 < timestamp <= _MAX_TIME:
            return False
        try:
            said = signed_message(self.type, self.name, timestamp, message.decode())
            if self.type == ED25519_COSIGNATURE:
                Ed25519PublicKey.from_public_bytes(self.key).verify(signature[_TIME_SIZE:], said)
            else:
                MLDSA44PublicKey.from_public_bytes(self.key).verify(signature[_TIME_SIZE:], said)
        except (InvalidSignature, LedgerTampered, UnicodeDecodeError):
            return False
        return True


class Cosigner(Protocol):
    """Whatever holds a witness's private key."""

    @property
    def key(self) -> WitnessKey:
        """The public half."""
        ...

    def cosign(self, text: str, timestamp: int) -> bytes:
        """The time, eight bytes, and the signature over it and the checkpoint's text."""
        ...


class Ed25519Cosigner:
    """Cosigns with an Ed25519 key held in memory. The key may not be one that signs anything else."""

    def __init__(self, *, name: str, key: Confidential[Ed25519PrivateKey]) -> None:
        public = key.reveal().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key = WitnessKey.parse(str(WitnessKey(name=name, type=ED25519_COSIGNATURE, key=public)))
        self._private = key

    def cosign(self, text: str, timestamp: int) -> bytes:
        """Seventy-two bytes: time and signature."""
        said = signed_message(self.key.type, self.key.name, timestamp, text)
        return timestamp.to_bytes(_TIME_SIZE) + self._private.reveal().sign(said)


class MlDsa44Cosigner:
    """Cosigns with ML-DSA-44 (FIPS 204), which a quantum computer does not forge."""

    def __init__(self, *, name: str, key: Confidential[MLDSA44PrivateKey]) -> None:
        public = key.reveal().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key = WitnessKey.parse(str(WitnessKey(name=name, type=ML_DSA_44_COSIGNATURE, key=public)))
        self._private = key

    def cosign(self, text: str, timestamp: int) -> bytes:
        """2,428 bytes: time and signature."""
        said = signed_message(self.key.type, self.key.name, timestamp, text)
        return timestamp.to_bytes(_TIME_SIZE) + self._private.reveal().sign(said)


def signature_line(key: WitnessKey, cosignature: bytes) -> str:
    """The line of a note that holds a cosignature, with its newline."""
    return f"— {key.name} {base64.b64encode(key.key_id + cosignature).decode()}\n"


def signed_message(kind: int, name: str, timestamp: int, text: str) -> bytes:
    """What a cosignature of this kind signs. Raises LedgerTampered where the text is no checkpoint that it can sign."""
    if kind == ED25519_COSIGNATURE:
        return f"cosignature/v1\ntime {timestamp}\n{text}".encode()
    checkpoint = Checkpoint.parse(text)
    if len(checkpoint.root) != 32:
        raise LedgerTampered("malformed checkpoint")
    tree = bytes(8) + checkpoint.size.to_bytes(8) + checkpoint.root
    return b"subtree/v1\n\0" + _named(name) + timestamp.to_bytes(8) + _named(checkpoint.origin) + tree


def _named(name: str) -> bytes:
    """A name after its length in one byte."""
    encoded = name.encode()
    if not 0 < len(encoded) < 256:
        raise LedgerTampered("a name is too long to be cosigned")
    return len(encoded).to_bytes(1) + encoded
