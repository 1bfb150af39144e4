"""What lets a contributor write, for an hour at most, below their own prefix and nowhere else.

Three forms to send by: a drop folder, signed addresses to put single objects to, or a session of the object store's
own that may only put below the prefix. Whatever the form, the credential also signs what it sends (Ed25519), inside
the ciphertext: the inbox checks that signature, when the credential ended and whether it was revoked, so that what a
store lets through on an old credential is refused all the same.

A credential is a secret of its contributor: keep it as one. It can read nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import CredentialInvalid

VERSION: Final = 1
MAX_TTL: Final = timedelta(hours=1)
INCOMING: Final = "in"
ENDING: Final = ".svup"


class Form(StrEnum):
    """How the store lets a contributor write."""

    FOLDER = "folder"
    SIGNED = "signed"
    SESSION = "session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Where and by what to send; `secrets` are addresses and keys that let whoever holds them write."""

    form: Form
    secrets: Confidential[Mapping[str, Any]] = field(repr=False)


class Doorkeeper(Protocol):
    """Lets one contributor write below one prefix for a while. Raises StorageError, AccessError."""

    def way(self, *, prefix: str, ttl: timedelta, slots: tuple[str, ...]) -> Way:
        """`slots` are names below the prefix that may be needed; a form that needs no list ignores them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A contributor's own."""

    id: str
    inbox: str
    contributor: str
    seed: Confidential[bytes] = field(repr=False)
    issued_at: datetime
    expires_at: datetime
    way: Way

    @property
    def prefix(self) -> str:
        return prefix_of(self.contributor)

    def sign(self, message: bytes) -> bytes:
        """An Ed25519 signature of 64 bytes."""
        return Ed25519PrivateKey.from_private_bytes(self.seed.reveal()).sign(message)

    def required(self, *, inbox: str, now: datetime) -> Credential:
        """Itself. CredentialInvalid when it is over, or for another inbox."""
        if self.inbox != inbox:
            raise CredentialInvalid("the credential is for another inbox", hint="ask for one of this inbox")
        if not self.issued_at - timedelta(minutes=5) <= now < self.expires_at:
            raise CredentialInvalid("the credential is over", hint="ask for another; what was sent stays sent")
        return self


def prefix_of(contributor: str) -> str:
    """Where a contributor's uploads lie in the inbox."""
    return f"{INCOMING}/{contributor}"


def signed_by(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the credential with this public half signed the message."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def write_credential(credential: Credential) -> Confidential[bytes]:
    """The file a contributor is given, over a channel of their own."""
    said = {
        "v": VERSION,
        "id": credential.id,
        "inbox": credential.inbox,
        "contributor": credential.contributor,
        "seed": base64.b64encode(credential.seed.reveal()).decode(),
        "issued_at": credential.issued_at.isoformat(timespec="seconds"),
        "expires_at": credential.expires_at.isoformat(timespec="seconds"),
        "form": credential.way.form.value,
        "send": dict(credential.way.secrets.reveal()),
    }
    return Confidential(json.dumps(said, indent=2).encode() + b"\n")


def read_credential(data: bytes) -> Credential:
    """CredentialInvalid for what is no credential; its contents are not repeated."""
    try:
        said = json.loads(data.decode("utf-8"))
        if said["v"] != VERSION or not isinstance(said["send"], dict):
            raise ValueError("another version")
        seed = base64.b64decode(said["seed"], validate=True)
        Ed25519PrivateKey.from_private_bytes(seed)
        return Credential(
            id=str(said["id"]),
            inbox=str(said["inbox"]),
            contributor=str(said["contributor"]),
            seed=Confidential(seed),
            issued_at=datetime.fromisoformat(said["issued_at"]),
            expires_at=datetime.fromisoformat(said["expires_at"]),
            way=Way(form=Form(said["form"]), secrets=Confidential(said["send"])),
        )
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        raise CredentialInvalid("this is no credential", hint="give the file as you received it") from None
