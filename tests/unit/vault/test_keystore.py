"""The key store, on SQLite and on PostgreSQL."""

from __future__ import annotations

import random
import shutil
import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, insert, select, text, update

from sottovoce.database.engine import open_engine
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyFrozen, KeyRefused, KeyShredded, KeyUnavailable, SealBroken
from sottovoce.kms.file_keyring import FileKeyRing
from sottovoce.testing.keys import MemoryKeys
from sottovoce.vault import key_tables as tables
from sottovoce.vault.key_tables import EpochState, RecordingKeyState
from sottovoce.vault.key_values import KeyFate
from sottovoce.vault.keystore import KeyStore


class Clock:
    """A clock the test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def provider(clock):
    return MemoryKeys(clock=clock)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request):
    return "sqlite:keys.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres")


@pytest.fixture
def opened(url, tmp_path, provider, clock):
    """Opens the same store again, as another process would."""
    stores = []

    def another(**fields):
        stores.append(
            KeyStore.open(url, base=tmp_path, **{"tenant": "t", "provider": provider, "clock": clock, **fields})
        )
        return stores[-1]

    yield another
    for store in stores:
        store.close()


@pytest.fixture
def store(opened):
    return opened()


def test_a_recording_keeps_its_key(store, opened):
    """A redo after a crash gets the same key, in this process or another."""
    first = store.get_or_create("r1")
    assert len(first.key.reveal()) == 32
    assert opened().get_or_create("r1") == store.get_or_create("r1") == store.unwrap("r1") == first
    assert (first.id, first.epoch, first.suite, first.state) == ("t:r1", "2026-11.0", "cobblestone-256", "active")
    assert first.key.reveal().hex() not in repr(first)


def test_recordings_and_tenants_share_no_key(store, opened):
    """Every recording has its own key, and so has the same name in another tenant."""
    keys = [store.get_or_create(f"r{n}").key.reveal() for n in range(20)]
    keys.append(opened(tenant="other").get_or_create("r1").key.reveal())
    assert len(set(keys)) == 21


def test_a_recording_never_sealed_has_no_key_to_open(store):
    """unwrap and the legal hold refuse what was never sealed, and make nothing."""
    for ask in (store.unwrap, store.freeze, store.thaw):
        with pytest.raises(KeyRefused, match="no key"):
            ask("r1")
    assert store.state("r1") is None


@pytest.mark.parametrize("rid", ["", "#names"])
def test_a_recording_cannot_take_a_tenants_own_key(store, rid):
    """Names that are kept for the tenant's own keys are refused."""
    for ask in (store.get_or_create, store.shred, store.freeze):
        with pytest.raises(ValueError, match="opaque"):
            ask(rid)


def test_the_tenants_own_keys_are_stable_and_apart(store, opened):
    """One for each purpose, the same after an epoch roll."""
    names = store.tenant_key("names")
    assert names != store.tenant_key("other")
    store.roll_epoch("2026-11.0")
    assert opened().tenant_key("names") == names


def test_a_shredded_key_is_dead_in_every_process_at_once(store, opened):
    """Another process that just used the key cannot use it again."""
    other = opened()
    other.get_or_create("r1")
    assert other.unwrap("r1").key
    assert store.shred("r1").fates == {"r1": KeyFate.SHREDDED}
    for ask in (other.unwrap, other.get_or_create, other.freeze, other.thaw):
        with pytest.raises(KeyShredded, match="erased"):
            ask("r1")
    assert other.state("r1") is RecordingKeyState.SHREDDED


def test_shredding_is_idempotent_and_leaves_others_alone(store):
    """A second run changes nothing; other recordings still open."""
    kept = store.get_or_create("r2")
    store.get_or_create("r1")
    store.shred("r1")
    assert store.shred("r1").fates == {"r1": KeyFate.ALREADY}
    assert store.unwrap("r2") == kept


def test_an_erased_recording_that_never_had_a_key_gets_none_later(store):
    """Erasure before sealing leaves a tombstone too."""
    assert store.shred("r1").fates == {"r1": KeyFate.NEVER}
    with pytest.raises(KeyShredded):
        store.get_or_create("r1")
    assert store.shred("r1").fates == {"r1": KeyFate.ALREADY}


def test_a_shredding_says_what_older_backups_still_hold(store):
    """Until the epoch is rolled a restored backup could open it, and the answer says so."""
    store.get_or_create("r1")
    assert store.shred_all(["r1", "never"]).backed_up == {"r1"}
    store.roll_epoch("2026-11.0")
    assert store.shred_all(["r1", "never"]).backed_up == frozenset()


