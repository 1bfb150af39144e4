"""A version's ciphertext where a training service reads it: what was released, and nothing that was erased."""

from __future__ import annotations

import hashlib

import pytest
from sqlalchemy import delete, update

from sottovoce.corpus.staging import AT_ONCE, Staged, Stager
from sottovoce.corpus.training_files import Service, staged_name, training_files
from sottovoce.database.engine import writing
from sottovoce.database.tables import corpus_identities, corpus_samples
from sottovoce.errors import LedgerUnavailable, ObjectMissing, SealBroken, StorageError
from sottovoce.ledger.entry import Action
from sottovoce.storage.protocol import ObjectLabels
from sottovoce.storage.stores import memory_store

VERSION, ADDRESS = "corpus/v1", "s3://acme/corpus"
LABELS = ObjectLabels(tags={"DataClass": "AITraining"})


class Labelled:
    """A store that remembers with what labels each object came."""

    def __init__(self):
        self.inner = memory_store()
        self.seen = {}
        self.fails = False

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def put(self, name, data, *, labels):
        if self.fails:
            raise StorageError("down")
        self.seen[name] = labels
        self.inner.put(name, data, labels=labels)

    def put_all(self, puts):
        for put in puts:
            self.put(put.name, put.data, labels=put.labels)


@pytest.fixture
def released(world):
    for number in range(1, 11):
        world.seal(number)
    world.releaser.release(actor="svc-release")
    world.stager = Stager(
        versions=world.versions, vault=world.vault, scribe=world.ledger, labels=LABELS, clock=world.releaser._clock
    )
    return world


def stage(world, place, **kwargs):
    return world.stager.stage(VERSION, place, address=ADDRESS, actor="svc-stage", **kwargs)


def exports(world):
    entries = [entry for _, entry in world.ledger.entries(0)]
    return [entry for entry in entries if entry.action is Action.CORPUS_EXPORTED]


def erase(world, number):
    key = f"{number:032x}"
    gone = [i.corpus_id for i in world.registry.identities(VERSION) if i.recording == key]
    world.vault.shred(key)
    with writing(world.engine) as connection:
        connection.execute(update(corpus_samples).where(corpus_samples.c.corpus_id.in_(gone)).values(state="erased"))
        connection.execute(delete(corpus_identities).where(corpus_identities.c.corpus_id.in_(gone)))
    return gone


def test_every_name_in_the_training_files_is_there_with_the_released_bytes(released):
    """The ciphertext of the signed manifest, labelled; each portion is told of; nothing else lies there."""
    place, told = Labelled(), []
    assert stage(released, place, on_sample=lambda done, total: told.append((done, total))) == Staged(
        put=20, there=0, removed=0
    )
    manifest = released.versions.manifest(VERSION)
    for entry in manifest.entries:
        assert hashlib.sha256(place.get(staged_name(entry.sample.corpus_id))).hexdigest() == entry.digest
    assert set(place.seen) == {staged_name(entry.sample.corpus_id) for entry in manifest.entries}
    assert set(map(str, place.seen.values())) == {str(LABELS)}
    assert told == [(AT_ONCE, 20), (20, 20)]
    text = "".join(training_files(manifest, Service.SAGEMAKER, staging=ADDRESS, digest="d").values())
    assert all(name in text for name in place.seen)


def test_the_export_is_in_the_ledger_before_the_first_byte_leaves(released):
    """By a digest of the address; without the entry nothing is put."""
    place = Labelled()
    stage(released, place)
    (entry,) = exports(released)
    assert (entry.object, entry.actor) == (VERSION, "svc-stage")
    assert entry.facts == {"samples": 20, "erased": 0, "place": hashlib.sha256(ADDRESS.encode()).hexdigest()}

    def refused(entries):
        raise LedgerUnavailable("full")

    released.stager._scribe = type("Full", (), {"record": staticmethod(refused)})()
    empty = Labelled()
    with pytest.raises(LedgerUnavailable):
        stage(released, empty)
    assert not empty.seen


def test_again_puts_only_what_is_missing_or_changed(released):
    """One was deleted and one overwritten there; both are mended, the rest is left."""
    place = Labelled()
    stage(released, place)
    lost, changed, *_ = sorted(place.seen)
    place.inner.delete(lost)
    place.inner.put(changed, b"noise")
    place.seen.clear()
    assert stage(released, place) == Staged(put=2, there=18, removed=0)
    assert sorted(place.seen) == [lost, changed]


def test_what_was_erased_is_taken_away_and_not_put_again(released):
    """Both channels of the erased call; the others stay."""
    place = Labelled()
    stage(released, place)
    gone = erase(released, 3)
    assert stage(released, place) == Staged(put=0, there=18, removed=2)
    assert not any(place.exists(staged_name(corpus_id)) for corpus_id in gone)
    assert stage(released, place) == Staged(put=0, there=18, removed=0)


def test_a_store_that_fails_is_completed_by_trying_again(released):
    """The error goes up; the next try puts everything."""
    place = Labelled()
    place.fails = True
    with pytest.raises(StorageError):
        stage(released, place)
    place.fails = False
    assert stage(released, place).put == 20


def test_an_object_that_is_not_the_released_one_is_never_staged(released):
    """Changed ciphertext, and a sample the registry lost, by their names; the changed one is not there afterwards."""
    corpus_id, held = next(iter(released.versions.held(VERSION).items()))
    fetch = released.vault.fetch
    released.vault.fetch = lambda asked: b"other" if asked.id == held.id else fetch(asked)
    place = Labelled()
    with pytest.raises(SealBroken, match="not the one that was released"):
        stage(released, place)
    assert not place.exists(staged_name(corpus_id))
    released.vault.fetch = fetch
    released.stager._versions = Without(released.versions, corpus_id)
    with pytest.raises(ObjectMissing):
        stage(released, place)


class Without:
    def __init__(self, inner, corpus_id):
        self.inner, self.corpus_id = inner, corpus_id

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def held(self, version):
        return {name: held for name, held in self.inner.held(version).items() if name != self.corpus_id}
