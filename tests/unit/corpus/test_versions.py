"""Versions that exist: shown, verified, compared, opened (SPEC 11.3, 13.3)."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from sqlalchemy import delete, update

from sottovoce.corpus.audio import hear
from sottovoce.corpus.examine import Condition, examine
from sottovoce.corpus.names import manifest_name, next_version, note_name
from sottovoce.corpus.sample import Split
from sottovoce.corpus.versions import difference
from sottovoce.custody.rows import CorpusVersion
from sottovoce.database.engine import writing
from sottovoce.database.tables import corpus_identities, corpus_samples, objects
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import (
    CustodyError,
    KeyShredded,
    LedgerUnavailable,
    SealBroken,
    StorageError,
    UnreadableMedia,
)
from sottovoce.ledger.entry import Action


@pytest.fixture
def released(world):
    for number in range(1, 4):
        world.seal(number)
    world.made = world.releaser.release(actor="svc-release")
    return world


def sample_of(world, number, channel=0):
    key = f"{number:032x}"
    return next(
        i.corpus_id for i in world.registry.identities("corpus/v1") if i.recording == key and i.channel == channel
    )


def erase(world, number):
    """What an erasure leaves: no key, no identity, the sample marked."""
    key = f"{number:032x}"
    gone = [i.corpus_id for i in world.registry.identities("corpus/v1") if i.recording == key]
    world.vault.shred(key)
    with writing(world.engine) as connection:
        connection.execute(update(corpus_samples).where(corpus_samples.c.corpus_id.in_(gone)).values(state="erased"))
        connection.execute(delete(corpus_identities).where(corpus_identities.c.corpus_id.in_(gone)))
    return gone


def location(world, number, channel=0):
    found = world.registry.objects(f"{number:032x}")
    return next(o.location for o in found if o.kind == "sample" and o.channel == channel)


def test_a_fresh_version_verifies(released):
    """Signature, root and every sample hold, and progress is told."""
    told = []
    verdict = released.versions.verify("corpus/v1", on_sample=lambda n, of: told.append((n, of)))
    assert verdict.ok
    assert verdict.counts == {Condition.SOUND: 6}
    assert told[-1] == (6, 6)


def test_erased_samples_are_erased_and_no_failure(released):
    """A version that lost a caller's samples to erasure still verifies, and says so."""
    gone = erase(released, 2)
    verdict = released.versions.verify("corpus/v1")
    assert verdict.ok
    assert verdict.counts == {Condition.SOUND: 4, Condition.ERASED: 2}
    assert {verdict.conditions[name] for name in gone} == {Condition.ERASED}
    shown = released.versions.show("corpus/v1")
    assert shown.erased == 2
    assert sum(shown.hours().values()) == pytest.approx(2 * 5.0 / 3600)


def test_a_destroyed_key_is_an_erasure_whatever_the_registry_says(released):
    """A sample whose key is gone is erased, also before its rows are."""
    released.vault.shred(f"{1:032x}")
    assert released.versions.verify("corpus/v1").counts[Condition.ERASED] == 2


@pytest.mark.parametrize("how", ["missing", "changed", "forgotten"])
def test_each_failure_has_its_name(released, how):
    """A sample that is not there or not what was signed fails the version under its own name."""
    name, place = sample_of(released, 1), location(released, 1)
    if how == "missing":
        del released.vault.stored[place]
    elif how == "changed":
        released.vault.stored[place] = bytes(len(released.vault.stored[place]))
    else:
        with writing(released.engine) as connection:
            connection.execute(delete(corpus_identities).where(corpus_identities.c.corpus_id == name))
    verdict = released.versions.verify("corpus/v1")
    assert not verdict.ok
    assert verdict.failed == (name,)
    expected = Condition.CHANGED if how == "changed" else Condition.MISSING
    assert verdict.conditions[name] is expected


def test_a_changed_object_whose_registry_row_was_changed_with_it(released, flac):
    """The signed manifest is believed and not the registry: another sound under a new digest is caught."""
    key, place = f"{1:032x}", location(released, 1)
    other = released.vault.seal(key, flac(2.0), channel=0)
    assert other.location == place
    with writing(released.engine) as connection:
        connection.execute(update(objects).where(objects.c.location == place).values(digest=other.digest))
    assert released.versions.verify("corpus/v1").conditions[sample_of(released, 1)] is Condition.CHANGED


def test_conditions_of_one_object(released, flac):
    """Sealed shut, undecodable, wrong length and deleted are told apart."""
    held = next(o for o in released.registry.objects(f"{1:032x}") if o.kind == "sample")
    vault = released.vault

    def condition(plain=None, held=held, duration_s=None):
        if plain is not None:
            vault.seal(held.recording, plain, channel=held.channel)
        digest = hashlib.sha256(vault.stored[held.location]).hexdigest()
        return examine(vault, held, digest=digest, duration_s=duration_s).condition

    assert condition(duration_s=2.0) is Condition.SOUND
    assert condition(duration_s=2.2) is Condition.WRONG_LENGTH
    assert condition(held=replace(held, deleted=True)) is Condition.ERASED
    assert condition(held=replace(held, rev=2)) is Condition.SEALED_SHUT
    assert condition(b"not a sound") is Condition.UNDECODABLE
    assert condition(flac(2.0)[:-4000]) is Condition.UNDECODABLE
    assert condition(flac(0.0)) is Condition.UNDECODABLE


