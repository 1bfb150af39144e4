"""Epochs under other provider keys, on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sottovoce.database.engine import reading, writing
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyRefused, KeyShredded, KeyUnavailable, SealBroken
from sottovoce.kms.file_keyring import FileKeyRing
from sottovoce.kms.protocol import KeyState
from sottovoce.testing.keys import MemoryKeys
from sottovoce.vault import key_tables as tables
from sottovoce.vault.key_moves import KeyMover
from sottovoce.vault.key_tables import EpochState, RecordingKeyState
from sottovoce.vault.keystore import KeyStore

RIDS = [f"r{n}" for n in range(5)]


class Clock:
    """A clock the test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request):
    return "sqlite:keys.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres")


@pytest.fixture
def opened(url, tmp_path, clock):
    """Opens the same store with a provider, as another process would."""
    stores = []

    def another(provider, **fields):
        stores.append(KeyStore.open(url, base=tmp_path, tenant="t", provider=provider, clock=clock, **fields))
        return stores[-1]

    yield another
    for store in stores:
        store.close()


def blobs(store):
    with reading(store._engine) as connection:
        return [e.blob for e in tables.epochs_of(connection, "t")]


def test_rotation_gives_every_epoch_another_provider_key_and_destroys_the_old(opened, clock):
    """Recording keys are what they were; what an old backup of the store holds is dead when the old key is."""
    provider = MemoryKeys(clock=clock, waiting=timedelta(days=7))
    store = opened(provider)
    keys = {rid: store.get_or_create(rid).key for rid in RIDS[:3]}
    clock.now += timedelta(days=31)
    keys |= {rid: store.get_or_create(rid).key for rid in RIDS[3:]}
    before = {e.name: e.provider_key for e in store.epochs()}
    old_blobs = blobs(store)

    moves = store.move_epochs()

    assert {m.epoch: m.old_key for m in moves.moved} == before
    assert {e.name: e.provider_key for e in store.epochs()} == {m.epoch: m.new_key for m in moves.moved}
    assert not set(old_blobs) & set(blobs(store))
    assert {d.key_id for d in moves.destroyed} == set(before.values())
    assert {d.final_at for d in moves.destroyed} == {clock.now + timedelta(days=7)}
    assert {provider.key_state(key) for key in before.values()} == {KeyState.PENDING}
    assert {rid: opened(provider).unwrap(rid).key for rid in RIDS} == keys


def test_migration_leaves_every_recording_key_as_it_was(opened, clock, tmp_path):
    """From the file ring to a service: the old provider refuses afterwards, and the new one opens all."""
    ring = FileKeyRing.create(tmp_path / "keys.ring", Confidential("correct horse"), clock=clock)
    service = MemoryKeys(clock=clock, kms="service")
    keys = {rid: opened(ring).get_or_create(rid).key for rid in RIDS}
    (old_key,) = [e.provider_key for e in opened(ring).epochs()]

    store = opened(service)
    with pytest.raises(KeyRefused, match="another key service"):
        store.unwrap("r0")
    moves = store.move_epochs(ring)

    assert [(m.old_kms, m.new_kms) for m in moves.moved] == [("local-file", "service")]
    assert {rid: store.unwrap(rid).key for rid in RIDS} == keys
    assert ring.key_state(old_key) is KeyState.DESTROYED
    with pytest.raises(KeyRefused, match="another key service"):
        opened(ring).unwrap("r0")
    assert store.move_epochs(ring).moved == ()


def test_an_old_backup_of_a_migrated_store_opens_nothing(opened, clock, tmp_path, url):
    """Its ring key is destroyed: the backup's blobs are dead even with the ring's file and passphrase."""
    ring = FileKeyRing.create(tmp_path / "keys.ring", Confidential("correct horse"), clock=clock)
    store = opened(ring)
    store.get_or_create("r0")
    (backup,) = blobs(store)
    (epoch,) = store.epochs()
    opened(MemoryKeys(clock=clock, kms="service")).move_epochs(ring)
    from sottovoce.kms.protocol import WrappedKey
    from sottovoce.vault.context import epoch_context

    with pytest.raises(KeyShredded):
        ring.unwrap(
            WrappedKey(kms=epoch.kms, key_id=epoch.provider_key, blob=backup),
            epoch_context(tenant="t", epoch=epoch.name),
        )


def test_which_keys_were_ours_and_when_they_go_is_written_down(opened, clock):
    """After a roll and after a rotation, for whoever must show it."""
    store = opened(MemoryKeys(clock=clock, waiting=timedelta(days=7)))
    store.get_or_create("r0")
    store.roll_epoch("2026-11.0")
    store.move_epochs()
    with reading(store._engine) as connection:
        rows = connection.execute(tables.provider_keys.select().order_by(tables.provider_keys.c.id)).all()
    final = int((clock.now + timedelta(days=7)).timestamp() * 1000)
    assert [(row.key, row.final_ms) for row in rows] == [("key-0", final), ("key-1", final), ("key-2", None)]


