"""Amazon Transcribe: as a transcriber by a standard job, and as a redactor by a Call Analytics job (SPEC 5.2).

A standard job's redaction is of the transcript alone: its answer has `RedactedTranscriptFileUri` and no sound. Only
Call Analytics redacts sound, when the request names the media in `Media.RedactedMediaFileUri`, and answers where that
lies in the same field (API reference, StartCallAnalyticsJob, Media). It needs two channels, one a speaker. So
`AmazonRedaction` is the only way to `VendorRedacted`, and it reads nothing but that object: a job that redacted a
transcript yields no sound.

Channels are told apart by the recording, never by the service's guess who speaks (the guide asks for speaker labels).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.entities import TRANSCRIBE, Entity
from sottovoce.domain.sound import Role, Sound, sound_digest
from sottovoce.domain.transcript import Transcript
from sottovoce.domain.vendor import VendorRedacted
from sottovoce.errors import HearingError, LanguageUnsupported
from sottovoce.speech.amazon_jobs import CALL, STANDARD, Jobs
from sottovoce.speech.amazon_words import transcript_of
from sottovoce.speech.caps import Caps
from sottovoce.speech.decode import decode
from sottovoce.speech.encode import encode

ENGINE: Final = "amazon-transcribe"
_CHANNELS: Final = 2
"""Developer Guide, "Transcribing multi-channel audio": two channels at most; Call Analytics: exactly two."""

LANGUAGES: Final = {"en": "en-US", "es": "es-US", "fr": "fr-FR", "de": "de-DE", "it": "it-IT", "pt": "pt-PT"}
_EXACT: Final = frozenset({*LANGUAGES.values(), "fr-CA", "de-CH", "pt-BR"})
"""What batch jobs redact (Developer Guide, "Document history", May 2026). In any other language the service ignores the
request for redaction and says nothing, and language identification rules redaction out."""

_FROM_SERVICE: Final = {Role.AGENT: "AGENT", Role.CUSTOMER: "CUSTOMER"}

Naming = Callable[[str], str]
"""A keyed digest in hex: the same for the same, and telling nobody whose it is."""


class AmazonTranscriber:
    """Words by a standard job; what the service redacted in them is speech without words, and goes."""

    def __init__(self, *, jobs: Jobs, settings: Mapping[str, Any], naming: Naming) -> None:
        self._jobs = jobs
        self._settings = settings
        self._naming = naming

    @property
    def languages(self) -> frozenset[str]:
        """ISO 639-1 codes of what it hears and redacts."""
        return frozenset(LANGUAGES)

    def transcribe(self, sound: Sound, *, language: str | None) -> Transcript:
        """See `speech.protocol.Transcriber`. LanguageUnsupported where no language is given: it would not redact."""
        locale = _locale(language)
        if sound.channels > _CHANNELS:
            raise HearingError("the service hears two channels at most")
        name = self._naming(f"{STANDARD.name} {locale} {sound_digest(sound)}")
        return self._jobs.done(
            STANDARD,
            name,
            _lent(sound),
            asks=lambda media, folder: self._request(media, folder, locale, sound.channels),
            reads=lambda job: self._read(name, job, sound, locale),
        )

    def _request(self, media: str, folder: str, locale: str, channels: int) -> Mapping[str, Any]:
        bucket, _, key = folder.removeprefix("s3://").partition("/")
        role = self._settings.get("DataAccessRoleArn")
        queued = {"JobExecutionSettings": {"AllowDeferredExecution": True, "DataAccessRoleArn": role}} if role else {}
        separate = {"Settings": {"ChannelIdentification": True}} if channels == _CHANNELS else {}
        return {
            "Media": {"MediaFileUri": media},
            "MediaFormat": "flac",
            "LanguageCode": locale,
            "OutputBucketName": bucket,
            "OutputKey": key,
            "OutputEncryptionKMSKeyId": self._settings["OutputEncryptionKMSKeyId"],
            "ContentRedaction": _redaction(["ALL"]),
            **separate,
            **queued,
        }

    def _read(self, name: str, job: Mapping[str, Any], sound: Sound, locale: str) -> Transcript:
        address = job.get("Transcript", {}).get("RedactedTranscriptFileUri")
        if address is None:
            raise HearingError("the service redacted nothing", hint="its language may not be one it redacts")
        data = self._jobs.take_back(name, address)
        return transcript_of(data, sound, engine=ENGINE, language=locale.partition("-")[0])


class AmazonRedaction:
    """Satisfies `redact.protocol.RedactionService` by Call Analytics."""

    service: Final = ENGINE

    def __init__(self, *, jobs: Jobs, settings: Mapping[str, Any], naming: Naming) -> None:
        self._jobs = jobs
        self._settings = settings
        self._naming = naming

    def redact(self, sound: Sound, *, entities: frozenset[Entity], language: str | None) -> VendorRedacted:
        """The sound as the service gave it back. HearingError for a mono call, or where it gave no redacted sound."""
        locale, types = _locale(language), pii_types(entities)
        if sorted(sound.roles) != sorted(_FROM_SERVICE):
            raise HearingError(
                "the service redacts the sound of two-channel calls only",
                hint="use redaction.engine: sottovoce for recordings with another number of channels",
            )
        name = self._naming(f"{CALL.name} {locale} {','.join(types)} {sound_digest(sound)}")
        return self._jobs.done(
            CALL,
            name,
            _lent(sound),
            asks=lambda media, folder: self._request(media, folder, locale, types, sound.roles),
            reads=lambda job: self._read(name, job, sound, locale),
        )

    def _request(
        self, media: str, folder: str, locale: str, types: list[str], roles: Iterable[Role]
    ) -> Mapping[str, Any]:
        speakers = [{"ChannelId": n, "ParticipantRole": _FROM_SERVICE[role]} for n, role in enumerate(roles)]
        return {
            **self._settings,
            "Media": {"RedactedMediaFileUri": media},
            "OutputLocation": folder,
            "Settings": {"ContentRedaction": _redaction(types), "LanguageOptions": [locale]},
            "ChannelDefinitions": speakers,
        }

    def _read(self, name: str, job: Mapping[str, Any], sound: Sound, locale: str) -> VendorRedacted:
        """Nothing but the object that is said to be redacted sound; the transcript is not even looked at."""
        if job.get("LanguageCode", locale) != locale:
            raise HearingError("the service heard another language, and may have redacted nothing")
        address = job.get("Media", {}).get("RedactedMediaFileUri")
        if address is None:
            raise HearingError("the service gave back no redacted sound", hint="a redacted transcript is none")
        samples, shape = decode(self._jobs.take_back(name, address), caps=Caps())
        if samples.shape[0] != sound.channels:
            raise HearingError("the service gave back another number of channels")
        return VendorRedacted(sound=Sound(samples=samples, rate=shape.rate, roles=sound.roles), service=ENGINE)


def pii_types(entities: Iterable[Entity]) -> list[str]:
    """The service's names for what a queue wants gone; ALL where that is everything it knows, or nothing it knows."""
    wanted = {TRANSCRIBE[entity] for entity in entities if entity in TRANSCRIBE}
    return sorted(wanted) if wanted and wanted < set(TRANSCRIBE.values()) else ["ALL"]


def job_naming(tokens: Callable[[str, str], str]) -> Naming:
    """Names from the workspace's own keyed digests (`sources.protocol.HmacTokenizer.token`)."""
    return lambda what: f"sv-{tokens('hearing', hashlib.sha256(what.encode()).hexdigest())}"


def _redaction(types: list[str]) -> Mapping[str, Any]:
    """Never `redacted_and_unredacted`: no transcript in the clear is ever written."""
    return {"RedactionType": "PII", "RedactionOutput": "redacted", "PiiEntityTypes": types}


def _locale(language: str | None) -> str:
    said = (language or "").replace("_", "-")
    exact = next((locale for locale in _EXACT if locale.lower() == said.lower()), None)
    found = exact or LANGUAGES.get(said.partition("-")[0].lower())
    if found is None:
        raise LanguageUnsupported(
            "the service redacts only in languages it is told, and not in this one",
            hint=f"state the recording's language; it redacts {', '.join(LANGUAGES)}",
        )
    return found


def _lent(sound: Sound) -> Confidential[bytes]:
    return encode(sound, container="FLAC", codec="PCM_16")
