"""The vault's door."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.consent import LawfulBasis, Purpose
from sottovoce.domain.finding import Fill, RedactionPlan
from sottovoce.domain.outcome import Waiver
from sottovoce.domain.recording import (
    Admission,
    Admitted,
    Anonymized,
    RecordingMetadata,
    RecordingRef,
    SealedObject,
    Verified,
)
from sottovoce.domain.sound import Media, MediaFormat, Role, Sound
from sottovoce.domain.transcript import Transcript
from sottovoce.errors import KeyFrozen, KeyRefused, KeyShredded, ObjectLocked, ObjectMissing, SealBroken, StorageError
from sottovoce.storage.protocol import ObjectLabels
from sottovoce.storage.stores import FolderStore, memory_store
from sottovoce.testing.keys import MemoryKeys
from sottovoce.testing.stores import LyingStore, StubbornStore
from sottovoce.vault import labels
from sottovoce.vault.key_values import KeyFate
from sottovoce.vault.keystore import KeyStore
from sottovoce.vault.vault import Remains, Vault

NOW = datetime(2026, 11, 21, tzinfo=UTC)
WORDS = Confidential(b"words that were said")


def clock() -> datetime:
    return NOW


@pytest.fixture
def keystore(tmp_path):
    keys = KeyStore.open(base=tmp_path, tenant="t", provider=MemoryKeys(clock=clock), clock=clock)
    yield keys
    keys.close()


@pytest.fixture
def store():
    return memory_store()


@pytest.fixture
def vault(keystore, store):
    return Vault(tenant="t", keystore=keystore, store=store, clock=clock)


def anonymized(rid: str = "r1", waiver: Waiver | None = None) -> Anonymized:
    """A recording that has come all the way to the vault, of a tenth of a second of silence."""
    sound = Sound(samples=np.zeros((1, 800), np.float32), rate=8000, roles=(Role.BOTH,))
    ref = RecordingRef(source="folder", key=rid, locator=Confidential("a/path.wav"))
    media = Media(parts={"S": Confidential(b"RIFF")}, roles={"S": (Role.BOTH,)})
    metadata = RecordingMetadata(ref=ref, conversation_id="c", recording_id="r", started_at=None, duration_s=0.1)
    admission = Admission(
        purpose=Purpose.AI_TRAINING,
        basis=LawfulBasis.CONSENT,
        consent=None,
        assessment=None,
        policy_digest="p",
        rules=(),
    )
    form = MediaFormat(container="WAV", codec="PCM_16", rate=8000, channels=1)
    admitted = Admitted(
        ref=ref, metadata=metadata, media=media, sound=sound, format=form, admission=admission, digest="captured"
    )
    plan = RedactionPlan(spans=(), fill=Fill.SILENCE, rate=8000, frames=800, margin_ms=200)
    heard = Transcript(channels=(), rate=8000, engine="none", model_digest="", language="en")
    verified = Verified(
        admitted=admitted,
        sound=sound,
        transcript=heard,
        plan=plan,
        verification={},
        digest="verified",
        predecessor="redacted",
    )
    return Anonymized(
        verified=verified, sound=sound, method="disguise", waiver=waiver, digest="anonymized", predecessor="verified"
    )


PARTS = {
    ("sample", 0): Confidential(b"left"),
    ("sample", 1): Confidential(b"right"),
    ("map", None): Confidential(b"{}"),
}


def test_a_recording_is_sealed_into_its_objects(vault, store):
    """Each object opens to what it was; the form names the one before and the key, and holds no words."""
    sealed = vault.seal_recording(anonymized(), PARTS, {"seconds": 12, "verified": True})
    opened = {(o.kind, o.channel): vault.open_object("r1", o) for o in sealed.objects}
    assert opened == PARTS
    assert (sealed.ref.key, sealed.key_id, sealed.predecessor) == ("r1", "t:r1", "anonymized")
    assert sealed.facts == {"seconds": 12, "verified": True, "kms": "memory"}
    assert all(store.exists(o.location) and o.rev == 1 for o in sealed.objects)


def test_what_is_stored_is_ciphertext_under_a_name_that_says_nothing(vault, tmp_path, keystore):
    """Neither the words, the recording nor the kind can be read from the store."""
    vault = Vault(tenant="t", keystore=keystore, store=FolderStore(root=tmp_path / "objects"), clock=clock)
    vault.seal_object("recording-one", "sample", WORDS)
    for path in (tmp_path / "objects").rglob("*"):
        assert not {"recording", "one", "sample"} & set(path.name.replace("-", " ").split())
        if path.is_file():
            assert WORDS.reveal() not in path.read_bytes()
            assert len(path.name) == 32


def test_a_redo_overwrites_and_leaves_nothing_twice(vault, store):
    """After a crash the same objects come to lie under the same names."""
    first = vault.seal_recording(anonymized(), PARTS, {})
    second = vault.seal_recording(anonymized(), PARTS, {})
    assert [o.location for o in first.objects] == [o.location for o in second.objects]
    assert len(list(store.list(first.objects[0].location.rpartition("/")[0]))) == len(PARTS)
    assert vault.open_object("r1", second.objects[0]) == PARTS["sample", 0]
    with pytest.raises(SealBroken):
        vault.open_object("r1", first.objects[0])


@pytest.mark.parametrize("facts", [{"x": 1.5}, {"x": None}, {"x": Confidential("y")}, {"x": ["y"]}])
def test_facts_are_codes_and_counts(vault, facts):
    """Nothing else may travel beside the ciphertext."""
    with pytest.raises(TypeError, match="fact"):
        vault.seal_recording(anonymized(), PARTS, facts)


def test_nothing_is_not_sealed(vault):
    """A recording without objects is a mistake."""
    with pytest.raises(ValueError, match="nothing to seal"):
        vault.seal_recording(anonymized(), {}, {})


@pytest.mark.parametrize(
    "other",
    [
        {"rid": "r2"},
        {"kind": "map"},
        {"channel": 1},
        {"channel": None},
        {"rev": 2},
    ],
)
def test_an_object_in_anothers_place_is_refused(vault, store, other):
    """Another recording's, kind's, channel's or revision's ciphertext does not open, with its digest changed too."""
    one = {"rid": "r1", "kind": "sample", "channel": 0, "rev": 1}
    here = vault.seal_object(plaintext=WORDS, **one)
    there = vault.seal_object(plaintext=Confidential(b"other words"), **{**one, **other})
    store.put(here.location, store.get(there.location))
    with pytest.raises(SealBroken):
        vault.open_object("r1", here)
    with pytest.raises(SealBroken):
        vault.open_object("r1", replace(here, digest=there.digest, size=there.size))
    with pytest.raises(SealBroken):
        vault.open_range("r1", replace(here, size=there.size), 0, 5)


def test_an_older_revision_does_not_come_back(vault, store):
    """Rolling the store back to an older revision is refused, also when it is put in the newer's place."""
    old = vault.seal_object("r1", "sample", Confidential(b"before"), rev=1)
    new = vault.seal_object("r1", "sample", Confidential(b"after"), rev=2)
    assert old.location != new.location
    store.put(new.location, store.get(old.location))
    for claimed in (new, replace(new, digest=old.digest, size=old.size)):
        with pytest.raises(SealBroken):
            vault.open_object("r1", claimed)
    with pytest.raises(SealBroken):
        vault.open_object("r1", old, rev=2)
    assert vault.open_object("r1", old).reveal() == b"before"


