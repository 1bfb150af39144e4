"""Epoch keys under other provider keys: rotation within a key service, and migration to another.

Only epoch keys are wrapped anew: recording keys lie under them as before, and no object is touched. Each epoch
moves in a transaction of its own, after what was wrapped has been opened again and is the same; asking again
after a crash moves the rest. A provider key that we had made and that wraps nothing any more is destroyed, a
standing one never.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyRefused, SealBroken
from sottovoce.kms.protocol import Context, Destruction, KeyProvider, WrappedKey
from sottovoce.kms.ring_file import KMS as LOCAL_FILE
from sottovoce.vault import key_tables as tables
from sottovoce.vault.context import epoch_context
from sottovoce.vault.key_tables import Epoch, EpochState, provider_keys
from sottovoce.vault.key_values import EpochMove

Clock = Callable[[], datetime]


class KeyMover:
    """Moves one tenant's epochs from `old` to `new`, which may be the same provider."""

    def __init__(self, *, tenant: str, old: KeyProvider, new: KeyProvider, clock: Clock) -> None:
        self._tenant = tenant
        self._old = old
        self._new = new
        self._clock = clock

    @property
    def rotating(self) -> bool:
        """Within one provider: every epoch gets another key. Otherwise those the new one opens have moved before."""
        return self._old is self._new

    def epochs(self, connection: Connection) -> tuple[str, ...]:
        """The names of those that are to be moved, oldest first."""
        living = [e for e in tables.epochs_of(connection, self._tenant) if e.state is EpochState.ACTIVE]
        return tuple(e.name for e in living if self.rotating or not self._has_moved(e))

    def move(self, connection: Connection, name: str) -> EpochMove | None:
        """One epoch; None when it ended meanwhile. Raises SealBroken, with nothing changed, when what was
        wrapped does not open as it was."""
        epoch = next(e for e in tables.epochs_of(connection, self._tenant) if e.name == name)
        if epoch.state is not EpochState.ACTIVE:
            return None
        context, before = self._context(epoch), _wrapped(epoch)
        key = self._old.unwrap(before, context)
        after = self._wrapped_anew(before, key, context)
        if self._new.unwrap(after, context) != key:
            raise SealBroken("the epoch's key did not come back as it was", hint="check the new key service")
        self._write(connection, epoch, after)
        return EpochMove(epoch=name, old_kms=before.kms, old_key=before.key_id, new_kms=after.kms, new_key=after.key_id)

    def finish_ending(self, connection: Connection) -> tuple[Epoch, ...]:
        """Epochs of the old provider whose roll was interrupted: their keys are retired, to be destroyed below."""
        ending = tuple(
            e
            for e in tables.epochs_of(connection, self._tenant)
            if e.state is EpochState.ENDING and e.kms == self._old.capabilities.kms
        )
        for epoch in ending:
            self._retire(connection, epoch)
        return ending

    def unfinished(self, connection: Connection) -> tuple[str, ...]:
        """Retired provider keys of the old provider whose destruction nobody has confirmed yet."""
        mine = (provider_keys.c.tenant == self._tenant, provider_keys.c.kms == self._old.capabilities.kms)
        undone = (provider_keys.c.retired_ms.is_not(None), provider_keys.c.final_ms.is_(None))
        query = select(provider_keys.c.key).where(*mine, *undone).order_by(provider_keys.c.id)
        return tuple(connection.execute(query).scalars())

    def destroy(self, key_id: str) -> Destruction | None:
        """None when the provider says no: it may be of another account, and is no reason to stop."""
        try:
            return self._old.schedule_destroy(key_id)
        except KeyRefused:
            return None

    def confirm(self, connection: Connection, done: Destruction) -> None:
        """The provider's word that a retired key is, or will be, gone."""
        note_gone(connection, self._tenant, self._old.capabilities.kms, done)

    def _has_moved(self, epoch: Epoch) -> bool:
        if epoch.kms != self._new.capabilities.kms:
            return False
        if epoch.kms != self._old.capabilities.kms:
            return True
        try:
            self._new.unwrap(_wrapped(epoch), self._context(epoch))
        except (KeyRefused, SealBroken):
            return False
        return True

    def _wrapped_anew(self, before: WrappedKey, key: Confidential[bytes], context: Context) -> WrappedKey:
        key_id = self._new.create_key(context)
        if self.rotating:
            return self._new.rewrap(before, context, key_id=key_id)
        return self._new.wrap(key, context, key_id=key_id)

    def _write(self, connection: Connection, epoch: Epoch, after: WrappedKey) -> None:
        """The new blob is another row, because it may be of another length; the old one is overwritten."""
        note_made(connection, self._tenant, after, provider=self._new, clock=self._clock)
        if after.key_id != epoch.provider_key:
            self._retire(connection, epoch)
        change = update(tables.epochs).where(tables.epochs.c.id == epoch.id)
        place = tables.add_wrapped(connection, after.blob)
        connection.execute(change.values(kms=after.kms, provider_key=after.key_id, wrapped_id=place))
        tables.overwrite_wrapped(connection, {epoch.wrapped_id: bytes(len(epoch.blob))})

    def _retire(self, connection: Connection, epoch: Epoch) -> None:
        if not we_made(connection, epoch):
            return
        now = int(self._clock().timestamp() * 1000)
        one = (
            provider_keys.c.tenant == self._tenant,
            provider_keys.c.kms == epoch.kms,
            provider_keys.c.key == epoch.provider_key,
        )
        if not connection.execute(update(provider_keys).where(*one).values(retired_ms=now)).rowcount:
            row = {"tenant": self._tenant, "kms": epoch.kms, "key": epoch.provider_key, "made_ms": epoch.created_ms}
            connection.execute(insert(provider_keys).values(**row, retired_ms=now))

    def _context(self, epoch: Epoch) -> Context:
        return epoch_context(tenant=self._tenant, epoch=epoch.name)


def note_made(connection: Connection, tenant: str, wrapped: WrappedKey, *, provider: KeyProvider, clock: Clock) -> None:
    """Remembers that the provider made this key for us; nothing where it has one standing key."""
    if provider.capabilities.key_per_epoch:
        made = int(clock().timestamp() * 1000)
        row = {"tenant": tenant, "kms": wrapped.kms, "key": wrapped.key_id, "made_ms": made}
        connection.execute(insert(provider_keys).values(**row))


def note_gone(connection: Connection, tenant: str, kms: str, done: Destruction) -> None:
    """Remembers when a provider key of ours is, or will be, gone for good."""
    final = int(done.final_at.timestamp() * 1000)
    one = (provider_keys.c.tenant == tenant, provider_keys.c.kms == kms, provider_keys.c.key == done.key_id)
    connection.execute(update(provider_keys).where(*one).values(final_ms=final))


def we_made(connection: Connection, epoch: Epoch) -> bool:
    """Whether the epoch's provider key is ours to destroy. A file ring never held any other."""
    same = (
        provider_keys.c.tenant == epoch.tenant,
        provider_keys.c.kms == epoch.kms,
        provider_keys.c.key == epoch.provider_key,
    )
    found = connection.execute(select(provider_keys.c.id).where(*same).limit(1)).scalar()
    return epoch.kms == LOCAL_FILE or found is not None


def _wrapped(epoch: Epoch) -> WrappedKey:
    return WrappedKey(kms=epoch.kms, key_id=epoch.provider_key, blob=epoch.blob)
