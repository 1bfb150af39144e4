"""Versions that exist: listed, shown, verified, compared (SPEC 11.3).

`verify` trusts the signed manifest and nothing else: the registry only says where a sample lies. A sample
that was erased since is reported as erased, which is what should have happened, and not as a failure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sottovoce.corpus.examine import Condition, examine
from sottovoce.corpus.manifest import Manifest, ManifestEntry, verify_manifest
from sottovoce.corpus.names import manifest_name, note_name, version_name
from sottovoce.corpus.protocol import SampleVault, VersionStore
from sottovoce.corpus.sample import Sample, Split
from sottovoce.custody.rows import CorpusVersion, ReleasedSample, StoredObject
from sottovoce.errors import CustodyError, LedgerTampered, ObjectMissing
from sottovoce.ledger.note import VerifierKey
from sottovoce.storage.protocol import ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A version as those who train may see it. Hours leave erased samples out."""

    version: CorpusVersion
    samples: tuple[ReleasedSample, ...]

    @property
    def erased(self) -> int:
        return sum(sample.erased for sample in self.samples)

    def hours(self) -> dict[Split, float]:
        hours = dict.fromkeys(Split, 0.0)
        for sample in self.samples:
            if not sample.erased:
                hours[Split(sample.split)] += Sample.of_released(sample.released).duration_s / 3600
        return hours


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionVerdict:
    """`manifest` is empty when signature, root and digest hold, else what does not, in words."""

    version: str
    manifest: str
    conditions: Mapping[str, Condition]

    @property
    def ok(self) -> bool:
        return not self.manifest and not self.failed

    @property
    def failed(self) -> tuple[str, ...]:
        """Corpus ids of the samples that are neither sound nor erased."""
        good = {Condition.SOUND, Condition.ERASED}
        return tuple(corpus_id for corpus_id, condition in self.conditions.items() if condition not in good)

    @property
    def counts(self) -> dict[Condition, int]:
        found = list(self.conditions.values())
        return {condition: found.count(condition) for condition in Condition if condition in found}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Corpus ids by what became of them from one version to another."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    moved: tuple[str, ...]
    """In both, but in another split."""
    changed: tuple[str, ...]
    """In both, with other metadata or another object."""


class Versions:
    """Reads versions; `keys` are those whose signature on a manifest is believed."""

    def __init__(
        self, *, store: VersionStore, vault: SampleVault, plain: ObjectStore, keys: Sequence[VerifierKey]
    ) -> None:
        self._store = store
        self._vault = vault
        self._plain = plain
        self._keys = keys

    def list(self) -> tuple[CorpusVersion, ...]:
        """Every version of every corpus, oldest first."""
        return tuple(self._store.versions())

    def latest(self) -> CorpusVersion | None:
        return next(reversed(self.list()), None)

    def show(self, version: str) -> Shown:
        """Raises CustodyError when there is no such version."""
        return Shown(version=self._row(version), samples=tuple(self._store.samples(version)))

    def manifest(self, version: str) -> Manifest:
        """The version's manifest, verified. Raises LedgerTampered, ObjectMissing, CustodyError."""
        row = self._row(version)
        name = version.partition("/")[0]
        encoded = self._plain.get(manifest_name(name, row.manifest_digest))
        note = self._plain.get(note_name(name, row.manifest_digest)).decode(errors="replace")
        if hashlib.sha256(encoded).hexdigest() != row.manifest_digest:
            raise LedgerTampered("the manifest is not the one that was released")
        manifest = verify_manifest(encoded, note, self._keys)
        if version_name(manifest.name, manifest.version) != version or manifest.root.hex() != row.root:
            raise LedgerTampered("the manifest is another version's")
        return manifest

    def verify(self, version: str, *, on_sample: Callable[[int, int], None] | None = None) -> VersionVerdict:
        """Signature and root, then every sample: there, unchanged, opens, decodes, as long as released.

        `on_sample` is told how many of how many were read. Raises CustodyError for an unknown version,
        StorageError and KeyUnavailable when store or keys do not answer.
        """
        try:
            manifest = self.manifest(version)
        except (LedgerTampered, ObjectMissing) as failure:
            return VersionVerdict(version=version, manifest=str(failure), conditions={})
        held, erased = self.held(version), self.erased(version)
        conditions = {}
        for number, entry in enumerate(manifest.entries, 1):
            corpus_id = entry.sample.corpus_id
            conditions[corpus_id] = self._examine(entry, held.get(corpus_id), erased=corpus_id in erased)
            if on_sample is not None:
                on_sample(number, len(manifest.entries))
        return VersionVerdict(version=version, manifest="", conditions=conditions)

    def diff(self, before: str, after: str) -> Difference:
        """What became of each sample, from the two verified manifests."""
        return difference(self.manifest(before).entries, self.manifest(after).entries)

    def held(self, version: str) -> dict[str, StoredObject]:
        """Where the samples of a version lie, by corpus id."""
        return {
            identity.corpus_id: held
            for identity in self._store.identities(version)
            for held in self._store.objects(identity.recording)
            if held.id == identity.object_id
        }

    def erased(self, version: str) -> frozenset[str]:
        """Corpus ids of the samples that were erased since."""
        return frozenset(sample.corpus_id for sample in self._store.samples(version) if sample.erased)

    def _examine(self, entry: ManifestEntry, held: StoredObject | None, *, erased: bool) -> Condition:
        if erased:
            return Condition.ERASED
        if held is None:
            return Condition.MISSING
        found = examine(self._vault, held, digest=entry.digest, duration_s=entry.sample.duration_s)
        return found.condition

    def _row(self, version: str) -> CorpusVersion:
        for row in self._store.versions():
            if row.version == version:
                return row
        raise CustodyError("there is no such corpus version", hint="`sottovoce corpus list` names them all")


def difference(before: Iterable[ManifestEntry], after: Iterable[ManifestEntry]) -> Difference:
    """The same from two lists of entries; every list is sorted."""
    old = {entry.sample.corpus_id: entry for entry in before}
    new = {entry.sample.corpus_id: entry for entry in after}
    both = sorted(old.keys() & new.keys())
    moved = [name for name in both if old[name].sample.split is not new[name].sample.split]
    return Difference(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        moved=tuple(moved),
        changed=tuple(name for name in both if _content(old[name]) != _content(new[name])),
    )


def _content(entry: ManifestEntry) -> tuple[object, ...]:
    released = entry.sample.released()
    del released["split"]
    return entry.digest, entry.size, released
