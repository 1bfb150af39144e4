"""Proofs as files: of one entry (c2sp.org/tlog-proof@v1), and of growth (the body of a C2SP add-checkpoint).

Both end in the checkpoint they lead to, with whatever cosignatures it carries, and are checked with public keys
alone. The extra data of an entry's proof is not authenticated by itself: ours is the entry, which the proof is of.

They refuse lines beyond the format, numbers with leading zeros, hashes that are not 32 bytes and more than 63 of them.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sottovoce.errors import LedgerTampered
from sottovoce.ledger.checkpoint import Checkpoint, open_checkpoint
from sottovoce.ledger.cosignature import WitnessKey
from sottovoce.ledger.merkle import HASH_SIZE, verify_consistency, verify_inclusion
from sottovoce.ledger.note import VerifierKey, note_text, open_note
from sottovoce.ledger.verifier import PROOF_HEADER

MAX_HASHES = 63
"""A path through a tree of 2**63 leaves (tlog-witness)."""

MAX_NUMBER = 2**63 - 1

_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TlogProof:
    """That the log has an entry at `index`: its path to the root of the signed checkpoint."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None

    @property
    def text(self) -> str:
        """The file."""
        extra = [] if self.extra is None else [f"extra {_base64(self.extra)}"]
        lines = [PROOF_HEADER, *extra, f"index {self.index}", *map(_base64, self.hashes)]
        return "\n".join(lines) + f"\n\n{self.checkpoint}"

    @classmethod
    def parse(cls, text: str) -> TlogProof:
        """The proof in a file, with a well-formed checkpoint; raises LedgerTampered when it is none."""
        head, blank, checkpoint = text.partition("\n\n")
        header, *lines = head.split("\n")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = _unbase64(lines.pop(0).removeprefix("extra "))
        if header != PROOF_HEADER or not blank or not lines or extra == b"":
            raise LedgerTampered("malformed proof")
        Checkpoint.parse(note_text(checkpoint))
        index, hashes = _number(lines[0], "index "), _hashes(lines[1:])
        return cls(index=index, hashes=hashes, checkpoint=checkpoint, extra=extra)

    def open(
        self,
        leaf: bytes,
        keys: Sequence[VerifierKey],
        *,
        origin: str,
        witnesses: Sequence[WitnessKey] = (),
        quorum: int = 0,
    ) -> Checkpoint:
        """The checkpoint under which the leaf of this hash stands at `index`.

        Raises LedgerTampered unless one of the keys signed it, `quorum` witnesses cosigned it, and the path holds.
        """
        opened = open_checkpoint(self.checkpoint, keys, origin=origin)
        if len(cosigners(self.checkpoint, witnesses)) < quorum:
            raise LedgerTampered("too few witnesses cosigned the checkpoint")
        if not verify_inclusion(leaf, self.index, opened.size, self.hashes, opened.root):
            raise LedgerTampered("the proof does not lead to the signed root")
        return opened


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthProof:
    """That the tree of a checkpoint grew out of one of `old` leaves: what is sent to a witness, too."""

    old: int
    hashes: tuple[bytes, ...]
    checkpoint: str

    @property
    def text(self) -> str:
        """The file, or the body of an add-checkpoint request."""
        return "\n".join([f"old {self.old}", *map(_base64, self.hashes)]) + f"\n\n{self.checkpoint}"

    @classmethod
    def parse(cls, text: str) -> GrowthProof:
        """The proof, with a well-formed checkpoint; raises LedgerTampered when it is none."""
        head, blank, checkpoint = text.partition("\n\n")
        first, *lines = head.split("\n")
        if not blank:
            raise LedgerTampered("malformed proof")
        Checkpoint.parse(note_text(checkpoint))
        return cls(old=_number(first, "old "), hashes=_hashes(lines), checkpoint=checkpoint)

    def open(self, before: Checkpoint, keys: Sequence[VerifierKey]) -> Checkpoint:
        """The checkpoint that extends `before`; raises LedgerTampered unless it is signed and does."""
        now = open_checkpoint(self.checkpoint, keys, origin=before.origin)
        if self.old != before.size or not verify_consistency(before.size, now.size, self.hashes, before.root, now.root):
            raise LedgerTampered("the proof does not lead from the one checkpoint to the other")
        return now


def cosigners(note: str | bytes, witnesses: Sequence[WitnessKey]) -> tuple[WitnessKey, ...]:
    """The witnesses that cosigned the note, each once. One that did so wrongly did not."""
    return tuple(each for each in dict.fromkeys(witnesses) if _cosigned(note, each))


def _cosigned(note: str | bytes, witness: WitnessKey) -> bool:
    try:
        open_note(note, [witness])
    except LedgerTampered:
        return False
    return True


def _number(line: str, before: str) -> int:
    number = line.removeprefix(before)
    if not line.startswith(before) or not _NUMBER.fullmatch(number) or int(number) > MAX_NUMBER:
        raise LedgerTampered("malformed proof")
    return int(number)


def _hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    hashes = tuple(map(_unbase64, lines))
    if len(hashes) > MAX_HASHES or any(len(each) != HASH_SIZE for each in hashes):
        raise LedgerTampered("malformed proof")
    return hashes


def _unbase64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise LedgerTampered("malformed proof") from None
    if _base64(raw) != text:
        raise LedgerTampered("malformed proof")
    return raw


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
