"""The file key ring."""

from __future__ import annotations

import base64
import json
import os
import stat
from datetime import UTC, datetime

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyRefused, KeyShredded, KeyUnavailable, PolicyError
from sottovoce.kms import ring_file
from sottovoce.kms.file_keyring import FileKeyRing
from sottovoce.kms.protocol import KeyState

CONTEXT = {"app": "sottovoce", "tenant": "t", "epoch": "2026-11.0"}
PASSPHRASE = Confidential("a passphrase of ours")
KEY = Confidential(bytes(range(32)))


def clock() -> datetime:
    return datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys.ring"


@pytest.fixture
def ring(path):
    return FileKeyRing.create(path, PASSPHRASE, clock=clock)


def reopened(path, passphrase=PASSPHRASE):
    return FileKeyRing.open(path, passphrase, clock=clock)


def test_a_ring_opens_again_with_its_passphrase_and_keeps_its_keys(ring, path):
    """What was wrapped before a restart unwraps after it."""
    wrapped = ring.wrap(KEY, CONTEXT, key_id=ring.create_key(CONTEXT))
    assert reopened(path).unwrap(wrapped, CONTEXT) == KEY


def test_the_file_is_for_its_owner_alone_and_holds_no_key_in_the_clear(ring, path):
    """Mode 0600, written whole, with no temporary file left; neither passphrase nor master key inside."""
    ring.create_key(CONTEXT)
    (master,) = [k.key.reveal() for k in ring._file.read().values()]
    raw = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {p.name for p in path.parent.iterdir()} == {"keys.ring", "keys.ring.lock"}
    assert master not in raw
    assert base64.b64encode(master) not in raw
    assert PASSPHRASE.reveal().encode() not in raw


def test_the_kdf_is_argon2id_at_rfc_9106_strength(ring, path):
    """64 MiB and three passes, said in the file."""
    kdf = json.loads(path.read_text())["kdf"]
    assert (kdf["name"], kdf["memory_kib"], kdf["time"], kdf["lanes"]) == ("argon2id", 65_536, 3, 4)


def test_a_wrong_passphrase_is_refused_with_a_hint_and_no_retry(ring, path):
    """KeyRefused is a KeyUnavailable that retrying does not mend; it shows no passphrase."""
    with pytest.raises(KeyUnavailable, match="wrong passphrase") as refusal:
        reopened(path, Confidential("another passphrase"))
    assert not refusal.value.retryable
    assert "keys.passphrase" in refusal.value.hint
    assert "another" not in str(refusal.value)


def test_production_refuses_the_ring(ring, path):
    """environment: production neither creates nor opens one."""
    with pytest.raises(PolicyError, match="production"):
        FileKeyRing.open(path, PASSPHRASE, clock=clock, environment="production")
    with pytest.raises(PolicyError, match="production"):
        FileKeyRing.create(path.with_name("other"), PASSPHRASE, clock=clock, environment="production")
    assert not path.with_name("other").exists()


def test_a_ring_is_never_overwritten(ring, path):
    """create refuses a place that is taken, and the ring there still opens."""
    with pytest.raises(KeyRefused, match="already"):
        FileKeyRing.create(path, PASSPHRASE, clock=clock)
    reopened(path)


def test_a_short_passphrase_is_refused(path):
    """Fewer than eight characters make no ring."""
    with pytest.raises(KeyRefused, match="fewer than 8"):
        FileKeyRing.create(path, Confidential("seven77"), clock=clock)
    assert not path.exists()


def test_a_missing_ring_is_named_with_a_hint(path):
    """No file: the hint says how to make or restore one."""
    with pytest.raises(KeyRefused, match=r"no key ring at keys\.ring") as refusal:
        reopened(path)
    assert "init" in refusal.value.hint


def test_a_ring_that_vanishes_while_open_is_refused(ring, path):
    """Every use looks at the file."""
    key_id = ring.create_key(CONTEXT)
    path.unlink()
    with pytest.raises(KeyRefused, match="no key ring"):
        ring.wrap(KEY, CONTEXT, key_id=key_id)


def test_a_ring_others_may_read_is_refused(ring, path):
    """Any permission for group or others stops it, with the command that mends it."""
    path.chmod(0o640)
    with pytest.raises(KeyRefused, match="others") as refusal:
        reopened(path)
    assert "chmod 600" in refusal.value.hint


