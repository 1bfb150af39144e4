"""The registry's rows, read and written inside somebody's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, insert, select, update

from sottovoce.custody.nodes import object_id, object_node, recording_node
from sottovoce.custody.rows import Decision, Outcome, StoredObject, moment
from sottovoce.database.batches import batches
from sottovoce.database.custody_tables import holds
from sottovoce.database.tables import commitments, decisions, objects, outcomes, recordings
from sottovoce.database.tables import lineage as lineage_edges
from sottovoce.database.upsert import insert_new
from sottovoce.domain.outcome import OutcomeStatus, Reason
from sottovoce.domain.recording import Sealed
from sottovoce.errors import RecordingErased, UnknownRecording
from sottovoce.ledger.commitment import Commitment

PRESENT = "present"
DELETED = "deleted"

GENERAL = "GENERAL"
"""The matter of a hold that was placed without one."""

AT_SOURCE = "SOURCE"
"""The matter of a hold that the source states."""


def find_recording(connection: Connection, key: str) -> RowMapping | None:
    """The row of a recording, kept from changing until the transaction ends; None when never seen.

    Raises RecordingErased.
    """
    wanted = select(recordings).where(recordings.c.key == key)
    if not connection.get_execution_options().get("postgresql_readonly"):
        # FOR NO KEY UPDATE: two who would share the row and then both change it would lock each other out.
        wanted = wanted.with_for_update(key_share=True)
    row = connection.execute(wanted).mappings().first()
    if row is not None and row["erasing_ms"] is not None:
        raise RecordingErased("the recording was erased", hint="it is never processed again")
    return row


def known_recording(connection: Connection, key: str) -> RowMapping:
    """The row of a recording. Raises UnknownRecording or RecordingErased."""
    row = find_recording(connection, key)
    if row is None:
        raise UnknownRecording("the registry has not seen this recording")
    return row


def hold_recording(
    connection: Connection,
    key: str,
    now_ms: int,
    *,
    matter: str = GENERAL,
    why: str = "LEGAL_HOLD",
    by: str = "registry",
) -> bool:
    """Places a legal hold for a matter, and answers whether it was not there; the date of the first one stays."""
    row = {"matter": matter, "recording": key, "why": why, "placed_by": by, "placed_ms": now_ms}
    placed = insert_new(connection, holds, row)
    if not placed:
        ended = (holds.c.matter == matter) & (holds.c.recording == key) & holds.c.released_ms.is_not(None)
        again = {**row, "released_by": None, "released_ms": None}
        placed = connection.execute(update(holds).where(ended).values(**again)).rowcount > 0
    change = update(recordings).where(recordings.c.key == key, recordings.c.legal_hold.is_(False))
    connection.execute(change.values(legal_hold=True, held_since_ms=now_ms))
    return placed


def release_recording(
    connection: Connection, key: str, now_ms: int, *, matter: str | None = None, by: str = "registry"
) -> bool:
    """Ends a matter's hold, or every one; True when none is left and the recording is free."""
    active = (holds.c.recording == key) & holds.c.released_ms.is_(None)
    ended = active if matter is None else active & (holds.c.matter == matter)
    connection.execute(update(holds).where(ended).values(released_by=by, released_ms=now_ms))
    if connection.execute(select(holds.c.matter).where(active).limit(1)).first() is not None:
        return False
    change = update(recordings).where(recordings.c.key == key)
    connection.execute(change.values(legal_hold=False, held_since_ms=None))
    return True


def decisions_about(key: str, *, line: str | None = None) -> Select[Any]:
    """Decisions on a recording, latest first."""
    wanted = select(decisions).where(decisions.c.recording == key).order_by(decisions.c.decided_ms.desc())
    return wanted if line is None else wanted.where(decisions.c.line == line)


def store_sealed(connection: Connection, line: str, key: str, sealed: Sealed) -> None:
    """One row and one edge of the lineage for each sealed object."""
    for each in sealed.objects:
        found = object_id(each.location)
        connection.execute(
            insert(objects).values(
                id=found,
                line=line,
                recording=key,
                kind=each.kind,
                channel=each.channel,
                location=each.location,
                digest=each.digest,
                size=each.size,
                rev=each.rev,
                state=PRESENT,
            )
        )
        add_edge(connection, recording_node(key), object_node(found), each.kind)


def add_edge(connection: Connection, parent: str, child: str, relation: str) -> None:
    """Says that the child was made from the parent; nothing when that was said before."""
    insert_new(connection, lineage_edges, {"parent": parent, "child": child, "relation": relation})


def keep_commitments(connection: Connection, key: str, made: Sequence[Commitment]) -> None:
    """Keeps the openings of commitments about a recording, until it is erased."""
    for each in made:
        row = {"value": each.value, "recording": key, "opening": each.opening.reveal()}
        connection.execute(insert(commitments).values(**row))


def decision_of(row: RowMapping) -> Decision:
    return Decision(
        line=row["line"],
        recording=row["recording"],
        admitted=bool(row["admitted"]),
        reason=Reason(row["reason"]) if row["reason"] else None,
        rules=tuple(row["rules"]),
        policy_digest=row["policy_digest"],
        stratum=row["stratum"],
        evidence=row["evidence"],
        decided_at=moment(row["decided_ms"]),
    )


def outcome_of(row: RowMapping) -> Outcome:
    return Outcome(
        line=row["line"],
        recording=row["recording"],
        status=OutcomeStatus(row["status"]),
        reason=Reason(row["reason"]) if row["reason"] else None,
        predecessor=row["predecessor"],
        key_id=row["key_id"],
        facts=row["facts"],
        at=moment(row["at_ms"]),
    )


def objects_of(connection: Connection, key: str) -> tuple[StoredObject, ...]:
    """Every object of a recording, deleted ones too, by kind and channel."""
    wanted = select(objects).where(objects.c.recording == key)
    rows = connection.execute(wanted.order_by(objects.c.kind, objects.c.channel, objects.c.id)).mappings()
    names = ("id", "line", "recording", "kind", "channel", "location", "digest", "size", "rev")
    return tuple(StoredObject(deleted=row["state"] == DELETED, **{name: row[name] for name in names}) for row in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where an object of a recording lies, or lay."""

    id: str
    recording: str
    location: str
    kind: str
    line: str


def locations_of(connection: Connection, keys: Sequence[str], *, present: bool = False) -> tuple[Location, ...]:
    """Every object of any of the recordings, deleted ones too unless only those present are asked for."""
    columns = tuple(objects.c[name] for name in ("id", "recording", "location", "kind", "line"))
    wanted = (select(*columns).where(objects.c.recording.in_(some)) for some in batches(keys))
    there = (each.where(objects.c.state == PRESENT) if present else each for each in wanted)
    return tuple(Location(**row) for each in there for row in connection.execute(each).mappings())


def outcomes_of(connection: Connection, key: str) -> tuple[Outcome, ...]:
    """How a recording ended in each line."""
    wanted = select(outcomes).where(outcomes.c.recording == key).order_by(outcomes.c.line)
    return tuple(map(outcome_of, connection.execute(wanted).mappings()))
