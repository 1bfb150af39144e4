"""C2SP checkpoints: the signed size and root of the ledger (c2sp.org/tlog-checkpoint).

Three lines (origin, size, root) in a signed note. We write no extension lines and pass them over when
reading, as the specification asks. An opened checkpoint has a root of 32 bytes and the origin expected.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sottovoce.errors import LedgerTampered
from sottovoce.ledger.merkle import HASH_SIZE
from sottovoce.ledger.note import Signer, VerifierKey, open_note, sign_note

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_MAX_SIZE = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The ledger as it was at one size."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The note text."""
        lines = [self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions]
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """The checkpoint in a note's text; raises LedgerTampered when it is none."""
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not all(lines[:-1]) or not _SIZE.fullmatch(lines[1]):
            raise LedgerTampered("malformed checkpoint")
        size = int(lines[1])
        try:
            root = base64.b64decode(lines[2], validate=True)
        except (binascii.Error, ValueError):
            raise LedgerTampered("malformed checkpoint") from None
        if size > _MAX_SIZE:
            raise LedgerTampered("malformed checkpoint")
        return cls(origin=lines[0], size=size, root=root, extensions=tuple(lines[3:-1]))


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> str:
    """The signed note of a checkpoint. The caller has proved that it extends all signed before."""
    return sign_note(checkpoint.text, signer)


def open_checkpoint(note: str | bytes, keys: Sequence[VerifierKey], *, origin: str) -> Checkpoint:
    """The checkpoint, if one of the keys signed it for this origin; raises LedgerTampered otherwise."""
    found = Checkpoint.parse(open_note(note, keys).text)
    if found.origin != origin or len(found.root) != HASH_SIZE:
        raise LedgerTampered("the checkpoint is not one of this ledger")
    return found
