"""Keys, sealed objects, and the proof."""

from __future__ import annotations

from sottovoce.errors.root import SottovoceError


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


class AgreementInvalid(CustodyError):
    code = "E_AGREEMENT"


class RetentionConflict(CustodyError):
    code = "E_RETENTION_CONFLICT"


class UnknownRecording(CustodyError):
    code = "E_UNKNOWN_RECORDING"


class RecordingErased(CustodyError):
    code = "E_RECORDING_ERASED"


class ReleaseRefused(SottovoceError):
    code = "E_RELEASE_REFUSED"
    exit_code = 11