def test_a_store_that_does_not_answer_is_no_verdict(released):
    """Errors that may pass are raised and not counted against a sample."""

    class Away:
        def fetch(self, held):
            raise StorageError("the object store does not answer")

    released.versions._vault = Away()
    with pytest.raises(StorageError):
        released.versions.verify("corpus/v1")


@pytest.mark.parametrize("how", ["manifest", "note", "gone", "other key"])
def test_a_manifest_that_does_not_hold(released, make_signer, how):
    """Without its signed manifest no sample of a version is believed."""
    digest = released.made.manifest_digest
    manifest, note = manifest_name("corpus", digest), note_name("corpus", digest)
    if how == "manifest":
        released.plain.put(manifest, released.plain.get(manifest).replace(b"billing", b"banking"))
    elif how == "note":
        released.plain.put(note, b"\xff\xfe")
    elif how == "gone":
        released.plain.delete(note)
    else:
        from sottovoce.ledger.note import VerifierKey

        released.versions._keys = [VerifierKey.parse(make_signer(seed=2).vkey)]
    verdict = released.versions.verify("corpus/v1")
    assert not verdict.ok
    assert verdict.manifest
    assert verdict.conditions == {}


def test_a_manifest_of_another_version(released):
    """A registry row that points to another version's manifest is caught."""
    released.seal(4)
    second = released.releaser.release(actor="svc-release")
    rows = {v.version: v for v in released.registry.versions()}

    class Swapped:
        def __getattr__(self, name):
            return getattr(released.registry, name)

        def versions(self):
            return [replace(rows["corpus/v1"], manifest_digest=second.manifest_digest)]

    released.versions._store = Swapped()
    assert "another version" in released.versions.verify("corpus/v1").manifest


def test_unknown_versions(released):
    """A version that is not there is an error with a hint."""
    with pytest.raises(CustodyError) as failure:
        released.versions.verify("corpus/v9")
    assert failure.value.hint
    assert released.versions.latest().version == "corpus/v1"


def test_the_next_number_counts_only_its_own_corpus(released):
    """Versions of another corpus, and names that are none, do not count."""
    row = released.registry.versions()[0]
    rows: list[CorpusVersion] = [row] + [replace(row, version=v) for v in ("other/v7", "corpus/v02", "corpus/v3x")]
    assert next_version("corpus", rows) == 2
    assert next_version("fresh", rows) == 1


def test_differences(released):
    """Added, removed, moved to another split, and changed, each by name."""
    released.seal(4)
    released.releaser.release(actor="svc-release")
    found = released.versions.diff("corpus/v1", "corpus/v2")
    assert len(found.added) == 2
    assert found.removed == found.changed == ()
    old = released.versions.manifest("corpus/v1").entries
    first, second = old[0], old[1]
    other = next(split for split in Split if split is not first.sample.split)
    new = [replace(first, sample=replace(first.sample, split=other)), replace(second, size=1)]
    told = difference(old, new)
    assert (told.moved, told.changed) == ((first.sample.corpus_id,), (second.sample.corpus_id,))
    assert len(told.removed) == len(old) - 2
    assert told.added == ()


def test_a_sample_opens_in_memory_and_the_read_is_recorded(released):
    """The sound comes back confidential, and the ledger knows who read it and why."""
    name = sample_of(released, 1)
    plain = released.opener.open(name, actor="person-7", purpose="listening")
    assert isinstance(plain, Confidential)
    assert hear(plain).duration_s == pytest.approx(2.0)
    [(_, entry)] = released.ledger.entries_about(name)
    assert (entry.action, entry.actor, entry.purpose) == (Action.CORPUS_READ, "person-7", "listening")


def test_a_read_that_cannot_be_recorded_does_not_happen(released):
    """Without the ledger nobody hears a sample."""

    class Full:
        def record(self, entries):
            raise LedgerUnavailable("the ledger cannot be written")

    released.opener._scribe = Full()
    with pytest.raises(LedgerUnavailable):
        released.opener.open(sample_of(released, 1), actor="person-7", purpose="listening")


def test_an_erased_sample_does_not_open(released):
    """Erased samples are refused as erased: by mark, by missing identity, by deleted object, by key."""
    names = {n: sample_of(released, n) for n in (1, 2, 3)}
    erase(released, 1)
    with writing(released.engine) as connection:
        connection.execute(update(objects).where(objects.c.recording == f"{2:032x}").values(state="deleted"))
    released.vault.shred(f"{3:032x}")
    for name in names.values():
        with pytest.raises(KeyShredded):
            released.opener.open(name, actor="person-7", purpose="listening")
    assert all(not released.ledger.entries_about(name) for name in names.values())


def test_a_swapped_or_unknown_sample_does_not_open(released):
    """What is not the recorded object, or in no version, is an error."""
    place = location(released, 1)
    released.vault.stored[place] = bytes(100)
    with pytest.raises(SealBroken):
        released.opener.open(sample_of(released, 1), actor="person-7", purpose="listening")
    with pytest.raises(CustodyError):
        released.opener.open("f" * 32, actor="person-7", purpose="listening")


def test_sound_that_stops_early(flac):
    """A sample that does not decode to its declared end is unreadable."""
    out = io.BytesIO()
    soundfile.write(out, np.zeros((0, 1)), 16000, format="WAV")
    for encoded in (flac(3.0)[:20000], out.getvalue()):
        with pytest.raises(UnreadableMedia):
            hear(Confidential(encoded))
