"""Crypto-shredding leaves nothing: every byte of every file is searched, with key services that refuse what they must.

Each provider's double was seen to refuse destroyed keys before anything here rests on it. The search is shown
to find what is there before it is believed when it finds nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sottovoce.custody.subject import ByCustomer
from sottovoce.database.engine import _PRAGMAS, open_engine
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyShredded, SealBroken, VaultError
from sottovoce.kms.aws import AwsKms
from sottovoce.kms.file_keyring import FileKeyRing
from sottovoce.kms.protocol import KeyProvider
from sottovoce.kms.transit import Transit, by_token
from sottovoce.ledger.verifier import Found
from sottovoce.storage.stores import FolderStore
from sottovoce.testing.kms_aws import REGION, StrictKms
from sottovoce.testing.kms_honesty import wrongs_of
from sottovoce.testing.kms_transit import ROOT_TOKEN, TransitServer
from sottovoce.testing.shredding import World, files_under, key_of, marker, traces, wrapped_keys
from sottovoce.vault.epochs import MAX_TTL
from sottovoce.vault.keystore import KeyStore

GONE, KEPT = ByCustomer(token="token-that-goes"), ByCustomer(token="token-that-stays")
WHO = {"requested_by": "officer-1", "why": "ART17"}
COUNT = 6
GOING = range(0, COUNT, 2)
STAYING = range(1, COUNT, 2)
ANY = Confidential("any")
with_each = pytest.mark.parametrize("provider", ["ring", "aws", "transit"], indirect=True)


class Clock:
    """A time that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def provider(request, tmp_path, clock) -> Iterator[KeyProvider]:
    """A key service that destroys what it is asked to destroy: the ring, where a test names no other."""
    kind = getattr(request, "param", "ring")
    with ExitStack() as running:
        if kind == "ring":
            yield FileKeyRing.create(tmp_path / "keys.ring", Confidential("correct horse"), clock=clock)
        elif kind == "aws":
            service = running.enter_context(StrictKms(clock=clock))
            made = AwsKms.connect(region=REGION, clock=clock, endpoint=service.url, access_key=ANY, secret_key=ANY)
            assert wrongs_of(made._client) == frozenset()
            yield made
        else:
            vault = running.enter_context(TransitServer(clock=clock))
            yield Transit.connect(url=vault.url, sign_in=by_token(Confidential(ROOT_TOKEN)), clock=clock)


@pytest.fixture
def world(tmp_path, provider, clock) -> Iterator[World]:
    folder = tmp_path / "house"
    folder.mkdir()
    made = World(folder=folder, provider=provider, store=FolderStore(root=folder / "objects"), clock=clock)
    for number in range(COUNT):
        made.add(number, customer=(KEPT if number in STAYING else GONE).token)
    yield made
    made.close()


@pytest.fixture
def impatient(monkeypatch) -> None:
    """Databases opened from here on wait a moment for one another, and not half a minute."""
    monkeypatch.setattr("sottovoce.database.engine._PRAGMAS", ("PRAGMA busy_timeout = 50", *_PRAGMAS[1:]))


def wrapped(world: World, folder: Path | None = None) -> list[bytes]:
    engine = open_engine(world.keys_url, base=folder or world.folder)
    found = wrapped_keys(engine, map(key_of, GOING))
    engine.dispose()
    return [blob for blob in found if any(blob)]


def raw(world: World) -> list[bytes]:
    return [world.keys.unwrap(key_of(number)).key.reveal() for number in GOING]


def planted(numbers: range = GOING) -> list[bytes]:
    """What was said, and every id of the source, from the part on that is random."""
    kinds = ("WORDS", "CONVERSATION", "RECORDING", "LOCATOR")
    return [marker(n, kind).encode()[-32:] for n in numbers for kind in kinds] + [GONE.token.encode()]


def backup(world: World) -> Path:
    """The key store as a nightly copy has it."""
    copy = world.folder.parent / "restored"
    copy.mkdir()
    for path in world.folder.glob("keys.sqlite*"):
        shutil.copy(path, copy)
    return copy


def opens(keys: KeyStore, number: int) -> bool:
    try:
        keys.unwrap(key_of(number))
    except VaultError:
        return False
    return True


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in files_under(folder) if not path.name.endswith("-shm")}


@with_each
def test_no_key_and_no_word_is_left_in_any_file(world):
    """Database, write-ahead log, ledger, objects: what was there before is in none of them, and the others read."""
    keys, opened = wrapped(world), raw(world)
    files = list(files_under(world.folder))
    assert len(keys) == len(GOING)
    assert traces(files, keys) >= len(GOING)
    assert traces(files, planted()) >= 4 * len(GOING)
    assert traces(files, opened) == 0
    report = world.eraser().erase(GONE, **WHO)
    assert (len(report.recordings), report.unreached, report.traces_gone) == (len(GOING), (), True)
    left = list(files_under(world.folder))
    assert (traces(left, keys), traces(left, opened), traces(left, planted())) == (0, 0, 0)
    assert all(world.reads(number) for number in STAYING)
    assert not any(opens(world.keys, number) for number in GOING)
    world.ledger.checkpoint()
    assert world.ledger.verify().found is Found.OK


