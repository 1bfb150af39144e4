"""A recording and the forms it takes on its way: its form is its type.

    RecordingRef ─ Captured ─ Admitted ─ Redacted ─ Verified ─ Anonymized ─ Sealed

Delivery and corpus accept `Sealed` only. Each form names the digest of the one before, so that the
chain can be followed from the ledger. Only the room that owns a form makes it (a test holds that):
sources make Captured, screening Admitted, redact Redacted and Verified, anonymize Anonymized, vault
Sealed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.consent import ConsentRecord, LawfulBasis, Purpose
from sottovoce.domain.finding import RedactionPlan
from sottovoce.domain.outcome import Evidence, Waiver
from sottovoce.domain.sound import Media, MediaFormat, Sound
from sottovoce.domain.transcript import Transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRef:
    """An opaque name for a recording: `key` is a keyed digest of the source's own ids.

    `locator` holds those ids (a conversation and a recording, a path) as the source needs them to
    fetch; it never leaves the registry.
    """

    source: str
    key: str
    locator: Confidential[str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """One party of a conversation, with the attributes that policy asks for and no others."""

    purpose: str
    attributes: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingMetadata:
    """What is known before any audio is fetched. Caller numbers and names are tokens already."""

    ref: RecordingRef
    conversation_id: str = field(repr=False)
    recording_id: str = field(repr=False)
    started_at: datetime | None
    duration_s: float | None
    queue: str | None = None
    queue_category: str | None = None
    skills: tuple[str, ...] = ()
    language: str | None = None
    direction: str | None = None
    dnis: str | None = field(default=None, repr=False)
    """The number that was dialled: the company's own, matched against test numbers."""
    customer_token: str | None = None
    """A keyed digest of the caller's number or contact id; the caller's own pseudonym."""
    agent_token: str | None = None
    participants: tuple[Participant, ...] = ()
    file_state: str | None = None
    region: str | None = None
    legal_hold: bool = False
    accent_region: str | None = None
    format: MediaFormat | None = None
    codec: str | None = None
    device: str | None = None
    audio_quality: str | None = None
    permissions: tuple[str, ...] = ()
    """What the source's token was allowed to see when this was read (GENESYS.md 4b)."""
    contributor: str | None = None
    """Who sent it in, as a pseudonymous id; None for what was not sent in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """Fetched and decoded, nothing else done. `digest` is the SHA-256 of the media as received."""

    ref: RecordingRef
    metadata: RecordingMetadata
    media: Media = field(repr=False)
    sound: Sound
    format: MediaFormat
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Why a recording may be used: made before any audio is fetched."""

    purpose: Purpose
    basis: LawfulBasis
    consent: ConsentRecord | None
    assessment: str | None
    policy_digest: str
    rules: tuple[str, ...]
    """The rules that were asked, in order; every one of them passed."""
    stratum: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    ref: RecordingRef
    metadata: RecordingMetadata
    media: Media = field(repr=False)
    sound: Sound
    format: MediaFormat
    admission: Admission
    digest: str
    """The same as its Captured: admission changes no sound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """The plan applied to sound and transcript; not yet believed."""

    admitted: Admitted
    sound: Sound
    transcript: Transcript
    plan: RedactionPlan
    digest: str
    predecessor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A second detector listened to the redacted sound and found nothing."""

    admitted: Admitted
    sound: Sound
    transcript: Transcript
    plan: RedactionPlan
    verification: Evidence
    digest: str
    predecessor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Anonymized:
    """The voice disguised, channel by channel, to the sample as long as before."""

    verified: Verified
    sound: Sound
    method: str
    waiver: Waiver | None
    digest: str
    predecessor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedObject:
    """One encrypted object in storage. `digest` is the SHA-256 of the ciphertext.

    `rev` counts what was sealed under the same name; an older revision does not open as a newer one.
    """

    kind: str
    location: str
    digest: str
    size: int
    channel: int | None = None
    rev: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """All that remains of a recording: ciphertext, and a key apart from it."""

    ref: RecordingRef
    key_id: str
    objects: tuple[SealedObject, ...]
    facts: Evidence
    predecessor: str
