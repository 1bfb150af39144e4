"""Where recordings come from, what carries them, and where they go."""

from __future__ import annotations

from sottovoce.errors.root import SottovoceError


class SourceError(SottovoceError):
    code = "E_SOURCE"
    exit_code = 9


class SourceRefused(SourceError):
    code = "E_SOURCE_REFUSED"


class SourceUnavailable(SourceError):
    code = "E_SOURCE_UNAVAILABLE"
    retryable = True


class BulkFailed(SourceError):
    code = "E_BULK_FAILED"
    retryable = True


class MediaNotReady(SourceError):
    code = "E_MEDIA_NOT_READY"
    retryable = True


class MediaGone(SourceError):
    code = "E_MEDIA_GONE"


class MediaArchived(MediaGone):
    code = "E_MEDIA_ARCHIVED"


class MediaReplaced(SourceError):
    code = "E_MEDIA_REPLACED"


class EngineError(SottovoceError):
    code = "E_ENGINE"
    exit_code = 10


class EngineUnavailable(EngineError):
    code = "E_ENGINE_UNAVAILABLE"
    retryable = True


class ProcessDied(SottovoceError):
    code = "E_PROCESS_DIED"
    exit_code = 10


class DeliveryError(SottovoceError):
    code = "E_DELIVERY"
    exit_code = 18