def test_asking_again_changes_nothing(world):
    """Not a byte of any file."""
    world.eraser().erase(GONE, **WHO)
    before = contents(world.folder)
    again = world.eraser().erase(GONE, **WHO)
    assert (again.recordings, again.certificate) == ((), None)
    assert contents(world.folder) == before


@with_each
def test_a_restored_backup_opens_nothing_once_the_epoch_has_rolled(world):
    """Until then it opens what was erased, and that is said; afterwards nothing, and no key lies in it."""
    copy, keys = backup(world), raw(world)
    report = world.eraser().erase(GONE, **WHO)
    assert "BACKUPS_UNTIL_EPOCH_ROLL" in report.remains
    early = world.open_keys(copy)
    assert all(opens(early, number) for number in GOING)
    early.close()
    (epoch,) = world.vault.epochs()
    world.vault.roll_epoch(epoch.name)
    late = world.open_keys(copy)
    assert not any(opens(late, number) for number in range(COUNT))
    late.close()
    assert traces(files_under(copy), keys) == 0
    assert all(world.reads(number) for number in STAYING)


def test_another_process_that_held_the_epoch_key_forgets_it_within_five_minutes(world, clock):
    """With a backup of the key store it could open for that long, and no longer; there is no other cache."""
    assert timedelta(minutes=5) == MAX_TTL
    copy = backup(world)
    other = world.open_keys(copy)
    assert opens(other, 0)
    world.eraser().erase(GONE, **WHO)
    (epoch,) = world.vault.epochs()
    world.vault.roll_epoch(epoch.name)
    clock.now += MAX_TTL - timedelta(seconds=1)
    assert opens(other, 0)
    clock.now += timedelta(seconds=1)
    assert not opens(other, 0)
    other.close()


def test_a_shredded_key_is_dead_in_every_process_at_once(world):
    """Also where it was opened a moment ago: recording keys are read afresh each time."""
    other = world.open_keys(world.folder)
    assert opens(other, 0)
    assert opens(world.keys, 0)
    world.vault.shred(key_of(0))
    for keys in (other, world.keys):
        with pytest.raises(KeyShredded):
            keys.unwrap(key_of(0))
    other.close()


def test_a_copy_of_the_ciphertext_put_back_stays_shut(world):
    """Replicated, restored, or exported before: the bytes are the same and nothing opens them."""
    number, key = 0, key_of(0)
    sealed = world.sealed[key]
    copy = world.store.get(sealed.location)
    world.eraser().erase(GONE, **WHO)
    world.store.put(sealed.location, copy)
    with pytest.raises(KeyShredded):
        world.reads(number)
    with pytest.raises(KeyShredded):
        world.vault.open_range(key, sealed, 0, 10)


def test_a_shard_loses_one_member_and_no_other(world):
    """One file of many members, each under its own recording's key: it is not rewritten."""
    parts = [
        (n, world.vault.seal_member(key_of(n), "sample", Confidential(world.plain(n)), shard="s1")) for n in range(6)
    ]
    shard, at = b"".join(data for _, data in parts), 0
    places = {}
    for number, data in parts:
        places[number] = (at, at + len(data))
        at += len(data)

    def member(number: int, shard_name: str = "s1") -> bytes:
        start, end = places[number]
        return world.vault.open_member(key_of(number), "sample", shard[start:end], shard=shard_name).reveal()

    assert all(member(number) == world.plain(number) for number in places)
    world.vault.shred(key_of(2))
    with pytest.raises(KeyShredded):
        member(2)
    assert all(member(number) == world.plain(number) for number in places if number != 2)
    with pytest.raises(SealBroken):
        member(3, "s2")


def test_while_somebody_reads_the_log_that_is_said_and_made_good(impatient, world):
    """SQLite cannot truncate its log under a reader: the report says so, and the next time it is gone."""
    keys = wrapped(world)
    engine = open_engine(world.keys_url, base=world.folder)
    reader = engine.raw_connection()
    reader.cursor().execute("BEGIN")
    reader.cursor().execute("SELECT count(*) FROM recording_keys").fetchall()
    held = world.vault.shred_all(map(key_of, GOING))
    assert all("KEY_STORE_LOG" in each.unreachable for each in held)
    assert traces(files_under(world.folder), keys) > 0
    reader.rollback()
    reader.close()
    engine.dispose()
    again = world.vault.shred_all(map(key_of, GOING))
    assert not any("KEY_STORE_LOG" in each.unreachable for each in again)
    assert traces(files_under(world.folder), keys) == 0
