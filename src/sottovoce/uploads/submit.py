"""Sending recordings in: encrypted here, before anything leaves, so that only the inbox can open them.

The same file sent twice is one upload: its id is a keyed digest of the sound. What was encrypted and did not get
away is sent again as it is. This half runs on a contributor's machine: it needs no workspace, no database, no model,
and never writes sound anywhere but as ciphertext.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Final

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import InboxUntrusted, MediaTooLarge, StorageError, UploadRefused
from sottovoce.uploads.credential import Credential
from sottovoce.uploads.deliver import Dropbox
from sottovoce.uploads.details import Consent, Details, safe_name, signing_message, wording_digest, write_details
from sottovoce.uploads.envelope import Address, Contents, enclose
from sottovoce.uploads.outbox import Outbox, Sent, Waiting
from sottovoce.uploads.published import PublishedInbox
from sottovoce.uploads.receipts import Receipt, read_receipt

_RECEIPT_BYTES: Final = 16 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a contributor says of what they send."""

    agreed_on: date
    language: str | None = None
    device: str | None = None
    reference: str | None = field(default=None, repr=False)


class Submitter:
    """Sends to one inbox by one credential."""

    def __init__(
        self,
        *,
        inbox: PublishedInbox,
        credential: Credential,
        dropbox: Dropbox,
        outbox: Outbox,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes],
    ) -> None:
        self._inbox = inbox
        self._credential = credential
        self._dropbox = dropbox
        self._outbox = outbox
        self._clock = clock
        self._random = random

    def submit(self, file: Path, statement: Statement) -> tuple[Sent, bool]:
        """What was sent, and whether it was now (else it was sent before, and nothing happened).

        Raises CredentialInvalid, MediaTooLarge, StorageError; then it may be tried again.
        """
        media = self._read(file)
        digest = hashlib.sha256(media.reveal()).hexdigest()
        upload = self._outbox.upload_id(self._inbox.inbox, self._credential.contributor, digest)
        before = self._outbox.sent(upload)
        if before is not None:
            return before, False
        self._credential.required(inbox=self._inbox.inbox, now=self._clock())
        waiting = self._waiting(upload) or self._enclosed(upload, file, media, digest, statement)
        self._dropbox.put(waiting.location, waiting.data)
        sent = Sent(
            upload=upload,
            inbox=self._inbox.inbox,
            contributor=self._credential.contributor,
            location=waiting.location,
            digest=hashlib.sha256(waiting.data).hexdigest(),
            size=len(waiting.data),
            file=file.name,
            agreed_version=self._inbox.wording_version,
            sent_at=self._clock().replace(microsecond=0),
        )
        self._outbox.remember(sent)
        return sent, True

    def _read(self, file: Path) -> Confidential[bytes]:
        with file.open("rb") as opened:
            data = opened.read(self._inbox.max_bytes + 1)
        if len(data) > self._inbox.max_bytes:
            raise MediaTooLarge(
                "the file is larger than the inbox takes", hint=f"at most {self._inbox.max_bytes} bytes"
            )
        return Confidential(data)

    def _waiting(self, upload: str) -> Waiting | None:
        """What is ready to be sent by this very credential, to the key that is in use."""
        found = self._outbox.waiting(upload)
        if found is None or (found.key, found.credential) != (self._inbox.key.fingerprint, self._credential.id):
            return None
        return found if self._dropbox.takes(found.location) else None

    def _enclosed(
        self, upload: str, file: Path, media: Confidential[bytes], digest: str, statement: Statement
    ) -> Waiting:
        location = self._dropbox.location(upload, self._outbox.locations())
        address = Address(
            inbox=self._inbox.inbox, contributor=self._credential.contributor, upload=upload, location=location
        )
        details = Details(
            media=digest,
            media_bytes=len(media.reveal()),
            name=_name(file),
            consent=Consent(
                version=self._inbox.wording_version,
                wording=wording_digest(self._inbox.wording),
                agreed_on=statement.agreed_on,
                agreed=True,
            ),
            submitted_at=self._clock(),
            language=statement.language,
            device=statement.device,
            reference=statement.reference,
            credential=self._credential.id,
        )
        signature = self._credential.sign(signing_message(details, address))
        contents = Contents(details=write_details(details, signature), media=media)
        data = enclose(contents, to=self._inbox.key.public, address=address, random=self._random)
        waiting = Waiting(location=location, key=self._inbox.key.fingerprint, credential=self._credential.id, data=data)
        self._outbox.keep_waiting(upload, waiting)
        return waiting


def collect_receipts(outbox: Outbox, inbox: PublishedInbox) -> dict[str, Receipt]:
    """The newest receipt of each upload sent to this inbox, verified and kept; those without one yet are left out.

    Raises UploadRefused where the inbox publishes no receipts, StorageError, InboxUntrusted.
    """
    if inbox.receipts is None:
        raise UploadRefused("the inbox publishes no receipts", reason="NO_RECEIPTS", hint="ask whoever keeps it")
    found: dict[str, Receipt] = {}
    for sent in outbox.all_sent():
        note = _fetch(inbox.receipts, sent.upload) if sent.inbox == inbox.inbox else None
        note = note or outbox.receipt(sent.upload)
        if note is not None and sent.inbox == inbox.inbox:
            found[sent.upload] = checked_receipt(note, sent, inbox)
            outbox.keep_receipt(sent.upload, note)
    return found


def checked_receipt(note: str, sent: Sent, inbox: PublishedInbox) -> Receipt:
    """The receipt, if the inbox signed it for the very bytes that were sent. InboxUntrusted otherwise."""
    receipt = read_receipt(note, vkey=inbox.vkey)
    if (receipt.inbox, receipt.upload, receipt.digest) != (sent.inbox, sent.upload, sent.digest):
        raise InboxUntrusted("a receipt is for other bytes than were sent", hint="tell whoever keeps the inbox")
    return receipt


def _fetch(where: str, upload: str) -> str | None:
    if where.startswith("file:"):
        path = Path(where.removeprefix("file:")) / f"{upload}.txt"
        return path.read_text(encoding="utf-8") if path.is_file() else None
    import httpx

    try:
        answer = httpx.get(f"{where.rstrip('/')}/{upload}.txt", timeout=30.0)
    except httpx.TransportError:
        raise StorageError("the receipts cannot be fetched", hint="try again later") from None
    if answer.status_code in {403, 404}:
        return None
    if not answer.is_success or len(answer.content) > _RECEIPT_BYTES:
        raise StorageError("the receipts cannot be fetched", hint="try again later")
    return answer.text


def _name(file: Path) -> str:
    """The file's own name, without what no name should hold."""
    name = file.name.encode("utf-8", "replace").decode()
    return name if safe_name(name) else f"recording{file.suffix if safe_name(file.suffix) else ''}"
