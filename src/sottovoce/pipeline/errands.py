"""What is still to be done for a sealed recording of the analytics line: taken to each destination, then let go.

The gate is asked again at the door, because papers end. Each destination is on its own: one that is down, or for
which a paper is missing, keeps nothing from the others. A recording is over when every destination has its receipt or
a reason why not; its sealed sound goes once everybody has it, the transcript and the map of what was removed stay.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Final, Protocol

from sottovoce.agreements.gate import Clearance
from sottovoce.breaker import OPEN_S
from sottovoce.custody.registry import Registry
from sottovoce.custody.rows import StoredObject
from sottovoce.delivery.book import Begun, Book, Gist
from sottovoce.delivery.failures import DeliveryLost
from sottovoce.delivery.parcel import CallFacts, Errand
from sottovoce.delivery.receipts import ParcelState, Receipt
from sottovoce.domain.agreement import DataClass
from sottovoce.domain.outcome import Evidence, OutcomeStatus, Passed, Reason, Withheld
from sottovoce.domain.recording import RecordingMetadata, RecordingRef, Sealed, SealedObject
from sottovoce.domain.sound import Role
from sottovoce.errors import BreakerOpen, RecordingErased, SottovoceError
from sottovoce.ledger.entry import Action, Entry
from sottovoce.pipeline.package import REDACTED
from sottovoce.pipeline.protocol import Again

PATIENCE: Final = timedelta(days=7)
"""How long a destination may stay away from a recording before a person has to look."""
MOST_LOSSES: Final = 2
"""Times that all tries of a delivery may end with the vendor having kept nothing, or something else."""


class Delivers(Protocol):
    def deliver(
        self, sealed: Sealed, about: CallFacts, *, line: str, destination: str
    ) -> Passed[Receipt] | Withheld: ...


class Gate(Protocol):
    def admit(
        self, metadata: RecordingMetadata, destination: str, classes: Collection[DataClass], today: date
    ) -> Passed[Clearance] | Withheld: ...


class Keeps(Protocol):
    """The vault, as far as sealed objects are taken up again and let go."""

    def sealed_before(
        self, ref: RecordingRef, *, key_id: str, objects: Sequence[SealedObject], facts: Evidence, predecessor: str
    ) -> Sealed: ...

    def discard(self, rid: str, kinds: Collection[str] | None = None) -> int: ...


class Errands:
    """For one line. Every method may be called again, by any process."""

    def __init__(
        self,
        *,
        line: str,
        destinations: Sequence[str],
        registry: Registry,
        vault: Keeps,
        book: Book,
        deliverer: Callable[[], Delivers],
        gate: Gate,
        purpose: str,
        policy_digest: str,
        keep_delivered: bool,
        actor: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._line = line
        self._destinations = tuple(destinations)
        self._registry = registry
        self._vault = vault
        self._book = book
        self._deliverer = deliverer
        self._gate = gate
        self._purpose = purpose
        self._policy = policy_digest
        self._keep = keep_delivered
        self._actor = actor
        self._clock = clock

    def run(self, key: str) -> Again | None:
        """Every destination that is not over yet; Again while one of them has to wait. Raises RecordingErased."""
        ref, metadata = self._registry.recall(key)
        over = self._book.over(self._line, key)
        waits = [self._one(ref, metadata, name) for name in self._destinations if name not in over]
        asked = [wait for wait in waits if wait is not None]
        if asked:
            return min(asked, key=lambda wait: wait.after_s or 0.0)
        self._destroy(key, metadata)
        return None

    def is_over(self, key: str) -> bool:
        """Whether every destination has its receipt, or a reason why not."""
        over = self._book.over(self._line, key)
        return all(name in over for name in self._destinations)

    def reopen(self) -> tuple[str, ...]:
        """Withheld deliveries, tried again because a person asked; which recordings, each with a ledger entry."""
        keys = self._book.reopen(self._line)
        for key in keys:
            self._registry.note(key, [self._entry(key, Action.RECORDING_REOPENED, "deliveries", {})])
        return keys

    def give_up(self, key: str, code: str) -> None:
        """Whatever is not over is a person's from now on."""
        _, metadata = self._registry.recall(key)
        over = self._book.over(self._line, key)
        for name in self._destinations:
            if name not in over:
                self._withhold(key, metadata, name, Reason.DELIVERY_FAILED, code)

    def _one(self, ref: RecordingRef, metadata: RecordingMetadata, name: str) -> Again | None:
        """Again where this destination has to wait."""
        key = ref.key
        cleared = self._gate.admit(metadata, name, (), self._clock().date())
        if isinstance(cleared, Withheld):
            self._withhold(key, metadata, name, cleared.reason, cleared.reason.value)
            return None
        try:
            about = facts_of(metadata, self._roles(key))
            self._deliverer().deliver(self._sealed(ref), about, line=self._line, destination=name)
        except RecordingErased:
            raise
        except SottovoceError as error:
            if not error.retryable:
                raise
            return self._waits(key, metadata, name, error)
        return None

    def _waits(self, key: str, metadata: RecordingMetadata, name: str, error: SottovoceError) -> Again | None:
        """A vendor that loses one recording again and again has lost it; one that is away is waited for."""
        began, attempts = self._book.tried(Errand(line=self._line, recording=key, destination=name)) or (None, 0)
        if isinstance(error, DeliveryLost) and attempts >= MOST_LOSSES:
            self._withhold(key, metadata, name, Reason.DELIVERY_LOST, error.code)
            return None
        if began is not None and self._clock() - began >= PATIENCE:
            self._withhold(key, metadata, name, Reason.DELIVERY_FAILED, error.code)
            return None
        return Again(after_s=OPEN_S if isinstance(error, BreakerOpen) else None)

    def _withhold(self, key: str, metadata: RecordingMetadata, name: str, reason: Reason, code: str) -> None:
        errand = Errand(line=self._line, recording=key, destination=name)
        begun = self._book.begin(errand, lease=timedelta(0))
        if isinstance(begun, Begun):
            gist = Gist(purpose=self._purpose, policy=self._policy, ended_at=end_of(metadata))
            self._book.withhold(errand, reason, error=code, gist=gist)

    def _sealed(self, ref: RecordingRef) -> Sealed:
        outcome = self._registry.outcome(self._line, ref.key)
        held = [each for each in self._registry.objects(ref.key) if each.line == self._line and not each.deleted]
        return self._vault.sealed_before(
            ref,
            key_id=(outcome.key_id if outcome else None) or "",
            objects=[_sealed_object(each) for each in held],
            facts=outcome.facts if outcome else {},
            predecessor=(outcome.predecessor if outcome else None) or "",
        )

    def _roles(self, key: str) -> tuple[Role, ...]:
        outcome = self._registry.outcome(self._line, key)
        said = str(outcome.facts.get("roles", "")) if outcome else ""
        return tuple(Role(each) for each in said.split("+") if each)

    def _destroy(self, key: str, metadata: RecordingMetadata) -> None:
        """The sealed sound, once everybody has it; a legal hold keeps it, and so does what was withheld."""
        states = self._book.over(self._line, key)
        all_there = all(states.get(name) is ParcelState.DELIVERED for name in self._destinations)
        held = [o for o in self._registry.objects(key) if o.line == self._line and o.kind == REDACTED and not o.deleted]
        if self._keep or metadata.legal_hold or not (held and all_there):
            return
        self._vault.discard(key, {REDACTED})
        entry = self._entry(key, Action.OBJECT_DELETED, "deleted", {"kind": REDACTED, "objects": len(held)})
        self._registry.forget_objects([each.id for each in held], [entry])

    def _entry(self, key: str, action: Action, outcome: str, facts: Evidence) -> Entry:
        return Entry(
            at=self._clock(),
            actor=self._actor,
            action=action,
            object=key,
            line=self._line,
            purpose=self._purpose,
            policy=self._policy,
            outcome=outcome,
            facts=facts,
        )


