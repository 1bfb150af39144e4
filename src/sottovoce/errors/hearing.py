"""From sound to words, and back to sound without some of them."""

from __future__ import annotations

from sottovoce.errors.root import SottovoceError


class MediaError(SottovoceError):
    code = "E_MEDIA"
    exit_code = 5


class UnreadableMedia(MediaError):
    code = "E_MEDIA_UNREADABLE"


class TruncatedMedia(UnreadableMedia):
    code = "E_MEDIA_TRUNCATED"


class MediaTooLarge(MediaError):
    code = "E_MEDIA_TOO_LARGE"


class ModelError(SottovoceError):
    code = "E_MODEL"
    exit_code = 6


class HearingError(SottovoceError):
    code = "E_HEARING"
    exit_code = 6


class HearingUnavailable(HearingError):
    code = "E_HEARING_UNAVAILABLE"
    retryable = True


class NotUnderstood(HearingError):
    code = "E_NOT_UNDERSTOOD"


class LanguageUnsupported(HearingError):
    code = "E_LANGUAGE_UNSUPPORTED"


class DetectionError(SottovoceError):
    code = "E_DETECTION"
    exit_code = 6


class RedactionError(SottovoceError):
    code = "E_REDACTION"
    exit_code = 6


class AnonymizationError(SottovoceError):
    code = "E_ANONYMIZATION"
    exit_code = 6
