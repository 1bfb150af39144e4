"""The key store: one key for each recording, and the one place it can be destroyed.

Wrapped keys are here and in no object, so that destroying a row kills every copy of what it sealed: replicas,
shards, exports (SECURITY 1.4). It is its own database, with its own short backups. Recording keys are read
afresh each time and never kept in memory, so that a shredded one is dead in every process at once.

Refuses: a key for a recording that was erased (its tombstone stays), and destruction under a legal hold.
Unrecoverable from older backups of this database only after `roll_epoch`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, func, insert, select, update

from sottovoce.database.batches import batches
from sottovoce.database.engine import forget_deleted, open_engine, reading, writing
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyFrozen, KeyRefused, KeyShredded, KeyUnavailable, LedgerUnavailable
from sottovoce.kms.protocol import Destruction, KeyProvider
from sottovoce.vault import key_tables as tables
from sottovoce.vault.epochs import MAX_TTL, EpochKeys, milliseconds
from sottovoce.vault.key_moves import KeyMover, note_gone, we_made
from sottovoce.vault.key_tables import Epoch, EpochState, KeyRow, RecordingKeyState, Tombstone
from sottovoce.vault.key_values import (
    EpochMove,
    EpochRoll,
    EpochStatus,
    KeyFate,
    KeyMoves,
    RecordingKey,
    Shredding,
)
from sottovoce.vault.seal import KEY_BYTES, SUITE

_RESERVED: Final = "#"
"""Begins the names of the tenant's own keys, which no recording may have."""


