"""Composes everything, and owns clock, randomness and ids.

A `House` is one workspace with its policy. Rooms are built when first asked for, so that `plan` loads
no model and `redact FILE` opens no registry. Nothing below this file knows where anything comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from sottovoce.custody.erasure import Eraser
from sottovoce.custody.registry import Registry
from sottovoce.custody.subject import ByConversation
from sottovoce.database.engine import open_engine
from sottovoce.database.migrate import upgrade
from sottovoce.database.rate_leases import RateLeases
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import RecordingMetadata
from sottovoce.errors import WorkspaceError
from sottovoce.intake.desk import Desk
from sottovoce.intake.door import Door
from sottovoce.intake.outbox import Outbox
from sottovoce.kms.protocol import KeyProvider
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.signer import Ed25519Signer, load_log_key
from sottovoce.pipeline.carrier import Carrier, Pack, Redact
from sottovoce.pipeline.conclude import Concluder
from sottovoce.pipeline.known import LineKnown
from sottovoce.pipeline.lines import ANALYTICS, CORPUS, RECORDINGS, Line
from sottovoce.pipeline.retry import reopen_mended, reopen_quarantined
from sottovoce.pipeline.survey import Surveyor
from sottovoce.policy.amazon import AMAZON
from sottovoce.policy.load import LoadedPolicy, load_policy
from sottovoce.policy.model import Policy
from sottovoce.redact.rules import RedactionRules, rules_for
from sottovoce.screening.screen import Screener
from sottovoce.settings import Workspace
from sottovoce.sources.protocol import HmacTokenizer, Source
from sottovoce.storage.open_store import open_store
from sottovoce.storage.protocol import ObjectStore
from sottovoce.vault.keystore import KeyStore
from sottovoce.vault.vault import Vault
from sottovoce.wiring.access import AccessDesk
from sottovoce.wiring.agreements import AgreementRooms
from sottovoce.wiring.amazon import compose_amazon_transcriber, compose_vendor_first, sweep_lent
from sottovoce.wiring.analytics import AnalyticsRooms
from sottovoce.wiring.compliance import ComplianceRooms
from sottovoce.wiring.corpus import CorpusRooms
from sottovoce.wiring.corridor import compose_carrier, compose_concluder, open_queue, open_worker, policy_for
from sottovoce.wiring.custody import Custody
from sottovoce.wiring.delivery import Deliveries
from sottovoce.wiring.features import with_features
from sottovoce.wiring.intake import compose_desk, compose_door, compose_outbox
from sottovoce.wiring.key_providers import open_provider
from sottovoce.wiring.keys import KeyCustodian, open_keystore
from sottovoce.wiring.ledger import cadence, compose_ledger, tell_unsigned
from sottovoce.wiring.queues import QueueAt, compose_queues
from sottovoce.wiring.rooms import (
    compose_disguiser,
    compose_packer,
    compose_redactor,
    compose_whole_packer,
    whisper,
)
from sottovoce.wiring.sources import close_sources, compose_sources, read_since
from sottovoce.wiring.uploads import Uploads
from sottovoce.wiring.workspace import origin_of, utc_now

if TYPE_CHECKING:
    from sottovoce.anonymize.disguise import Disguiser, Undisguised
    from sottovoce.pipeline.engine import Queue, Worker
    from sottovoce.redact.redactor import Redactor
    from sottovoce.speech.protocol import Transcriber


class House:
    """One workspace, composed."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        actor: str = "cli",
        clock: Callable[[], datetime] = utc_now,
        threads: int = 1,
        line: Line = CORPUS,
        since: date | None = None,
    ) -> None:
        self.workspace = workspace.required()
        self.actor = actor
        self.clock = clock
        self.line = line
        self.since = since
        self._threads = threads

    def close(self) -> None:
        """Let go of databases and connections that were opened; what is asked for again opens again."""
        opened = self.__dict__
        if "sources" in opened:
            close_sources(opened.pop("sources"))
        if "uploads" in opened:
            opened.pop("uploads").close()
        if "deliveries" in opened:
            opened["deliveries"].close()
        if "keystore" in opened:
            opened["keystore"].close()
        if "_database" in opened:
            opened["_database"].dispose()

    @cached_property
    def loaded(self) -> LoadedPolicy:
        return load_policy(self.workspace.policy)

    @property
    def policy(self) -> Policy:
        return self.loaded.policy

    @property
    def line_policy(self) -> Policy:
        """The policy as this house's line reads it. Raises PolicyError where the line is closed."""
        return policy_for(self.policy, self.line)

    # custody

    @property
    def origin(self) -> str:
        """The ledger's name, and its key's."""
        return origin_of(self.policy.tenant)

    @cached_property
    def signer(self) -> Ed25519Signer:
        return load_log_key(self.workspace.log_key, name=self.origin)

    @cached_property
    def ledger(self) -> Ledger:
        return compose_ledger(
            self._database,
            signer=self.signer,
            origin=self.origin,
            policy=self.policy,
            workspace=self.workspace,
            clock=self.clock,
        )

    def signing(self) -> AbstractContextManager[None]:
        """While the block runs, what is written to the ledger is signed as often as the policy wants."""
        return cadence(self.ledger, self.policy).keeping(on_failure=tell_unsigned)

    @cached_property
    def registry(self) -> Registry:
        return Registry(engine=self._database, ledger=self.ledger, clock=self.clock)

    @cached_property
    def _database(self) -> Engine:
        engine = open_engine(self.policy.database.url, base=self.workspace.root)
        upgrade(engine)
        return engine

    # vault

    @cached_property
    def key_ring(self) -> KeyProvider:
        """Whatever provider the policy names."""
        given, policy = self.workspace, self.policy
        return open_provider(policy.keys, workspace=given, environment=policy.environment, clock=self.clock)

    @cached_property
    def keystore(self) -> KeyStore:
        return open_keystore(self)

    @property
    def custodian(self) -> KeyCustodian:
        return KeyCustodian(self)

    @cached_property
    def store(self) -> ObjectStore:
        return open_store(self.policy.storage, base=self.workspace.root)

    @cached_property
    def vault(self) -> Vault:
        return Vault(tenant=self.policy.tenant, keystore=self.keystore, store=self.store, clock=self.clock)

    # sources and screening

    @cached_property
    def tokenizer(self) -> HmacTokenizer:
        try:
            return HmacTokenizer(key=Confidential(bytes.fromhex(self.workspace.token_key.read_text().strip())))
        except (OSError, ValueError):
            hint = "restore token.key from its backup: without it known recordings look new"
            raise WorkspaceError("the token key is missing or damaged", hint=hint) from None

    @cached_property
    def sources(self) -> Mapping[str, Source]:
        return compose_sources(
            read_since(self.policy, self.since),
            root=self.workspace.root,
            tokenizer=self.tokenizer,
            inbox=lambda name, settings: self.uploads.source(name, settings),
            leases=RateLeases(engine=self._database),
            waiting=lambda source, limit: self.registry.waiting(self.line.name, source, limit=limit),
        )

    def look_since(self, since: date) -> None:
        """Sources are read from another day on the next time they are asked."""
        self.since = since
        if "sources" in self.__dict__:
            close_sources(self.__dict__.pop("sources"))

    @cached_property
    def uploads(self) -> Uploads:
        """Contributors, inboxes, and what becomes of what was sent."""
        return Uploads(self)

    def screener(self) -> Screener:
        known = LineKnown(registry=self.registry, line=self.line.name)
        further = (self.analytics.rule(),) if self.line is ANALYTICS else ()
        return Screener(
            policy=self.line_policy, policy_digest=self.loaded.digest, known=known, today=self.today, further=further
        )

    def today(self) -> date:
        return self.clock().date()

    def surveyor(self) -> Surveyor:
        return Surveyor(
            line=self.line,
            policy=self.line_policy,
            policy_digest=self.loaded.digest,
            sources=tuple(self.sources.values()),
            screener=self.screener(),
            registry=self.registry,
            actor=self.actor,
            clock=self.clock,
        )

    # hearing, finding, removing, disguising

    @cached_property
    def transcriber(self) -> Transcriber:
        if self.policy.models.transcriber == AMAZON:
            return compose_amazon_transcriber(self)
        return whisper(self.policy.models, threads=self._threads)

    @cached_property
    def redactor(self) -> Redactor:
        return compose_redactor(self.transcriber, keep_last_four=self.policy.redaction.keep_last_four)

    def line_redactor(self) -> Redact:
        """The redactor of recordings; where policy says so, a vendor's service goes before it."""
        if self.policy.redaction.engine != AMAZON:
            return self.redactor
        return compose_vendor_first(self)

    @cached_property
    def disguiser(self) -> Disguiser | Undisguised:
        return compose_disguiser(self.line_policy.anonymization)

    def rules(self, metadata: RecordingMetadata) -> RedactionRules:
        return rules_for(self.policy.redaction, queue=metadata.queue, category=metadata.queue_category)

    @cached_property
    def packer(self) -> Pack:
        if self.line is ANALYTICS:
            return compose_whole_packer()
        return with_features(compose_packer(self.policy.corpus), self.policy)

    # the corpus

    @cached_property
    def corpus(self) -> CorpusRooms:
        """Versions: released, read, opened."""
        return CorpusRooms(self)

    # who may touch what

    @cached_property
    def access(self) -> AccessDesk:
        return AccessDesk(self)

    # erasure

    @cached_property
    def custody(self) -> Custody:
        """Erasure, holds, retention, notices, training runs."""
        return Custody(self)

    @cached_property
    def agreements(self) -> AgreementRooms:
        """What is on file with destinations, and the gate that asks for it."""
        return AgreementRooms(self)

    @property
    def eraser(self) -> Eraser:
        return self.custody.eraser

    def erase_withdrawn(self, keys: Iterable[str]) -> int:
        """Consent taken back after the fact erases what was kept (SPEC 4.2); answers how many recordings went."""
        erased = 0
        for key in keys:
            _, metadata = self.registry.recall(key)
            subject = ByConversation(conversation_id=metadata.conversation_id)
            erased += len(self.eraser.erase(subject, requested_by=self.actor, why="CONSENT_WITHDRAWN").recordings)
        return erased

    # events

    @cached_property
    def desk(self) -> Desk:
        return compose_desk(self._database, clock=self.clock)

    @cached_property
    def outbox(self) -> Outbox:
        return compose_outbox(self._database, clock=self.clock)

    @cached_property
    def door(self) -> Door:
        return compose_door(self.policy, root=self.workspace.root, tokenizer=self.tokenizer, clock=self.clock)

    @cached_property
    def queues(self) -> tuple[QueueAt, ...]:
        return compose_queues(self.policy, root=self.workspace.root, tokenizer=self.tokenizer, clock=self.clock)

    @cached_property
    def compliance(self) -> ComplianceRooms:
        return ComplianceRooms(house=self, database=self._database)

    @cached_property
    def deliveries(self) -> Deliveries:
        """Destinations, and what they were given."""
        return Deliveries(self)

    @cached_property
    def analytics(self) -> AnalyticsRooms:
        return AnalyticsRooms(self)

    # the corridor

    def warm(self) -> None:
        """Load every model before the first recording is taken, and open what may refuse to open."""
        self.vault.epochs()
        self.custody.replay_if_restored()
        sweep_lent(self)
        self.carrier()

    def carrier(self) -> Carrier:
        """The engine's task, with every model behind it loaded when first used."""
        return compose_carrier(self)

    def concluder(self) -> Concluder:
        """Writes outcomes; loads no model."""
        return compose_concluder(self)

    def reopen_mended(self) -> int:
        """Let refusals that today's metadata and policy would admit be decided again; answers how many."""
        return reopen_mended(self.concluder(), self.line, self.screener())

    def reopen_quarantined(self) -> int:
        """Let everything withheld in doubt be tried again, each with an entry in the ledger; answers how many."""
        return reopen_quarantined(self.concluder(), self.line)

    def queue(self, name: str = RECORDINGS, *, line: str = CORPUS.name) -> Queue:
        """The engine's queue of a line."""
        return open_queue(self, name, line)

    def worker(self, *, node: str, slot: int, queue: str = RECORDINGS) -> Worker:
        """One slot of a machine, for one line's queue."""
        return open_worker(self, node=node, slot=slot, queue=queue)
