"""Custody, composed: erasure and its list outside, holds, retention, notices, training, lineage events."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Final

from sottovoce.custody.artefacts import rules_of
from sottovoce.custody.at_source import SourceErasures
from sottovoce.custody.certified import CertifiedErasure, certified_erasures
from sottovoce.custody.deliveries import Deliveries
from sottovoce.custody.destruction import Destroyer
from sottovoce.custody.erasure import Deadlines, Eraser
from sottovoce.custody.erasure_list import ErasureList
from sottovoce.custody.events import Collector, FileCollector, HttpCollector, Nobody, Teller
from sottovoce.custody.holds import Holds
from sottovoce.custody.impact import Impacts
from sottovoce.custody.notices import Notices, Notifier
from sottovoce.custody.notifiers import LetterNotifier, WebhookNotifier
from sottovoce.custody.openlineage import EventMaker
from sottovoce.custody.protections import Protections
from sottovoce.custody.replay import Replayer, ReplayReport
from sottovoce.custody.source_sweeps import SourceSweeps
from sottovoce.custody.sweep import Sweeper
from sottovoce.custody.training import Training
from sottovoce.errors import CustodyError
from sottovoce.policy.model import NoticeTarget
from sottovoce.settings import resolve_secret
from sottovoce.storage.protocol import ObjectStore
from sottovoce.storage.stores import keep
from sottovoce.vault.key_tables import RecordingKeyState
from sottovoce.wiring.at_source import GenesysAsker, client_of, protecting, source_days, ways_of

if TYPE_CHECKING:
    from sottovoce.wiring.house import House

_log = logging.getLogger(__name__)

_ALIVE: Final = {RecordingKeyState.ACTIVE, RecordingKeyState.FROZEN}


class KeptNotes:
    """The object store as a place for notes: what was put is read back before it is believed."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def put(self, name: str, data: bytes) -> None:
        keep(self._store, name, data)

    def get(self, name: str) -> bytes:
        return self._store.get(name)

    def list(self, prefix: str) -> Iterator[str]:
        return self._store.list(prefix)