def test_a_legal_hold_keeps_the_key(store):
    """Frozen, it opens and cannot be destroyed; thawed, it can."""
    key = store.get_or_create("r1").key
    store.freeze("r1")
    store.freeze("r1")
    with pytest.raises(KeyFrozen, match="legal hold"):
        store.shred("r1")
    assert store.unwrap("r1").key == key
    assert store.unwrap("r1").state is RecordingKeyState.FROZEN
    store.thaw("r1")
    assert store.shred("r1").fates == {"r1": KeyFate.SHREDDED}


def test_many_are_shredded_together_and_each_fate_is_told(store):
    """Those under a legal hold are left; the others go."""
    for rid in ("a", "b", "c"):
        store.get_or_create(rid)
    store.freeze("b")
    store.shred("c")
    fates = store.shred_all(["a", "b", "c", "d", "a"]).fates
    assert fates == {"a": KeyFate.SHREDDED, "b": KeyFate.FROZEN, "c": KeyFate.ALREADY, "d": KeyFate.NEVER}


def test_each_month_is_an_epoch(store, clock):
    """Keys made in another month lie under another epoch key, and older ones still open."""
    november = store.get_or_create("r1")
    clock.now += timedelta(days=30)
    assert store.get_or_create("r2").epoch == "2026-12.0"
    assert store.unwrap("r1") == november
    assert [(e.name, e.state, e.kms, e.recordings) for e in store.epochs()] == [
        ("2026-11.0", "active", "memory", 1),
        ("2026-12.0", "active", "memory", 1),
    ]


def test_rolling_moves_survivors_and_kills_the_old_epoch(store, provider):
    """Survivors keep their keys under a new epoch; the old one's provider key is destroyed."""
    keys = {f"r{n}": store.get_or_create(f"r{n}").key for n in range(5)}
    store.freeze("r3")
    store.shred("r4")
    del keys["r4"]
    roll = store.roll_epoch("2026-11.0")
    assert (roll.old, roll.new, roll.rewrapped) == ("2026-11.0", "2026-11.1", 4)
    assert {rid: store.unwrap(rid).key for rid in keys} == keys
    assert store.state("r3") is RecordingKeyState.FROZEN
    assert store.state("r4") is RecordingKeyState.SHREDDED
    assert provider.key_state("key-0") == "destroyed"
    assert [(e.name, e.state, e.recordings) for e in store.epochs()] == [
        ("2026-11.0", "destroyed", 0),
        ("2026-11.1", "active", 4),
    ]


def test_rolling_an_older_month_moves_into_this_one(store, clock):
    """Survivors of an older month go under this month's epoch; no other is made."""
    key = store.get_or_create("r1").key
    clock.now += timedelta(days=30)
    store.get_or_create("r2")
    assert store.roll_epoch("2026-11.0").new == "2026-12.0"
    assert store.unwrap("r1").key == key
    assert [e.recordings for e in store.epochs()] == [0, 2]


def test_rolling_again_changes_nothing(store):
    """The second run finds nothing to move and says the same destruction."""
    store.get_or_create("r1")
    first, second = store.roll_epoch("2026-11.0"), store.roll_epoch("2026-11.0")
    assert (first.rewrapped, second.rewrapped) == (1, 0)
    assert first.destruction == second.destruction
    assert store.unwrap("r1").epoch == "2026-11.1"


def test_an_unknown_epoch_is_refused(store):
    """Rolling what is not there changes nothing."""
    with pytest.raises(KeyRefused, match=r"no epoch 2020-01\.0"):
        store.roll_epoch("2020-01.0")


def test_a_roll_cut_short_before_the_provider_is_finished_by_the_next(store, provider):
    """The provider went away in the middle: survivors read, and asking again destroys the old key."""
    key = store.get_or_create("r1").key
    destroy, provider.schedule_destroy = provider.schedule_destroy, _unreachable
    with pytest.raises(KeyUnavailable):
        store.roll_epoch("2026-11.0")
    assert store.epochs()[0].state is EpochState.ENDING
    assert store.unwrap("r1").key == key
    provider.schedule_destroy = destroy
    assert store.roll_epoch("2026-11.0").destruction.state == "destroyed"
    assert store.epochs()[0].state is EpochState.DESTROYED


def _unreachable(key_id: str):
    raise KeyUnavailable("the key service does not answer")


