"""Is this upload what it says, from whom it says, and may it be used? From its outside to its inside.

Each door refuses by name, and the next is not tried: what costs least is asked first, and nothing is fetched,
decrypted or decoded on the word of something that was not checked before. Everything happens in memory.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.sound import MediaFormat
from sottovoce.errors import MediaError, MediaTooLarge, TruncatedMedia
from sottovoce.storage.browse import Browser, Listed
from sottovoce.uploads.contributors import Contributor, KnownCredential, Standing
from sottovoce.uploads.credential import ENDING, INCOMING, signed_by
from sottovoce.uploads.details import Consent, Details, read_details, signing_message
from sottovoce.uploads.envelope import (
    HEADER_BYTES,
    MAX_DETAILS,
    Address,
    Head,
    open_details,
    open_key,
    open_media,
    read_head,
)
from sottovoce.uploads.refusals import Refusal, refused
from sottovoce.vault.seal import sealed_size

_SKEW: Final = timedelta(minutes=5)
_LOCATION: Final = re.compile(rf"{INCOMING}/([a-z0-9-]{{3,64}})/([A-Za-z0-9_-]{{1,64}}){re.escape(ENDING)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """What the sound is, decoded to its end."""

    duration_s: float
    format: MediaFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """An upload that passed every door. `digest` is the SHA-256 of the object's bytes."""

    address: Address
    key: str
    digest: str
    details: Details
    sound: Inspected
    media: Confidential[bytes] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an inbox takes. `wordings` holds each version's first day."""

    max_bytes: int
    wordings: dict[str, date]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unsealed:
    """An upload whose details are open and whose sound is not."""

    address: Address
    head: Head
    key: Confidential[bytes]
    data: bytes = field(repr=False)
    sealed: Confidential[bytes]
    details: Details
    signature: bytes


class People(Protocol):
    """Who may send. `contributors.Contributors` is one."""

    def find(self, contributor: str) -> Contributor | None: ...

    def credential(self, credential: str, *, contributor: str) -> KnownCredential | None: ...


class PrivateKeys(Protocol):
    """What opens uploads. `keys.InboxKeys` is one."""

    def private(self, inbox: str, fingerprint: str) -> Confidential[X25519PrivateKey]: ...


