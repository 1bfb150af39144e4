"""Opening one released sample, to be played or read in memory; every opening is in the ledger (SPEC 13.3).

The entry is written before the bytes are handed out: a read that cannot be recorded does not happen. It
names the sample by its corpus id, never the recording behind it. An erased sample is refused as such.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from sottovoce.corpus.protocol import SampleVault, VersionStore
from sottovoce.custody.rows import StoredObject
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import CustodyError, KeyShredded, SealBroken
from sottovoce.ledger.entry import Action, Entry


class Scribe(Protocol):
    """The ledger, as far as reads are written into it."""

    def record(self, entries: Sequence[Entry]) -> object:
        """Raises LedgerUnavailable."""
        ...


class SampleReader(Protocol):
    """Whoever is signed in, reading through the gate of the access room: authorised, counted, watched, recorded."""

    def open(
        self, corpus_id: str, *, purpose: str, justification: Confidential[str] | None = None
    ) -> Confidential[bytes]:
        """Raises AccessRefused, AccessSuspended, and whatever `SampleOpener.open` does."""
        ...


class SampleOpener:
    """Opens samples by corpus id for those who may: `reader` decides who, and writes the read down itself.

    Without one, who may was decided before, and `actor` is believed.
    """

    def __init__(
        self,
        *,
        store: VersionStore,
        vault: SampleVault,
        scribe: Scribe,
        clock: Callable[[], datetime],
        reader: SampleReader | None = None,
    ) -> None:
        self._store = store
        self._vault = vault
        self._scribe = scribe
        self._clock = clock
        self._reader = reader

    def open(
        self, corpus_id: str, *, actor: str, purpose: str, justification: Confidential[str] | None = None
    ) -> Confidential[bytes]:
        """The sample's encoded audio (WAV or FLAC), in memory.

        Raises KeyShredded when it was erased, CustodyError when no version has it, SealBroken when the
        object is not the one recorded, LedgerUnavailable when the read cannot be recorded.
        """
        if self._reader is not None:
            return self._reader.open(corpus_id, purpose=purpose, justification=justification)
        held = self._find(corpus_id)
        ciphertext = self._vault.fetch(held)
        if not hmac.compare_digest(hashlib.sha256(ciphertext).hexdigest(), held.digest):
            raise SealBroken("a sealed object is not the one that was recorded", hint="restore it from another copy")
        plain = self._vault.open(held, ciphertext)
        read = Entry(at=self._clock(), actor=actor, action=Action.CORPUS_READ, object=corpus_id, purpose=purpose)
        self._scribe.record([read])
        return plain

    def _find(self, corpus_id: str) -> StoredObject:
        for version in reversed(self._store.versions()):
            for sample in self._store.samples(version.version):
                if sample.corpus_id == corpus_id:
                    if sample.erased:
                        raise _erased()
                    return self._held(version.version, corpus_id)
        raise CustodyError("no version has a sample of this name", hint="`sottovoce corpus show` lists them")

    def _held(self, version: str, corpus_id: str) -> StoredObject:
        for identity in self._store.identities(version):
            if identity.corpus_id == corpus_id:
                for held in self._store.objects(identity.recording):
                    if held.id == identity.object_id and not held.deleted:
                        return held
        raise _erased()


def _erased() -> KeyShredded:
    return KeyShredded("the sample was erased", hint="it is gone for good, from every version")
