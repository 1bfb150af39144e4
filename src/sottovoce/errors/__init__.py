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
    │   ├── HearingUnavailable   a service that hears does not answer, or not in time (retryable)
    │   ├── NotUnderstood        it heard too little of the speech to find anything in it
    │   └── LanguageUnsupported  the transcriber does not know the language
    ├── DetectionError           a detector failed: nothing may be released on its word
    ├── RedactionError           a recording could not be redacted, or not exactly as planned
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
    │   ├── AgreementInvalid     a paper cannot be recorded as it was told, or is not there
    │   ├── RetentionConflict    two duties cannot both be kept; the plan names them
    │   ├── UnknownRecording     the registry has not seen this key
    │   └── RecordingErased      the recording was erased, or is being erased: it is never processed again
    ├── SourceError              where recordings come from
    │   ├── SourceRefused        credentials or permissions are not enough
    │   ├── SourceUnavailable    the source does not answer, or asks to wait (retryable)
    │   ├── BulkFailed           a job of the source's own for many at once came to nothing
    │   ├── MediaNotReady        still transcoding or uploading (retryable)
    │   ├── MediaReplaced        not the recording any more that was admitted
    │   └── MediaGone            deleted or never there
    │       └── MediaArchived    in the source's archive: it has to be restored first
    ├── DeliveryError            handing a recording over to a destination; its leaves are in delivery/failures.py
    ├── EngineError              durable execution
    │   └── EngineUnavailable    its database does not answer (retryable)
    ├── ProcessDied              a process of ours ended in the middle of a file: a crash, or no memory
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
    │   ├── IntakeBusy           more than can be written down now: send it again (retryable)
    │   └── QueueUnavailable     a message broker does not answer, or went away (retryable)
    │       └── QueueRefused     it answered and said no: credentials, permissions, or no such queue
    ├── ComplianceError          judging calls, and what follows
    │   ├── VerdictRefused       an engine's answer is not a verdict on what was asked
    │   ├── VerdictPending       an external engine was asked and has not answered yet (retryable)
    │   ├── VerdictLate          it did not answer within the time the policy gives it
    │   ├── JudgeRefused         an external engine refuses to judge the recording
    │   └── JudgeUnavailable     it does not answer, or asks to wait (retryable)
    ├── BreakerOpen              a service failed too often: it is not asked for a while (retryable)
    └── TruthInvalid             what a conformance run is judged by is not as documented

Each carries a stable `code` (written to ledgers and engine tables), an `exit_code` for the command
line and a `hint` that says how to mend it. Messages never hold speech, names, numbers or keys: they
speak of codes, counts, files the user named and opaque ids.
"""

from __future__ import annotations

from sottovoce.errors.hearing import (
    AnonymizationError,
    DetectionError,
    HearingError,
    HearingUnavailable,
    LanguageUnsupported,
    MediaError,
    MediaTooLarge,
    ModelError,
    NotUnderstood,
    RedactionError,
    TruncatedMedia,
    UnreadableMedia,
)
from sottovoce.errors.judging import (
    ComplianceError,
    EventRefused,
    IntakeBusy,
    IntakeError,
    JudgeRefused,
    JudgeUnavailable,
    QueueRefused,
    QueueUnavailable,
    SignatureRefused,
    VerdictLate,
    VerdictPending,
    VerdictRefused,
)
from sottovoce.errors.keeping import (
    AgreementInvalid,
    CustodyError,
    EntryRefused,
    KeyFrozen,
    KeyRefused,
    KeyShredded,
    KeyUnavailable,
    LedgerTampered,
    LedgerUnavailable,
    LedgerUnsigned,
    NoticeFailed,
    ObjectArchived,
    ObjectChanged,
    ObjectLocked,
    ObjectMissing,
    RecordingErased,
    ReleaseRefused,
    RetentionConflict,
    SealBroken,
    StorageError,
    StorageRefused,
    UnknownRecording,
    VaultError,
)
from sottovoce.errors.moving import (
    BulkFailed,
    DeliveryError,
    EngineError,
    EngineUnavailable,
    MediaArchived,
    MediaGone,
    MediaNotReady,
    MediaReplaced,
    ProcessDied,
    SourceError,
    SourceRefused,
    SourceUnavailable,
)
from sottovoce.errors.people import (
    AccessError,
    AccessRefused,
    AccessSuspended,
    CredentialInvalid,
    GrantInvalid,
    InboxUntrusted,
    NotSignedIn,
    UploadError,
    UploadRefused,
)
from sottovoce.errors.root import (
    BreakerOpen,
    PolicyError,
    SottovoceError,
    TruthInvalid,
    WorkspaceError,
)

__all__ = [
    "AccessError",
    "AccessRefused",
    "AccessSuspended",
    "AgreementInvalid",
    "AnonymizationError",
    "BreakerOpen",
    "BulkFailed",
    "ComplianceError",
    "CredentialInvalid",
    "CustodyError",
    "DeliveryError",
    "DetectionError",
    "EngineError",
    "EngineUnavailable",
    "EntryRefused",
    "EventRefused",
    "GrantInvalid",
    "HearingError",
    "HearingUnavailable",
    "InboxUntrusted",
    "IntakeBusy",
    "IntakeError",
    "JudgeRefused",
    "JudgeUnavailable",
    "KeyFrozen",
    "KeyRefused",
    "KeyShredded",
    "KeyUnavailable",
    "LanguageUnsupported",
    "LedgerTampered",
    "LedgerUnavailable",
    "LedgerUnsigned",
    "MediaArchived",
    "MediaError",
    "MediaGone",
    "MediaNotReady",
    "MediaReplaced",
    "MediaTooLarge",
    "ModelError",
    "NotSignedIn",
    "NotUnderstood",
    "NoticeFailed",
    "ObjectArchived",
    "ObjectChanged",
    "ObjectLocked",
    "ObjectMissing",
    "PolicyError",
    "ProcessDied",
    "QueueRefused",
    "QueueUnavailable",
    "RecordingErased",
    "RedactionError",
    "ReleaseRefused",
    "RetentionConflict",
    "SealBroken",
    "SignatureRefused",
    "SottovoceError",
    "SourceError",
    "SourceRefused",
    "SourceUnavailable",
    "StorageError",
    "StorageRefused",
    "TruncatedMedia",
    "TruthInvalid",
    "UnknownRecording",
    "UnreadableMedia",
    "UploadError",
    "UploadRefused",
    "VaultError",
    "VerdictLate",
    "VerdictPending",
    "VerdictRefused",
    "WorkspaceError",
]
