"""The Merkle tree as rows: appends leaves, and answers for roots and proofs in O(log n) rows.

Leaves are numbered from 0 without gaps. Beside each leaf stand the full subtrees it completed, so that
no answer reads more than the few subtrees a range consists of, and all of them in one question.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Table, func, select, text

from sottovoce.database.tables import ledger_leaves, ledger_nodes
from sottovoce.errors import LedgerTampered
from sottovoce.ledger.merkle import (
    Range,
    Subtree,
    consistency_ranges,
    fold,
    grow,
    inclusion_ranges,
    leaf_hash,
    subtrees,
)

WRITER_LOCK = int.from_bytes(b"svledger")
"""PostgreSQL's advisory lock of the one writer; a sequence would leave gaps (SECURITY.md 3.3)."""

_CHUNK = 10_000
_NEWEST = select(func.max(ledger_leaves.c.seq))

Row = tuple[int, bytes, bytes]
"""Number, entry, stored leaf hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """An entry's bytes, and the opaque object by which it is found again."""

    data: bytes
    object: str | None


def lock_tree(connection: Connection) -> None:
    """Makes this transaction the one writer. SQLite's write transactions are that from their start."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER_LOCK})


def tree_size(connection: Connection) -> int:
    """How many leaves there are."""
    last = connection.execute(_NEWEST).scalar()
    return 0 if last is None else int(last) + 1


def append_leaves(connection: Connection, start: int, leaves: Sequence[Leaf]) -> None:
    """Writes the leaves after the first `start`, with every subtree that they complete."""
    whole = subtrees(0, start)
    peaks = [(level, value) for (_, level), value in zip(whole, _hashes(connection, whole), strict=True)]
    leaf_rows: list[tuple[Any, ...]] = []
    node_rows: list[tuple[Any, ...]] = []
    for seq, leaf in enumerate(leaves, start):
        hashed = leaf_hash(leaf.data)
        leaf_rows.append((seq, leaf.object, leaf.data, hashed))
        node_rows += [(last, level, value) for (last, level), value in grow(peaks, seq, hashed)]
    _insert(connection, ledger_leaves, leaf_rows)
    _insert(connection, ledger_nodes, node_rows)


def root_at(connection: Connection, size: int) -> bytes:
    """The root of the first `size` leaves."""
    return fold(_hashes(connection, subtrees(0, size)))


def inclusion_at(connection: Connection, index: int, size: int) -> tuple[bytes, ...]:
    """The inclusion proof of a leaf in the tree of the first `size` leaves."""
    return _proof(connection, inclusion_ranges(index, size))


def consistency_at(connection: Connection, first: int, second: int) -> tuple[bytes, ...]:
    """The consistency proof from the first `first` leaves to the first `second`."""
    return _proof(connection, consistency_ranges(first, second))


def stored_rows(connection: Connection, *, end: int | None = None) -> Iterator[Row]:
    """(number, entry, stored leaf hash) of every leaf in order, or of those before `end`, read in chunks.

    Where the column a leaf is found by is not what the entry says, the stored hash comes out empty, so
    that no verification passes it.
    """
    columns = (ledger_leaves.c.seq, ledger_leaves.c.object, ledger_leaves.c.data, ledger_leaves.c.leaf_hash)
    wanted = select(*columns).order_by(ledger_leaves.c.seq)
    if end is not None:
        wanted = wanted.where(ledger_leaves.c.seq < end)
    with connection.execution_options(yield_per=_CHUNK).execute(wanted) as rows:
        for seq, found_by, data, hashed in rows:
            data = bytes(data)
            yield seq, data, bytes(hashed) if _says(data, found_by) else b""


class SubtreeWatch:
    """Holds the stored subtrees to the leaf hashes while the rows are read for something else, in one pass."""

    def __init__(self, connection: Connection) -> None:
        order = (ledger_nodes.c.seq, ledger_nodes.c.level)
        wanted = select(*order, ledger_nodes.c.hash).order_by(*order)
        self._rows = connection.execution_options(yield_per=_CHUNK).execute(wanted)
        self._stored = (((seq, level), bytes(value)) for seq, level, value in self._rows)
        self._stands = True

    def close(self) -> None:
        """Lets go of the rows not read."""
        self._rows.close()

    def over(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows as they are, looked at on the way."""
        peaks: list[tuple[int, bytes]] = []
        for row in rows:
            for made in grow(peaks, row[0], row[2]):
                self._stands = self._stands and next(self._stored, None) == made
            yield row

    def stand(self) -> bool:
        """Asked after the last row: True when the subtrees stored are exactly those that the leaf hashes make."""
        return self._stands and next(self._stored, None) is None


def _says(data: bytes, found_by: str | None) -> bool:
    return b'"object":' not in data if found_by is None else f'"object":"{found_by}"'.encode() in data


def _insert(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Hands the rows to the driver as they are: preparing each for SQLAlchemy costs more than writing it."""
    if not rows:
        return
    marks = ", ".join(["%s" if connection.dialect.name == "postgresql" else "?"] * len(table.columns))
    names = ", ".join(connection.dialect.identifier_preparer.quote(column.name) for column in table.columns)
    connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", rows)  # noqa: S608 - our own names


def _proof(connection: Connection, ranges: Sequence[Range]) -> tuple[bytes, ...]:
    parts = [subtrees(*each) for each in ranges]
    hashes = iter(_hashes(connection, [subtree for part in parts for subtree in part]))
    return tuple(fold(list(islice(hashes, len(part)))) for part in parts)


def _hashes(connection: Connection, wanted: Sequence[Subtree]) -> list[bytes]:
    """The hashes of subtrees, from either table, in one question: a few dozen rows found by their primary keys."""
    if not wanted:
        return []
    pairs = ", ".join(f"({int(last)}, {int(level)})" for last, level in wanted)
    rows = connection.exec_driver_sql(
        f"WITH wanted (seq, level) AS (VALUES {pairs}) "  # noqa: S608 - integers of our own
        "SELECT wanted.seq, wanted.level, coalesce(n.hash, l.leaf_hash) FROM wanted "
        "LEFT JOIN ledger_nodes n ON n.seq = wanted.seq AND n.level = wanted.level "
        "LEFT JOIN ledger_leaves l ON wanted.level = 0 AND l.seq = wanted.seq"
    )
    found = {(last, level): bytes(value) for last, level, value in rows if value is not None}
    if not found.keys() >= set(wanted):
        raise LedgerTampered("rows of the ledger's tree are missing", hint="run `sottovoce ledger verify`")
    return [found[subtree] for subtree in wanted]
