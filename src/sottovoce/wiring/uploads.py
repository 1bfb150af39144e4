"""Contributors and inboxes, composed: who may send, what is taken in, what becomes of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from sottovoce.database.batches import batches
from sottovoce.domain.outcome import OutcomeStatus
from sottovoce.domain.recording import RecordingMetadata
from sottovoce.errors import KeyShredded, PolicyError, RecordingErased, StorageError, UnknownRecording
from sottovoce.policy.model import InboxSource as InboxPolicy
from sottovoce.sources.inbox import InboxSource
from sottovoce.uploads.archive import StoreBelow
from sottovoce.uploads.contributors import Contributor, Contributors
from sottovoce.uploads.credential import prefix_of
from sottovoce.uploads.disposal import ARCHIVE, Disposal, Swept
from sottovoce.uploads.intake import Taken
from sottovoce.uploads.keys import InboxKeys
from sottovoce.uploads.received import Received, ReceivedUploads
from sottovoce.vault.keystore import KeyStore
from sottovoce.vault.vault import ShredReport, Vault
from sottovoce.wiring.inboxes import Inbox

if TYPE_CHECKING:
    from sottovoce.custody.erasure_report import ErasureReport
    from sottovoce.wiring.house import House

WITHDRAWN: Final = "CONSENT_WITHDRAWN"


class Uploads:
    """What a house offers of contributors and inboxes; each part is built when first asked for."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._engine = house.registry.engine
        self._inboxes: dict[str, Inbox] = {}

    @cached_property
    def contributors(self) -> Contributors:
        house = self._house
        return Contributors(
            engine=self._engine, ledger=house.ledger, clock=house.clock, random=os.urandom, actor=house.actor
        )

    @cached_property
    def keys(self) -> InboxKeys:
        house = self._house
        return InboxKeys(
            engine=self._engine,
            ledger=house.ledger,
            provider=house.key_ring,
            tenant=house.policy.tenant,
            clock=house.clock,
            actor=house.actor,
        )

    @cached_property
    def received(self) -> ReceivedUploads:
        return ReceivedUploads(engine=self._engine, ledger=self._house.ledger)

    @cached_property
    def archive(self) -> Vault:
        """Raw recordings that policy keeps: a key class, a place and a role of their own."""
        house = self._house
        store = StoreBelow(inner=house.store, prefix=ARCHIVE)
        return Vault(tenant=self._archive_tenant, keystore=self._archive_keys, store=store, clock=house.clock)

    @property
    def _archive_tenant(self) -> str:
        return f"{self._house.policy.tenant}.{ARCHIVE}"

    @cached_property
    def _archive_keys(self) -> KeyStore:
        house = self._house
        return KeyStore.open(
            house.policy.database.keys_url,
            base=house.workspace.root,
            tenant=self._archive_tenant,
            provider=house.key_ring,
            clock=house.clock,
        )

    def close(self) -> None:
        """Let go of the archive's key store, if it was opened."""
        if "_archive_keys" in self.__dict__:
            self._archive_keys.close()

    @cached_property
    def shredder(self) -> Shredder:
        """Erases recordings with all that was sent of them."""
        return Shredder(vault=self._house.vault, raw=self.forget)

    def inbox(self, name: str | None = None) -> Inbox:
        """An inbox of the policy; the only one, unless it is named. PolicyError where there is none."""
        settings = {n: s for n, s in self._house.policy.sources.items() if isinstance(s, InboxPolicy)}
        if name is None and len(settings) == 1:
            name = next(iter(settings))
        if name is None or name not in settings:
            known = ", ".join(settings) or "none: add a source of kind inbox to the policy"
            raise PolicyError("say which inbox", hint=f"inboxes of the policy: {known}")
        if name not in self._inboxes:
            self._inboxes[name] = Inbox(self._house, self, name, settings[name])
        return self._inboxes[name]

    def source(self, name: str, settings: InboxPolicy) -> InboxSource:  # noqa: ARG002 - found by its name
        """The inbox as one of the house's sources."""
        return InboxSource(
            name=name,
            inbox=self.inbox(name),
            tokenizer=self._house.tokenizer,
            consent_attribute=self._house.policy.consent.consent_attribute,
            recall=self._recall,
        )

    def receive(self, name: str, *, seen: Callable[[int], None] = lambda _count: None) -> tuple[Taken, ...]:
        """Takes in what is new, without running the pipeline."""
        return tuple(self.inbox(name).intake.receive(seen=seen))

    def sweep(self) -> Swept:
        """Ends every upload that was used, in all inboxes of the policy."""
        total = Swept()
        for name, settings in self._house.policy.sources.items():
            if isinstance(settings, InboxPolicy):
                swept = self.inbox(name).disposal.sweep()
                total = Swept(
                    destroyed=total.destroyed + swept.destroyed,
                    archived=total.archived + swept.archived,
                    expired=total.expired + swept.expired,
                )
        return total

    def withdraw(self, contributor: str, *, requested_by: str) -> ErasureReport:
        """Nothing more is taken from them; what was is erased, with what is still on its way. Asking again is safe."""
        from sottovoce.custody.subject import ByContributor

        self.contributors.withdraw(contributor)
        found = self.contributors.find(contributor)
        subject = ByContributor(contributor=contributor)
        report = self._house.eraser.erase(subject, requested_by=requested_by, why=WITHDRAWN)
        if found is not None:
            self._clear(found)
        return report

    def _clear(self, contributor: Contributor) -> None:
        """What is still on its way; but for what a legal hold keeps, whose upload stays with it."""
        rows = self.received.of_contributor(contributor.inbox, contributor.id)
        held = [row for row in rows if row.recording and self._held(row.recording)]
        disposal = self.inbox(contributor.inbox).disposal
        disposal.forget(row for row in rows if row not in held)
        if not held:
            disposal.clear(prefix_of(contributor.id))

    def _held(self, recording: str) -> bool:
        metadata = self._recall(recording)
        return metadata is not None and metadata.legal_hold

    def outcome(self, recording: str) -> OutcomeStatus | None:
        """How a recording's journey ended; None while it did not, and while a legal hold keeps its upload."""
        try:
            _, metadata = self._house.registry.recall(recording)
        except (UnknownRecording, RecordingErased):
            return None
        ended = self._house.registry.outcome(self._house.line.name, recording)
        return None if ended is None or metadata.legal_hold else ended.status

    def forget(self, recordings: Sequence[str]) -> None:
        """What was sent of these recordings, and what was archived of it, is gone. Raises VaultError."""
        for some in batches(recordings):
            rows = self.received.of_recordings(some)
            if rows:
                self.archive.shred_all([row.recording for row in rows if row.recording])
                self._forget_rows(rows)

    def _forget_rows(self, rows: Iterable[Received]) -> None:
        by_inbox: dict[str, list[Received]] = {}
        for row in rows:
            by_inbox.setdefault(row.inbox, []).append(row)
        for name, some in by_inbox.items():
            self._disposal(name, some).forget(some)

    def _disposal(self, name: str, rows: Sequence[Received]) -> Disposal:
        try:
            return self.inbox(name).disposal
        except PolicyError:
            raise StorageError(
                f"{len(rows)} uploads lie in an inbox that the policy names no more",
                hint=f"put the source {name} back into the policy, then erase again",
            ) from None

    def _recall(self, recording: str) -> RecordingMetadata | None:
        try:
            return self._house.registry.recall(recording)[1]
        except (UnknownRecording, RecordingErased):
            return None


class Shredder:
    """The vault's shredding, and with it what a contributor sent. What a legal hold keeps is left whole."""

    def __init__(self, *, vault: Vault, raw: Callable[[Sequence[str]], None]) -> None:
        self._vault = vault
        self._raw = raw

    def shred(self, rid: str) -> ShredReport:
        """One; raises VaultError when not all of it went."""
        report = self._vault.shred(rid)
        self._raw([rid])
        return report

    def shred_all(self, rids: Iterable[str]) -> tuple[ShredReport, ...]:
        """Many; each report says what failed."""
        reports = self._vault.shred_all(rids)
        gone = [report.rid for report in reports if not report.held]
        try:
            self._raw(gone)
        except (StorageError, KeyShredded) as failure:
            return tuple(r if r.held else replace(r, failures=(*r.failures, failure)) for r in reports)
        return reports
