"""Who may touch what, and what contributors send in."""

from __future__ import annotations

from sottovoce.errors.root import SottovoceError


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
