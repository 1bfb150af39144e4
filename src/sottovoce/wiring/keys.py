"""Keys, composed: the key store over the policy's provider, and what a custodian does with both.

Every change is asked for in the ledger before it is made and confirmed after it, so that none is without its entry,
whatever fails in between (PCI DSS 3.7.4, 3.7.5). Provider keys stand there as digests: their names may hold
account numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sottovoce.custody.subject import ByKeys
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import Evidence
from sottovoce.errors import KeyRefused, KeyShredded, KeyUnavailable, LedgerUnavailable, WorkspaceError
from sottovoce.kms.hygiene import Hardened, harden_process
from sottovoce.kms.protocol import Capabilities, KeyProvider, KeyState, WrappedKey
from sottovoce.kms.ring_file import KMS as LOCAL_FILE
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger
from sottovoce.vault.context import epoch_context
from sottovoce.vault.key_tables import EpochState, RecordingKeyState
from sottovoce.vault.key_values import EpochRoll, EpochStatus, KeyMoves
from sottovoce.vault.keystore import KeyStore

if TYPE_CHECKING:
    from sottovoce.custody.erasure_report import ErasureReport
    from sottovoce.wiring.house import House

MAX_SKEW: Final = timedelta(seconds=60)
"""AWS refuses signatures five minutes off; a minute leaves room for the Date header's whole seconds."""
EPOCH_DESTROYED: Final = "EPOCH_DESTROYED"
_DIGITS: Final = 32


