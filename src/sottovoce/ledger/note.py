"""C2SP signed notes with Ed25519 (c2sp.org/signed-note, signature type 0x01).

A note is text, a blank line, and signature lines. Signatures of unknown keys are passed over; one bad
signature of a known key refuses the whole note, and so does a note that no known key signed.

It refuses notes that are not UTF-8, hold control characters, or carry more than a hundred signatures.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sottovoce.errors import LedgerTampered

ED25519 = b"\x01"
MAX_SIGNATURES = 100
"""As golang.org/x/mod/sumdb/note; the specification asks for at least sixteen."""

_NAME = re.compile(r"[^\s+]+")
_SIGNATURE_LINE = re.compile(r"— ([^\s+]+) (\S+)")
_KEY_ID = re.compile(r"[0-9a-f]{8}")


class Signer(Protocol):
    """Whatever holds the log's private key: a file, an HSM, a KMS."""

    @property
    def name(self) -> str:
        """The key's name, as in its vkey; for a ledger, its origin."""
        ...

    @property
    def vkey(self) -> str:
        """The verifier key, to be published."""
        ...

    def sign(self, message: bytes) -> bytes:
        """An Ed25519 signature of 64 bytes (RFC 8032)."""
        ...


class NoteKey(Protocol):
    """A public key under its name: of a log, or of a witness (cosignature.py)."""

    @property
    def name(self) -> str:
        """The key's name."""
        ...

    @property
    def key_id(self) -> bytes:
        """The four bytes before every signature of this key."""
        ...

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """True when this key signed the message."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierKey:
    """A public key under its name: `name+keyid+base64(type || key)`."""

    name: str
    key: bytes

    @property
    def key_id(self) -> bytes:
        """SHA-256(name || 0x0A || type || key), its first four bytes."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.key).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(ED25519 + self.key).decode()}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Raises LedgerTampered for anything but an Ed25519 vkey whose id fits its name and key."""
        name, _, rest = text.partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = _unbase64(encoded)
        if not valid_name(name) or not _KEY_ID.fullmatch(key_id) or raw is None:
            raise LedgerTampered("this is not a verifier key", hint="copy the whole vkey: name+id+key")
        found = cls(name=name, key=raw[1:])
        if raw[:1] != ED25519 or len(raw) != 33 or found.key_id.hex() != key_id:
            raise LedgerTampered("the verifier key does not fit its own id", hint="copy the whole vkey")
        return found

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """True when this key signed the message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedNote:
    """A note's text, and the names of the keys whose signatures were verified and of those unknown."""

    text: str
    verified: tuple[str, ...]
    unverified: tuple[str, ...]


def sign_note(text: str, *signers: Signer) -> str:
    """The note of a text that ends in a newline, signed by each key."""
    if not text.endswith("\n") or not _printable(text):
        raise LedgerTampered("the text of a note ends in a newline and holds no control characters")
    return f"{text}\n" + "".join(_signature_line(text, signer) for signer in signers)


def _signature_line(text: str, signer: Signer) -> str:
    key = VerifierKey.parse(signer.vkey)
    return f"— {key.name} {base64.b64encode(key.key_id + signer.sign(text.encode())).decode()}\n"


def open_note(note: str | bytes, keys: Sequence[NoteKey]) -> OpenedNote:
    """The text, if at least one of `keys` signed it and none of them signed wrongly.

    Raises LedgerTampered otherwise.
    """
    text, lines = _parts(note)
    known = {(key.name, key.key_id): key for key in keys}
    verified, unverified = [], []
    for name, key_id, signature in map(_signature, lines):
        key = known.get((name, key_id))
        if key is None:
            unverified.append(name)
        elif not key.verifies(text.encode(), signature):
            raise LedgerTampered(f"invalid signature for key {name}")
        elif name not in verified:
            verified.append(name)
    if not verified:
        raise LedgerTampered("the note has no signature of a known key", hint="check the vkey")
    return OpenedNote(text=text, verified=tuple(verified), unverified=tuple(unverified))


def note_text(note: str | bytes) -> str:
    """The text of a note, whoever signed it: nothing to be believed. Raises LedgerTampered where there is no note."""
    text, lines = _parts(note)
    for line in lines:
        _signature(line)
    return text


def signature_lines(note: str | bytes, keys: Sequence[NoteKey]) -> str:
    """The signature lines that carry the name and id of one of the keys, whether or not they hold."""
    known = {(key.name, key.key_id) for key in keys}
    return "".join(f"{line}\n" for line in _parts(note)[1] if _signature(line)[:2] in known)


def signer_ids(note: str | bytes) -> tuple[tuple[str, bytes], ...]:
    """Name and key id of every signature line, in order, whether or not they hold."""
    return tuple(_signature(line)[:2] for line in _parts(note)[1])


def valid_name(name: str) -> bool:
    """True for a key's name: neither spaces nor plus."""
    return _NAME.fullmatch(name) is not None


def _parts(note: str | bytes) -> tuple[str, list[str]]:
    decoded = note if isinstance(note, str) else _utf8(note)
    text, blank, signatures = decoded.rpartition("\n\n")
    lines = signatures.split("\n")[:-1]
    if not blank or not _printable(decoded) or not signatures.endswith("\n") or not 0 < len(lines) <= MAX_SIGNATURES:
        raise LedgerTampered("malformed note")
    return text + "\n", lines


def _utf8(note: bytes) -> str:
    try:
        return note.decode()
    except UnicodeDecodeError:
        raise LedgerTampered("malformed note") from None


def _printable(text: str) -> bool:
    return all(char >= " " or char == "\n" for char in text)


def _signature(line: str) -> tuple[str, bytes, bytes]:
    match = _SIGNATURE_LINE.fullmatch(line)
    raw = _unbase64(match[2]) if match else None
    if match is None or raw is None or len(raw) < 5:
        raise LedgerTampered("malformed note")
    return match[1], raw[:4], raw[4:]


def _unbase64(text: str) -> bytes | None:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None