@pytest.mark.parametrize("change", [lambda d: d[:-1], lambda d: d + b"\0", lambda d: b"", lambda d: d[::-1]])
def test_a_changed_object_is_refused(vault, store, change):
    """Truncated, extended, emptied or reversed: one error."""
    sealed = vault.seal_object("r1", "sample", WORDS)
    store.put(sealed.location, change(store.get(sealed.location)))
    with pytest.raises(SealBroken):
        vault.open_object("r1", sealed)


def test_a_lost_object_is_missing_and_not_broken(vault, store):
    """Lost ciphertext is told apart from a broken seal."""
    sealed = vault.seal_object("r1", "sample", WORDS)
    store.delete(sealed.location)
    with pytest.raises(ObjectMissing):
        vault.open_object("r1", sealed)


def test_a_part_is_read_without_the_rest(vault):
    """Bytes of the middle of a long object."""
    plain = os.urandom(200_000)
    sealed = vault.seal_object("r1", "sample", Confidential(plain))
    assert vault.open_range("r1", sealed, 100_000, 100_100).reveal() == plain[100_000:100_100]
    assert vault.open_range("r1", sealed, 199_990, 300_000).reveal() == plain[199_990:]


@dataclass(frozen=True)
class Remembered:
    """An object as a registry remembers it."""

    recording: str
    kind: str
    channel: int | None
    rev: int
    location: str


