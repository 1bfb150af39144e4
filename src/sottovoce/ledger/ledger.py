"""The ledger: an append-only RFC 6962 tree of entries, written in the same transaction as their effects.

What is appended commits with the caller's own rows or not at all: no action without a leaf, no leaf
without an action. A checkpoint is signed only after the tree was proved to extend the last one signed,
and the last one anchored. If the ledger cannot be written, LedgerUnavailable says so and nothing happens.

It refuses to sign over a history that changed (LedgerTampered); `verify` says how it changed.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, select

from sottovoce.database.engine import reading, without_details, writing
from sottovoce.database.tables import checkpoints, ledger_leaves
from sottovoce.errors import CustodyError, LedgerTampered
from sottovoce.ledger.anchor import Anchor
from sottovoce.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from sottovoce.ledger.entry import Entry
from sottovoce.ledger.export import write_export
from sottovoce.ledger.merkle import EMPTY_ROOT, verify_consistency
from sottovoce.ledger.note import Signer, VerifierKey
from sottovoce.ledger.tree import (
    Leaf,
    append_leaves,
    consistency_at,
    inclusion_at,
    lock_tree,
    root_at,
    stored_rows,
    subtrees_stand,
    tree_size,
)
from sottovoce.ledger.verifier import PROOF_HEADER, Found, Verdict, judge

Clock = Callable[[], datetime]


class Ledger:
    """Appends, signs, proves and verifies. `origin` names the ledger; the signer's key carries that name."""

    def __init__(
        self, *, engine: Engine, signer: Signer, origin: str, clock: Clock, anchor: Anchor | None = None
    ) -> None:
        if signer.name != origin:
            raise CustodyError("the log key is not named after the ledger's origin")
        self._engine = engine
        self._signer = signer
        self._clock = clock
        self._anchor = anchor
        self._key = VerifierKey.parse(signer.vkey)

    @property
    def origin(self) -> str:
        return self._key.name

    @property
    def vkey(self) -> str:
        """The verifier key, to be published beside the ledger."""
        return str(self._key)

    def append(self, connection: Connection, entries: Sequence[Entry]) -> tuple[int, ...]:
        """Adds the entries inside the caller's writing transaction, and returns their numbers.

        Call it last in the transaction: from here to its end no other writer gets in.
        """
        if not entries:
            return ()
        with without_details():
            lock_tree(connection)
            start = tree_size(connection)
            leaves = [Leaf(data=entry.encode(seq), object=entry.object) for seq, entry in enumerate(entries, start)]
            append_leaves(connection, start, leaves)
        return tuple(range(start, start + len(entries)))

    def record(self, entries: Sequence[Entry]) -> tuple[int, ...]:
        """Adds entries that have no rows of their own to commit with."""
        with writing(self._engine) as connection:
            return self.append(connection, entries)

    def size(self) -> int:
        """How many entries there are."""
        with reading(self._engine) as connection:
            return tree_size(connection)

    def entries(self, start: int = 0) -> Iterator[tuple[int, Entry]]:
        """The entries from a number on, in order."""
        with reading(self._engine) as connection:
            rows = select(ledger_leaves.c.seq, ledger_leaves.c.data).where(ledger_leaves.c.seq >= start)
            for seq, data in connection.execute(rows.order_by(ledger_leaves.c.seq)):
                yield seq, Entry.decode(bytes(data))

    def entries_about(self, key: str) -> tuple[tuple[int, Entry], ...]:
        """The entries whose object this is, in order."""
        with reading(self._engine) as connection:
            return entries_about(connection, key)

    def checkpoint(self) -> str:
        """Signs the ledger as it is now: the note, which is also stored and anchored.

        The same note again when nothing was added since. Raises LedgerTampered when the tree does not
        extend what was signed before.
        """
        with writing(self._engine) as connection:
            lock_tree(connection)
            size = tree_size(connection)
            now = Checkpoint(origin=self.origin, size=size, root=root_at(connection, size))
            last = self._latest(connection)
            for note in (last, self._anchor.latest() if self._anchor else None):
                if note is not None:
                    self._prove_extension(connection, self._open(note), now)
            if last is not None and self._open(last).size == size:
                return last
            return self._sign(connection, now)

    def checkpoints(self) -> tuple[str, ...]:
        """Every signed note, from the smallest size to the largest."""
        with reading(self._engine) as connection:
            return tuple(connection.execute(select(checkpoints.c.note).order_by(checkpoints.c.size)).scalars())

    def prove(self, seq: int) -> str:
        """The text of a .tlog-proof file: entry, inclusion proof and checkpoint (c2sp.org/tlog-proof@v1).

        Its extra data is the entry itself. Under the latest checkpoint, or a new one where that does not reach
        the entry. Raises CustodyError when there is no such entry.
        """
        with reading(self._engine) as connection:
            last = self._latest(connection)
        note = last if last is not None and seq < self._open(last).size else self.checkpoint()
        size = self._open(note).size
        if not 0 <= seq < size:
            raise CustodyError(f"the ledger has no entry {seq}", hint=f"it has entries 0 to {size - 1}")
        with reading(self._engine) as connection:
            data = connection.execute(select(ledger_leaves.c.data).where(ledger_leaves.c.seq == seq)).scalar_one()
            hashes = inclusion_at(connection, seq, size)
        lines = [PROOF_HEADER, f"extra {_base64(bytes(data))}", f"index {seq}", *map(_base64, hashes)]
        return "\n".join(lines) + f"\n\n{note}"

    def prove_consistency(self, first: int, second: int) -> tuple[bytes, ...]:
        """The hashes that show the tree of `second` entries to extend that of `first` (RFC 6962 2.1.2)."""
        with reading(self._engine) as connection:
            return consistency_at(connection, first, second)

    def verify(self, *, anchors: Sequence[str] = ()) -> Verdict:
        """Reads every entry and says whether the ledger is what was signed, and if not, what was done.

        `anchors` are checkpoints kept elsewhere; without one, a tail that was cut together with the
        checkpoints over it cannot be missed.
        """
        kept = self._anchor.latest() if self._anchor else None
        with reading(self._engine) as connection:
            rows = connection.execute(select(checkpoints.c.size, checkpoints.c.root, checkpoints.c.note)).all()
            try:
                heads = [self._head(note) for note in (*anchors, *([kept] if kept else []))]
                stored = [self._head(note) for _, _, note in rows]
            except LedgerTampered:
                return Verdict(found=Found.BAD_SIGNATURE, size=tree_size(connection))
            if stored != [(size, bytes(root)) for size, root, _ in rows]:
                return Verdict(found=Found.BAD_SIGNATURE, size=tree_size(connection))
            verdict = judge(lambda: stored_rows(connection), [*heads, *stored], [])
            if verdict.found in {Found.OK, Found.UNSIGNED_TAIL} and not subtrees_stand(connection):
                return Verdict(found=Found.TAMPERED_NODE, size=verdict.size, signed=verdict.signed)
            return verdict

    def export(self, folder: Path) -> str:
        """Writes the signed ledger as C2SP tiles for the stand-alone verifier; returns its checkpoint.

        `verifier.py FOLDER --vkey …` checks it with no database and no network.
        """
        note = self.checkpoint()
        with reading(self._engine) as connection:
            signed = {row.size: row.note for row in connection.execute(select(checkpoints))}
            size = self._open(note).size
            entries = ((data, hashed) for seq, data, hashed in stored_rows(connection) if seq < size)
            write_export(folder, entries, signed, note)
        return note

    def _latest(self, connection: Connection) -> str | None:
        found = select(checkpoints.c.note).order_by(checkpoints.c.size.desc()).limit(1)
        return connection.execute(found).scalar_one_or_none()

    def _open(self, note: str) -> Checkpoint:
        return open_checkpoint(note, [self._key], origin=self.origin)

    def _head(self, note: str) -> tuple[int, bytes]:
        opened = self._open(note)
        return opened.size, opened.root

    def _prove_extension(self, connection: Connection, before: Checkpoint, now: Checkpoint) -> None:
        if before.size == 0:
            extends = before.root == EMPTY_ROOT
        else:
            proof = consistency_at(connection, before.size, now.size) if before.size <= now.size else ()
            extends = verify_consistency(before.size, now.size, proof, before.root, now.root)
        if not extends:
            raise LedgerTampered(
                f"the ledger of {now.size} entries does not extend the {before.size} signed before",
                hint="run `sottovoce ledger verify`",
            )

    def _sign(self, connection: Connection, now: Checkpoint) -> str:
        note = sign_checkpoint(now, self._signer)
        at_ms = int(self._clock().timestamp() * 1000)
        connection.execute(insert(checkpoints).values(size=now.size, root=now.root, note=note, at_ms=at_ms))
        if self._anchor is not None:
            self._anchor.publish(now.size, note)
        return note


def entries_about(connection: Connection, key: str) -> tuple[tuple[int, Entry], ...]:
    """The entries whose object this is, in order, in the caller's own snapshot."""
    found = select(ledger_leaves.c.seq, ledger_leaves.c.data).where(ledger_leaves.c.object == key)
    rows = connection.execute(found.order_by(ledger_leaves.c.seq))
    return tuple((seq, Entry.decode(bytes(data))) for seq, data in rows)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
