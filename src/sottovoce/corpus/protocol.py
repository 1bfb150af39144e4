"""What a corpus needs of the registry, of the vault, and of whoever judges consent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sottovoce.custody.rows import (
    CorpusIdentity,
    CorpusSample,
    CorpusVersion,
    Outcome,
    ReleasedSample,
    StoredObject,
)
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import Reason
from sottovoce.domain.recording import RecordingMetadata, RecordingRef
from sottovoce.ledger.entry import Entry


class VersionStore(Protocol):
    """The registry, as far as versions go. `custody.registry.Registry` is one."""

    def outcomes(self, line: str) -> Sequence[Outcome]:
        """Every outcome of a line, oldest first."""
        ...

    def recall(self, key: str) -> tuple[RecordingRef, RecordingMetadata]:
        """What was remembered of a recording. Raises RecordingErased, UnknownRecording."""
        ...

    def objects(self, key: str) -> Sequence[StoredObject]:
        """Every object of a recording, deleted ones too."""
        ...

    def record_version(
        self, version: CorpusVersion, samples: Sequence[CorpusSample], entries: Sequence[Entry] = ()
    ) -> bool:
        """Keeps version, samples and entries together; False when the version was there already."""
        ...

    def versions(self) -> Sequence[CorpusVersion]: ...

    def samples(self, version: str) -> Sequence[ReleasedSample]: ...

    def identities(self, version: str) -> Sequence[CorpusIdentity]:
        """What a version's corpus ids stand for, for the role that may know; erased ones are gone."""
        ...


class SampleVault(Protocol):
    """Ciphertext and its opening, apart, so that a digest can be checked before a key is asked for."""

    def fetch(self, held: StoredObject) -> bytes:
        """The object's ciphertext. Raises ObjectMissing, StorageError."""
        ...

    def open(self, held: StoredObject, ciphertext: bytes) -> Confidential[bytes]:
        """The plaintext, in memory. Raises KeyShredded after erasure, SealBroken, KeyUnavailable."""
        ...


class Standing(Protocol):
    """Whether a recording that was admitted once may still be used today."""

    def objection(self, metadata: RecordingMetadata) -> Reason | None:
        """Why not; None when nothing has changed."""
        ...