def test_a_registrys_memory_of_an_object_is_enough_to_open_it(vault):
    """Ciphertext and its opening, apart."""
    sealed = vault.seal_object("r1", "sample", WORDS, channel=0)
    held = Remembered(recording="r1", kind="sample", channel=0, rev=1, location=sealed.location)
    ciphertext = vault.fetch(held)
    assert vault.open(held, ciphertext) == WORDS
    with pytest.raises(SealBroken):
        vault.open(replace(held, recording=_other_recording(vault)), ciphertext)


def _other_recording(vault) -> str:
    vault.seal_object("r2", "sample", WORDS)
    return "r2"


def test_a_shards_member_opens_in_its_own_shard_alone(vault):
    """Two members cannot change places, nor move to another shard."""
    one = vault.seal_member("r1", "sample", WORDS, shard="s1")
    two = vault.seal_member("r2", "sample", Confidential(b"other"), shard="s1")
    assert vault.open_member("r1", "sample", one, shard="s1") == WORDS
    for rid, data, shard in (("r1", two, "s1"), ("r2", one, "s1"), ("r1", one, "s2")):
        with pytest.raises(SealBroken):
            vault.open_member(rid, "sample", data, shard=shard)


def test_a_store_that_keeps_nothing_seals_nothing(keystore, store):
    """A destination that answers yes and stores nothing is found out; a retry on a mended one completes."""
    lying = Vault(tenant="t", keystore=keystore, store=LyingStore(inner=store, lie=lambda data: None), clock=clock)
    with pytest.raises(StorageError, match="did not keep"):
        lying.seal_recording(anonymized(), PARTS, {})
    vault = Vault(tenant="t", keystore=keystore, store=store, clock=clock)
    assert vault.seal_recording(anonymized(), PARTS, {}).objects


def test_an_erased_recording_is_unreadable_at_once(vault, store):
    """Key and ciphertext are gone; it can be neither opened nor sealed again; another still opens."""
    sealed = vault.seal_recording(anonymized(), PARTS, {})
    other = vault.seal_object("r2", "sample", WORDS)
    copies = [store.get(o.location) for o in sealed.objects]
    report = vault.shred("r1")
    assert (report.key, report.deleted, report.kms, report.at) == (KeyFate.SHREDDED, 3, "memory", NOW)
    assert report.unreachable == (Remains.BACKUPS_UNTIL_EPOCH_ROLL,)
    for held, copy in zip(sealed.objects, copies, strict=True):
        assert not store.exists(held.location)
        store.put(held.location, copy)
        with pytest.raises(KeyShredded):
            vault.open_object("r1", held)
    with pytest.raises(KeyShredded):
        vault.seal_recording(anonymized(), PARTS, {})
    assert vault.open_object("r2", other) == WORDS


def test_every_revision_is_erased(vault, store):
    """What older revisions left in the store goes too, by its name alone."""
    objects = [vault.seal_object("r1", "sample", WORDS, rev=n) for n in (1, 2, 3)]
    assert vault.shred("r1").deleted == 3
    assert not any(store.exists(o.location) for o in objects)


def test_erasing_again_changes_nothing_and_ends_what_is_left(vault):
    """The second report says the key was gone; after the epoch roll nothing is out of reach."""
    vault.seal_object("r1", "sample", WORDS)
    vault.shred("r1")
    again = vault.shred("r1")
    assert (again.key, again.deleted) == (KeyFate.ALREADY, 0)
    vault.roll_epoch(vault.epochs()[0].name)
    assert vault.shred("r1").unreachable == ()


def test_erasing_what_was_never_sealed_keeps_it_out(vault):
    """It leaves a tombstone, and nothing to delete."""
    report = vault.shred("r9")
    assert (report.key, report.deleted, report.unreachable) == (KeyFate.NEVER, 0, ())
    with pytest.raises(KeyShredded):
        vault.seal_object("r9", "sample", WORDS)


