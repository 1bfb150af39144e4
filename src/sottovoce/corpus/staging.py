"""Putting a version's ciphertext where a training service reads it, under the names its manifest files use.

What is put is what the vault sealed, byte for byte: it is never opened here, and no key goes along. Each object must be
the one the signed manifest names, and is read back. What was erased since is taken away again; its key is gone already,
so that what a copy elsewhere still holds opens for nobody. The export is in the ledger before the first byte leaves.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from sottovoce.corpus.manifest import Manifest, ManifestEntry
from sottovoce.corpus.open import Scribe
from sottovoce.corpus.protocol import SampleVault
from sottovoce.corpus.training_files import staged_name
from sottovoce.custody.rows import StoredObject
from sottovoce.errors import ObjectMissing, SealBroken
from sottovoce.ledger.entry import Action, Entry
from sottovoce.storage.protocol import ObjectLabels, ObjectStore, Put
from sottovoce.storage.stores import keep_all

AT_ONCE: Final = 16
"""Objects held in memory together, while a store keeps them side by side."""


class StagedVersions(Protocol):
    """Versions, as far as staging reads them. `corpus.versions.Versions` is one."""

    def manifest(self, version: str) -> Manifest:
        """Verified. Raises LedgerTampered, ObjectMissing, CustodyError."""
        ...

    def held(self, version: str) -> dict[str, StoredObject]:
        """Where its samples lie, by corpus id."""
        ...

    def erased(self, version: str) -> frozenset[str]:
        """Corpus ids of what was erased since."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """How many objects were put, were there already as they should be, and were taken away."""

    put: int
    there: int
    removed: int


class Stager:
    """Stages versions at any place. `labels` are what every sample says about itself there."""

    def __init__(
        self,
        *,
        versions: StagedVersions,
        vault: SampleVault,
        scribe: Scribe,
        labels: ObjectLabels,
        clock: Callable[[], datetime],
    ) -> None:
        self._versions = versions
        self._vault = vault
        self._scribe = scribe
        self._labels = labels
        self._clock = clock

    def stage(
        self,
        version: str,
        place: ObjectStore,
        *,
        address: str,
        actor: str,
        on_sample: Callable[[int, int], None] | None = None,
    ) -> Staged:
        """Afterwards every sample of `version` lies at `place`, and none that was erased; again does no harm.

        `address` goes into the ledger as its digest. `on_sample` is told how many of how many are done.
        Raises SealBroken for an object that is not the released one, ObjectMissing, StorageError, and what reading
        a version raises. What was staged before an error stays.
        """
        held, erased = self._versions.held(version), self._versions.erased(version)
        entries = self._versions.manifest(version).entries
        kept = [entry for entry in entries if entry.sample.corpus_id not in erased]
        self._scribe.record([self._entry(version, len(kept), len(erased), address, actor)])
        there = 0
        for done, some in _portions(kept):
            missing = [entry for entry in some if not _is_there(place, entry)]
            keep_all(place, [self._sealed(entry, held) for entry in missing])
            there += len(some) - len(missing)
            if on_sample is not None:
                on_sample(done, len(kept))
        return Staged(put=len(kept) - there, there=there, removed=_removed(place, erased))

    def _sealed(self, entry: ManifestEntry, held: dict[str, StoredObject]) -> Put:
        """The ciphertext that was released, in its new name."""
        corpus_id = entry.sample.corpus_id
        if corpus_id not in held:
            raise ObjectMissing("a released sample is not in the registry", hint="`sottovoce corpus verify` says which")
        data = self._vault.fetch(held[corpus_id])
        if not hmac.compare_digest(hashlib.sha256(data).hexdigest(), entry.digest):
            raise SealBroken("a sealed object is not the one that was released", hint="restore it from another copy")
        return Put(name=staged_name(corpus_id), data=data, digest=entry.digest, labels=self._labels)

    def _entry(self, version: str, samples: int, erased: int, address: str, actor: str) -> Entry:
        place = hashlib.sha256(address.encode()).hexdigest()
        return Entry(
            at=self._clock(),
            actor=actor,
            action=Action.CORPUS_EXPORTED,
            object=version,
            facts={"samples": samples, "erased": erased, "place": place},
        )


def _portions(entries: Sequence[ManifestEntry]) -> Iterator[tuple[int, Sequence[ManifestEntry]]]:
    for start in range(0, len(entries), AT_ONCE):
        some = entries[start : start + AT_ONCE]
        yield start + len(some), some


def _is_there(place: ObjectStore, entry: ManifestEntry) -> bool:
    try:
        found = place.get(staged_name(entry.sample.corpus_id))
    except ObjectMissing:
        return False
    return hmac.compare_digest(hashlib.sha256(found).hexdigest(), entry.digest)


def _removed(place: ObjectStore, erased: frozenset[str]) -> int:
    """Raises StorageError where one could not be deleted."""
    lying = [name for name in map(staged_name, sorted(erased)) if place.exists(name)]
    for failure in place.delete_all(lying).values():
        raise failure
    return len(lying)
