"""Every error sottovoce raises on purpose, in one tree.

    SottovoceError
    ├── PolicyError              the policy file is wrong (line, suggestion)
    ├── WorkspaceError           no workspace here, or a damaged one
    ├── MediaError               the sound cannot be read safely
    │   ├── UnreadableMedia      not audio, forged, an unknown codec
    │   │   └── TruncatedMedia   it holds less sound than it says
    │   └── MediaTooLarge        beyond the caps on seconds, channels, rate or bytes
    ├── ModelError               a model is missing or its digest is not the pinned one
    ├── HearingError             the transcriber failed
    │   ├── NotUnderstood        it heard too little of the speech to find anything in it
    │   └── LanguageUnsupported  the transcriber does not know the language
    ├── DetectionError           a detector failed: nothing may be released on its word
    ├── RedactionError           a plan could not be applied exactly
    ├── AnonymizationError       the voice could not be disguised exactly
    ├── VaultError               keys and sealed objects
    │   ├── KeyUnavailable       the key provider cannot be reached, or refuses
    │   │   └── KeyRefused       it answered and said no: wrong passphrase, disabled or unknown key
    │   ├── KeyFrozen            a legal hold: the key may not be destroyed
    │   ├── KeyShredded          the recording was erased
    │   ├── SealBroken           an object does not open: wrong key, context or bytes, never said which
    │   └── StorageError         the object store failed, is full, or did not keep what it was given
    │       ├── StorageRefused   it refuses access: credentials that expired or are not enough
    │       ├── ObjectLocked     its own lock keeps an object until a date: it cannot be deleted before
    │       ├── ObjectChanged    it is not the object that was looked at before
    │       ├── ObjectArchived   it lies in an archive tier: restore it first
    │       └── ObjectMissing    there is no such object
    ├── CustodyError             the proof
    │   ├── LedgerUnavailable    the ledger cannot be written, so the step does not happen
    │   ├── LedgerTampered       verification failed; the verdict says how
    │   ├── LedgerUnsigned       entries at the ledger's end that no checkpoint covers yet
    │   ├── EntryRefused         an entry holds what a ledger may not: text, identifiers, fractions
    │   ├── NoticeFailed         a recipient could not be told; the notice stays pending
    │   ├── RetentionConflict    two duties cannot both be kept; the plan names them
    │   ├── UnknownRecording     the registry has not seen this key
    │   └── RecordingErased      the recording was erased, or is being erased: it is never processed again
    ├── SourceError              where recordings come from
    │   ├── SourceRefused        credentials or permissions are not enough
    │   ├── SourceUnavailable    the source does not answer, or asks to wait (retryable)
    │   ├── MediaNotReady        still transcoding or uploading (retryable)
    │   ├── MediaReplaced        not the recording any more that was admitted
    │   └── MediaGone            archived, deleted or never there
    ├── EngineError              durable execution
    ├── ProcessDied              a process of ours ended in the middle of a file: a crash, or no memory
    │   └── EngineUnavailable    its database does not answer (retryable)
    ├── ReleaseRefused           a corpus version does not meet its own conditions
    ├── AccessError              who may touch what
    │   ├── NotSignedIn          nobody is known to be asking
    │   ├── AccessRefused        it is not permitted: no role, no grant, or beyond either
    │   ├── GrantInvalid         a grant or token does not verify, is over, or was revoked
    │   └── AccessSuspended      suspended, by a person or by the watch over bulk access
    ├── UploadError              what contributors send in
    │   ├── InboxUntrusted       the inbox's description is not signed by the key it was pinned to
    │   ├── CredentialInvalid    the contributor's credential is over, revoked, or for another inbox
    │   └── UploadRefused        an upload is not taken; `reason` says why
    ├── IntakeError              events that come in
    │   ├── SignatureRefused     nobody we know signed it, or it was changed, or it is old
    │   ├── EventRefused         it is too large, not valid JSON, or not an event we understand
    │   └── IntakeBusy           more than can be written down now: send it again (retryable)
    ├── ComplianceError          judging calls, and what follows
    │   └── VerdictRefused       an engine's answer is not a verdict on what was asked
    ├── DeliveryError            handing a recording over to a destination; its leaves are in delivery/failures.py
    ├── BreakerOpen              a service failed too often: it is not asked for a while (retryable)
    └── TruthInvalid             what a conformance run is judged by is not as documented

Each carries a stable `code` (written to ledgers and engine tables), an `exit_code` for the command
line and a `hint` that says how to mend it. Messages never hold speech, names, numbers or keys: they
speak of codes, counts, files the user named and opaque ids.
"""

from __future__ import annotations

from typing import ClassVar