def test_an_erasure_says_what_the_store_would_not_delete(keystore, store):
    """The key is gone all the same; asking again, when the store is back, deletes the rest."""
    stubborn = StubbornStore(inner=store)
    vault = Vault(tenant="t", keystore=keystore, store=stubborn, clock=clock)
    sealed = vault.seal_object("r1", "sample", WORDS)
    assert Remains.OBJECTS in vault.shred("r1").unreachable
    with pytest.raises(KeyShredded):
        vault.open_object("r1", sealed)
    stubborn.stubborn = False
    report = vault.shred("r1")
    assert Remains.OBJECTS not in report.unreachable
    assert report.deleted == 1


def test_an_erasure_says_when_the_key_stores_own_log_may_hold_traces(vault, keystore, tmp_path):
    """A reader that keeps an old snapshot open is in the way, and the report says so."""
    vault.seal_object("r1", "sample", WORDS)
    with keystore._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 1")
    forgets, keystore._forget_deleted = keystore._forget_deleted, lambda: False
    assert Remains.KEY_STORE_LOG in vault.shred("r1").unreachable
    keystore._forget_deleted = forgets
    assert Remains.KEY_STORE_LOG not in vault.shred("r1").unreachable


def test_a_legal_hold_keeps_a_recording_whole(vault):
    """Neither erased nor sealed over; it still opens, and can be erased when the hold is lifted."""
    sealed = vault.seal_object("r1", "sample", WORDS)
    vault.freeze("r1")
    with pytest.raises(KeyFrozen):
        vault.shred("r1")
    with pytest.raises(KeyFrozen):
        vault.seal_object("r1", "sample", Confidential(b"instead"))
    assert vault.open_object("r1", sealed) == WORDS
    vault.thaw("r1")
    assert vault.shred("r1").deleted == 1


def test_many_are_erased_together_and_held_ones_are_left(vault):
    """Each has its own report."""
    kept = vault.seal_object("r2", "sample", WORDS)
    for rid in ("r1", "r3"):
        vault.seal_object(rid, "sample", WORDS)
    vault.freeze("r2")
    reports = {r.rid: r for r in vault.shred_all(["r1", "r2", "r3"])}
    assert [(r.held, r.deleted) for r in reports.values()] == [(False, 1), (True, 0), (False, 1)]
    assert reports["r2"].unreachable == ()
    assert vault.open_object("r2", kept) == WORDS


def test_an_erasure_while_sealing_wins(keystore, store):
    """When the recording is erased in the middle of being sealed nothing of it stays."""

    def erase_meanwhile(data: bytes) -> bytes:
        keystore.shred("r1")
        return data

    vault = Vault(tenant="t", keystore=keystore, store=LyingStore(inner=store, lie=erase_meanwhile), clock=clock)
    keystore.get_or_create("r1")
    with pytest.raises(KeyShredded, match="while it was sealed"):
        vault.seal_object("r1", "sample", WORDS)
    assert vault.discard("r1") == 0


def test_discarding_takes_the_objects_and_leaves_the_key(vault):
    """What did not end as sealed is taken back, and may be sealed another time."""
    vault.seal_recording(anonymized(), PARTS, {})
    assert (vault.discard("r1"), vault.discard("r1"), vault.discard("unknown")) == (3, 0, 0)
    assert vault.seal_recording(anonymized(), PARTS, {}).objects


def test_discarding_some_kinds_leaves_the_others(vault):
    """A recording on two lines has one key and one place: what one line takes back is its own."""
    kept = vault.seal_object("r1", "redacted", WORDS)
    vault.seal_recording(anonymized(), PARTS, {})
    kinds = {kind for kind, _ in PARTS}
    assert (vault.discard("r1", kinds), vault.discard("r1", kinds)) == (3, 0)
    assert vault.open_object("r1", kept).reveal() == WORDS.reveal()


def test_a_recording_nobody_sealed_is_refused(vault):
    """There is no key to open with."""
    ghost = SealedObject(kind="sample", location="ab/cd", digest="", size=100)
    with pytest.raises(KeyRefused):
        vault.open_object("r1", ghost)


class Labelled(LyingStore):
    """Remembers the labels objects were put with."""

    def __init__(self, *, inner) -> None:
        super().__init__(inner=inner, lie=lambda data: data)
        self.seen: list[ObjectLabels] = []

    def put(self, name, data, *, labels=ObjectLabels()) -> None:  # noqa: B008
        self.seen.append(labels)
        super().put(name, data, labels=labels)