def open_keystore(house: House) -> KeyStore:
    """The house's key store; from here on this process keeps keys, and is hardened first."""
    harden_process()
    return KeyStore.open(
        house.policy.database.keys_url,
        base=house.workspace.root,
        tenant=house.policy.tenant,
        provider=house.key_ring,
        clock=house.clock,
        begun=_Begun(ledger=house.ledger, clock=house.clock, actor=house.actor, policy=house.loaded.digest),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """Ledgers a new epoch. It knows no house, so that a house nobody holds any more lets go of its databases."""

    ledger: Ledger
    clock: Callable[[], datetime]
    actor: str
    policy: str

    def __call__(self, epoch: EpochStatus) -> None:
        """No epoch without its entry: the key store takes this failure for what it is, and begins none."""
        entry = Entry(
            at=self.clock(),
            actor=self.actor,
            action=Action.KEY_CREATED,
            object=_object(epoch.name),
            outcome="ok",
            policy=self.policy,
            facts=_of_key(epoch.kms, epoch.provider_key),
        )
        try:
            self.ledger.record([entry])
        except LedgerUnavailable as failure:
            raise KeyUnavailable("no epoch begins that the ledger cannot tell of", hint=failure.hint) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochStanding:
    """An epoch, and what its provider says of its key. None where the epoch is under another provider."""

    epoch: EpochStatus
    provider_state: KeyState | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStanding:
    """How the keys of a workspace stand: counts and states, and nobody's name."""

    capabilities: Capabilities
    epochs: tuple[EpochStanding, ...]
    recordings: Mapping[RecordingKeyState, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHealth:
    """What `doctor` is told when everything is in order."""

    capabilities: Capabilities
    epochs: int
    skew: timedelta | None
    process: Hardened


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochDestruction:
    """An epoch that was destroyed with all it carried; what a hold keeps lives on under another."""

    erasure: ErasureReport
    roll: EpochRoll


class KeyCustodian:
    """What a person may do with the keys of one workspace."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._keys = house.keystore
        self._provider: KeyProvider = house.key_ring

    def standing(self) -> KeyStanding:
        """Every epoch with its provider key's state, and recordings counted by theirs. Asks once an epoch."""
        epochs = tuple(EpochStanding(epoch=e, provider_state=self._asked(e)) for e in self._keys.epochs())
        return KeyStanding(capabilities=self._provider.capabilities, epochs=epochs, recordings=self._keys.counts())

    def roll(self, name: str) -> EpochRoll:
        """Survivors under another epoch, and this one destroyed: older backups of the key store die with it."""
        self._say(Action.KEY_ROLLED, name, "asked")
        done = self._keys.roll_epoch(name)
        final = {} if done.destruction is None else {"final": _day(done.destruction.final_at)}
        self._say(Action.KEY_ROLLED, name, "ok", {"rewrapped": done.rewrapped, **final})
        return done

    def due(self) -> tuple[str, ...]:
        """Living epochs of earlier months, which a roll would end."""
        month = self._house.clock().strftime("%Y-%m")
        return tuple(
            e.name for e in self._keys.epochs() if e.state is not EpochState.DESTROYED and e.name.split(".")[0] < month
        )

    def rotate(self) -> KeyMoves:
        """Every epoch under a new key of the same provider."""
        return self._moved(Action.KEY_ROTATED, None)

    def migrate(self, old: KeyProvider) -> KeyMoves:
        """Every epoch that `old` still carries under the policy's provider. Asking again moves the rest.

        Where keys could leave the old provider, as they can a file, a copy of it may know the epoch keys: the epochs
        that moved are rolled, so that nothing lies or comes to lie under a key that anybody could have.
        """
        done = self._moved(Action.KEY_MIGRATED, old)
        if old.capabilities.exportable:
            for name in self._begun_under(old.capabilities.kms):
                self.roll(name)
        return done

    def destroy_epoch(self, name: str, *, by: str) -> EpochDestruction:
        """Erases every recording of an epoch, with certificate, then rolls it. What is under legal hold stays."""
        rids = self._keys.recordings_under(name)
        self._say(Action.KEY_DESTROYED, name, "asked", {"recordings": len(rids)})
        subject = ByKeys(keys=rids, label=_object(name))
        erased = self._house.custody.eraser.erase(subject, requested_by=by, why=EPOCH_DESTROYED)
        rolled = self.roll(name)
        self._say(Action.KEY_DESTROYED, name, "ok", {"erased": len(erased.recordings), "held": len(erased.refused)})
        return EpochDestruction(erasure=erased, roll=rolled)

    def examine(self) -> KeyHealth:
        """The provider asked for an answer, for each living epoch's key and, with the newest, to wrap and unwrap.

        Raises what is wrong: KeyUnavailable, KeyRefused, KeyShredded, SealBroken, or WorkspaceError for the clock.
        """
        skew = self._skew()
        living = [e for e in self._keys.epochs() if e.state is EpochState.ACTIVE]
        for epoch in living:
            self._refuse_unusable(epoch)
        if living:
            self._try(living[-1])
        return KeyHealth(
            capabilities=self._provider.capabilities, epochs=len(living), skew=skew, process=harden_process()
        )

    def _moved(self, action: Action, old: KeyProvider | None) -> KeyMoves:
        self._say(action, None, "asked", {"kms": self._provider.capabilities.kms})
        done = self._keys.move_epochs(old)
        for move in done.moved:
            self._say(action, move.epoch, "ok", {"was": move.old_kms, **_of_key(move.new_kms, move.new_key)})
        for gone in done.destroyed:
            facts = {"key": _digest(gone.key_id), "final": _day(gone.final_at), "state": gone.state.value}
            self._say(Action.KEY_DESTROYED, None, "ok", facts)
        for kept in done.kept:
            self._say(Action.KEY_DESTROYED, None, "refused", {"key": _digest(kept)})
        return done

    def _begun_under(self, kms: str) -> tuple[str, ...]:
        """Living epochs of today's provider that began under another, by the ledger; those it does not know of began
        before it told of epochs, when there was only the file ring."""
        mine = self._provider.capabilities.kms
        living = [e.name for e in self._keys.epochs() if e.state is EpochState.ACTIVE and e.kms == mine]
        return tuple(name for name in living if self._first_kms(name) == kms)

    def _first_kms(self, name: str) -> str:
        entries = (entry for _, entry in self._house.ledger.entries_about(_object(name)))
        told = [str(entry.facts["kms"]) for entry in entries if entry.action is Action.KEY_CREATED]
        return told[0] if told else LOCAL_FILE

    def _asked(self, epoch: EpochStatus) -> KeyState | None:
        if epoch.kms != self._provider.capabilities.kms:
            return None
        try:
            return self._provider.key_state(epoch.provider_key)
        except KeyRefused:
            return None

    def _skew(self) -> timedelta | None:
        said = self._provider.reach().service_time
        if said is None:
            return None
        skew = abs(self._house.clock() - said)
        if skew > MAX_SKEW:
            raise WorkspaceError(
                f"the clock is {int(skew.total_seconds())} s off the key service's",
                hint="set the clock: services refuse requests signed at a wrong time",
            )
        return skew

    def _refuse_unusable(self, epoch: EpochStatus) -> None:
        if epoch.kms != self._provider.capabilities.kms:
            raise KeyRefused(
                f"the epoch {epoch.name} is under {epoch.kms}",
                hint="`sottovoce keys migrate` moves it to this provider",
            )
        match self._provider.key_state(epoch.provider_key):
            case KeyState.FROZEN:
                raise KeyRefused(
                    f"the provider's key of epoch {epoch.name} is disabled", hint="enable it at the key service"
                )
            case KeyState.PENDING | KeyState.DESTROYED:
                raise KeyShredded(
                    f"the provider's key of epoch {epoch.name} is being destroyed",
                    hint="take the deletion back at the key service at once, or its recordings are lost",
                )
            case KeyState.ACTIVE:
                return

    def _try(self, epoch: EpochStatus) -> None:
        """A key of no use, there and back, under the epoch's own provider key and context."""
        context = epoch_context(tenant=self._house.policy.tenant, epoch=epoch.name)
        probe = Confidential(bytes(32))
        wrapped: WrappedKey = self._provider.wrap(probe, context, key_id=epoch.provider_key)
        if self._provider.unwrap(wrapped, context) != probe:
            raise KeyRefused("the key service gave back another key", hint="use another key service")

    def _say(self, action: Action, name: str | None, outcome: str, facts: Evidence | None = None) -> None:
        _record(self._house, action, name, outcome, facts or {})


def _record(house: House, action: Action, name: str | None, outcome: str, facts: Evidence) -> None:
    entry = Entry(
        at=house.clock(),
        actor=house.actor,
        action=action,
        object=None if name is None else _object(name),
        outcome=outcome,
        policy=house.loaded.digest,
        facts=facts,
    )
    house.ledger.record([entry])


def _object(epoch: str) -> str:
    """`epoch:2026-11:g0`"""
    month, _, generation = epoch.partition(".")
    return f"epoch:{month}:g{generation}"


def _of_key(kms: str, key: str) -> dict[str, str]:
    return {"kms": kms, "key": _digest(key)}


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:_DIGITS]


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"