class SottovoceError(Exception):
    """The root of the tree."""

    code: ClassVar[str] = "E_SOTTOVOCE"
    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class PolicyError(SottovoceError):
    code = "E_POLICY"
    exit_code = 3

    def __init__(self, message: str, *, hint: str = "", line: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.line = line


class WorkspaceError(SottovoceError):
    code = "E_WORKSPACE"
    exit_code = 4


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


class VaultError(SottovoceError):
    code = "E_VAULT"
    exit_code = 7


class KeyUnavailable(VaultError):
    code = "E_KEY_UNAVAILABLE"
    retryable = True


class KeyRefused(KeyUnavailable):
    code = "E_KEY_REFUSED"
    retryable = False


class KeyFrozen(VaultError):
    code = "E_KEY_FROZEN"


class KeyShredded(VaultError):
    code = "E_KEY_SHREDDED"


class SealBroken(VaultError):
    code = "E_SEAL_BROKEN"


class StorageError(VaultError):
    code = "E_STORAGE"
    retryable = True


class StorageRefused(StorageError):
    code = "E_STORAGE_REFUSED"


class ObjectLocked(StorageError):
    code = "E_OBJECT_LOCKED"
    retryable = False


class ObjectMissing(StorageError):
    code = "E_OBJECT_MISSING"
    retryable = False


class ObjectChanged(StorageError):
    code = "E_OBJECT_CHANGED"
    retryable = False


class ObjectArchived(StorageError):
    code = "E_OBJECT_ARCHIVED"
    retryable = False


class CustodyError(SottovoceError):
    code = "E_CUSTODY"
    exit_code = 8


class LedgerUnavailable(CustodyError):
    code = "E_LEDGER_UNAVAILABLE"
    retryable = True


class LedgerTampered(CustodyError):
    code = "E_LEDGER_TAMPERED"


class LedgerUnsigned(CustodyError):
    code = "E_LEDGER_UNSIGNED"
    exit_code = 17


class EntryRefused(CustodyError):
    code = "E_ENTRY_REFUSED"


class NoticeFailed(CustodyError):
    """`reason` is the code that is kept with the notice."""

    code = "E_NOTICE"
    retryable = True

    def __init__(self, message: str, *, reason: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class RetentionConflict(CustodyError):
    code = "E_RETENTION_CONFLICT"


class UnknownRecording(CustodyError):
    code = "E_UNKNOWN_RECORDING"


class RecordingErased(CustodyError):
    code = "E_RECORDING_ERASED"


class SourceError(SottovoceError):
    code = "E_SOURCE"
    exit_code = 9


class SourceRefused(SourceError):
    code = "E_SOURCE_REFUSED"


class SourceUnavailable(SourceError):
    code = "E_SOURCE_UNAVAILABLE"
    retryable = True


class MediaNotReady(SourceError):
    code = "E_MEDIA_NOT_READY"
    retryable = True


class MediaGone(SourceError):
    code = "E_MEDIA_GONE"


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


class ReleaseRefused(SottovoceError):
    code = "E_RELEASE_REFUSED"
    exit_code = 11


class TruthInvalid(SottovoceError):
    code = "E_TRUTH"
    exit_code = 12


class AccessError(SottovoceError):
    code = "E_ACCESS"
    exit_code = 13


class NotSignedIn(AccessError):
    code = "E_NOT_SIGNED_IN"


class AccessRefused(AccessError):
    code = "E_ACCESS_REFUSED"


class GrantInvalid(AccessError):
    code = "E_GRANT_INVALID"


class AccessSuspended(AccessError):
    code = "E_ACCESS_SUSPENDED"


class UploadError(SottovoceError):
    code = "E_UPLOAD"
    exit_code = 14


class InboxUntrusted(UploadError):
    code = "E_INBOX_UNTRUSTED"


class CredentialInvalid(UploadError):
    code = "E_CREDENTIAL"


class UploadRefused(UploadError):
    code = "E_UPLOAD_REFUSED"

    def __init__(self, message: str, *, reason: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class IntakeError(SottovoceError):
    code = "E_INTAKE"
    exit_code = 15


class SignatureRefused(IntakeError):
    code = "E_SIGNATURE"


class EventRefused(IntakeError):
    code = "E_EVENT"


class IntakeBusy(IntakeError):
    code = "E_INTAKE_BUSY"
    retryable = True


class ComplianceError(SottovoceError):
    code = "E_COMPLIANCE"
    exit_code = 16


class VerdictRefused(ComplianceError):
    code = "E_VERDICT"


class DeliveryError(SottovoceError):
    code = "E_DELIVERY"
    exit_code = 18


class BreakerOpen(SottovoceError):
    code = "E_BREAKER_OPEN"
    retryable = True
