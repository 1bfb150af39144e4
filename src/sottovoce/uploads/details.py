"""What a contributor says of one recording, inside its ciphertext: consent first of all.

Written as canonical JSON (RFC 8785) and signed by the contributor's credential (Ed25519) together with the place
the upload lies in. Read strictly: unknown, missing or doubled fields, wrong types, long texts and names that lead
elsewhere are refused, and no message repeats what stood there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final

import rfc8785

from sottovoce.domain.confidential import Confidential
from sottovoce.uploads.envelope import Address
from sottovoce.uploads.refusals import Refusal, refused

VERSION: Final = 1
DEVICES: Final = frozenset({"phone", "headset", "laptop", "microphone", "other"})
"""A device by its class: what somebody calls theirs may name them."""
_TEXT: Final = 200
_NAME: Final = 255
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_ID: Final = re.compile(r"[a-z0-9-]{1,64}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")
"""BCP 47, as far as recordings need it."""
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f/\\:]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """The statement that was agreed to, by its version and the digest of its words, and on which day."""

    version: str
    wording: str
    agreed_on: date
    agreed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """One recording as its contributor describes it. `media` is the SHA-256 of the sound's bytes."""

    media: str
    media_bytes: int
    name: str = field(repr=False)
    consent: Consent
    submitted_at: datetime
    language: str | None
    device: str | None
    """One of DEVICES."""
    reference: str | None = field(repr=False)
    """The contributor's own, for their own use; it is kept nowhere."""
    credential: str


def wording_digest(text: str) -> str:
    """SHA-256 of a statement's words, spaces normalised."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()


def safe_name(name: str) -> bool:
    """Whether a file's name is a name and no path."""
    return 0 < len(name) <= _NAME and not _UNSAFE.search(name) and name.strip(". ") != ""


def signing_message(details: Details, address: Address) -> bytes:
    """What a credential signs: these details, of this upload, in this place."""
    return address.bound(signed=hashlib.sha256(_body(details)).hexdigest())


def write_details(details: Details, signature: bytes) -> Confidential[bytes]:
    """Details and signature as they are sealed."""
    signed = {"body": json.loads(_body(details)), "signature": base64.b64encode(signature).decode()}
    return Confidential(rfc8785.dumps(signed))


def read_details(data: Confidential[bytes]) -> tuple[Details, bytes]:
    """The details and their signature, which is not verified here. UploadRefused DETAILS_INVALID or NAME_UNSAFE."""
    try:
        outer = _object(json.loads(data.reveal().decode("utf-8"), object_pairs_hook=_unique), ("body", "signature"))
        signature = base64.b64decode(_text(outer, "signature", 88), validate=True)
        details = _details(outer["body"])
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error):
        raise refused(Refusal.DETAILS_INVALID, "the upload's details are not as `submit` writes them") from None
    if not safe_name(details.name):
        raise refused(Refusal.NAME_UNSAFE, "the upload's file has a name that leads elsewhere")
    return details, signature


def _body(details: Details) -> bytes:
    said: dict[str, Any] = {"v": VERSION, **asdict(details)}
    said["submitted_at"] = details.submitted_at.astimezone(UTC).isoformat(timespec="seconds")
    said["consent"]["agreed_on"] = details.consent.agreed_on.isoformat()
    return rfc8785.dumps(said)


_FIELDS = (
    "v", "media", "media_bytes", "name", "consent", "submitted_at", "language", "device", "reference", "credential",
)  # fmt: skip
_CONSENT = ("version", "wording", "agreed_on", "agreed")


def _details(value: object) -> Details:
    body = _object(value, _FIELDS)
    consent = _object(body["consent"], _CONSENT)
    submitted = datetime.fromisoformat(_text(body, "submitted_at", 40))
    language = _optional(body, "language", 40)
    if body["v"] != VERSION or submitted.tzinfo is None or not isinstance(consent["agreed"], bool):
        raise ValueError("not of this version")
    if language is not None and not _LANGUAGE.fullmatch(language):
        raise ValueError("not a language")
    if body["device"] is not None and body["device"] not in DEVICES:
        raise ValueError("not a class of devices")
    return Details(
        media=_matching(_HEX, body, "media"),
        media_bytes=_count(body, "media_bytes"),
        name=_text(body, "name", 4 * _NAME),
        consent=Consent(
            version=_text(consent, "version", 128),
            wording=_matching(_HEX, consent, "wording"),
            agreed_on=date.fromisoformat(_text(consent, "agreed_on", 10)),
            agreed=consent["agreed"],
        ),
        submitted_at=submitted,
        language=language,
        device=_optional(body, "device", _TEXT),
        reference=_optional(body, "reference", _TEXT),
        credential=_matching(_ID, body, "credential"),
    )


def _object(value: object, fields: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != set(fields):
        raise ValueError("not these fields")
    return value


def _text(body: dict[str, Any], name: str, most: int) -> str:
    value = body[name]
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise ValueError("not a text of that length")
    return value


def _optional(body: dict[str, Any], name: str, most: int) -> str | None:
    return None if body[name] is None else _text(body, name, most)


def _matching(pattern: re.Pattern[str], body: dict[str, Any], name: str) -> str:
    value = _text(body, name, 128)
    if not pattern.fullmatch(value):
        raise ValueError("not of that form")
    return value


def _count(body: dict[str, Any], name: str) -> int:
    value = body[name]
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("not a count")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice")
    return found
