"""Epoch keys: one 32-byte key for each tenant and month, wrapped by the key provider.

Opened epoch keys are kept in memory for five minutes at most, so that the provider is asked once for each
epoch and worker; recording keys are never kept (see `keystore`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, insert, update

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyRefused, KeyShredded, SealBroken
from sottovoce.kms.protocol import Destruction, KeyProvider, WrappedKey
from sottovoce.vault import key_tables as tables
from sottovoce.vault.context import epoch_context, key_context
from sottovoce.vault.key_moves import note_made
from sottovoce.vault.key_tables import Epoch, EpochState
from sottovoce.vault.seal import KEY_BYTES

MAX_TTL: Final = timedelta(minutes=5)
_NONCE_BYTES: Final = 12


class EpochKeys:
    """Makes, opens and forgets epoch keys of one tenant."""

    def __init__(
        self,
        *,
        tenant: str,
        provider: KeyProvider,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes] = os.urandom,
        ttl: timedelta = MAX_TTL,
        begun: Callable[[Epoch], None] | None = None,
    ) -> None:
        self._begun = begun
        self._tenant = tenant
        self._provider = provider
        self._clock = clock
        self._random = random
        self._ttl = min(ttl, MAX_TTL)
        self._open: dict[int, tuple[datetime, Epoch, Confidential[bytes]]] = {}

    def current(self, connection: Connection) -> Epoch:
        """This month's epoch, made when there is none. Needs the write lock."""
        month = self._month()
        alive = [e for e in tables.epochs_of(connection, self._tenant) if e.month == month and _alive(e)]
        return alive[-1] if alive else self.begin(connection)

    def begin(self, connection: Connection) -> Epoch:
        """A new epoch of this month, the next generation. Needs the write lock.

        `begun` is told of it before anything is kept: when it raises there is no epoch.
        """
        month = self._month()
        generation = sum(e.month == month for e in tables.epochs_of(connection, self._tenant))
        context = epoch_context(tenant=self._tenant, epoch=f"{month}.{generation}")
        key = Confidential(self._random(KEY_BYTES))
        wrapped = self._provider.wrap(key, context, key_id=self._provider.create_key(context))
        made = connection.execute(
            insert(tables.epochs).values(
                tenant=self._tenant,
                month=month,
                generation=generation,
                state=EpochState.ACTIVE.value,
                kms=wrapped.kms,
                provider_key=wrapped.key_id,
                wrapped_id=tables.add_wrapped(connection, wrapped.blob),
                created_ms=milliseconds(self._clock()),
            )
        ).inserted_primary_key
        note_made(connection, self._tenant, wrapped, provider=self._provider, clock=self._clock)
        epoch = tables.epoch_by_id(connection, int(made[0]) if made is not None else 0)
        if self._begun is not None:
            self._begun(epoch)
        return epoch

    def find(self, connection: Connection, epoch_id: int) -> Epoch:
        """The epoch a key lies under; the database is asked only for one that is not open.

        One that was rolled meanwhile carries no key any more, so nothing leads to it.
        """
        kept = self._kept(epoch_id)
        return tables.epoch_by_id(connection, epoch_id) if kept is None else kept[0]

    def wrap(self, epoch: Epoch, rid: str, key: Confidential[bytes]) -> bytes:
        """A recording key under the epoch's: nonce and AES-256-GCM, bound to tenant, epoch and recording."""
        nonce = self._random(_NONCE_BYTES)
        return nonce + self._cipher(epoch).encrypt(nonce, key.reveal(), self._bound(epoch, rid))

    def unwrap(self, epoch: Epoch, rid: str, blob: bytes) -> Confidential[bytes]:
        """The recording key; SealBroken when blob, epoch and recording do not belong together."""
        nonce, sealed = blob[:_NONCE_BYTES], blob[_NONCE_BYTES:]
        try:
            return Confidential(self._cipher(epoch).decrypt(nonce, sealed, self._bound(epoch, rid)))
        except (InvalidTag, ValueError):
            raise SealBroken("a wrapped key does not open", hint="restore the key store from its backup") from None

    def move_survivors(self, connection: Connection, old: Epoch) -> tuple[Epoch, int]:
        """Re-wraps what `old` carries under this month's epoch (a new one if that is `old`), and how many.

        `old` is left ENDING, its own wrapped key overwritten. Nothing happens to one that has ended before.
        """
        new = self.current(connection)
        if not _alive(old):
            return new, 0
        if new.id == old.id:
            new = self.begin(connection)
        rows = tables.rows_under(connection, old)
        moved = {r.wrapped_id: self.wrap(new, r.rid, self.unwrap(old, r.rid, r.blob)) for r in rows}
        tables.overwrite_wrapped(connection, {**moved, old.wrapped_id: bytes(len(old.blob))})
        tables.move_rows(connection, old, new)
        self.end(connection, old, EpochState.ENDING)
        return new, len(moved)

    def destroy(self, old: Epoch) -> Destruction:
        """Asks the provider to destroy the epoch's own key: one that it made for us, and no standing one."""
        self._refuse_others(old)
        return self._provider.schedule_destroy(old.provider_key)

    def forget(self) -> None:
        """Closes every opened epoch."""
        self._open.clear()

    def _refuse_others(self, epoch: Epoch) -> None:
        if epoch.kms != self._provider.capabilities.kms:
            raise KeyRefused(
                f"the epoch {epoch.name} is under another key service ({epoch.kms})",
                hint="`sottovoce keys migrate` moves it; until then use the policy it was made by",
            )

    def end(self, connection: Connection, epoch: Epoch, state: EpochState) -> None:
        """Writes the state down, and forgets the opened key."""
        change = update(tables.epochs).where(tables.epochs.c.id == epoch.id)
        connection.execute(change.values(state=state.value, ended_ms=milliseconds(self._clock())))
        self._open.pop(epoch.id, None)

    def _cipher(self, epoch: Epoch) -> AESGCM:
        return AESGCM(self._key(epoch).reveal())

    def _key(self, epoch: Epoch) -> Confidential[bytes]:
        if not _alive(epoch):
            raise KeyShredded("the epoch was destroyed", hint="what it wrapped cannot be read any more")
        kept = self._kept(epoch.id)
        if kept is not None:
            return kept[1]
        self._refuse_others(epoch)
        wrapped = WrappedKey(kms=epoch.kms, key_id=epoch.provider_key, blob=epoch.blob)
        opened = self._provider.unwrap(wrapped, epoch_context(tenant=self._tenant, epoch=epoch.name))
        self._open[epoch.id] = (self._clock(), epoch, opened)
        return opened

    def _kept(self, epoch_id: int) -> tuple[Epoch, Confidential[bytes]] | None:
        """An epoch opened less than `ttl` ago; a clock that went backward counts as longer."""
        if epoch_id not in self._open:
            return None
        since, epoch, key = self._open[epoch_id]
        return (epoch, key) if since <= self._clock() < since + self._ttl else None

    def _bound(self, epoch: Epoch, rid: str) -> bytes:
        return key_context(tenant=self._tenant, epoch=epoch.name, rid=rid)

    def _month(self) -> str:
        return self._clock().strftime("%Y-%m")


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _alive(epoch: Epoch) -> bool:
    return epoch.state is EpochState.ACTIVE