def test_a_standing_key_is_never_destroyed(opened, clock):
    """Neither by rotating, nor by rolling, nor by moving away from it: it is somebody else's."""
    standing = MemoryKeys(clock=clock, key_per_epoch=False, kms="standing")
    store = opened(standing)
    store.get_or_create("r0")
    (key,) = {e.provider_key for e in store.epochs()}
    assert store.move_epochs().destroyed == ()
    assert store.roll_epoch("2026-11.0").destruction is None
    own = MemoryKeys(clock=clock, kms="own")
    moved = opened(own).move_epochs(standing)
    assert [m.epoch for m in moved.moved] == ["2026-11.1"]
    assert moved.destroyed == ()
    assert standing.key_state(key) is KeyState.ACTIVE


def test_keys_made_for_epochs_are_destroyed_also_after_the_policy_names_a_standing_one(opened, clock):
    """What was made for an epoch goes with it, whatever the policy says by then."""
    provider = MemoryKeys(clock=clock)
    store = opened(provider)
    store.get_or_create("r0")
    (own,) = {e.provider_key for e in store.epochs()}
    provider._key_per_epoch = False
    assert store.roll_epoch("2026-11.0").destruction.key_id == own


class FailsOnce:
    """A provider that goes away in the middle: once, when it is asked a certain thing for the nth time."""

    def __init__(self, provider, what, nth) -> None:
        self._provider, self._what, self._left = provider, what, nth

    def __getattr__(self, name):
        found = getattr(self._provider, name)
        if name == self._what:
            self._left -= 1
            if self._left == 0:
                raise KeyUnavailable("the key service does not answer")
        return found


@pytest.mark.parametrize("what", ["create_key", "wrap", "unwrap"])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_migration_that_was_interrupted_is_finished_by_asking_again(opened, clock, what, nth):
    """An epoch has moved whole or not at all, and each is moved once."""
    old, new = MemoryKeys(clock=clock, kms="old"), MemoryKeys(clock=clock, kms="new")
    store = opened(old)
    keys = {"r0": store.get_or_create("r0").key}
    clock.now += timedelta(days=31)
    keys["r1"] = store.get_or_create("r1").key
    with pytest.raises(KeyUnavailable):
        opened(FailsOnce(new, what, nth)).move_epochs(old)
    again = opened(new)
    moves = again.move_epochs(old)
    assert len(moves.moved) in {1, 2}
    assert {rid: again.unwrap(rid).key for rid in keys} == keys
    assert {e.kms for e in again.epochs()} == {"new"}
    assert {old.key_state(f"old-key-{n}") for n in range(2)} == {KeyState.DESTROYED}


def test_a_destruction_that_was_refused_is_made_up_for(opened, clock):
    """The old key was retired and not destroyed: the next move destroys it, and no later one asks again."""
    provider = MemoryKeys(clock=clock)
    store = opened(provider)
    store.get_or_create("r0")
    (old,) = {e.provider_key for e in store.epochs()}
    failing = FailsOnce(provider, "schedule_destroy", 1)
    with pytest.raises(KeyUnavailable):
        opened(failing).move_epochs()
    assert provider.key_state(old) is KeyState.ACTIVE
    done = store.move_epochs()
    assert old in {d.key_id for d in done.destroyed}
    assert old not in {d.key_id for d in store.move_epochs().destroyed}


def test_a_key_the_service_will_not_destroy_is_said_and_stops_nothing(opened, clock):
    """It may be of another account: the rest is moved, and it is asked for again next time."""

    class Keeps(MemoryKeys):
        def schedule_destroy(self, key_id):
            raise KeyRefused("no rights")

    provider = Keeps(clock=clock)
    store = opened(provider)
    key = store.get_or_create("r0").key
    moves = store.move_epochs()
    assert (len(moves.moved), moves.destroyed, moves.kept) == (1, (), ("key-0",))
    assert store.move_epochs().kept == ("key-0", "key-1")
    assert store.unwrap("r0").key == key


def test_a_service_that_gives_back_another_key_is_found_out_before_anything_changes(opened, clock):
    """What was wrapped is opened again and compared."""

    class Wrong(MemoryKeys):
        def unwrap(self, wrapped, context):
            return super().unwrap(wrapped, context).map(lambda key: bytes(32))

    old = MemoryKeys(clock=clock, kms="old")
    store = opened(old)
    key = store.get_or_create("r0").key
    with pytest.raises(SealBroken):
        opened(Wrong(clock=clock, kms="new")).move_epochs(old)
    assert opened(old).unwrap("r0").key == key