def test_with_one_standing_provider_key_a_roll_says_that_backups_live_on(opened, clock):
    """No provider key for each epoch: nothing is destroyed there, and the roll says so."""
    store = opened(provider=MemoryKeys(clock=clock, key_per_epoch=False))
    key = store.get_or_create("r1").key
    assert store.roll_epoch("2026-11.0").destruction is None
    assert store.unwrap("r1").key == key


def test_the_provider_is_asked_once_for_each_epoch_and_five_minutes(store, opened, provider, clock):
    """An opened epoch key is kept for five minutes at most, whatever the clock does."""
    store.get_or_create("r1")
    other = opened(tenant="t")
    before = provider.calls["unwrap"]
    for _ in range(10):
        other.unwrap("r1")
    assert provider.calls["unwrap"] == before + 1
    clock.now += timedelta(minutes=5)
    other.unwrap("r1")
    assert provider.calls["unwrap"] == before + 2
    clock.now -= timedelta(minutes=6)
    other.unwrap("r1")
    assert provider.calls["unwrap"] == before + 3


def test_a_provider_that_is_away_is_a_retryable_error(opened, provider):
    """Without the provider no epoch opens; when it is back, everything does."""
    store = opened()
    provider.reachable = False
    with pytest.raises(KeyUnavailable) as failure:
        store.get_or_create("r1")
    assert failure.value.retryable
    provider.reachable = True
    assert store.get_or_create("r1").key


def test_a_database_that_fails_is_a_retryable_error_without_its_words(store, url, tmp_path):
    """The driver's message does not come out."""
    engine = open_engine(url, base=tmp_path)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE recording_keys"))
    engine.dispose()
    with pytest.raises(KeyUnavailable, match="key store's database failed") as failure:
        store.get_or_create("r1")
    assert failure.value.retryable
    assert "recording_keys" not in str(failure.value)


def test_a_key_moved_to_another_recording_is_refused(store, url, tmp_path):
    """Whoever can write the database cannot open one recording with another's key."""
    store.get_or_create("r1")
    store.get_or_create("r2")
    engine = open_engine(url, base=tmp_path)
    with engine.begin() as connection:
        blobs = {row.id: row.blob for row in connection.execute(select(tables.wrapped_keys))}
        here, there = sorted(blobs)[-2:]
        for to, blob in ((here, blobs[there]), (there, blobs[here])):
            connection.execute(update(tables.wrapped_keys).where(tables.wrapped_keys.c.id == to).values(blob=blob))
    engine.dispose()
    with pytest.raises(SealBroken):
        store.unwrap("r1")


def test_a_key_that_claims_a_destroyed_epoch_is_dead(store, url, tmp_path):
    """A row led back to an epoch that was rolled does not open."""
    store.get_or_create("r1")
    store.roll_epoch("2026-11.0")
    engine = open_engine(url, base=tmp_path)
    with engine.begin() as connection:
        old = connection.execute(select(tables.epochs.c.id).where(tables.epochs.c.generation == 0)).scalar_one()
        connection.execute(update(tables.recording_keys).values(epoch_id=old))
    engine.dispose()
    with pytest.raises(KeyShredded, match="epoch was destroyed"):
        store.unwrap("r1")


