"""One inbox of the policy, composed: what it takes in, how it is published, what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import PolicyError
from sottovoce.ledger.entry import Action, Entry
from sottovoce.policy.model import InboxSource as InboxPolicy
from sottovoce.sources.inbox import Arrival
from sottovoce.sources.protocol import recording_key
from sottovoce.storage.browse import open_place
from sottovoce.uploads.credential import MAX_TTL, Credential
from sottovoce.uploads.details import wording_digest
from sottovoce.uploads.disposal import Disposal
from sottovoce.uploads.examine import Examined, Examiner, Inspected, Limits
from sottovoce.uploads.intake import Intake
from sottovoce.uploads.keys import InboxKey
from sottovoce.uploads.published import PublicKey, PublishedInbox, publish
from sottovoce.uploads.received import Received, State
from sottovoce.wiring.sources import place_of
from sottovoce.wiring.upload_doors import door_of

if TYPE_CHECKING:
    from sottovoce.wiring.house import House
    from sottovoce.wiring.uploads import Uploads


class Inbox:
    """One inbox of the policy, as a source sees it and as its keeper does."""

    def __init__(self, house: House, uploads: Uploads, name: str, settings: InboxPolicy) -> None:
        self._house = house
        self._uploads = uploads
        self.name = name
        self.settings = settings
        self.id = f"{house.policy.tenant}/{name}"
        self.place = place_of(settings, root=house.workspace.root)
        self.browser = open_place(self.place, base=house.workspace.root)

    @cached_property
    def intake(self) -> Intake:
        house, uploads = self._house, self._uploads
        wordings = {wording.version: wording.effective for wording in house.policy.consent.wordings}
        examiner = Examiner(
            name=self.name,
            inbox=self.id,
            browser=self.browser,
            people=uploads.contributors,
            keys=uploads.keys,
            limits=Limits(max_bytes=self.settings.max_bytes, wordings=wordings),
            inspect=partial(inspect, max_seconds=self.settings.max_seconds, max_bytes=self.settings.max_bytes),
            published=partial(uploads.received.wordings, self.name),
            clock=house.clock,
        )
        return Intake(
            name=self.name,
            inbox=self.id,
            browser=self.browser,
            examiner=examiner,
            received=uploads.received,
            recording=partial(recording_key, house.tokenizer, self.name),
            signer=house.signer,
            clock=house.clock,
            actor=house.actor,
        )

    @cached_property
    def disposal(self) -> Disposal:
        return Disposal(
            name=self.name,
            browser=self.browser,
            intake=self.intake,
            received=self._uploads.received,
            archive=self._uploads.archive if self.settings.raw == "archive" else None,
            outcome=self._uploads.outcome,
            kept=timedelta(days=self._house.policy.retention.raw_days),
            clock=self._house.clock,
        )

    def receive(self) -> Iterator[Arrival]:
        """What is accepted now, as a source tells of it; what was used before ends first."""
        self.disposal.sweep()
        self._uploads.keys.destroy_ended(self.name)
        return (_arrival(taken.row, taken.examined) for taken in self.intake.receive() if taken.examined is not None)

    def standing(self) -> Iterator[str]:
        states = (State.ACCEPTED, State.DESTROYED, State.ARCHIVED)
        return (row.recording for row in self._uploads.received.standing(self.name, *states) if row.recording)

    def again(self, recording: str) -> Arrival:
        (row,) = self._uploads.received.of_recordings([recording])
        return _arrival(row, self.intake.open(row.location, row.stamp))

    def media(self, location: str, stamp: str) -> Confidential[bytes]:
        return self.intake.open(location, stamp).media

    def publish(self) -> bytes:
        """`inbox.json`, signed; its wording counts from now on. PolicyError for other words under an old version."""
        house, settings, now = self._house, self.settings, self._house.clock()
        digest = wording_digest(settings.wording)
        known = {
            words
            for version, words in self._uploads.received.wordings(self.name)
            if version == settings.wording_version
        }
        if known - {digest}:
            raise PolicyError(
                f"wording {settings.wording_version} was published with other words",
                hint="give the new words a version of their own, in the inbox and under consent.wordings",
            )
        facts = {"inbox": self.name, "wording": digest}
        entry = Entry(at=now, actor=house.actor, action=Action.INBOX_PUBLISHED, facts=facts)
        self._uploads.received.publish_wording(self.name, settings.wording_version, digest, at=now, entries=[entry])
        effective = {wording.version: wording.effective for wording in house.policy.consent.wordings}
        self._uploads.keys.current(self.name)
        document = PublishedInbox(
            inbox=self.id,
            keys=tuple(_public(key) for key in self._uploads.keys.all(self.name) if key.accepted(now)),
            wording=settings.wording,
            wording_version=settings.wording_version,
            wording_effective=effective[settings.wording_version],
            max_bytes=settings.max_bytes,
            published_at=now,
            receipts=settings.receipts_url,
        )
        return publish(document, house.signer)

    def rotate(self) -> InboxKey:
        """A new key; publish the inbox again, so that contributors use it."""
        return self._uploads.keys.rotate(self.name, overlap=timedelta(days=self.settings.overlap_days))

    def credential(self, contributor: str, *, ttl: timedelta = MAX_TTL, slots: int = 25) -> Credential:
        """What lets a contributor send for a while. CredentialInvalid for one who may not."""
        settings = self._house.policy.access.sts
        door = door_of(self.place, settings=settings, base=self._house.workspace.root)
        return self._uploads.contributors.issue(contributor, inbox_id=self.id, doorkeeper=door, ttl=ttl, slots=slots)


def inspect(media: Confidential[bytes], *, max_seconds: float, max_bytes: int) -> Inspected:
    """Decodes a sound to its end, in constant memory. MediaError for what is none, or more than is taken."""
    from sottovoce.domain.encoded import EncodedBytes
    from sottovoce.speech.caps import Caps
    from sottovoce.speech.decode import opened

    with opened(EncodedBytes(media), caps=Caps(max_seconds=max_seconds, max_bytes=max_bytes)) as (shape, blocks):
        frames = sum(len(block) for block in blocks)
    return Inspected(duration_s=frames / shape.rate, format=shape)


def _arrival(row: Received, examined: Examined) -> Arrival:
    details, address = examined.details, examined.address
    return Arrival(
        recording=row.recording or "",
        contributor=address.contributor,
        upload=address.upload,
        location=row.location,
        stamp=row.stamp,
        agreed_on=details.consent.agreed_on,
        language=details.language,
        device=details.device,
        duration_s=examined.sound.duration_s,
        format=examined.sound.format,
    )


def _public(key: InboxKey) -> PublicKey:
    return PublicKey(public=key.public, until=None if key.ends_at is None else key.ends_at.date())
