"""Signs checkpoints: never over a history that does not extend all that was signed, anchored or cosigned before.

The order is: read the anchors, prove that the tree extends what they keep and what was signed last, sign and commit,
ask the witnesses, hand the note to the anchors. No network is waited for while the database is locked. What fails
after the commit is tried again by the next call, with the note that was signed.

A retired key counts up to the size at which it was retired, so that whoever finds it later can sign nothing new.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, Engine, insert, select, update

from sottovoce.database.engine import reading, writing
from sottovoce.database.tables import checkpoints
from sottovoce.errors import LedgerTampered, LedgerUnavailable
from sottovoce.ledger.anchor import Anchors
from sottovoce.ledger.checkpoint import Checkpoint, open_checkpoint
from sottovoce.ledger.merkle import EMPTY_ROOT, verify_consistency
from sottovoce.ledger.note import Signer, VerifierKey, sign_note, signer_ids
from sottovoce.ledger.tree import consistency_at, lock_tree, root_at, tree_size

Prove = Callable[[int, int], tuple[bytes, ...]]
"""The consistency proof from one size to another; empty from none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetiredKey:
    """A log key that was replaced: its checkpoints of up to `size` entries hold, and no others."""

    key: VerifierKey
    size: int


class Cosigning(Protocol):
    """Witnesses (collect.py)."""

    def cosign(self, note: str, *, prove: Prove) -> str:
        """The note with enough cosignatures; raises LedgerUnavailable when too few witnesses answer."""
        ...


class Signing:
    """The checkpoints of one ledger."""

    def __init__(
        self,
        *,
        engine: Engine,
        signer: Signer,
        clock: Callable[[], datetime],
        anchors: Anchors,
        retired: Sequence[RetiredKey] = (),
        cosigning: Cosigning | None = None,
    ) -> None:
        self.key = VerifierKey.parse(signer.vkey)
        self.anchors = anchors
        self._engine = engine
        self._signer = signer
        self._clock = clock
        self._retired = tuple(retired)
        self._cosigning = cosigning
        self._opened: tuple[str, Checkpoint] | None = None

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """The current key and those before it."""
        return (self.key, *(each.key for each in self._retired))

    def open(self, note: str) -> Checkpoint:
        """The checkpoint, if the current key signed it, or a retired one while it counted.

        Raises LedgerTampered otherwise. The last one opened is remembered: proofs ask for it again and again.
        """
        if self._opened is not None and self._opened[0] == note:
            return self._opened[1]
        found = open_checkpoint(note, self.keys, origin=self.key.name)
        counting = [self.key, *(each.key for each in self._retired if found.size <= each.size)]
        if self._retired:
            open_checkpoint(note, counting, origin=self.key.name)
        self._opened = (note, found)
        return found

    def latest(self, connection: Connection) -> str | None:
        """The last note signed, or None."""
        found = select(checkpoints.c.note).order_by(checkpoints.c.size.desc()).limit(1)
        return connection.execute(found).scalar_one_or_none()

    def sign(self, *, beside: Signer | None = None) -> str:
        """Signs the ledger as it is now, has it cosigned and anchored; the same note when nothing was added since.

        `beside` signs too: the key that is to follow. Raises LedgerTampered when the tree does not extend what was
        signed before, LedgerUnavailable when too few anchors or witnesses answer.
        """
        kept = self.anchors.latest()
        size, note = self._signed(kept, beside)
        cosigned = self._cosigned(size, note)
        self.anchors.publish(size, cosigned)
        return cosigned

    def _signed(self, kept: Sequence[str], beside: Signer | None) -> tuple[int, str]:
        with writing(self._engine) as connection:
            lock_tree(connection)
            size = tree_size(connection)
            now = Checkpoint(origin=self.key.name, size=size, root=root_at(connection, size))
            last = self.latest(connection)
            before = [*kept, *([last] if last is not None else [])]
            for note in before:
                _prove_extension(connection, self.open(note), now)
            # Signed before, here or, where a commit was lost after anchoring, there.
            again = next((note for note in reversed(before) if self.open(note).size == size), None)
            if again is None:
                self._require_current(last, beside)
            note = again if again is not None else self._sign(now, beside)
            if again is None or again != last:
                self._store(connection, now, note)
            return size, note

    def _require_current(self, last: str | None, beside: Signer | None) -> None:
        """A last note that names another key of ours was signed when keys changed: this process has the old one."""
        known = {key.key_id for key in self.keys} | ({VerifierKey.parse(beside.vkey).key_id} if beside else set())
        named = signer_ids(last) if last is not None else ()
        if any(name == self.key.name and key_id not in known for name, key_id in named):
            raise LedgerUnavailable(
                "the log key was changed while this process held the old one",
                hint="start the process again; if the change was interrupted, run `sottovoce ledger rotate-key` again",
            )

    def _sign(self, now: Checkpoint, beside: Signer | None) -> str:
        return sign_note(now.text, self._signer, *([beside] if beside else []))

    def _store(self, connection: Connection, now: Checkpoint, note: str) -> None:
        at_ms = int(self._clock().timestamp() * 1000)
        connection.execute(insert(checkpoints).values(size=now.size, root=now.root, note=note, at_ms=at_ms))

    def _cosigned(self, size: int, note: str) -> str:
        if self._cosigning is None:
            return note
        cosigned = self._cosigning.cosign(note, prove=self._prove)
        if cosigned != note:
            with writing(self._engine) as connection:
                connection.execute(update(checkpoints).where(checkpoints.c.size == size).values(note=cosigned))
        return cosigned

    def _prove(self, first: int, second: int) -> tuple[bytes, ...]:
        if first == 0:
            return ()
        with reading(self._engine) as connection:
            return consistency_at(connection, first, second)


def _prove_extension(connection: Connection, before: Checkpoint, now: Checkpoint) -> None:
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