def test_a_folder_is_not_a_ring(path):
    """What cannot be read as a file is refused, not crashed on."""
    path.mkdir(mode=0o700)
    with pytest.raises(KeyRefused, match="cannot be read"):
        reopened(path)


def changed(path, **fields):
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def changed_kdf(path, **fields):
    changed(path, kdf={**json.loads(path.read_text())["kdf"], **fields})


DAMAGE = {
    "not json": lambda p: p.write_bytes(b"\x00\xff"),
    "a list": lambda p: p.write_text("[]"),
    "an empty file": lambda p: p.write_text(""),
    "cut": lambda p: p.write_bytes(p.read_bytes()[:-40]),
    "another version": lambda p: changed(p, v=2),
    "another kms": lambda p: changed(p, kms="other"),
    "no kdf": lambda p: changed(p, kdf=None),
    "another kdf": lambda p: changed_kdf(p, name="scrypt"),
    "a weak kdf": lambda p: changed_kdf(p, memory_kib=8),
    "a terabyte kdf": lambda p: changed_kdf(p, memory_kib=1 << 30),
    "an endless kdf": lambda p: changed_kdf(p, time=1 << 30),
    "a text for a number": lambda p: changed_kdf(p, time="3"),
    "other lanes": lambda p: changed_kdf(p, lanes=1),
    "another salt": lambda p: changed_kdf(p, salt=base64.b64encode(bytes(16)).decode()),
    "a salt of another alphabet": lambda p: changed_kdf(p, salt="§§"),
    "no salt": lambda p: changed_kdf(p, salt=None),
    "a short salt": lambda p: changed_kdf(p, salt="AAAA"),
    "another nonce": lambda p: changed(p, nonce=base64.b64encode(bytes(12)).decode()),
    "no nonce": lambda p: changed(p, nonce=None),
    "another body": lambda p: changed(p, body=base64.b64encode(bytes(64)).decode()),
    "no body": lambda p: changed(p, body=7),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_ring_is_refused(ring, path, damage):
    """Whatever is changed in the file, it does not open and nothing else happens."""
    damage(path)
    with pytest.raises(KeyRefused):
        reopened(path)


def test_an_exchanged_header_is_noticed_while_open(ring, path):
    """A ring replaced by another ring under the same name is not believed."""
    key_id = ring.create_key(CONTEXT)
    path.unlink()
    FileKeyRing.create(path, PASSPHRASE, clock=clock)
    with pytest.raises(KeyRefused, match="does not open"):
        ring.wrap(KEY, CONTEXT, key_id=key_id)


def test_two_processes_see_each_others_changes_at_once(ring, path):
    """A key made by one opens in the other, and one destroyed by one is dead in the other."""
    other = reopened(path)
    key_id = ring.create_key(CONTEXT)
    wrapped = other.wrap(KEY, CONTEXT, key_id=key_id)
    assert ring.unwrap(wrapped, CONTEXT) == KEY
    other.schedule_destroy(key_id)
    with pytest.raises(KeyShredded):
        ring.unwrap(wrapped, CONTEXT)


def test_a_destroyed_key_leaves_only_its_tombstone_in_the_file(ring, path):
    """Its bytes are gone from the ring; its id and state stay."""
    key_id = ring.create_key(CONTEXT)
    ring.schedule_destroy(key_id)
    (left,) = ring._file.read().values()
    assert (left.id, left.state, left.key) == (key_id, KeyState.DESTROYED, None)
    assert reopened(path).key_state(key_id) is KeyState.DESTROYED


def test_a_full_disk_leaves_the_ring_as_it_was(ring, path, no_room):
    """When nothing more can be written the old ring still opens, and no temporary file stays."""
    before = path.read_bytes()
    with no_room(), pytest.raises(KeyRefused, match="cannot be written") as refusal:
        ring.create_key(CONTEXT)
    assert "space" in refusal.value.hint
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.glob("*.part")] == []


def test_a_folder_that_is_gone_is_a_refusal(ring, path):
    """Nothing can be locked where there is no folder."""
    moved = path.parent.rename(path.parent.with_name("moved"))
    with pytest.raises(KeyRefused, match="cannot be changed"):
        ring.create_key(CONTEXT)
    moved.rename(path.parent)


def test_stretching_is_as_the_library_says(path):
    """The unlock key is 32 bytes of Argon2id, different for each salt."""
    one, two = (ring_file.new_file(path, PASSPHRASE, random=os.urandom) for _ in range(2))
    assert len(one.unlock.reveal()) == 32
    assert one.unlock != two.unlock
