"""The key store's own tables, kept apart from every object and from the registry.

Wrapped keys lie in a table of their own that is only ever appended to, and overwritten in place with as
many bytes: SQLite then never moves one to another page, so that none leaves a copy in a page's slack that
overwriting it later would miss. What is said about a key (tenant, recording, epoch, state) lies beside it
and stays as the tombstone. Times are milliseconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    insert,
    select,
    update,
)

from sottovoce.database.batches import batches

metadata: Final = MetaData()

_Id = BigInteger().with_variant(Integer, "sqlite")

wrapped_keys = Table(
    "wrapped_keys",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("blob", LargeBinary, nullable=False),
)

epochs = Table(
    "epochs",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("tenant", String(63), nullable=False),
    Column("month", String(7), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("kms", String(32), nullable=False),
    Column("provider_key", String(512), nullable=False),
    Column("wrapped_id", _Id, ForeignKey("wrapped_keys.id"), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    UniqueConstraint("tenant", "month", "generation"),
)

recording_keys = Table(
    "recording_keys",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("tenant", String(63), nullable=False),
    Column("rid", String(128), nullable=False),
    Column("epoch_id", _Id, ForeignKey("epochs.id")),
    Column("wrapped_id", _Id, ForeignKey("wrapped_keys.id")),
    Column("suite", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    UniqueConstraint("tenant", "rid"),
    Index("recording_keys_by_epoch", "epoch_id"),
)

provider_keys = Table(
    "provider_keys",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("tenant", String(63), nullable=False),
    Column("kms", String(32), nullable=False),
    Column("key", String(512), nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("retired_ms", BigInteger),
    Column("final_ms", BigInteger),
    Index("provider_keys_by_key", "tenant", "kms"),
)
"""The keys we had a key service make, and so may destroy. A standing key is somebody else's and never here."""


class EpochState(StrEnum):
    ACTIVE = "active"
    ENDING = "ending"
    """Nothing is under it any more; its provider key is still to be destroyed."""
    DESTROYED = "destroyed"


class RecordingKeyState(StrEnum):
    ACTIVE = "active"
    FROZEN = "frozen"
    """A legal hold: it opens, and may be neither destroyed nor sealed under."""
    SHREDDED = "shredded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One tenant's key for one month; a second in the same month has the next generation."""

    id: int
    tenant: str
    month: str
    generation: int
    state: EpochState
    kms: str
    provider_key: str
    wrapped_id: int
    created_ms: int
    ended_ms: int | None
    blob: bytes = field(repr=False)

    @property
    def name(self) -> str:
        return f"{self.month}.{self.generation}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """A recording's wrapped key and where it lies."""

    rid: str
    epoch_id: int
    wrapped_id: int
    suite: str
    state: RecordingKeyState
    blob: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """A recording that was erased: no key will ever be made for it again."""

    rid: str


def epochs_of(connection: Connection, tenant: str) -> tuple[Epoch, ...]:
    """Every epoch the tenant ever had, oldest first."""
    query = (
        select(epochs, wrapped_keys.c.blob)
        .join(wrapped_keys, epochs.c.wrapped_id == wrapped_keys.c.id)
        .where(epochs.c.tenant == tenant)
        .order_by(epochs.c.month, epochs.c.generation)
    )
    return tuple(_epoch(row) for row in connection.execute(query))


def epoch_by_id(connection: Connection, epoch_id: int) -> Epoch:
    query = select(epochs, wrapped_keys.c.blob).join(wrapped_keys, epochs.c.wrapped_id == wrapped_keys.c.id)
    return _epoch(connection.execute(query.where(epochs.c.id == epoch_id)).one())


_KEYS: Final = select(
    recording_keys.c.rid,
    recording_keys.c.epoch_id,
    recording_keys.c.wrapped_id,
    recording_keys.c.suite,
    recording_keys.c.state,
    wrapped_keys.c.blob,
).outerjoin(wrapped_keys, recording_keys.c.wrapped_id == wrapped_keys.c.id)
_KEY_OF: Final = _KEYS.where(recording_keys.c.tenant == bindparam("tenant"), recording_keys.c.rid == bindparam("rid"))


def key_row(connection: Connection, tenant: str, rid: str) -> KeyRow | Tombstone | None:
    row = connection.execute(_KEY_OF, {"tenant": tenant, "rid": rid}).one_or_none()
    return None if row is None else _key_row(row)


def key_rows(connection: Connection, tenant: str, rids: Sequence[str]) -> dict[str, KeyRow | Tombstone]:
    """Those of a batch that there are, by recording."""
    found = connection.execute(_KEYS.where(recording_keys.c.tenant == tenant, recording_keys.c.rid.in_(rids)))
    return {row.rid: _key_row(row) for row in found}


def in_backups(connection: Connection, tenant: str, rids: Sequence[str]) -> frozenset[str]:
    """Those whose key was wrapped by an epoch that is not destroyed yet."""
    joined = select(recording_keys.c.rid).join(epochs, recording_keys.c.epoch_id == epochs.c.id)
    alive = joined.where(recording_keys.c.tenant == tenant, epochs.c.state != EpochState.DESTROYED.value)
    wanted = (alive.where(recording_keys.c.rid.in_(some)) for some in batches(rids))
    return frozenset(rid for query in wanted for rid in connection.execute(query).scalars())


def rows_under(connection: Connection, epoch: Epoch) -> tuple[KeyRow, ...]:
    """Every key still wrapped by the epoch."""
    rows = (_key_row(row) for row in connection.execute(_KEYS.where(recording_keys.c.epoch_id == epoch.id)))
    return tuple(row for row in rows if isinstance(row, KeyRow))


def move_rows(connection: Connection, old: Epoch, new: Epoch) -> None:
    """Writes down that whatever `old` still carries is under `new`."""
    alive = recording_keys.c.state != RecordingKeyState.SHREDDED.value
    connection.execute(update(recording_keys).where(recording_keys.c.epoch_id == old.id, alive).values(epoch_id=new.id))


def add_wrapped(connection: Connection, blob: bytes) -> int:
    """Appends; the id by which it is found again."""
    made = connection.execute(insert(wrapped_keys).values(blob=blob)).inserted_primary_key
    return int(made[0]) if made is not None else 0


def overwrite_wrapped(connection: Connection, blobs: dict[int, bytes]) -> None:
    """Puts other bytes, as many as before, in the place of each."""
    place = update(wrapped_keys).where(wrapped_keys.c.id == bindparam("at")).values(blob=bindparam("to"))
    connection.execute(place, [{"at": at, "to": to} for at, to in blobs.items()])


def lock_for_writing(connection: Connection) -> None:
    """One writer at a time on PostgreSQL too, until the transaction ends; SQLite has one anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")


_LOCK: Final = 0x736F7474
"""Any number that only the key store uses: `sott` in ASCII."""


def _epoch(row: Any) -> Epoch:
    fields = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    return Epoch(**{**fields, "state": EpochState(fields["state"]), "blob": bytes(fields["blob"])})


def _key_row(row: Any) -> KeyRow | Tombstone:
    state = RecordingKeyState(row.state)
    if state is RecordingKeyState.SHREDDED:
        return Tombstone(rid=row.rid)
    return KeyRow(
        rid=row.rid,
        epoch_id=row.epoch_id,
        wrapped_id=row.wrapped_id,
        suite=row.suite,
        state=state,
        blob=bytes(row.blob),
    )
