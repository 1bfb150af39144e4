"""`inbox.json`: what a contributor must know of an inbox, signed by the one who keeps it.

A document in JSON with a C2SP signed-note line over its canonical form (RFC 8785). Its verifier key stands inside,
so that it can be shown, and counts only where it is the one the contributor was told of or met first (pinned).
Refuses a document that was changed, one signed by another key, and one without a key that is still in use.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

import rfc8785

from sottovoce.errors import InboxUntrusted, LedgerTampered
from sottovoce.ledger.note import Signer, VerifierKey, open_note, sign_note
from sottovoce.uploads.envelope import fingerprint

VERSION: Final = 1
MAX_BYTES: Final = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """One inbox key, X25519; without `until` it is the one in use."""

    public: bytes
    until: date | None = None

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.public)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedInbox:
    """An inbox as its contributors see it."""

    inbox: str
    keys: tuple[PublicKey, ...]
    wording: str = field(repr=False)
    wording_version: str
    wording_effective: date
    max_bytes: int
    published_at: datetime
    receipts: str | None = None
    vkey: str = ""

    @property
    def key(self) -> PublicKey:
        """The one to encrypt to."""
        return next(key for key in self.keys if key.until is None)

    @property
    def pin(self) -> str:
        """What to compare by voice or on paper: SHA-256 of the verifier key, in hex."""
        return pin_of(self.vkey)


def pin_of(vkey: str) -> str:
    return hashlib.sha256(vkey.encode()).hexdigest()


def publish(inbox: PublishedInbox, signer: Signer) -> bytes:
    """The file, signed."""
    document = {
        "v": VERSION,
        "inbox": inbox.inbox,
        "keys": [_key_said(key) for key in inbox.keys],
        "max_bytes": inbox.max_bytes,
        "published_at": inbox.published_at.isoformat(timespec="seconds"),
        "receipts": inbox.receipts,
        "vkey": signer.vkey,
        "wording": {
            "version": inbox.wording_version,
            "effective": inbox.wording_effective.isoformat(),
            "text": inbox.wording,
        },
    }
    line = sign_note(_text(document), signer).rpartition("\n\n")[2].strip()
    return json.dumps({**document, "signature": line}, indent=2, ensure_ascii=False).encode() + b"\n"


def read_published(data: bytes, *, pin: str | None) -> PublishedInbox:
    """The inbox of a file. InboxUntrusted when it is not signed by itself, or not by the pinned key."""
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_unique) if len(data) <= MAX_BYTES else {}
        line = str(document.pop("signature"))
        vkey = str(document["vkey"])
        open_note(f"{_text(document)}\n{line}\n", [VerifierKey.parse(vkey)])
        inbox = _inbox(document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, StopIteration, LedgerTampered):
        raise InboxUntrusted(
            "the inbox's description was changed, or is none",
            hint="fetch inbox.json again from whoever keeps the inbox",
        ) from None
    if pin is not None and inbox.pin != pin:
        raise InboxUntrusted(
            "the inbox's description is signed by another key than before",
            hint="ask whoever keeps the inbox for its pin, and give it with --pin",
        )
    return inbox


def _inbox(document: Mapping[str, Any]) -> PublishedInbox:
    if document["v"] != VERSION:
        raise ValueError("another version")
    wording, receipts = document["wording"], document["receipts"]
    inbox = PublishedInbox(
        inbox=str(document["inbox"]),
        keys=tuple(_key_read(key) for key in document["keys"]),
        wording=str(wording["text"]),
        wording_version=str(wording["version"]),
        wording_effective=date.fromisoformat(wording["effective"]),
        max_bytes=int(document["max_bytes"]),
        published_at=datetime.fromisoformat(document["published_at"]),
        receipts=None if receipts is None else str(receipts),
        vkey=str(document["vkey"]),
    )
    if not any(key.until is None for key in inbox.keys):
        raise ValueError("no key in use")
    return inbox


def _key_said(key: PublicKey) -> dict[str, str | None]:
    return {
        "fingerprint": key.fingerprint,
        "public": base64.b64encode(key.public).decode(),
        "until": key.until.isoformat() if key.until else None,
    }


def _key_read(said: Mapping[str, Any]) -> PublicKey:
    try:
        public = base64.b64decode(said["public"], validate=True)
    except binascii.Error:
        raise ValueError("not a key") from None
    key = PublicKey(public=public, until=date.fromisoformat(said["until"]) if said["until"] else None)
    if len(public) != 32 or key.fingerprint != said["fingerprint"]:
        raise ValueError("not a key")
    return key


def _text(document: Mapping[str, Any]) -> str:
    return "sottovoce inbox v1\n" + rfc8785.dumps(dict(document)).decode() + "\n"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice")
    return found
