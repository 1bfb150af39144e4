"""One upload as it lies in an inbox: a key only the inbox opens, and two parts under that key.

    8 magic ‖ 32 inbox key ‖ 16 owner ‖ 16 upload ‖ 4 details ‖ 8 media ‖ 80 wrapped ‖ details ‖ media

The content key is drawn for each upload and wrapped by HPKE (RFC 9180, base mode; X25519, HKDF-SHA256,
AES-256-GCM) with everything the header says, and where the object lies, as `info`; so a header that was changed and
an upload that was copied to another prefix do not open. Each part is Cobblestone-256 (C2SP chunked-encryption@v1)
under a context that names inbox, contributor, upload, object and part; the sound's also names its details.
Sizes are those of the sealed parts. In the clear stand digests and random ids only.

Refuses, by a named reason and before anything is allocated on its word: what is no upload, sizes that are not the
object's, keys that do not open, parts that do not open.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import rfc8785
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import SealBroken
from sottovoce.uploads.refusals import Refusal, refused
from sottovoce.vault.seal import KEY_BYTES, open_sealed, plain_size, seal

MAGIC: Final = b"SVUPLD\x00\x01"
APP: Final = "sottovoce-upload"
VERSION: Final = 1
WRAPPED_BYTES: Final = 32 + KEY_BYTES + 16
"""RFC 9180: the encapsulated X25519 key, then the AES-GCM ciphertext of the content key."""

MAX_DETAILS: Final = 16 << 10
"""The sealed details of one upload; a thousandth of what they could claim."""

_HEADER: Final = struct.Struct(">8s32s16s16sIQ80s")
HEADER_BYTES: Final = _HEADER.size
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_DETAILS, _MEDIA = "details", "media"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Whose upload lies where: what every part of it is bound to. `location` is the object's name in the inbox."""

    inbox: str
    contributor: str
    upload: str
    location: str

    @property
    def owner(self) -> bytes:
        """Sixteen bytes that only tell contributors apart."""
        return hashlib.sha256(f"{self.inbox}\n{self.contributor}".encode()).digest()[:16]

    def bound(self, **more: str | int) -> bytes:
        """Canonical JSON (RFC 8785) of the address and more."""
        place = hashlib.sha256(self.location.encode()).hexdigest()
        said: dict[str, str | int] = {"app": APP, "v": VERSION, "inbox": self.inbox, "contributor": self.contributor}
        return rfc8785.dumps({**said, "upload": self.upload, "object": place, **more})


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What an upload says of itself in the clear. Believed only once its key has opened."""

    key: str
    owner: bytes
    upload: str
    details: int
    media: int
    wrapped: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """How many bytes the whole object must have."""
        return HEADER_BYTES + self.details + self.media

    @property
    def media_bytes(self) -> int:
        """How long the sound is once opened."""
        return _plain(self.media)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Both parts, opened."""

    details: Confidential[bytes]
    media: Confidential[bytes]


def fingerprint(public: bytes) -> str:
    """The name of an inbox key: SHA-256 of its 32 bytes, in hex."""
    return hashlib.sha256(public).hexdigest()


def enclose(contents: Contents, *, to: bytes, address: Address, random: Callable[[int], bytes]) -> bytes:
    """The upload's bytes, encrypted to the public key `to`; other bytes each time."""
    key = Confidential(random(KEY_BYTES))
    details = seal(key, address.bound(part=_DETAILS), contents.details)
    media = seal(key, _media_context(address, contents.details), contents.media)
    name, upload = bytes.fromhex(fingerprint(to)), bytes.fromhex(address.upload)
    info = _info(address, name.hex(), len(details), len(media))
    wrapped = _SUITE.encrypt(key.reveal(), X25519PublicKey.from_public_bytes(to), info)
    head = _HEADER.pack(MAGIC, name, address.owner, upload, len(details), len(media), wrapped)
    return b"".join((head, details, media))


def read_head(data: bytes, *, size: int) -> Head:
    """The header of an object of `size` bytes, whose first HEADER_BYTES are `data`.

    UploadRefused: NOT_AN_UPLOAD, TRUNCATED, TOO_LARGE for details beyond their cap.
    """
    if data[: len(MAGIC)] != MAGIC[: len(data)] or not data:
        raise refused(Refusal.NOT_AN_UPLOAD, "the object is no upload")
    if len(data) < HEADER_BYTES:
        raise refused(Refusal.TRUNCATED, "the upload ends within its header")
    _, key, owner, upload, details, media, wrapped = _HEADER.unpack(data[:HEADER_BYTES])
    head = Head(key=key.hex(), owner=owner, upload=upload.hex(), details=details, media=media, wrapped=wrapped)
    if details > MAX_DETAILS:
        raise refused(Refusal.TOO_LARGE, "the upload's details are larger than their cap")
    if head.size != size:
        reason = Refusal.TRUNCATED if head.size > size else Refusal.NOT_AN_UPLOAD
        raise refused(reason, "the upload is not as long as its header says")
    _plain(details)
    _plain(media)
    return head


def open_key(head: Head, private: Confidential[X25519PrivateKey], address: Address) -> Confidential[bytes]:
    """The content key. UploadRefused KEY_FORGED when header, place or key are not those it was wrapped for."""
    info = _info(address, head.key, head.details, head.media)
    try:
        key = _SUITE.decrypt(head.wrapped, private.reveal(), info)
    except (InvalidTag, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise refused(Refusal.KEY_FORGED, "the upload's key does not open in this place")
    return Confidential(key)


def open_details(head: Head, key: Confidential[bytes], address: Address, data: bytes) -> Confidential[bytes]:
    """The details of an upload whose whole bytes, or those up to its sound, are `data`."""
    part = data[HEADER_BYTES : HEADER_BYTES + head.details]
    return _opened(key, address.bound(part=_DETAILS), part)


def open_media(
    head: Head, key: Confidential[bytes], address: Address, data: bytes, *, details: Confidential[bytes]
) -> Confidential[bytes]:
    """The sound of an upload whose whole bytes are `data`; it opens beside its own details only."""
    return _opened(key, _media_context(address, details), data[HEADER_BYTES + head.details : head.size])


def _media_context(address: Address, details: Confidential[bytes]) -> bytes:
    return address.bound(part=_MEDIA, details=hashlib.sha256(details.reveal()).hexdigest())


def _info(address: Address, key: str, details: int, media: int) -> bytes:
    return address.bound(key=key, details=details, media=media)


def _opened(key: Confidential[bytes], context: bytes, part: bytes) -> Confidential[bytes]:
    try:
        return open_sealed(key, context, part)
    except SealBroken:
        raise refused(Refusal.CONTENT_BROKEN, "a part of the upload does not open") from None


def _plain(sealed: int) -> int:
    try:
        return plain_size(sealed)
    except SealBroken:
        raise refused(Refusal.NOT_AN_UPLOAD, "the upload states a size that no part has") from None
