"""What becomes of an upload once it was used: destroyed, or archived cold under keys of its own.

Destroyed means that the object is deleted and found to be gone; older copies that a bucket may keep stay encrypted
to the inbox's key, and die with it (`keys.destroy_ended`). Archived means sealed under a key class of its own, which
the pipeline's role need not open, in a place of its own, tagged for the store's archive tier; and then destroyed.
What was refused or not chosen is kept for the policy's time for raw recordings, and then destroyed too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import OutcomeStatus
from sottovoce.domain.recording import SealedObject
from sottovoce.errors import KeyShredded, ObjectChanged, ObjectMissing, StorageError, UploadRefused
from sottovoce.storage.browse import Browser
from sottovoce.storage.protocol import ObjectLabels
from sottovoce.uploads.intake import RECEIPTS, Intake
from sottovoce.uploads.received import Received, ReceivedUploads, State

RAW: Final = "raw"
ARCHIVE: Final = "archive"
LABELS: Final = ObjectLabels(
    tags={"DataClass": "RawArchive", "PIIStatus": "Identified", "StorageTier": ARCHIVE},
    metadata={"redaction-applied": "false"},
)
"""A bucket's lifecycle rule moves what has this tag to its archive tier; `cloud template aws` writes one."""


class ArchiveVault(Protocol):
    """A vault over keys and a place of its own. `vault.vault.Vault` is one."""

    def seal_object(
        self,
        rid: str,
        kind: str,
        plaintext: Confidential[bytes],
        rev: int = 1,
        channel: int | None = None,
        *,
        labels: ObjectLabels = ...,
    ) -> SealedObject: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """How many uploads ended now."""

    destroyed: int = 0
    archived: int = 0
    expired: int = 0
    """Withheld for longer than raw recordings are kept, and destroyed."""


class Disposal:
    """Ends the uploads of one inbox. Without `archive` they are destroyed.

    `outcome` answers how a recording's journey ended, None while it did not.
    """

    def __init__(
        self,
        *,
        name: str,
        browser: Browser,
        intake: Intake,
        received: ReceivedUploads,
        archive: ArchiveVault | None,
        outcome: Callable[[str], OutcomeStatus | None],
        kept: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._name = name
        self._browser = browser
        self._intake = intake
        self._received = received
        self._archive = archive
        self._outcome = outcome
        self._kept = kept
        self._clock = clock

    def sweep(self) -> Swept:
        """Every accepted upload whose recording was sealed, and what is too old. Raises StorageError; ask again."""
        destroyed = archived = expired = 0
        overdue = self._clock() - self._kept
        for row in self._received.standing(self._name, State.ACCEPTED):
            outcome = self._outcome(row.recording or "")
            if outcome is OutcomeStatus.SEALED and self._archived(row):
                archived += 1
            elif outcome is OutcomeStatus.SEALED:
                self._destroy(row)
                destroyed += 1
            elif outcome is not None and row.received_at < overdue:
                self._destroy(row)
                expired += 1
        for row in self._received.standing(self._name, State.QUARANTINED):
            if row.received_at < overdue:
                self._expire(row)
                expired += 1
        return Swept(destroyed=destroyed, archived=archived, expired=expired)

    def forget(self, rows: Iterable[Received]) -> int:
        """Erasure: the objects, their receipts and all that was known of them; how many. Raises StorageError."""
        gone = tuple(rows)
        for row in gone:
            self._delete(row.location)
            if row.upload is not None:
                self._delete(f"{RECEIPTS}/{row.upload}.txt")
        self._received.forget(gone)
        return len(gone)

    def clear(self, prefix: str) -> int:
        """Everything below a contributor's prefix, taken in or not; how many objects went. Raises StorageError."""
        names = [listed.name for listed in self._browser.list(prefix)]
        for name in names:
            self._delete(name)
        return len(names)

    def _archived(self, row: Received) -> bool:
        """Whether it lies in the archive now; False where there is none, or nothing left to archive."""
        if self._archive is None or row.recording is None:
            return False
        try:
            examined = self._intake.open(row.location, row.stamp)
            self._archive.seal_object(row.recording, RAW, examined.media, labels=LABELS)
        except (ObjectMissing, ObjectChanged, UploadRefused, KeyShredded):
            return False
        self._delete(row.location)
        self._intake.finish(row, State.ARCHIVED, facts={"how": ARCHIVE})
        return True

    def _destroy(self, row: Received) -> None:
        self._delete(row.location)
        self._intake.finish(row, State.DESTROYED, facts={"how": "destroy"})

    def _expire(self, row: Received) -> None:
        if not row.location.startswith("unsafe/"):
            self._delete(row.location)
        self._received.forget([row])

    def _delete(self, location: str) -> None:
        self._browser.delete(location)
        try:
            self._browser.look(location)
        except ObjectMissing:
            return
        raise StorageError("the store did not delete an upload", hint="check that it may delete, then try again")
