"""The vault's door: recordings go in as plaintext in memory, and come to lie as ciphertext under their own key.

An object's name is a keyed digest, the same for a redo, so that a crash leaves nothing twice; all names of
a recording share a prefix that nobody else can compute, so that all of it is found when it is erased.
Context binds tenant, recording, kind, channel, revision and shard: what was swapped or rolled back does not open.

Refuses: sealing for an erased recording or one under a legal hold, objects whose digest is not the recorded
one, stores that kept something else.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Final

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import Evidence
from sottovoce.domain.recording import Anonymized, RecordingRef, Sealed, SealedObject
from sottovoce.errors import KeyFrozen, KeyShredded, StorageError, VaultError
from sottovoce.storage.failures import ask_side_by_side
from sottovoce.storage.protocol import UNLABELLED, ObjectLabels, ObjectStore, Put, WritesPieces
from sottovoce.storage.stores import keep_all
from sottovoce.vault.context import object_context
from sottovoce.vault.key_tables import RecordingKeyState
from sottovoce.vault.key_values import EpochRoll, EpochStatus, KeyFate, RecordingKey, Shredding
from sottovoce.vault.keystore import KeyStore
from sottovoce.vault.labels import labels_for
from sottovoce.vault.protocol import Held
from sottovoce.vault.ranges import read_range
from sottovoce.vault.seal import broken, open_sealed, seal
from sottovoce.vault.streaming import StreamSealer

Part = tuple[str, int | None]
"""An object of a recording: its kind, and its channel where it has one."""

_TOGETHER: Final = 64 << 20
"""Bytes of plaintext whose ciphertext is held at once: the channels of a call of an hour, and never of four."""

MAX_CHANNELS: Final = 8
"""Of a recording (SPEC 3.4)."""

_NAME_DIGITS: Final = 32
"""128 bits: no two names meet."""


class Remains(StrEnum):
    """What an erasure could not reach yet."""

    OBJECTS = "OBJECTS"
    """The store failed: ciphertext without a key may still lie there. Ask again."""
    KEY_STORE_LOG = "KEY_STORE_LOG"
    """The database's own files may hold the wrapped key until readers leave, or its log ages out."""
    BACKUPS_UNTIL_EPOCH_ROLL = "BACKUPS_UNTIL_EPOCH_ROLL"
    """Older backups of the key store open older copies of the ciphertext until the epoch is rolled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShredReport:
    """What was done to one recording, and what is left to do."""

    rid: str
    key: KeyFate
    deleted: int
    unreachable: tuple[Remains, ...]
    kms: str
    at: datetime
    failures: tuple[VaultError, ...] = ()
    """Why not all of it went; nothing to do with what only time takes away."""

    @property
    def held(self) -> bool:
        """A legal hold kept the recording whole."""
        return self.key is KeyFate.FROZEN


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """An object that is still plain."""

    kind: str
    channel: int | None
    plain: Confidential[bytes]
    rev: int = 1
    labels: ObjectLabels = UNLABELLED

    def sealed(self, name: str, size: int, digest: str) -> SealedObject:
        return SealedObject(kind=self.kind, location=name, digest=digest, size=size, channel=self.channel, rev=self.rev)


class Vault:
    """Seals and opens for one tenant. The only maker of `Sealed`."""

    def __init__(self, *, tenant: str, keystore: KeyStore, store: ObjectStore, clock: Callable[[], datetime]) -> None:
        self._tenant = tenant
        self._keys = keystore
        self._store = store
        self._clock = clock
        self._naming: Confidential[bytes] | None = None

    def seal_recording(
        self, anonymized: Anonymized, objects: Mapping[Part, Confidential[bytes]], facts: Evidence
    ) -> Sealed:
        """Every object sealed and kept; what is stored in part is overwritten by a redo.

        `facts` are kept beside it, with the provider's mark as `kms`.
        Raises KeyShredded for an erased recording, KeyFrozen under a legal hold, StorageError and
        KeyUnavailable when trying again may help.
        """
        _check(objects, facts)
        ref, kms = anonymized.verified.admitted.ref, self._keys.kms
        label = partial(labels_for, disguised=anonymized.waiver is None, kms=kms)
        key = self._writing_key(ref.key)
        parts = [_Part(kind=kind, channel=c, plain=plain, labels=label(kind)) for (kind, c), plain in objects.items()]
        return Sealed(
            ref=ref,
            key_id=self._keys.unwrap(ref.key).id,
            objects=self._keep(ref.key, key, parts),
            facts={**facts, "kms": kms},
            predecessor=anonymized.digest,
        )

    def sealed_before(
        self, ref: RecordingRef, *, key_id: str, objects: Sequence[SealedObject], facts: Evidence, predecessor: str
    ) -> Sealed:
        """What was sealed of a recording earlier, as its registry remembers it; opening still finds out what it is."""
        return Sealed(ref=ref, key_id=key_id, objects=tuple(objects), facts=facts, predecessor=predecessor)

    def seal_object(
        self,
        rid: str,
        kind: str,
        plaintext: Confidential[bytes],
        rev: int = 1,
        channel: int | None = None,
        *,
        labels: ObjectLabels = UNLABELLED,
    ) -> SealedObject:
        """One object under the recording's key, kept under its own name."""
        part = _Part(kind=kind, channel=channel, rev=rev, plain=plaintext, labels=labels)
        (sealed,) = self._keep(rid, self._writing_key(rid), [part])
        return sealed

    def open_object(self, rid: str, sealed: SealedObject, rev: int | None = None) -> Confidential[bytes]:
        """The plaintext of the very object that was sealed; SealBroken for any other, an older one too."""
        key = self._keys.unwrap(rid).key
        data = self._store.get(sealed.location)
        if not hmac.compare_digest(hashlib.sha256(data).hexdigest(), sealed.digest):
            raise broken()
        return open_sealed(key, self._context(rid, sealed.kind, rev or sealed.rev, sealed.channel), data)

    def open_range(
        self, rid: str, sealed: SealedObject, start: int, end: int, rev: int | None = None
    ) -> Confidential[bytes]:
        """Plaintext bytes start..end, half open, without fetching the rest."""
        return read_range(
            self._keys.unwrap(rid).key,
            self._context(rid, sealed.kind, rev or sealed.rev, sealed.channel),
            partial(self._store.get_range, sealed.location),
            size=sealed.size,
            start=start,
            end=end,
        )

    def fetch(self, held: Held) -> bytes:
        """The ciphertext of an object the registry remembers. Raises ObjectMissing, StorageError."""
        return self._store.get(held.location)

    def open(self, held: Held, ciphertext: bytes) -> Confidential[bytes]:
        """The plaintext of what `fetch` brought. Raises KeyShredded after erasure, SealBroken, KeyUnavailable."""
        context = self._context(held.recording, held.kind, held.rev, held.channel)
        return open_sealed(self._keys.unwrap(held.recording).key, context, ciphertext)

    def seal_member(self, rid: str, kind: str, plaintext: Confidential[bytes], *, shard: str, rev: int = 1) -> bytes:
        """One member of a shard, sealed for that shard; where it lies is the shard's affair."""
        return seal(self._writing_key(rid), self._context(rid, kind, rev, None, shard), plaintext)

    def open_member(self, rid: str, kind: str, ciphertext: bytes, *, shard: str, rev: int = 1) -> Confidential[bytes]:
        """A shard's member again; SealBroken when it comes from another shard or recording."""
        return open_sealed(self._keys.unwrap(rid).key, self._context(rid, kind, rev, None, shard), ciphertext)

    def discard(self, rid: str, kinds: Collection[str] | None = None) -> int:
        """Deletes what was stored of a recording, of some kinds or all, and keeps its key; how many. Idempotent."""
        deleted, failure = self._discard_all([rid], kinds=kinds)[rid]
        if failure is not None:
            raise failure
        return deleted

    def shred(self, rid: str) -> ShredReport:
        """Erases one recording: its key is gone, then its ciphertext. KeyFrozen under a legal hold. Idempotent."""
        (report,) = self.shred_all([rid])
        if report.held:
            raise _held()
        return report

    def shred_all(self, rids: Iterable[str]) -> tuple[ShredReport, ...]:
        """The same for many: every key first, in one transaction, then ciphertext; those held are left whole."""
        shredding = self._keys.shred_all(rids)
        gone = self._discard_all([rid for rid, fate in shredding.fates.items() if fate is not KeyFate.FROZEN])
        return tuple(self._report(rid, shredding, *gone.get(rid, (0, _held()))) for rid in shredding.fates)

    def freeze(self, rid: str) -> None:
        """A legal hold: until thawed the recording may be neither erased nor sealed again."""
        self._keys.freeze(rid)

    def thaw(self, rid: str) -> None:
        self._keys.thaw(rid)

    def epochs(self) -> tuple[EpochStatus, ...]:
        """Every epoch with its state, oldest first."""
        return self._keys.epochs()

    def roll_epoch(self, name: str) -> EpochRoll:
        """Moves survivors to another epoch and destroys this one, and with it what backups could open."""
        return self._keys.roll_epoch(name)

    def _discard_all(
        self, rids: Sequence[str], *, kinds: Collection[str] | None = None
    ) -> dict[str, tuple[int, VaultError | None]]:
        """How many objects of each recording went, and why not all of them."""
        prefixes = {rid: self._prefix(rid) for rid in rids}
        found = ask_side_by_side(self._stored, list(prefixes.values()))
        stored = {rid: found[prefix] for rid, prefix in prefixes.items()}
        if kinds is not None:
            wanted = {rid: self._names_of(rid, kinds) for rid in rids}
            stored = {
                rid: [name for name in those if name in wanted[rid]] if isinstance(those, list) else those
                for rid, those in stored.items()
            }
        names = {name: rid for rid, those in stored.items() if isinstance(those, list) for name in those}
        failed = self._store.delete_all(names)
        why: dict[str, VaultError] = {rid: each for rid, each in stored.items() if isinstance(each, StorageError)}
        why |= {names[name]: failure for name, failure in failed.items()}
        there, left = Counter(names.values()), Counter(names[name] for name in failed)
        return {rid: (there[rid] - left[rid], why.get(rid)) for rid in rids}

    def _stored(self, prefix: str) -> list[str]:
        return list(self._store.list(prefix))

    def _names_of(self, rid: str, kinds: Collection[str]) -> frozenset[str]:
        """The names that objects of these kinds have when they are sealed for the first time."""
        channels = (None, *range(MAX_CHANNELS))
        return frozenset(self._name(rid, kind, 1, channel) for kind in kinds for channel in channels)

    def _report(self, rid: str, shredding: Shredding, deleted: int, failure: VaultError | None) -> ShredReport:
        fate, remains = shredding.fates[rid], []
        if fate is not KeyFate.FROZEN:
            if failure is not None:
                remains.append(Remains.OBJECTS)
            if not shredding.traces_gone:
                remains.append(Remains.KEY_STORE_LOG)
            if rid in shredding.backed_up:
                remains.append(Remains.BACKUPS_UNTIL_EPOCH_ROLL)
        return ShredReport(
            rid=rid,
            key=fate,
            deleted=deleted,
            unreachable=tuple(remains),
            kms=self._keys.kms,
            at=self._clock(),
            failures=() if failure is None else (failure,),
        )

    def _keep(self, rid: str, key: Confidential[bytes], parts: Sequence[_Part]) -> tuple[SealedObject, ...]:
        """All of them sealed and kept, unless the recording was erased meanwhile: then none is."""
        kept = self._written(rid, key, parts) if isinstance(self._store, WritesPieces) else self._put(rid, key, parts)
        if self._keys.state(rid) is not RecordingKeyState.SHREDDED:
            return kept
        for failure in self._store.delete_all([each.location for each in kept]).values():
            if failure.retryable:
                raise failure
        raise KeyShredded("this recording was erased while it was sealed")

    def _written(self, rid: str, key: Confidential[bytes], parts: Sequence[_Part]) -> tuple[SealedObject, ...]:
        """Into files, piece by piece; they get their names together."""
        assert isinstance(self._store, WritesPieces)  # noqa: S101 - the caller looked
        kept = []
        with StreamSealer() as sealer, self._store.writing() as begin:
            for part in parts:
                name = self._name(rid, part.kind, part.rev, part.channel)
                with begin(name) as write:
                    size, digest = sealer.seal(
                        key, self._context(rid, part.kind, part.rev, part.channel), part.plain, write
                    )
                kept.append(part.sealed(name, size, digest))
        return tuple(kept)

    def _put(self, rid: str, key: Confidential[bytes], parts: Sequence[_Part]) -> tuple[SealedObject, ...]:
        """Into a store that takes whole objects: several at once, and each read back."""
        kept: list[SealedObject] = []
        for portion in _portions(parts):
            puts = [self._sealed(rid, key, part) for part in portion]
            keep_all(self._store, puts)
            kept += [part.sealed(put.name, len(put.data), put.digest) for part, put in zip(portion, puts, strict=True)]
        return tuple(kept)

    def _sealed(self, rid: str, key: Confidential[bytes], part: _Part) -> Put:
        data = seal(key, self._context(rid, part.kind, part.rev, part.channel), part.plain)
        name = self._name(rid, part.kind, part.rev, part.channel)
        return Put(name=name, data=data, digest=hashlib.sha256(data).hexdigest(), labels=part.labels)

    def _writing_key(self, rid: str) -> Confidential[bytes]:
        found: RecordingKey = self._keys.get_or_create(rid)
        if found.state is RecordingKeyState.FROZEN:
            raise KeyFrozen("a legal hold keeps this recording as it is", hint="lift the hold before sealing it again")
        return found.key

    def _context(self, rid: str, kind: str, rev: int, channel: int | None, shard: str | None = None) -> bytes:
        return object_context(tenant=self._tenant, rid=rid, kind=kind, rev=rev, channel=channel, shard=shard)

    def _name(self, rid: str, kind: str, rev: int, channel: int | None) -> str:
        return f"{self._prefix(rid)}/{self._digest(self._context(rid, kind, rev, channel))}"

    def _prefix(self, rid: str) -> str:
        digest = self._digest(b"recording\x00" + rid.encode("utf-8"))
        return f"{digest[:2]}/{digest}"

    def _digest(self, what: bytes) -> str:
        """Names say nothing: without the tenant's own key nobody can tell whose they are."""
        if self._naming is None:
            self._naming = self._keys.tenant_key("names")
        return hmac.new(self._naming.reveal(), what, hashlib.sha256).hexdigest()[:_NAME_DIGITS]


def _portions(parts: Sequence[_Part]) -> Iterator[list[_Part]]:
    """Objects whose ciphertext is held together: more than one only while that takes little memory."""
    portion: list[_Part] = []
    size = 0
    for part in parts:
        size += len(part.plain.reveal())
        if portion and size > _TOGETHER:
            yield portion
            portion, size = [], len(part.plain.reveal())
        portion.append(part)
    yield portion


def _held() -> KeyFrozen:
    return KeyFrozen("a legal hold keeps this recording", hint="lift the hold first, or refuse with its reason")


def _check(objects: Mapping[Part, Confidential[bytes]], facts: Evidence) -> None:
    """Facts go to registry and ledger as they are: codes, counts, digests and nothing else."""
    if not objects:
        raise ValueError("there is nothing to seal")
    if not all(isinstance(value, str | int) for value in facts.values()):
        raise TypeError("a fact is a text, a whole number or a truth")
