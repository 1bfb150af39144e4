"""The list of erasures, kept outside the database: what a restored backup is held against.

A backup brings erased recordings back. So every erasure and every sweep first leaves a signed note in the
object store (C2SP signed-note, our log key) that holds opaque keys, dates and codes; `replay` erases again
whatever a restored registry or key store knows of them. Certificates are kept beside.

It refuses notes that our key did not sign: nobody else may have recordings erased.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import rfc8785

from sottovoce.errors import LedgerTampered
from sottovoce.ledger.note import Signer, VerifierKey, open_note, sign_note

HEADER = "sottovoce/erasure-list@v1"
PREFIX, SUFFIX = "custody/erasures", ".note"
CERTIFICATES = "custody/certificates"


class NoteStore(Protocol):
    """Keeps named bytes outside the database: an object store. Raises StorageError."""

    def put(self, name: str, data: bytes) -> None: ...

    def get(self, name: str) -> bytes: ...

    def list(self, prefix: str) -> Iterator[str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One erasure: `whole` are recordings of which nothing stays, `copies` held ones whose corpus copy alone goes."""

    id: str
    at: datetime
    requested_by: str
    why: str
    whole: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()


class ErasureList:
    """Signed notes of erasures in a store; `keys` are those whose signature is believed."""

    def __init__(self, *, store: NoteStore, signer: Signer) -> None:
        self._store = store
        self._signer = signer
        self._keys = (VerifierKey.parse(signer.vkey),)

    def keep(self, listed: Listed) -> None:
        """Keeps the note of an erasure, before anything is destroyed. Raises StorageError."""
        self._store.put(f"{PREFIX}/{listed.id}{SUFFIX}", sign_listed(listed, self._signer).encode())

    def keep_certificate(self, erasure: str, certificate: str) -> None:
        """Raises StorageError."""
        self._store.put(f"{CERTIFICATES}/{erasure}{SUFFIX}", certificate.encode())

    def certificate(self, erasure: str) -> str:
        """The certificate as it was kept. Raises ObjectMissing, StorageError."""
        return self._store.get(f"{CERTIFICATES}/{erasure}{SUFFIX}").decode()

    def ids(self) -> frozenset[str]:
        """Every erasure there is a note of."""
        return frozenset(name.rpartition("/")[2].removesuffix(SUFFIX) for name in self._store.list(PREFIX))

    def read(self, ids: Sequence[str]) -> Iterator[Listed]:
        """The notes of these erasures. Raises LedgerTampered, StorageError."""
        for each in ids:
            yield open_listed(self._store.get(f"{PREFIX}/{each}{SUFFIX}"), self._keys)

    def read_folder(self, folder: Path) -> Iterator[Listed]:
        """The notes in a folder, such as a copy of the store's. Raises LedgerTampered."""
        for path in sorted(folder.rglob(f"*{SUFFIX}")):
            note = path.read_bytes()
            if note.startswith(HEADER.encode()):
                yield open_listed(note, self._keys)


def sign_listed(listed: Listed, signer: Signer) -> str:
    """The note: a header, and one line of canonical JSON (RFC 8785)."""
    content = {
        "id": listed.id,
        "at": listed.at.isoformat(),
        "by": listed.requested_by,
        "why": listed.why,
        "whole": list(listed.whole),
        "copies": list(listed.copies),
    }
    return sign_note(f"{HEADER}\n{rfc8785.dumps(content).decode()}\n", signer)


def open_listed(note: bytes, keys: Sequence[VerifierKey]) -> Listed:
    """What a note says, if one of the keys signed it. Raises LedgerTampered."""
    header, _, rest = open_note(note, keys).text.partition("\n")
    try:
        said = json.loads(rest)
        if header != HEADER:
            raise LedgerTampered("this is no note of an erasure")
        return Listed(
            id=said["id"],
            at=datetime.fromisoformat(said["at"]),
            requested_by=said["by"],
            why=said["why"],
            whole=tuple(said["whole"]),
            copies=tuple(said["copies"]),
        )
    except (ValueError, KeyError, TypeError):
        raise LedgerTampered("this is no note of an erasure") from None