class LineRows:
    """What the engine's keeper and a run ask of a line whose recordings are over only when they were delivered."""

    def __init__(self, *, registry: Registry, errands: Errands) -> None:
        self._registry = registry
        self._errands = errands

    def outcome(self, line: str, key: str) -> object | None:
        ended = self._registry.outcome(line, key)
        if ended is None or ended.status is not OutcomeStatus.SEALED:
            return ended
        return ended if self._errands.is_over(key) else None

    def generation(self, line: str, key: str) -> int:
        return self._registry.generation(line, key)

    def pending(self, line: str) -> Sequence[str]:
        return self._registry.pending(line)

    def recall(self, key: str) -> object:
        return self._registry.recall(key)

    def silent_executors(self, *, seconds: float) -> Sequence[str]:
        return self._registry.silent_executors(seconds=seconds)

    def bury(self, executor: str) -> None:
        self._registry.bury(executor)


def facts_of(metadata: RecordingMetadata, roles: tuple[Role, ...]) -> CallFacts:
    """What a vendor's metadata may be made from: tokens, categories and times, and nobody's number."""
    return CallFacts(
        roles=roles,
        started_at=metadata.started_at,
        ended_at=end_of(metadata),
        language=metadata.language,
        direction=metadata.direction,
        queue_category=metadata.queue_category,
        agent_token=metadata.agent_token,
        customer_token=metadata.customer_token,
    )


def end_of(metadata: RecordingMetadata) -> datetime | None:
    """When the call ended, where that is known."""
    if metadata.started_at is None:
        return None
    return metadata.started_at + timedelta(seconds=metadata.duration_s or 0.0)


def _sealed_object(held: StoredObject) -> SealedObject:
    return SealedObject(
        kind=held.kind, location=held.location, digest=held.digest, size=held.size, channel=held.channel, rev=held.rev
    )
