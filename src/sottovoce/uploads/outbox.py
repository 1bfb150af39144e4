"""A contributor's own folder: a secret, whom they trust, what was sent, and their receipts.

Nothing of a recording is in it but ciphertext on its way, which is removed once it was sent, and what the
contributor needs to know their own uploads again. Files are their owner's alone.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sottovoce.domain.confidential import Confidential
from sottovoce.durable import write_durably
from sottovoce.errors import InboxUntrusted, WorkspaceError
from sottovoce.uploads.published import PublishedInbox, read_published

_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One upload as its sender remembers it. `digest` is the SHA-256 of the bytes that were sent."""

    upload: str
    inbox: str
    contributor: str
    location: str
    digest: str
    size: int
    file: str
    agreed_version: str
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An upload that is encrypted and not sent yet: what it was made for, and its bytes."""

    location: str
    key: str
    credential: str
    data: bytes


class Outbox:
    """The folder `home`, made when first needed."""

    def __init__(self, *, home: Path, random: Callable[[int], bytes]) -> None:
        self._home = home
        self._random = random

    def trust(self, data: bytes, *, pin: str | None) -> PublishedInbox:
        """The inbox of an `inbox.json`. Met for the first time it is pinned; InboxUntrusted when its key changed."""
        inbox = read_published(data, pin=pin)
        pins = self._pins()
        known = pins.get(inbox.inbox)
        if known not in {None, inbox.pin} and pin is None:
            raise InboxUntrusted(
                "the inbox is signed by another key than when you first met it",
                hint="ask whoever keeps the inbox for its pin, and give it with --pin",
            )
        if known != inbox.pin:
            self._write("pins.json", json.dumps({**pins, inbox.inbox: inbox.pin}, indent=2).encode())
        return inbox

    def upload_id(self, inbox: str, contributor: str, media: str) -> str:
        """The same for the same sound; nobody without this folder's secret can tell which sound it was."""
        message = json.dumps([inbox, contributor, media]).encode()
        return hmac.new(self._secret().reveal(), message, hashlib.sha256).hexdigest()[:32]

    def sent(self, upload: str) -> Sent | None:
        return _sent(self._read(f"sent/{upload}.json"))

    def all_sent(self) -> Iterator[Sent]:
        """Oldest name first."""
        for path in sorted((self._home / "sent").glob("*.json")):
            found = _sent(path.read_bytes())
            if found is not None:
                yield found

    def remember(self, sent: Sent) -> None:
        """It was sent: kept, and its ciphertext here goes."""
        said = {**asdict(sent), "sent_at": sent.sent_at.isoformat(timespec="seconds")}
        self._write(f"sent/{sent.upload}.json", json.dumps(said, indent=2).encode())
        for name in (f"waiting/{sent.upload}.json", f"waiting/{sent.upload}.svup"):
            (self._home / name).unlink(missing_ok=True)

    def waiting(self, upload: str) -> Waiting | None:
        """What was encrypted before and did not get away, if it is whole."""
        said, data = self._read(f"waiting/{upload}.json"), self._read(f"waiting/{upload}.svup")
        if said is None or data is None:
            return None
        note = json.loads(said)
        if hashlib.sha256(data).hexdigest() != note["digest"]:
            return None
        return Waiting(location=note["location"], key=note["key"], credential=note["credential"], data=data)

    def keep_waiting(self, upload: str, waiting: Waiting) -> None:
        """Ciphertext first, so that what is noted is there."""
        self._write(f"waiting/{upload}.svup", waiting.data)
        digest = hashlib.sha256(waiting.data).hexdigest()
        note = {
            "location": waiting.location,
            "key": waiting.key,
            "credential": waiting.credential,
            "digest": digest,
        }
        self._write(f"waiting/{upload}.json", json.dumps(note).encode())

    def locations(self) -> frozenset[str]:
        """Names that were used or are meant to be."""
        notes = (json.loads(path.read_bytes()) for path in (self._home / "waiting").glob("*.json"))
        return frozenset(sent.location for sent in self.all_sent()) | {note["location"] for note in notes}

    def receipt(self, upload: str) -> str | None:
        found = self._read(f"receipts/{upload}.txt")
        return None if found is None else found.decode()

    def keep_receipt(self, upload: str, note: str) -> None:
        self._write(f"receipts/{upload}.txt", note.encode())

    def _secret(self) -> Confidential[bytes]:
        path = self._home / "secret"
        found = self._read("secret")
        if found is None:
            self._write("secret", self._random(_SECRET_BYTES))
            found = path.read_bytes()
        if len(found) != _SECRET_BYTES:
            raise WorkspaceError("the folder's secret is damaged", hint=f"restore {path.name}, or use another folder")
        return Confidential(found)

    def _pins(self) -> dict[str, str]:
        found = self._read("pins.json")
        pins: dict[str, Any] = {} if found is None else json.loads(found)
        return {str(name): str(pin) for name, pin in pins.items()}

    def _read(self, name: str) -> bytes | None:
        try:
            return (self._home / name).read_bytes()
        except FileNotFoundError:
            return None

    def _write(self, name: str, data: bytes) -> None:
        path = self._home / name
        for folder in (self._home, path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(path, data)


def default_home() -> Path:
    """Where a contributor's folder is, unless they say otherwise (XDG Base Directory Specification)."""
    data = os.environ.get("XDG_DATA_HOME", "")
    return Path(data or Path.home() / ".local" / "share") / "sottovoce" / "uploads"


def _sent(data: bytes | None) -> Sent | None:
    if data is None:
        return None
    said = json.loads(data)
    return Sent(**{**said, "sent_at": datetime.fromisoformat(said["sent_at"])})
