"""Signatures of webhooks: Standard Webhooks 1.0.0, GitHub's, and Genesys Cloud Open Messaging's.

Stricter than the reference library (SECURITY.md 5.1): timestamps are digits only, a header has at most 4 KiB and
eight signatures, ids are plain, every comparison takes constant time, and all that is wrong with a message is one
refusal. Several secrets at once let a sender rotate without a gap.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import SignatureRefused
from sottovoce.intake.protocol import Delivery, Message

TOLERANCE: Final = timedelta(minutes=5)
MAX_HEADER: Final = 4096
MAX_SIGNATURES: Final = 8
ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_HEX: Final = re.compile(r"[0-9a-f]{64}")


class StandardWebhooks:
    """`webhook-id`, `webhook-timestamp`, `webhook-signature`: `v1` by HMAC-SHA256, `v1a` by Ed25519."""

    def __init__(
        self,
        *,
        sender: str,
        secrets: Sequence[Confidential[bytes]] = (),
        public_keys: Sequence[bytes] = (),
        tolerance: timedelta = TOLERANCE,
    ) -> None:
        if any(not 24 <= len(secret.reveal()) <= 64 for secret in secrets):
            raise ValueError("a webhook secret has 24 to 64 bytes")
        self._sender = sender
        self._keyed = tuple(hmac.new(secret.reveal(), digestmod="sha256") for secret in secrets)
        """Begun once: to begin with a key costs more than an event's few hundred bytes."""
        self._keys = tuple(Ed25519PublicKey.from_public_bytes(key) for key in public_keys)
        self._tolerance = tolerance

    def claims(self, message: Message) -> bool:
        return "webhook-signature" in message.headers

    def verify(self, message: Message, *, now: datetime) -> Delivery:
        event_id = header_of(message, "webhook-id")
        stamp = header_of(message, "webhook-timestamp")
        if not ID.fullmatch(event_id) or not _SECONDS.fullmatch(stamp):
            raise refused()
        signed = f"{event_id}.{stamp}.".encode() + message.body
        if not self._signed(signed, header_of(message, "webhook-signature")):
            raise refused()
        sent_at = datetime.fromtimestamp(int(stamp), tz=UTC)
        if abs(now - sent_at) > self._tolerance:
            raise refused()
        return Delivery(sender=self._sender, id=event_id, sent_at=sent_at)

    def _signed(self, signed: bytes, header: str) -> bool:
        parts = header.split(" ")
        if len(parts) > MAX_SIGNATURES:
            raise refused()
        marks = [part.partition(",") for part in parts]
        by_secret = [mac for version, _, text in marks if version == "v1" and len(mac := decoded(text)) == 32]
        by_key = [mark for version, _, text in marks if version == "v1a" and len(mark := decoded(text)) == 64]
        return self._by_secret(signed, by_secret) | self._by_key(signed, by_key)

    def _by_secret(self, signed: bytes, marks: Iterable[bytes]) -> bool:
        expected = [_continued(keyed, signed) for keyed in self._keyed]
        return sum(hmac.compare_digest(mac, mark) for mac in expected for mark in marks) > 0

    def _by_key(self, signed: bytes, marks: Iterable[bytes]) -> bool:
        return any(_verifies(key, mark, signed) for mark in marks for key in self._keys)


class BodySigned:
    """`X-Hub-Signature-256: sha256=…`: GitHub's in hex with a delivery id, Open Messaging's in base64 without.

    Neither signs a time. Where no delivery id comes, the body's digest is one: the same body is the same event.
    """

    def __init__(self, *, sender: str, secrets: Sequence[Confidential[bytes]], base64_marks: bool) -> None:
        if not secrets or any(len(secret.reveal()) < 16 for secret in secrets):
            raise ValueError("a webhook secret has at least 16 bytes")
        self._sender = sender
        self._secrets = tuple(secrets)
        self._base64 = base64_marks

    def claims(self, message: Message) -> bool:
        mark = message.headers.get("x-hub-signature-256", "").removeprefix("sha256=")
        return bool(mark) and bool(_HEX.fullmatch(mark)) != self._base64

    def verify(self, message: Message, *, now: datetime) -> Delivery:
        del now  # nothing signs a time here
        mark = self._mark(header_of(message, "x-hub-signature-256"))
        expected = [hmac.digest(secret.reveal(), message.body, "sha256") for secret in self._secrets]
        if not sum(hmac.compare_digest(mac, mark) for mac in expected):
            raise refused()
        delivery = "" if self._base64 else message.headers.get("x-github-delivery", "")
        if delivery and not ID.fullmatch(delivery):
            raise refused()
        return Delivery(sender=self._sender, id=delivery or hashlib.sha256(message.body).hexdigest(), sent_at=None)

    def _mark(self, header: str) -> bytes:
        scheme, _, text = header.partition("=")
        if scheme != "sha256":
            raise refused()
        if self._base64:
            return decoded(text)
        return bytes.fromhex(text) if _HEX.fullmatch(text) else b""


def standard_secret(text: Confidential[str]) -> Confidential[bytes]:
    """The bytes of a `whsec_…` secret. ValueError when it is none."""
    return Confidential(base64.b64decode(text.reveal().removeprefix("whsec_"), validate=True))


def header_of(message: Message, name: str) -> str:
    """A header that is there, plain and short. Raises SignatureRefused."""
    value = message.headers.get(name, "")
    if not value or len(value) > MAX_HEADER or not value.isascii() or not value.isprintable():
        raise refused()
    return value


def decoded(text: str) -> bytes:
    """Strict base64; nothing for what is none."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def refused() -> SignatureRefused:
    return SignatureRefused("the message's signature is not one we accept")


def _continued(keyed: hmac.HMAC, message: bytes) -> bytes:
    mac = keyed.copy()
    mac.update(message)
    return mac.digest()


def _verifies(key: Ed25519PublicKey, mark: bytes, signed: bytes) -> bool:
    try:
        key.verify(mark, signed)
    except InvalidSignature:
        return False
    return True
