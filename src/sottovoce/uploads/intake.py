"""Taking in what contributors sent: every object is either accepted, or quarantined with a reason; none is lost.

What was accepted goes through the ordinary pipeline, as the recordings of a source do. An object that was looked at
is not looked at again while its content stays the same. An upload that was finished (sealed, and then destroyed or
archived) and is put there again is a replay, and is not taken twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sottovoce.domain.outcome import Fact
from sottovoce.durable import PART
from sottovoce.errors import ObjectChanged, ObjectMissing, UploadRefused
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.note import Signer
from sottovoce.storage.browse import Browser, Listed
from sottovoce.uploads.credential import INCOMING
from sottovoce.uploads.envelope import Head
from sottovoce.uploads.examine import Examined, Examiner, contributor_of
from sottovoce.uploads.receipts import Receipt, write_receipt
from sottovoce.uploads.received import Received, ReceivedUploads, State
from sottovoce.uploads.refusals import INSIDE, Refusal, refused

RECEIPTS: Final = "receipts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One object, and what became of it now."""

    row: Received
    examined: Examined | None


class Intake:
    """The intake of one inbox. `recording` names a recording by (contributor, upload)."""

    def __init__(
        self,
        *,
        name: str,
        inbox: str,
        browser: Browser,
        examiner: Examiner,
        received: ReceivedUploads,
        recording: Callable[[str, str], str],
        signer: Signer,
        clock: Callable[[], datetime],
        actor: str,
    ) -> None:
        self._name = name
        self._inbox = inbox
        self._browser = browser
        self._examiner = examiner
        self._received = received
        self._recording = recording
        self._signer = signer
        self._clock = clock
        self._actor = actor

    def receive(self, *, seen: Callable[[int], None] = lambda _count: None) -> Iterator[Taken]:
        """Everything that is new or was replaced, one by one, as it is written down. Raises StorageError.

        An object that vanishes or changes meanwhile is left for the next time.
        """
        for count, listed in enumerate(self._browser.list(INCOMING), start=1):
            seen(count)
            if _unfinished(listed.name):
                continue
            before = self._received.at(self._name, _kept_name(listed))
            if before is not None and before.stamp == listed.stamp and not before.state.finished:
                continue
            try:
                taken = self._take(listed, before)
            except (ObjectMissing, ObjectChanged):
                continue
            yield taken

    def open(self, location: str, stamp: str) -> Examined:
        """An accepted upload again, whole. ObjectChanged when it is not the one that was accepted; UploadRefused."""
        listed = self._browser.look(location)
        if listed.stamp != stamp:
            raise ObjectChanged("the upload was replaced since it was accepted")
        return self._examiner.reopen(listed)

    def _take(self, listed: Listed, before: Received | None) -> Taken:
        head: Head | None = None
        try:
            contributor, head = self._examiner.claim(listed)
            self._no_replay(listed, contributor, head, before)
            examined = self._examiner.examine(listed, contributor, head)
        except UploadRefused as refusal:
            return Taken(row=self._quarantine(listed, head, refusal.reason, before), examined=None)
        return Taken(row=self._accept(listed, examined), examined=examined)

    def _no_replay(self, listed: Listed, contributor: str, head: Head, before: Received | None) -> None:
        if before is not None and before.state.finished:
            raise refused(Refusal.REPLAYED, "an upload that was finished lies there again")
        known = self._received.of_upload(self._name, contributor, head.upload)
        if any(row.location != listed.name and row.state is not State.QUARANTINED for row in known):
            raise refused(Refusal.REPLAYED, "the upload was received before, under another name")

    def _accept(self, listed: Listed, examined: Examined) -> Received:
        address, details, now = examined.address, examined.details, self._clock()
        row = Received(
            inbox=self._name,
            location=listed.name,
            stamp=listed.stamp,
            size=listed.size,
            state=State.ACCEPTED,
            received_at=now,
            contributor=address.contributor,
            upload=address.upload,
            recording=self._recording(address.contributor, address.upload),
            key=examined.key,
            digest=examined.digest,
        )
        facts: dict[str, Fact] = {
            "inbox": self._name,
            "contributor": address.contributor,
            "digest": examined.digest,
            "credential": details.credential,
            "wording": details.consent.wording,
            "agreed": details.consent.agreed_on.isoformat(),
            "ms": round(examined.sound.duration_s * 1000),
        }
        return self._write(row, Action.UPLOAD_RECEIVED, "accepted", facts)

    def _quarantine(self, listed: Listed, head: Head | None, reason: str, before: Received | None) -> Received:
        """Left where it lies. What was finished stays finished: a replay changes nothing of it."""
        row = Received(
            inbox=self._name,
            location=_kept_name(listed),
            stamp=listed.stamp,
            size=listed.size,
            state=State.QUARANTINED,
            received_at=self._clock(),
            contributor=_prefix(listed.name),
            upload=head.upload if head else None,
            digest=self._digest(listed) if reason in INSIDE else None,
            reason=reason,
        )
        if before is not None and before.state.finished:
            if before.stamp == listed.stamp:
                return replace(before, reason=reason)
            row = replace(before, stamp=listed.stamp, reason=reason)
        facts: dict[str, Fact] = {"inbox": self._name, "bytes": listed.size}
        if row.contributor is not None:
            facts["contributor"] = row.contributor
        return self._write(row, Action.UPLOAD_REFUSED, reason, facts)

    def _digest(self, listed: Listed) -> str:
        return hashlib.sha256(self._browser.read(listed, limit=listed.size)).hexdigest()

    def _write(self, row: Received, action: Action, outcome: str, facts: dict[str, Fact]) -> Received:
        now = self._clock()
        entry = Entry(at=now, actor=self._actor, action=action, object=row.recording, outcome=outcome, facts=facts)
        noted = replace(row, receipt=self._receipt(row, now))
        self._received.write(noted, at=now, entries=[entry])
        self.hand_out(noted)
        return noted

    def _receipt(self, row: Received, now: datetime) -> str | None:
        if row.upload is None or row.digest is None:
            return row.receipt
        state = "refused" if row.state is State.QUARANTINED else row.state.value
        reason = row.reason if row.state is State.QUARANTINED else None
        receipt = Receipt(inbox=self._inbox, upload=row.upload, digest=row.digest, state=state, reason=reason, at=now)
        return write_receipt(receipt, self._signer)

    def hand_out(self, row: Received) -> None:
        """The receipt, where contributors find it; the newest counts."""
        if row.receipt is not None and row.upload is not None:
            self._browser.put(f"{RECEIPTS}/{row.upload}.txt", row.receipt.encode())

    def finish(self, row: Received, state: State, *, facts: dict[str, Fact]) -> Received:
        """What was accepted is destroyed or archived now, and its receipt says so."""
        return self._write(
            replace(row, state=state), Action.UPLOAD_DISPOSED, state.value, {"inbox": self._name, **facts}
        )


def _unfinished(location: str) -> bool:
    """What `submit` is still writing into a drop folder; it takes its name when it is whole."""
    name = location.rpartition("/")[2]
    return name.startswith(".") and name.endswith(PART)


def _prefix(location: str) -> str | None:
    try:
        return contributor_of(location)
    except UploadRefused:
        return None


def _kept_name(listed: Listed) -> str:
    """Names of others' making may be of any length; ours are short."""
    if _prefix(listed.name) is not None:
        return listed.name
    return "unsafe/" + hashlib.sha256(listed.name.encode("utf-8", "surrogatepass")).hexdigest()