def test_a_roll_that_was_interrupted_is_finished_by_the_move(opened, clock):
    """An epoch that was left ending is destroyed with the provider that made it."""
    old, new = MemoryKeys(clock=clock, kms="old"), MemoryKeys(clock=clock, kms="new")
    store = opened(old)
    store.get_or_create("r0")
    with pytest.raises(KeyUnavailable):
        opened(FailsOnce(old, "schedule_destroy", 1)).roll_epoch("2026-11.0")
    moves = opened(new).move_epochs(old)
    assert {d.key_id for d in moves.destroyed} == {"old-key-0", "old-key-1"}
    assert [e.state for e in opened(new).epochs()] == [EpochState.DESTROYED, EpochState.ACTIVE]


def test_an_epoch_is_announced_before_it_is_kept(opened, clock):
    """When nobody can be told there is no epoch, and no recording key without one."""
    told = []
    store = opened(MemoryKeys(clock=clock), begun=lambda epoch: told.append((epoch.name, epoch.kms)))
    store.get_or_create("r0")
    store.get_or_create("r1")
    assert told == [("2026-11.0", "memory")]

    def refuse(epoch):
        raise KeyUnavailable("the ledger does not answer")

    clock.now += timedelta(days=31)
    with pytest.raises(KeyUnavailable):
        opened(MemoryKeys(clock=clock), begun=refuse).get_or_create("r2")
    assert store.state("r2") is None
    assert len(store.epochs()) == 1


def test_keys_are_counted_by_state(opened, clock):
    """Without the tenant's own, and without anybody's name."""
    store = opened(MemoryKeys(clock=clock))
    store.tenant_key("names")
    for rid in RIDS:
        store.get_or_create(rid)
    store.freeze("r0")
    store.shred_all(["r1", "r2"])
    assert store.recordings_under("2026-11.0") == ("r0", "r3", "r4")
    assert store.counts() == {
        RecordingKeyState.ACTIVE: 2,
        RecordingKeyState.FROZEN: 1,
        RecordingKeyState.SHREDDED: 2,
    }


def test_the_old_wrapped_epoch_key_is_not_left_in_the_file(clock, tmp_path):
    """SQLite's own file and log hold no trace of what the old provider key had wrapped."""
    store = KeyStore.open(
        "sqlite:keys.sqlite", base=tmp_path, tenant="t", provider=MemoryKeys(clock=clock), clock=clock
    )
    store.get_or_create("r0")
    (before,) = blobs(store)
    assert store.move_epochs().traces_gone
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert before not in kept
    assert before[12:] not in kept
    store.close()


def test_a_migration_within_one_kind_of_service_moves_what_the_new_one_does_not_open(opened, clock):
    """Another account or region: asking again moves nothing twice."""
    old, new = MemoryKeys(clock=clock, kms="cloud"), MemoryKeys(clock=clock, kms="cloud")
    new.create_key({})
    key = opened(old).get_or_create("r0").key
    store = opened(new)
    assert len(store.move_epochs(old).moved) == 1
    assert store.unwrap("r0").key == key
    assert store.move_epochs(old).moved == ()


def test_the_ring_keys_of_a_store_from_before_are_destroyed_too(opened, clock, tmp_path):
    """It did not write down which keys were ours; a file ring never held any other."""
    ring = FileKeyRing.create(tmp_path / "keys.ring", Confidential("correct horse"), clock=clock)
    store = opened(ring)
    store.get_or_create("r0")
    (epoch,) = store.epochs()
    with writing(store._engine) as connection:
        connection.execute(tables.provider_keys.delete())
    (gone,) = opened(MemoryKeys(clock=clock)).move_epochs(ring).destroyed
    assert gone.key_id == epoch.provider_key
    assert ring.key_state(epoch.provider_key) is KeyState.DESTROYED


def test_an_epoch_that_ended_meanwhile_is_left(opened, clock):
    """Another process rolled it between the look and the move."""
    provider = MemoryKeys(clock=clock)
    store = opened(provider)
    store.get_or_create("r0")
    mover = KeyMover(tenant="t", old=provider, new=provider, clock=clock)
    store.roll_epoch("2026-11.0")
    with writing(store._engine) as connection:
        assert mover.move(connection, "2026-11.0") is None


def test_nobody_rolls_an_epoch_of_another_provider(opened, clock):
    """It is refused before anything is written, and says what to do."""
    old = opened(MemoryKeys(clock=clock, kms="old"))
    old.get_or_create("r0")
    with pytest.raises(KeyRefused) as refusal:
        opened(MemoryKeys(clock=clock, kms="new")).roll_epoch("2026-11.0")
    assert "keys migrate" in refusal.value.hint
    assert old.unwrap("r0").key