@pytest.mark.parametrize(
    ("waiver", "status"), [(None, "DeIdentified"), (Waiver(step="anonymize", who="dpo", why="test"), "Redacted")]
)
def test_only_what_was_disguised_is_labelled_de_identified(keystore, store, waiver, status):
    """A voice that was not disguised is redacted at most; a redaction map is restricted."""
    labelled = Labelled(inner=store)
    vault = Vault(tenant="t", keystore=keystore, store=labelled, clock=clock)
    vault.seal_recording(anonymized(waiver=waiver), PARTS, {})
    sample, _, plan = labelled.seen
    assert sample.tags == {"DataClass": "AITraining", "PIIStatus": status}
    assert plan.tags == {"DataClass": "Audit", "PIIStatus": "Restricted"}
    assert set(sample.metadata) == {"redaction-applied", "pipeline-version", "kms"}
    assert "r1" not in str(labelled.seen)


def test_a_program_that_was_not_installed_still_labels(monkeypatch):
    """Its version is unknown then, and sealing goes on."""

    def not_installed(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(labels, "version", not_installed)
    assert labels.labels_for("sample", disguised=True, kms="memory").metadata["pipeline-version"] == "unknown"


def test_a_recording_in_a_folder_gets_all_its_names_together(keystore, tmp_path):
    """Streamed into files; one that was erased while it was sealed leaves none of them."""
    store = FolderStore(root=tmp_path / "objects")
    vault = Vault(tenant="t", keystore=keystore, store=store, clock=clock)
    sealed = vault.seal_recording(anonymized(), PARTS, {})
    assert {(o.kind, o.channel): vault.open_object("r1", o) for o in sealed.objects} == PARTS
    assert len({o.location.rpartition("/")[0] for o in sealed.objects}) == 1

    class Meanwhile(Confidential):
        def reveal(self):
            keystore.shred("r2")
            return b"words"

    with pytest.raises(KeyShredded):
        vault.seal_object("r2", "sample", Meanwhile(b""))
    assert vault.discard("r2") == 0


def test_little_is_held_in_memory_together(keystore, store, monkeypatch):
    """Objects of a store that takes them whole go in portions."""
    monkeypatch.setattr("sottovoce.vault.vault._TOGETHER", 8)
    given = []

    class Counting(type(store)):
        def put_all(self, puts):
            given.append(len(puts))
            super().put_all(puts)

    counting = Counting(backend=store._backend, scheme="memory")
    vault = Vault(tenant="t", keystore=keystore, store=counting, clock=clock)
    parts = {("sample", n): Confidential(b"1234") for n in range(5)}
    assert len(vault.seal_recording(anonymized(), parts, {}).objects) == 5
    assert given == [2, 2]


def test_a_lock_hides_no_erasure(keystore, store):
    """Sealed while it was erased, and locked by its store: it is the erasure that is told."""

    class Locked(LyingStore):
        def delete(self, name):
            raise ObjectLocked("locked")

    def erase(data):
        keystore.shred("r1")
        return data

    vault = Vault(tenant="t", keystore=keystore, store=Locked(inner=store, lie=erase), clock=clock)
    with pytest.raises(KeyShredded):
        vault.seal_object("r1", "sample", WORDS)
    report = vault.shred("r1")
    assert [failure.code for failure in report.failures] == ["E_OBJECT_LOCKED"]
    assert Remains.OBJECTS in report.unreachable


def test_a_store_that_is_down_is_not_asked_for_every_recording(keystore, store):
    """Every key goes all the same, and of each recording it is said that ciphertext may still lie there."""
    asked = []

    class Down(LyingStore):
        def list(self, prefix):
            asked.append(prefix)
            raise StorageError("down")

    vault = Vault(tenant="t", keystore=keystore, store=Down(inner=store, lie=lambda data: data), clock=clock)
    rids = [f"r{n}" for n in range(200)]
    reports = vault.shred_all(rids)
    assert [report.rid for report in reports] == rids
    assert all(report.unreachable[0] is Remains.OBJECTS for report in reports)
    assert {failure.code for report in reports for failure in report.failures} == {"E_STORAGE"}
    assert len(asked) <= 8 * 3