def test_two_workers_asking_at_once_get_one_key(opened):
    """Whoever comes first makes it; nobody gets another."""
    stores, got = [opened() for _ in range(4)], []
    threads = [threading.Thread(target=lambda s=s: got.append(s.get_or_create("r1"))) for s in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 4
    assert all(key == got[0] for key in got)
    assert [e.name for e in stores[0].epochs()] == ["2026-11.0"]


class TestFiles:
    """What is left in SQLite's own files."""

    @pytest.fixture
    def url(self):
        return "sqlite:keys.sqlite"

    def blobs(self, tmp_path, rids) -> dict[str, bytes]:
        engine = create_engine(f"sqlite:///{tmp_path / 'keys.sqlite'}")
        query = select(tables.recording_keys.c.rid, tables.wrapped_keys.c.blob).join(
            tables.wrapped_keys, tables.recording_keys.c.wrapped_id == tables.wrapped_keys.c.id
        )
        with engine.connect() as connection:
            found = {row.rid: bytes(row.blob) for row in connection.execute(query)}
        engine.dispose()
        return {rid: found[rid] for rid in rids}

    def raw(self, tmp_path) -> bytes:
        return b"".join(p.read_bytes() for p in sorted(tmp_path.glob("keys.sqlite*")))

    def test_no_trace_of_shredded_keys_is_left_in_any_file(self, store, tmp_path):
        """300 keys, made and shredded in random order with rolls between: a byte search finds none of them."""
        draw = random.Random(7)
        alive = [f"r{n}" for n in range(300)]
        for rid in alive:
            store.get_or_create(rid)
        gone: set[bytes] = set()
        for name in ("2026-11.0", "2026-11.1"):
            before = self.blobs(tmp_path, alive)
            assert all(blob[:16] in self.raw(tmp_path) for blob in before.values())
            dead = draw.sample(alive, 100)
            outcome = store.shred_all(dead)
            assert outcome.traces_gone
            gone |= {before[rid] for rid in dead}
            alive = [rid for rid in alive if rid not in dead]
            assert _found(gone, self.raw(tmp_path)) == []
            gone |= set(before.values())
            store.roll_epoch(name)
            assert _found(gone, self.raw(tmp_path)) == []
        assert all(store.unwrap(rid).key for rid in alive)

    def test_a_single_shred_truncates_the_log(self, store, tmp_path):
        """The write-ahead log is empty afterwards."""
        store.get_or_create("r1")
        (blob,) = self.blobs(tmp_path, ["r1"]).values()
        assert store.shred("r1").traces_gone
        assert _found({blob}, self.raw(tmp_path)) == []
        assert (tmp_path / "keys.sqlite-wal").stat().st_size == 0

    def test_a_reader_that_holds_the_log_is_told_of(self, store, tmp_path):
        """While someone reads an old snapshot traces may stay: it says so, and the next run mends it."""
        store.get_or_create("r1")
        with store._reading() as old:
            old.execute(select(tables.recording_keys)).all()
            busy = open_engine("sqlite:keys.sqlite", base=tmp_path)
            other = KeyStore(engine=busy, tenant="t", provider=store._provider, clock=store._clock)
            with busy.connect() as connection:
                connection.exec_driver_sql("PRAGMA busy_timeout = 1")
            assert not other.shred("r1").traces_gone
        assert other.shred("r1").traces_gone
        other.close()

    def test_a_restored_backup_is_dead_after_the_roll(self, opened, clock, tmp_path):
        """A copy of the key store from before opens until the epoch is rolled, and never again."""
        ring = FileKeyRing.create(tmp_path / "keys.ring", Confidential("correct horse"), clock=clock)
        store = opened(provider=ring)
        store.get_or_create("erased")
        kept = store.get_or_create("kept")
        store.close()
        backup = tmp_path / "backup"
        backup.mkdir()
        for path in tmp_path.glob("keys.sqlite*"):
            shutil.copy(path, backup)

        def restored(rid):
            fresh = FileKeyRing.open(tmp_path / "keys.ring", Confidential("correct horse"), clock=clock)
            copy = KeyStore.open(base=backup, tenant="t", provider=fresh, clock=clock)
            try:
                return copy.unwrap(rid)
            finally:
                copy.close()

        store.shred("erased")
        assert restored("erased").key
        store.roll_epoch("2026-11.0")
        for rid in ("erased", "kept"):
            with pytest.raises(KeyShredded):
                restored(rid)
        assert store.unwrap("kept").key == kept.key

    def test_the_file_is_for_its_owner_alone(self, store, tmp_path):
        """Mode 0600 from its first byte."""
        assert (tmp_path / "keys.sqlite").stat().st_mode & 0o777 == 0o600

    def test_no_opened_key_is_ever_in_the_files(self, store, tmp_path):
        """Neither recording keys nor epoch keys lie in the database in the clear."""
        key = store.get_or_create("r1").key.reveal()
        ((_, _, epoch),) = store._epochs._open.values()
        assert _found({key, epoch.reveal()}, self.raw(tmp_path)) == []

    def test_the_byte_search_can_fail(self, store, tmp_path):
        """With rows deleted in the ordinary way, traces are found: the search sees what it looks for."""
        plain = create_engine(f"sqlite:///{tmp_path / 'plain.sqlite'}")
        tables.metadata.create_all(plain)
        marker = random.Random(1).randbytes(60)
        with plain.begin() as connection:
            connection.execute(insert(tables.wrapped_keys).values(blob=marker))
        with plain.begin() as connection:
            connection.exec_driver_sql("PRAGMA secure_delete = OFF")
            connection.execute(tables.wrapped_keys.delete())
        plain.dispose()
        assert _found({marker}, (tmp_path / "plain.sqlite").read_bytes()) == [marker]


def _found(blobs: set[bytes], raw: bytes) -> list[bytes]:
    """Those of which any sixteen bytes in a row are left."""
    return [b for b in blobs if any(b[at : at + 16] in raw for at in range(0, len(b) - 15, 4))]
