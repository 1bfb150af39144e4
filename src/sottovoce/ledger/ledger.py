"""The ledger: an append-only RFC 6962 tree of entries, written in the same transaction as their effects.

What is appended commits with the caller's own rows or not at all: no action without a leaf, no leaf
without an action. A checkpoint is signed only after the tree was proved to extend the last one signed,
and the last ones anchored (signing.py). If the ledger cannot be written, LedgerUnavailable says so and
nothing happens.

It refuses to sign over a history that changed (LedgerTampered); `verify` says how it changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, select

from sottovoce.database.engine import reading, without_details, writing
from sottovoce.database.tables import checkpoints, ledger_leaves
from sottovoce.errors import CustodyError, LedgerTampered
from sottovoce.ledger.anchor import Anchor, Anchors
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.export import write_export
from sottovoce.ledger.note import Signer, VerifierKey
from sottovoce.ledger.proof import GrowthProof, TlogProof
from sottovoce.ledger.signing import Cosigning, RetiredKey, Signing
from sottovoce.ledger.tree import (
    Leaf,
    SubtreeWatch,
    append_leaves,
    consistency_at,
    inclusion_at,
    lock_tree,
    stored_rows,
    tree_size,
)
from sottovoce.ledger.verifier import Found, Verdict, judge

Clock = Callable[[], datetime]


class Ledger:
    """Appends, signs, proves and verifies. `origin` names the ledger; the signer's key carries that name."""

    def __init__(
        self,
        *,
        engine: Engine,
        signer: Signer,
        origin: str,
        clock: Clock,
        anchor: Anchor | Anchors | None = None,
        retired: Sequence[RetiredKey] = (),
        witnesses: Cosigning | None = None,
    ) -> None:
        if {signer.name, *(each.key.name for each in retired)} != {origin}:
            raise CustodyError("the log key is not named after the ledger's origin")
        if not isinstance(anchor, Anchors):
            anchor = Anchors(of=[anchor] if anchor is not None else [])
        self._engine = engine
        self._clock = clock
        self._signing = Signing(
            engine=engine, signer=signer, clock=clock, anchors=anchor, retired=retired, cosigning=witnesses
        )

    @property
    def origin(self) -> str:
        return self._signing.key.name

    @property
    def vkey(self) -> str:
        """The verifier key, to be published beside the ledger."""
        return str(self._signing.key)

    @property
    def vkeys(self) -> tuple[str, ...]:
        """Every verifier key under which checkpoints of this ledger were signed, the current one first."""
        return tuple(map(str, self._signing.keys))

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
        """Signs the ledger as it is now: the note, which is also stored, cosigned and anchored.

        The same note again when nothing was added since. Raises LedgerTampered when the tree does not
        extend what was signed before, LedgerUnavailable when too few anchors or witnesses answer.
        """
        return self._signing.sign()

    def rotate(self, following: Signer, *, actor: str) -> RetiredKey:
        """Writes that `following` is the next log key, and signs that with both: the old one vouches for the new.

        From then on open the ledger with `following`, and with what is returned among the retired keys.
        """
        old, new = self._signing.key, VerifierKey.parse(following.vkey)
        if new.name != old.name or new.key == old.key:
            raise CustodyError("the next log key is another one, under the same name")
        facts = {"old": old.key.hex(), "new": new.key.hex()}
        entry = Entry(at=self._clock(), actor=actor, action=Action.LEDGER_KEY_ROTATED, outcome="ok", facts=facts)
        self.record([entry])
        note = self._signing.sign(beside=following)
        return RetiredKey(key=old, size=self._signing.open(note).size)

    def unsigned(self) -> tuple[int, float]:
        """How many entries no checkpoint covers yet, and the seconds since the last one was signed.

        Never a negative time: where the clock went back, or nothing was ever signed, it is infinite.
        """
        with reading(self._engine) as connection:
            size = tree_size(connection)
            newest = select(checkpoints.c.size, checkpoints.c.at_ms).order_by(checkpoints.c.size.desc()).limit(1)
            signed = connection.execute(newest).one_or_none()
        elapsed = self._clock().timestamp() - signed.at_ms / 1000 if signed else -1.0
        return size - (signed.size if signed else 0), elapsed if elapsed >= 0 else float("inf")

    def anchored(self) -> tuple[str, ...]:
        """The newest note of each anchor that keeps any."""
        return self._signing.anchors.latest()

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
            note = self._signing.latest(connection)
            if note is not None and 0 <= seq < self._signing.open(note).size:
                return self._proof(connection, seq, note)
        note = self.checkpoint()
        size = self._signing.open(note).size
        if not 0 <= seq < size:
            raise CustodyError(f"the ledger has no entry {seq}", hint=f"it has entries 0 to {size - 1}")
        with reading(self._engine) as connection:
            return self._proof(connection, seq, note)

    def _proof(self, connection: Connection, seq: int, note: str) -> str:
        hashes = inclusion_at(connection, seq, self._signing.open(note).size)
        data = connection.execute(select(ledger_leaves.c.data).where(ledger_leaves.c.seq == seq)).scalar_one_or_none()
        if data is None:
            raise LedgerTampered("rows of the ledger's tree are missing", hint="run `sottovoce ledger verify`")
        return TlogProof(index=seq, hashes=hashes, checkpoint=note, extra=bytes(data)).text

    def prove_growth(self, before: str) -> str:
        """That the ledger, as now signed, grew out of a checkpoint of it that was kept: a file for the verifier.

        Raises LedgerTampered where it did not, or `before` is no checkpoint of this ledger.
        """
        first, note = self._signing.open(before), self.checkpoint()
        now = self._signing.open(note)
        if not 0 < first.size <= now.size:
            raise LedgerTampered(
                f"the ledger of {now.size} entries cannot have grown out of one of {first.size}",
                hint="run `sottovoce ledger verify --anchor` with that checkpoint",
            )
        proof = GrowthProof(old=first.size, hashes=self.prove_consistency(first.size, now.size), checkpoint=note)
        proof.open(first, self._signing.keys)
        return proof.text

    def prove_consistency(self, first: int, second: int) -> tuple[bytes, ...]:
        """The hashes that show the tree of `second` entries to extend that of `first` (RFC 6962 2.1.2)."""
        with reading(self._engine) as connection:
            return consistency_at(connection, first, second)

    def verify(self, *, anchors: Sequence[str] = ()) -> Verdict:
        """Reads every entry and says whether the ledger is what was signed, and if not, what was done.

        `anchors` are checkpoints kept elsewhere; without one, a tail that was cut together with the
        checkpoints over it cannot be missed.
        """
        kept = self._signing.anchors.latest()
        with reading(self._engine) as connection:
            rows = connection.execute(select(checkpoints.c.size, checkpoints.c.root, checkpoints.c.note)).all()
            try:
                heads = [self._head(note) for note in (*anchors, *kept)]
                stored = [self._head(note) for _, _, note in rows]
            except LedgerTampered:
                return Verdict(found=Found.BAD_SIGNATURE, size=tree_size(connection))
            if stored != [(size, bytes(root)) for size, root, _ in rows]:
                return Verdict(found=Found.BAD_SIGNATURE, size=tree_size(connection))
            with closing(SubtreeWatch(connection)) as watch:
                verdict = judge(lambda: watch.over(stored_rows(connection)), [*heads, *stored], [])
                if verdict.found in {Found.OK, Found.UNSIGNED_TAIL} and not watch.stand():
                    return Verdict(found=Found.TAMPERED_NODE, size=verdict.size, signed=verdict.signed)
            return verdict

    def export(self, folder: Path) -> str:
        """Writes the signed ledger as C2SP tiles for the stand-alone verifier; returns its checkpoint.

        `verifier.py FOLDER --vkey …` checks it with no database and no network.
        """
        note = self.checkpoint()
        with reading(self._engine) as connection:
            size = self._signing.open(note).size
            rows = connection.execute(
                select(checkpoints).where(checkpoints.c.size <= size).order_by(checkpoints.c.size)
            )
            signed = {row.size: row.note for row in rows}
            entries = ((data, hashed) for _, data, hashed in stored_rows(connection, end=size))
            write_export(folder, entries, signed, note)
        return note

    def _head(self, note: str) -> tuple[int, bytes]:
        opened = self._signing.open(note)
        return opened.size, opened.root


def entries_about(connection: Connection, key: str) -> tuple[tuple[int, Entry], ...]:
    """The entries whose object this is, in order, in the caller's own snapshot."""
    found = select(ledger_leaves.c.seq, ledger_leaves.c.data).where(ledger_leaves.c.object == key)
    rows = connection.execute(found.order_by(ledger_leaves.c.seq))
    return tuple((seq, Entry.decode(bytes(data))) for seq, data in rows)
