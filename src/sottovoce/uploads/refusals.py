"""Why an upload is not taken, one word for each reason. Written to the ledger and onto receipts; append only."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sottovoce.errors import UploadRefused


class Refusal(StrEnum):
    """A reason, from the outside of an upload to its inside."""

    NAME_UNSAFE = "NAME_UNSAFE"
    """An object's or a file's name leads elsewhere, or is not one that `submit` makes."""
    CONTRIBUTOR_UNKNOWN = "CONTRIBUTOR_UNKNOWN"
    CONTRIBUTOR_REVOKED = "CONTRIBUTOR_REVOKED"
    CONTRIBUTOR_WITHDRAWN = "CONTRIBUTOR_WITHDRAWN"
    TOO_LARGE = "TOO_LARGE"
    """By what is there or by what it claims: nothing is fetched or allocated on its word."""
    NOT_AN_UPLOAD = "NOT_AN_UPLOAD"
    TRUNCATED = "TRUNCATED"
    WRONG_CONTRIBUTOR = "WRONG_CONTRIBUTOR"
    """It was made for another contributor's prefix."""
    KEY_UNKNOWN = "KEY_UNKNOWN"
    KEY_ENDED = "KEY_ENDED"
    """Encrypted to an inbox key that was rotated, after its overlap."""
    KEY_FORGED = "KEY_FORGED"
    """The wrapped key does not open: forged, or copied from another place, upload or inbox."""
    REPLAYED = "REPLAYED"
    """An upload that was received before, put there again."""
    CONTENT_BROKEN = "CONTENT_BROKEN"
    """A part does not open: changed, or exchanged for another upload's."""
    DETAILS_INVALID = "DETAILS_INVALID"
    CREDENTIAL_UNKNOWN = "CREDENTIAL_UNKNOWN"
    CREDENTIAL_FORGED = "CREDENTIAL_FORGED"
    CREDENTIAL_EXPIRED = "CREDENTIAL_EXPIRED"
    CREDENTIAL_REVOKED = "CREDENTIAL_REVOKED"
    CONSENT_MISSING = "CONSENT_MISSING"
    CONSENT_DATE = "CONSENT_DATE"
    """Agreed to before the wording was in force, or in the future."""
    WORDING_UNKNOWN = "WORDING_UNKNOWN"
    """Its words are none that this inbox has published under that version."""
    MEDIA_MISMATCH = "MEDIA_MISMATCH"
    """The sound is not the one its details speak of."""
    MEDIA_UNREADABLE = "MEDIA_UNREADABLE"
    MEDIA_TRUNCATED = "MEDIA_TRUNCATED"
    MEDIA_TOO_LARGE = "MEDIA_TOO_LARGE"
    """It claims, or decodes to, more than the inbox takes."""


INSIDE: Final = frozenset(list(Refusal)[list(Refusal).index(Refusal.CONTENT_BROKEN) :])
"""Reasons that are known only once an upload's own key has opened: they are its contributor's to know."""


def refused(reason: Refusal, message: str, *, hint: str = "") -> UploadRefused:
    """The error for a reason; messages name no contributor, file or word."""
    return UploadRefused(message, reason=reason.value, hint=hint)