class KeyStore:
    """The recording keys of one tenant."""

    def __init__(
        self,
        *,
        engine: Engine,
        tenant: str,
        provider: KeyProvider,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes] = os.urandom,
        ttl: timedelta = MAX_TTL,
        begun: Callable[[EpochStatus], None] | None = None,
    ) -> None:
        self._engine = engine
        self._tenant = tenant
        self._provider = provider
        self._clock = clock
        self._random = random
        self._epochs = EpochKeys(
            tenant=tenant,
            provider=provider,
            clock=clock,
            random=random,
            ttl=ttl,
            begun=None if begun is None else lambda epoch: begun(_status(epoch, 0)),
        )

    @classmethod
    def open(
        cls,
        url: str = "sqlite:keys.sqlite",
        *,
        base: Path,
        tenant: str,
        provider: KeyProvider,
        clock: Callable[[], datetime],
        begun: Callable[[EpochStatus], None] | None = None,
    ) -> KeyStore:
        """The store at `url` (`sqlite:` below `base`, or `postgresql://`), its tables made where missing.

        `begun` is told of every epoch before it is kept; when it raises the epoch is not begun.
        """
        engine = open_engine(url, base=base)
        with _failures_named(), writing(engine) as connection:
            tables.lock_for_writing(connection)
            tables.metadata.create_all(connection)
        return cls(engine=engine, tenant=tenant, provider=provider, clock=clock, begun=begun)

    @property
    def kms(self) -> str:
        """The provider's mark, for receipts."""
        return self._provider.capabilities.kms

    def close(self) -> None:
        self._engine.dispose()

    def get_or_create(self, rid: str) -> RecordingKey:
        """The recording's key: the same one however often it is asked for.

        KeyShredded for a recording that was erased; KeyUnavailable when store or provider do not answer.
        """
        return self._get_or_create(_recording(rid))

    def tenant_key(self, purpose: str) -> Confidential[bytes]:
        """A key of the tenant's own for one purpose; it survives every epoch roll and is never shredded."""
        return self._get_or_create(_RESERVED + purpose).key

    def unwrap(self, rid: str) -> RecordingKey:
        """The key of a recording that has one. KeyShredded once it was erased, KeyRefused where there is none."""
        with self._reading() as connection:
            return self._opened(connection, self._required(connection, rid))

    def state(self, rid: str) -> RecordingKeyState | None:
        """How the recording's key stands, without opening it; None where there never was one."""
        with self._reading() as connection:
            row = tables.key_row(connection, self._tenant, rid)
        if isinstance(row, Tombstone):
            return RecordingKeyState.SHREDDED
        return None if row is None else row.state

    def freeze(self, rid: str) -> None:
        """A legal hold: until thawed, the key may not be destroyed. Idempotent."""
        self._turn(rid, RecordingKeyState.FROZEN)

    def thaw(self, rid: str) -> None:
        """The legal hold is over. Idempotent."""
        self._turn(rid, RecordingKeyState.ACTIVE)

    def shred(self, rid: str) -> Shredding:
        """Destroys the recording's key and leaves a tombstone. KeyFrozen under a legal hold. Idempotent."""
        shredding = self.shred_all([rid])
        if shredding.fates[rid] is KeyFate.FROZEN:
            raise KeyFrozen(
                "a legal hold keeps this key", hint="lift the hold first, or refuse the erasure with its reason"
            )
        return shredding

    def shred_all(self, rids: Iterable[str]) -> Shredding:
        """The same for many in one transaction: those under a legal hold are left, and said so."""
        wanted = [_recording(rid) for rid in dict.fromkeys(rids)]
        with self._writing() as connection:
            fates = {rid: fate for some in batches(wanted) for rid, fate in self._shred_rows(connection, some).items()}
            backed_up = tables.in_backups(connection, self._tenant, wanted)
        return Shredding(fates=fates, backed_up=backed_up, traces_gone=self._forget_deleted())

    def epochs(self) -> tuple[EpochStatus, ...]:
        """Every epoch, oldest first, with how many recordings it still carries."""
        with self._reading() as connection:
            found = tables.epochs_of(connection, self._tenant)
            carried = self._carried(connection)
        return tuple(_status(epoch, carried.get(epoch.id, 0)) for epoch in found)

    def roll_epoch(self, name: str) -> EpochRoll:
        """Moves the epoch's survivors under another and destroys it: afterwards older backups are dead.

        Asking again after a crash finishes what was begun. KeyRefused for an epoch that does not exist.
        """
        with self._writing() as connection:
            old = self._epoch(connection, name)
            ours = we_made(connection, old)
            new, rewrapped = self._epochs.move_survivors(connection, old)
        destruction = self._epochs.destroy(old) if ours else None
        with self._writing() as connection:
            self._epochs.end(connection, old, EpochState.DESTROYED)
            if destruction is not None:
                note_gone(connection, self._tenant, old.kms, destruction)
        gone = self._forget_deleted()
        return EpochRoll(old=name, new=new.name, rewrapped=rewrapped, destruction=destruction, traces_gone=gone)

    def recordings_under(self, name: str) -> tuple[str, ...]:
        """The recordings whose keys an epoch carries; not the tenant's own."""
        with self._reading() as connection:
            rows = tables.rows_under(connection, self._epoch(connection, name))
        return tuple(row.rid for row in rows if not row.rid.startswith(_RESERVED))

    def counts(self) -> Mapping[RecordingKeyState, int]:
        """How many recordings' keys are in each state."""
        keys = tables.recording_keys
        ours = (keys.c.tenant == self._tenant, keys.c.rid.not_like(f"{_RESERVED}%"))
        query = select(keys.c.state, func.count()).where(*ours).group_by(keys.c.state)
        with self._reading() as connection:
            found = {row[0]: row[1] for row in connection.execute(query)}
        return {state: found.get(state.value, 0) for state in RecordingKeyState}

    def move_epochs(self, old: KeyProvider | None = None) -> KeyMoves:
        """Every epoch's key under another provider key: of this provider, coming from `old` where that is given.

        Recording keys and objects stay as they are. Provider keys that we had made and that wrap nothing any more
        are destroyed. Asking again after a crash, or after a refusal halfway, finishes what was begun.
        """
        mover = KeyMover(tenant=self._tenant, old=old or self._provider, new=self._provider, clock=self._clock)
        with self._reading() as connection:
            names = mover.epochs(connection)
        moved = [move for name in names if (move := self._moved(mover, name)) is not None]
        self._epochs.forget()
        destroyed, kept = self._destroy_retired(mover)
        return KeyMoves(moved=tuple(moved), destroyed=destroyed, kept=kept, traces_gone=self._forget_deleted())

    def _moved(self, mover: KeyMover, name: str) -> EpochMove | None:
        with self._writing() as connection:
            return mover.move(connection, name)

    def _destroy_retired(self, mover: KeyMover) -> tuple[tuple[Destruction, ...], tuple[str, ...]]:
        with self._writing() as connection:
            ending = mover.finish_ending(connection)
            keys = mover.unfinished(connection)
        asked = {key: mover.destroy(key) for key in keys}
        destroyed = tuple(done for done in asked.values() if done is not None)
        kept = tuple(key for key, done in asked.items() if done is None)
        with self._writing() as connection:
            for done in destroyed:
                mover.confirm(connection, done)
            for epoch in ending:
                if epoch.provider_key not in kept:
                    self._epochs.end(connection, epoch, EpochState.DESTROYED)
        return destroyed, kept

    def _get_or_create(self, rid: str) -> RecordingKey:
        with self._reading() as connection:
            row = tables.key_row(connection, self._tenant, rid)
            if row is not None:
                return self._opened(connection, row)
        with self._writing() as connection:
            row = tables.key_row(connection, self._tenant, rid)
            return self._opened(connection, row or self._created(connection, rid))

    def _created(self, connection: Connection, rid: str) -> KeyRow | Tombstone:
        epoch = self._epochs.current(connection)
        blob = self._epochs.wrap(epoch, rid, Confidential(self._random(KEY_BYTES)))
        self._insert(connection, rid, epoch_id=epoch.id, wrapped_id=tables.add_wrapped(connection, blob))
        return self._required(connection, rid)

    def _insert(
        self, connection: Connection, rid: str, *, epoch_id: int | None = None, wrapped_id: int | None = None
    ) -> None:
        """A row with a key, or a tombstone without."""
        state = RecordingKeyState.SHREDDED if wrapped_id is None else RecordingKeyState.ACTIVE
        now = milliseconds(self._clock())
        connection.execute(
            insert(tables.recording_keys).values(
                tenant=self._tenant,
                rid=rid,
                epoch_id=epoch_id,
                wrapped_id=wrapped_id,
                suite=SUITE,
                state=state.value,
                created_ms=now,
                changed_ms=now,
            )
        )

    def _opened(self, connection: Connection, row: KeyRow | Tombstone) -> RecordingKey:
        row = _alive(row)
        epoch = self._epochs.find(connection, row.epoch_id)
        return RecordingKey(
            id=f"{self._tenant}:{row.rid}",
            epoch=epoch.name,
            suite=row.suite,
            state=row.state,
            key=self._epochs.unwrap(epoch, row.rid, row.blob),
        )

    def _required(self, connection: Connection, rid: str) -> KeyRow | Tombstone:
        row = tables.key_row(connection, self._tenant, rid)
        if row is None:
            raise KeyRefused("there is no key for this recording", hint="it was never sealed here")
        return row

    def _turn(self, rid: str, state: RecordingKeyState) -> None:
        with self._writing() as connection:
            self._mark(connection, [_alive(self._required(connection, _recording(rid))).rid], state)

    def _mark(self, connection: Connection, rids: Sequence[str], state: RecordingKeyState) -> None:
        keys = tables.recording_keys
        change = update(keys).where(keys.c.tenant == self._tenant, keys.c.rid.in_(rids))
        connection.execute(change.values(state=state.value, changed_ms=milliseconds(self._clock())))

    def _shred_rows(self, connection: Connection, rids: Sequence[str]) -> dict[str, KeyFate]:
        """One batch: keys overwritten in place, then tombstones for all of them."""
        rows = tables.key_rows(connection, self._tenant, rids)
        fates = {rid: _fate(rows.get(rid)) for rid in rids}
        going = {rid: row for rid, row in rows.items() if fates[rid] is KeyFate.SHREDDED and isinstance(row, KeyRow)}
        if going:
            tables.overwrite_wrapped(connection, {row.wrapped_id: bytes(len(row.blob)) for row in going.values()})
            self._mark(connection, list(going), RecordingKeyState.SHREDDED)
        for rid in (rid for rid, fate in fates.items() if fate is KeyFate.NEVER):
            self._insert(connection, rid)
        return fates

    def _epoch(self, connection: Connection, name: str) -> Epoch:
        for epoch in tables.epochs_of(connection, self._tenant):
            if epoch.name == name:
                return epoch
        raise KeyRefused(f"there is no epoch {name}", hint="`Vault.epochs` lists them")

    def _carried(self, connection: Connection) -> dict[int, int]:
        keys = tables.recording_keys
        alive = (keys.c.tenant == self._tenant, keys.c.state != RecordingKeyState.SHREDDED.value)
        recordings = keys.c.rid.not_like(f"{_RESERVED}%")
        query = select(keys.c.epoch_id, func.count()).where(*alive, recordings).group_by(keys.c.epoch_id)
        return {row[0]: row[1] for row in connection.execute(query)}

    def _forget_deleted(self) -> bool:
        with _failures_named():
            return forget_deleted(self._engine)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with _failures_named(), reading(self._engine) as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with _failures_named(), writing(self._engine) as connection:
            tables.lock_for_writing(connection)
            yield connection