class Custody:
    """What custody offers in one house; each part is built when first asked for."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._engine = house.registry.engine
        self._policy = house.policy

    @cached_property
    def notes(self) -> ErasureList:
        return ErasureList(store=KeptNotes(self._house.store), signer=self._house.signer)

    @cached_property
    def eraser(self) -> Eraser:
        house = self._house
        return Eraser(
            registry=house.registry,
            ledger=house.ledger,
            shredder=house.uploads.shredder,
            ciphertext=house.store,
            signer=house.signer,
            clock=house.clock,
            ids=_new_id,
            random=os.urandom,
            freezer=house.vault,
            notes=self.notes,
            deadlines=Deadlines(
                notify=timedelta(days=self._policy.erasure.notify_days),
                decide=timedelta(days=self._policy.erasure.retrain_days),
            ),
            sources=self.sources,
        )

    @cached_property
    def sources(self) -> SourceErasures:
        """What sources are to let go of."""
        house = self._house
        return SourceErasures(
            engine=self._engine,
            ledger=house.ledger,
            clock=house.clock,
            ways=ways_of(self._policy),
            askers=lambda name: GenesysAsker(client=client_of(house, name)),
        )

    @cached_property
    def replayer(self) -> Replayer:
        house = self._house
        return Replayer(
            engine=self._engine,
            ledger=house.ledger,
            shredder=house.uploads.shredder,
            ciphertext=house.store,
            notes=self.notes,
            alive=lambda key: house.keystore.state(key) in _ALIVE,
            clock=house.clock,
            actor=house.actor,
        )

    def replay_if_restored(self) -> ReplayReport | None:
        """Before work begins: erases again what a restored backup brought back; None when nothing was."""
        return self.replayer.replay() if self.replayer.needed() else None

    @cached_property
    def holds(self) -> Holds:
        house = self._house
        return Holds(
            engine=self._engine,
            ledger=house.ledger,
            clock=house.clock,
            freezer=house.vault,
            protections=self.protections,
        )

    @cached_property
    def protections(self) -> Protections:
        """Legal holds as they stand at the sources."""
        house = self._house
        return Protections(
            engine=self._engine,
            ledger=house.ledger,
            clock=house.clock,
            sources=protecting(self._policy),
            guards=lambda name: GenesysAsker(client=client_of(house, name)),
        )

    @cached_property
    def source_sweeps(self) -> SourceSweeps:
        """What sources keep too long, and their own jobs that delete it."""
        house = self._house
        return SourceSweeps(
            engine=self._engine,
            ledger=house.ledger,
            clock=house.clock,
            days=source_days(self._policy),
            keepers=lambda name: GenesysAsker(client=client_of(house, name)),
        )

    @cached_property
    def sweeper(self) -> Sweeper:
        house = self._house
        return Sweeper(
            engine=self._engine,
            ledger=house.ledger,
            eraser=self.eraser,
            destroyer=Destroyer(engine=self._engine, shredder=house.uploads.shredder, ciphertext=house.store),
            holds=self.holds,
            rules=rules_of(self._policy.retention),
            policy_digest=house.loaded.digest,
            clock=house.clock,
            ids=_new_id,
        )

    @cached_property
    def deliveries(self) -> Deliveries:
        return Deliveries(engine=self._engine, ledger=self._house.ledger)

    @cached_property
    def notices(self) -> Notices:
        targets = self._policy.erasure.notices
        return Notices(
            engine=self._engine,
            ledger=self._house.ledger,
            clock=self._house.clock,
            notifiers={name: self._notifier(target) for name, target in targets.items()},
            otherwise=self._notifier(NoticeTarget()),
        )

    @cached_property
    def impacts(self) -> Impacts:
        return Impacts(engine=self._engine, ledger=self._house.ledger, clock=self._house.clock)

    @cached_property
    def training(self) -> Training:
        return Training(engine=self._engine, ledger=self._house.ledger, clock=self._house.clock)

    @cached_property
    def teller(self) -> Teller | None:
        """None where policy names no collector."""
        collector = self._collector()
        return None if collector is None else self.event_teller(collector)

    def event_teller(self, collector: Collector | None = None) -> Teller:
        """Events for a collector; without one they can only be looked at."""
        maker = EventMaker(
            origin=self._house.origin,
            namespace=self._policy.openlineage.namespace or f"sottovoce.{self._policy.tenant}",
            training=self.training,
        )
        return Teller(engine=self._engine, ledger=self._house.ledger, maker=maker, collector=collector or Nobody())

    def erasures(self) -> tuple[CertifiedErasure, ...]:
        """Every erasure that was certified, with what it still waits for."""
        return certified_erasures(self._engine)

    def tell_quietly(self) -> int:
        """Tells the collector what is new; one that does not answer holds nothing up, and hears it next time."""
        try:
            return self.teller.tell() if self.teller is not None else 0
        except CustodyError as failure:
            _log.warning("the lineage collector was not told: %s", failure.code)
            return 0

    def _collector(self) -> Collector | None:
        chosen, root = self._policy.openlineage, self._house.workspace.root
        if chosen.url is None:
            return None
        if chosen.url.startswith("file:"):
            return FileCollector(path=root / chosen.url.removeprefix("file:"))
        key = resolve_secret(chosen.api_key, base=root) if chosen.api_key else None
        return HttpCollector(url=chosen.url, api_key=key)

    def _notifier(self, target: NoticeTarget) -> Notifier:
        root = self._house.workspace.root
        if target.kind == "webhook" and target.url and target.secret:
            secret = resolve_secret(target.secret, base=root)
            return WebhookNotifier(url=target.url, secret=secret, clock=self._house.clock)
        folder = self._house.workspace.reports / "notices"
        return LetterNotifier(folder=folder, contact=target.contact, sender=self._policy.tenant)


def _new_id() -> str:
    return str(uuid.uuid4())