class Examiner:
    """Examines the uploads of one inbox.

    `name` is the inbox in the policy, `inbox` as contributors know it. `inspect` decodes a sound within its caps and
    raises MediaError; `published` answers the wordings, with the digests of their words, that were ever published.
    """

    def __init__(
        self,
        *,
        name: str,
        inbox: str,
        browser: Browser,
        people: People,
        keys: PrivateKeys,
        limits: Limits,
        inspect: Callable[[Confidential[bytes]], Inspected],
        published: Callable[[], frozenset[tuple[str, str]]],
        clock: Callable[[], datetime],
    ) -> None:
        self._name = name
        self._inbox = inbox
        self._browser = browser
        self._people = people
        self._keys = keys
        self._limits = limits
        self._inspect = inspect
        self._published = published
        self._clock = clock

    def claim(self, listed: Listed) -> tuple[str, Head]:
        """The contributor and the header of an object, neither of them believed yet. UploadRefused by name."""
        contributor = contributor_of(listed.name)
        self._standing(contributor)
        if listed.size > HEADER_BYTES + MAX_DETAILS + sealed_size(self._limits.max_bytes):
            raise refused(Refusal.TOO_LARGE, "the upload is larger than the inbox takes")
        head = read_head(self._browser.read_range(listed, 0, HEADER_BYTES), size=listed.size)
        if head.media_bytes > self._limits.max_bytes:
            raise refused(Refusal.TOO_LARGE, "the upload claims more sound than the inbox takes")
        return contributor, head

    def examine(self, listed: Listed, contributor: str, head: Head) -> Examined:
        """The whole of it, opened and checked. UploadRefused by name; StorageError when it cannot be fetched."""
        half = self._unsealed(listed, contributor, head)
        self._credential(half.details, half.signature, half.address, listed.modified)
        self._consent(half.details.consent)
        return self._whole(half)

    def reopen(self, listed: Listed) -> Examined:
        """The same for what was accepted before: who sent it and what they agreed to was asked then."""
        head = read_head(self._browser.read_range(listed, 0, HEADER_BYTES), size=listed.size)
        return self._whole(self._unsealed(listed, contributor_of(listed.name), head))

    def _unsealed(self, listed: Listed, contributor: str, head: Head) -> _Unsealed:
        address = Address(inbox=self._inbox, contributor=contributor, upload=head.upload, location=listed.name)
        if head.owner != address.owner:
            raise refused(Refusal.WRONG_CONTRIBUTOR, "the upload was made for another contributor's prefix")
        key = open_key(head, self._keys.private(self._name, head.key), address)
        data = self._browser.read(listed, limit=head.size)
        sealed = open_details(head, key, address, data)
        details, signature = read_details(sealed)
        return _Unsealed(
            address=address, head=head, key=key, data=data, sealed=sealed, details=details, signature=signature
        )

    def _whole(self, half: _Unsealed) -> Examined:
        media = open_media(half.head, half.key, half.address, half.data, details=half.sealed)
        return Examined(
            address=half.address,
            key=half.head.key,
            digest=hashlib.sha256(half.data).hexdigest(),
            details=half.details,
            sound=self._sound(media, half.details),
            media=media,
        )

    def _standing(self, contributor: str) -> None:
        found = self._people.find(contributor)
        if found is None or found.inbox != self._name:
            raise refused(Refusal.CONTRIBUTOR_UNKNOWN, "nobody of this inbox has that prefix")
        match found.standing:
            case Standing.REVOKED:
                raise refused(Refusal.CONTRIBUTOR_REVOKED, "nothing more is taken from this contributor")
            case Standing.WITHDRAWN:
                raise refused(Refusal.CONTRIBUTOR_WITHDRAWN, "this contributor took their consent back")
            case Standing.ACTIVE:
                return

    def _credential(self, details: Details, signature: bytes, address: Address, put_at: datetime) -> None:
        """Signed by a credential of this very contributor, that held when the object was put there."""
        known = self._people.credential(details.credential, contributor=address.contributor)
        if known is None:
            raise refused(Refusal.CREDENTIAL_UNKNOWN, "the upload names no credential of its contributor")
        if not signed_by(known.public, signing_message(details, address), signature):
            raise refused(Refusal.CREDENTIAL_FORGED, "the upload is not signed by its credential")
        if known.revoked_at is not None:
            raise refused(Refusal.CREDENTIAL_REVOKED, "the upload's credential was revoked")
        if not known.issued_at - _SKEW <= put_at <= known.expires_at + _SKEW:
            raise refused(Refusal.CREDENTIAL_EXPIRED, "the upload was put there when its credential did not hold")

    def _consent(self, consent: Consent) -> None:
        if not consent.agreed:
            raise refused(Refusal.CONSENT_MISSING, "the upload does not say that its contributor agreed")
        effective = self._limits.wordings.get(consent.version)
        if effective is None or (consent.version, consent.wording) not in self._published():
            raise refused(Refusal.WORDING_UNKNOWN, "the upload agrees to words this inbox has not published")
        tomorrow = self._clock().astimezone(UTC).date() + timedelta(days=1)
        if not effective <= consent.agreed_on <= tomorrow:
            raise refused(Refusal.CONSENT_DATE, "the upload was agreed to on a day on which its words did not stand")

    def _sound(self, media: Confidential[bytes], details: Details) -> Inspected:
        data = media.reveal()
        if len(data) != details.media_bytes or hashlib.sha256(data).hexdigest() != details.media:
            raise refused(Refusal.MEDIA_MISMATCH, "the sound is not the one its details speak of")
        try:
            return self._inspect(media)
        except MediaTooLarge:
            raise refused(Refusal.MEDIA_TOO_LARGE, "the sound is more than the inbox takes") from None
        except TruncatedMedia:
            raise refused(Refusal.MEDIA_TRUNCATED, "the sound is cut off") from None
        except MediaError:
            raise refused(Refusal.MEDIA_UNREADABLE, "the sound cannot be read") from None


def contributor_of(location: str) -> str:
    """Whose prefix an object lies under. UploadRefused NAME_UNSAFE for a name that `submit` does not make."""
    found = _LOCATION.fullmatch(location)
    if found is None:
        raise refused(Refusal.NAME_UNSAFE, "an object has a name that no upload has")
    return found[1]