def _recording(rid: str) -> str:
    if not rid or rid.startswith(_RESERVED):
        raise ValueError("a recording is named by its opaque key")
    return rid


def _alive(row: KeyRow | Tombstone) -> KeyRow:
    if isinstance(row, Tombstone):
        raise KeyShredded("this recording was erased", hint="its key is destroyed, and it cannot be sealed again")
    return row


def _fate(row: KeyRow | Tombstone | None) -> KeyFate:
    """What a request to shred the row comes to."""
    if row is None:
        return KeyFate.NEVER
    if isinstance(row, Tombstone):
        return KeyFate.ALREADY
    return KeyFate.FROZEN if row.state is RecordingKeyState.FROZEN else KeyFate.SHREDDED


def _status(epoch: Epoch, recordings: int) -> EpochStatus:
    return EpochStatus(
        name=epoch.name,
        state=epoch.state,
        kms=epoch.kms,
        provider_key=epoch.provider_key,
        recordings=recordings,
        created_ms=epoch.created_ms,
        ended_ms=epoch.ended_ms,
    )


@contextmanager
def _failures_named() -> Iterator[None]:
    """The database layer's one error, in the vault's own word."""
    try:
        yield
    except LedgerUnavailable as failure:
        raise KeyUnavailable("the key store's database failed", hint=failure.hint) from None
