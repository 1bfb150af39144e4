"""What left the house, to whom, and what has to be recalled when a recording is erased (GDPR Articles 17(2), 19).

The rows hold opaque keys and receipts: a receipt is what the recipient finds the recording by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Engine, delete, func, insert, select, update

from sottovoce.custody.nodes import delivery_node, object_node, recording_node
from sottovoce.custody.records import add_edge, known_recording
from sottovoce.custody.rows import milliseconds, moment
from sottovoce.database.batches import batches
from sottovoce.database.custody_tables import deliveries, notices
from sottovoce.database.engine import reading, writing
from sottovoce.database.upsert import insert_new
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger

PENDING = "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A recording that a destination was given. `id` is the delivery's own idempotency key."""

    id: str
    recording: str
    destination: str
    receipt: str
    delivered_at: datetime
    erasure: str | None = None
    """The erasure that recalls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A destination that holds recordings which are erased here, and the notice it is owed."""

    destination: str
    deliveries: int
    notice: str


class Deliveries:
    """Remembers what went out. `Ledger` and row commit together."""

    def __init__(self, *, engine: Engine, ledger: Ledger) -> None:
        self._engine = engine
        self._ledger = ledger

    def record(self, delivery: Delivery, *, actor: str, object_id: str | None = None) -> bool:
        """Keeps a delivery, its edge in the lineage and its ledger entry; False when it was kept before.

        Raises UnknownRecording, RecordingErased: what is erased is not delivered.
        """
        facts = {"destination": delivery.destination, "receipt": delivery.receipt, "delivery": delivery.id}
        entry = Entry(
            at=delivery.delivered_at,
            actor=actor,
            action=Action.RECORDING_DELIVERED,
            object=delivery.recording,
            facts=facts,
        )
        with writing(self._engine) as connection:
            known_recording(connection, delivery.recording)
            if not insert_new(connection, deliveries, _row(delivery)):
                return False
            parent = object_node(object_id) if object_id else recording_node(delivery.recording)
            add_edge(connection, parent, delivery_node(delivery.id), "delivered")
            self._ledger.append(connection, [entry])
        return True

    def of_recording(self, key: str) -> tuple[Delivery, ...]:
        """Everything that was delivered of a recording, oldest first; also after its erasure."""
        return self._found(deliveries.c.recording == key)

    def recalled_by(self, erasure: str, destination: str | None = None) -> tuple[Delivery, ...]:
        """What an erasure recalls, of one destination or of all."""
        where = deliveries.c.erasure == erasure
        return self._found(where if destination is None else where & (deliveries.c.destination == destination))

    def destinations(self) -> tuple[str, ...]:
        """Every destination that was ever given something."""
        wanted = select(deliveries.c.destination).distinct().order_by(deliveries.c.destination)
        with reading(self._engine) as connection:
            return tuple(connection.execute(wanted).scalars())

    def _found(self, where: ColumnElement[bool]) -> tuple[Delivery, ...]:
        wanted = select(deliveries).where(where).order_by(deliveries.c.delivered_ms, deliveries.c.id)
        with reading(self._engine) as connection:
            rows = connection.execute(wanted).mappings().all()
        return tuple(
            Delivery(
                id=row["id"],
                recording=row["recording"],
                destination=row["destination"],
                receipt=row["receipt"],
                delivered_at=moment(row["delivered_ms"]),
                erasure=row["erasure"],
            )
            for row in rows
        )


def expect_recall(connection: Connection, delivery: Delivery) -> None:
    """Before anything leaves: from now on an erasure recalls it, whether it arrives or not.

    Raises UnknownRecording, RecordingErased: what is erased is not delivered.
    """
    known_recording(connection, delivery.recording)
    insert_new(connection, deliveries, _row(delivery))


def has_arrived(connection: Connection, delivery: Delivery, object_ids: Sequence[str]) -> None:
    """What was expected was delivered, made from these objects. Raises RecordingErased when it was erased meanwhile."""
    known_recording(connection, delivery.recording)
    mine = deliveries.c.id == delivery.id
    connection.execute(
        update(deliveries)
        .where(mine)
        .values(delivered_ms=milliseconds(delivery.delivered_at), receipt=delivery.receipt)
    )
    for parent in object_ids:
        add_edge(connection, object_node(parent), delivery_node(delivery.id), "delivered")


def never_left(connection: Connection, delivery: str) -> None:
    """What was expected will not be delivered; one that an erasure recalls stays recalled."""
    connection.execute(delete(deliveries).where(deliveries.c.id == delivery, deliveries.c.erasure.is_(None)))


def _row(delivery: Delivery) -> dict[str, str | int]:
    return {
        "id": delivery.id,
        "recording": delivery.recording,
        "destination": delivery.destination,
        "receipt": delivery.receipt,
        "delivered_ms": milliseconds(delivery.delivered_at),
    }


def recall(connection: Connection, erasure: str, keys: Sequence[str]) -> dict[str, int]:
    """Marks what was delivered of the recordings as recalled; how many deliveries of each destination."""
    for some in batches(keys):
        open_ones = deliveries.c.recording.in_(some) & deliveries.c.erasure.is_(None)
        connection.execute(update(deliveries).where(open_ones).values(erasure=erasure))
    counted = select(deliveries.c.destination, func.count()).where(deliveries.c.erasure == erasure)
    rows = connection.execute(counted.group_by(deliveries.c.destination).order_by(deliveries.c.destination))
    return {row[0]: row[1] for row in rows}


def owe_notices(
    connection: Connection, erasure: str, owed: Sequence[Recipient], *, at: datetime, due: datetime
) -> None:
    """One pending notice for each destination."""
    for each in owed:
        connection.execute(
            insert(notices).values(
                id=each.notice,
                erasure=erasure,
                destination=each.destination,
                deliveries=each.deliveries,
                state=PENDING,
                attempts=0,
                made_ms=milliseconds(at),
                due_ms=milliseconds(due),
            )
        )
