"""Contributors come and go, keys are rotated, raw recordings end: and the ledger has all of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from sottovoce.custody.subject import ByContributor
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import (
    CredentialInvalid,
    KeyFrozen,
    KeyShredded,
    MediaGone,
    MediaReplaced,
    PolicyError,
    SealBroken,
)
from sottovoce.ledger.entry import Action
from sottovoce.ledger.verifier import Found
from sottovoce.storage.browse import Place
from sottovoce.testing.house import carry_all, settle_all
from sottovoce.testing.uploads import Sender, clip, inbox_house, sender
from sottovoce.uploads.disposal import RAW
from sottovoce.uploads.doors import DROP_MODE, open_door
from sottovoce.uploads.received import State
from sottovoce.uploads.refusals import Refusal
from sottovoce.vault.vault import Vault
from sottovoce.wiring.house import House


def send(one: Sender, folder: Path, seed: int) -> str:
    path = folder / f"{seed}.wav"
    path.write_bytes(clip(seed))
    return one.send(path).upload


def taken(house: House) -> list[str]:
    return [each.row.reason or each.row.state.value for each in house.uploads.receive("voices")]


def actions(house: House) -> list[Action]:
    return [entry.action for _, entry in house.ledger.entries()]


@pytest.fixture
def house(tmp_path: Path):
    made = inbox_house(tmp_path / "w")
    yield made
    made.close()


def test_a_contributor_is_an_id_and_nothing_else(house: House) -> None:
    """Ids are random letters; adding one is in the ledger."""
    one, two = (house.uploads.contributors.add("voices") for _ in range(2))
    assert one.id != two.id
    assert one.id.startswith("c-")
    assert {each.id for each in house.uploads.contributors.all("voices")} == {one.id, two.id}
    assert house.uploads.contributors.all("other") == ()
    assert actions(house).count(Action.PRINCIPAL_CREATED) == 2


def test_a_credential_lives_for_an_hour_at_most(house: House) -> None:
    """Not a second more, and not for nobody."""
    inbox = house.uploads.inbox()
    one = house.uploads.contributors.add("voices").id
    with pytest.raises(CredentialInvalid):
        inbox.credential(one, ttl=timedelta(minutes=61))
    with pytest.raises(CredentialInvalid):
        inbox.credential("c-nobody")
    made = inbox.credential(one)
    assert made.expires_at - made.issued_at == timedelta(hours=1)
    assert Action.CREDENTIAL_ISSUED in actions(house)


def test_revocation_holds_at_once(house: House, tmp_path: Path) -> None:
    """What was sent a moment before and not taken in yet is not taken either; nothing of it is lost."""
    one = sender(house, tmp_path / "home")
    send(one, tmp_path, 1)
    house.uploads.contributors.revoke(one.credential.contributor)
    house.uploads.contributors.revoke(one.credential.contributor)
    assert taken(house) == [Refusal.CONTRIBUTOR_REVOKED]
    with pytest.raises(CredentialInvalid):
        house.uploads.inbox().credential(one.credential.contributor)
    assert len(list((tmp_path / "w" / "inbox" / "in").rglob("*.svup"))) == 1
    assert actions(house).count(Action.PRINCIPAL_SUSPENDED) == 1


def test_what_was_taken_before_a_revocation_is_carried(house: House, tmp_path: Path) -> None:
    """Revoking somebody takes nothing back; withdrawing does."""
    one = sender(house, tmp_path / "home")
    send(one, tmp_path, 1)
    keys = settle_all(house)
    house.uploads.contributors.revoke(one.credential.contributor)
    assert set(carry_all(house, keys).values()) == {"sealed"}


def test_an_inbox_that_left_the_policy_is_said_by_an_erasure(house: House, tmp_path: Path) -> None:
    """What cannot be reached is said, and its recordings stay marked until it can."""
    one = sender(house, tmp_path / "home")
    send(one, tmp_path, 1)
    (key,) = settle_all(house)
    carry_all(house, [key])
    house.uploads._inboxes.clear()
    without = house.policy.model_copy(update={"sources": {}})
    house.__dict__["loaded"] = replace(house.loaded, policy=without)
    report = house.eraser.erase(ByContributor(contributor=one.credential.contributor), requested_by="d", why="GDPR_17")
    assert [each.recording for each in report.unreached] == [key]
    assert report.recordings == ()


def test_keys_rotate_with_an_overlap_and_end(tmp_path: Path) -> None:
    """During the overlap both keys are accepted; after it the old one is destroyed, and what it encrypted is dead."""
    now = [datetime.now(UTC)]
    house = inbox_house(tmp_path / "w", more="    overlap_days: 2", clock=lambda: now[0])
    one = sender(house, tmp_path / "home")
    send(one, tmp_path, 1)
    old = house.uploads.keys.current("voices").fingerprint
    now[0] += timedelta(seconds=1)
    new = house.uploads.inbox().rotate().fingerprint
    assert new != old
    send(one, tmp_path, 2)
    assert taken(house) == ["accepted", "accepted"]
    send(one, tmp_path, 3)
    now[0] += timedelta(days=3)
    assert taken(house) == [Refusal.KEY_ENDED]
    assert house.uploads.keys.destroy_ended("voices") == 1
    assert house.uploads.keys.destroy_ended("voices") == 0
    assert [key.state for key in house.uploads.keys.all("voices")] == ["ended", "active"]
    assert Action.INBOX_KEY_ENDED in actions(house)
    (row, _) = house.uploads.received.standing("voices", State.ACCEPTED)
    with pytest.raises(Exception, match="ended"):
        house.uploads.inbox().media(row.location, row.stamp)
    house.close()


def test_the_private_key_is_nowhere_in_the_clear(house: House, tmp_path: Path) -> None:
    """It is wrapped by the key service; its bytes stand in no file of the workspace."""
    key = house.uploads.keys.current("voices")
    private = house.uploads.keys.private("voices", key.fingerprint).reveal().private_bytes_raw()
    files = [path for path in (tmp_path / "w").rglob("*") if path.is_file()]
    assert files
    assert not any(private in path.read_bytes() for path in files)


def test_raw_is_archived_under_keys_of_its_own(tmp_path: Path) -> None:
    """It lies below `archive/`, opens in the archive's vault and not in the pipeline's, and goes with an erasure."""
    house = inbox_house(tmp_path / "w", more="    raw: archive")
    one = sender(house, tmp_path / "home")
    send(one, tmp_path, 1)
    (key,) = settle_all(house)
    assert carry_all(house, [key]) == {key: "sealed"}
    swept = house.uploads.sweep()
    assert (swept.archived, swept.destroyed) == (1, 0)
    assert house.uploads.sweep().archived == 0
    assert not list((tmp_path / "w" / "inbox" / "in").rglob("*.svup"))
    (stored,) = house.store.list("archive")
    archived = house.uploads.archive.seal_object(key, RAW, Confidential(clip(1)))
    assert stored == f"archive/{archived.location}"
    assert house.uploads.archive.open_object(key, archived).reveal() == clip(1)
    other = Vault(
        tenant=house.policy.tenant, keystore=house.keystore, store=house.uploads.archive._store, clock=house.clock
    )
    with pytest.raises(SealBroken):
        other.open_object(key, archived)
    _, metadata = house.registry.recall(key)
    assert metadata.contributor == one.credential.contributor
    house.erase_withdrawn([key])
    with pytest.raises(KeyShredded):
        house.uploads.archive.open_object(key, archived)
    assert list(house.store.list("archive")) == []
    assert house.uploads.received.of_recordings([key]) == ()
    house.close()


def test_an_erasure_before_sealing_takes_the_upload_too(house: House, tmp_path: Path) -> None:
    """What lies in the inbox, admitted and not carried yet, goes with its contributor."""
    one = sender(house, tmp_path / "home")
    send(one, tmp_path, 1)
    (key,) = settle_all(house)
    send(one, tmp_path, 2)
    report = house.uploads.withdraw(one.credential.contributor, requested_by="dpo-1")
    assert report.recordings == (key,)
    assert carry_all(house, [key]) == {key: "erased"}
    assert list((tmp_path / "w" / "inbox" / "in").rglob("*.svup")) == []
    assert house.uploads.withdraw(one.credential.contributor, requested_by="dpo-1").recordings == ()
    send(one, tmp_path, 3)
    assert taken(house) == [Refusal.CONTRIBUTOR_WITHDRAWN]
    assert Action.CONTRIBUTOR_WITHDRAWN in actions(house)
    house.ledger.checkpoint()
    assert house.ledger.verify().found is Found.OK


def test_a_legal_hold_keeps_the_upload_too(house: House, tmp_path: Path) -> None:
    """What may not be erased is left whole, sealed and raw alike."""
    one = sender(house, tmp_path / "home")
    send(one, tmp_path, 1)
    (key,) = settle_all(house)
    carry_all(house, [key])
    house.registry.hold(key)
    house.vault.freeze(key)
    assert house.uploads.sweep().destroyed == 0
    assert house.uploads.shredder.shred_all([key])[0].held
    with pytest.raises(KeyFrozen):
        house.uploads.shredder.shred(key)
    assert len(list((tmp_path / "w" / "inbox" / "in").rglob("*.svup"))) == 1


def test_what_is_not_used_ends_with_the_time_for_raw_recordings(tmp_path: Path) -> None:
    """Excluded and quarantined uploads are kept for `retention.raw_days`, and destroyed then."""
    now = [datetime.now(UTC)]
    house = inbox_house(tmp_path / "w", clock=lambda: now[0])
    one = sender(house, tmp_path / "home")
    (tmp_path / "short.wav").write_bytes(clip(seconds=0.5))
    one.send(tmp_path / "short.wav")
    settle_all(house)
    (tmp_path / "w" / "inbox" / one.credential.prefix / "junk.svup").write_bytes(b"junk")
    assert taken(house) == [Refusal.NOT_AN_UPLOAD]
    assert house.uploads.sweep().expired == 0
    now[0] += timedelta(days=31)
    assert house.uploads.sweep().expired == 2
    assert list((tmp_path / "w" / "inbox" / "in").rglob("*.svup")) == []
    house.close()


def test_looking_again_finds_the_same_recordings(house: House, tmp_path: Path) -> None:
    """Before and after they were sealed and destroyed, under the same keys and with their metadata."""
    one = sender(house, tmp_path / "home")
    send(one, tmp_path, 1)
    source = house.sources["voices"]
    (first,) = source.discover()
    (again,) = source.discover()
    assert (first.ref.key, first.duration_s, first.language) == (again.ref.key, again.duration_s, again.language)
    settle = settle_all(house)
    carry_all(house, settle)
    house.uploads.sweep()
    (after,) = source.discover()
    assert (after.ref.key, after.contributor) == (first.ref.key, one.credential.contributor)
    assert settle_all(house) == ()
    with pytest.raises(MediaGone):
        source.fetch(after.ref, after)


def test_an_upload_that_was_replaced_is_not_fetched(house: House, tmp_path: Path) -> None:
    """What was admitted is what is carried: another object in its place is decided on again."""
    one = sender(house, tmp_path / "home")
    send(one, tmp_path, 1)
    source = house.sources["voices"]
    (found,) = source.discover()
    (path,) = (tmp_path / "w" / "inbox" / "in").rglob("*.svup")
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(MediaReplaced):
        source.fetch(found.ref, found)


def test_contributed_recordings_keep_their_speakers_apart(house: House, tmp_path: Path) -> None:
    """One contributor is one speaker, however many recordings; consent is dated by the day they agreed."""
    one, two = sender(house, tmp_path / "one"), sender(house, tmp_path / "two")
    for who, seed in ((one, 1), (one, 2), (two, 3)):
        path = tmp_path / f"{seed}.wav"
        path.write_bytes(clip(seed))
        who.send(path, agreed_on=date(2026, 3, 4))
    found = list(house.sources["voices"].discover())
    assert len({metadata.customer_token for metadata in found}) == 2
    assert {metadata.started_at for metadata in found} == {datetime(2026, 3, 4, tzinfo=UTC)}


def test_an_inbox_that_is_not_there_is_a_policy_error(house: House) -> None:
    """Naming no inbox is said with those there are."""
    with pytest.raises(PolicyError) as wrong:
        house.uploads.inbox("other")
    assert "voices" in wrong.value.hint


def test_words_keep_their_version(house: House) -> None:
    """Other words are another version: what somebody agreed to can be told for ever. Spaces do not matter."""
    inbox = house.uploads.inbox()
    inbox.publish()
    inbox.settings = inbox.settings.model_copy(update={"wording": f" {inbox.settings.wording}\n "})
    inbox.publish()
    inbox.settings = inbox.settings.model_copy(update={"wording": "Other words."})
    with pytest.raises(PolicyError, match="other words"):
        inbox.publish()


def test_a_drop_folder_is_written_by_its_group_and_read_by_its_owner(house: House, tmp_path: Path) -> None:
    """A contributor's folder can be neither listed nor read by those who may write to it."""
    one = sender(house, tmp_path / "home")
    folder = tmp_path / "w" / "inbox" / one.credential.prefix
    assert folder.stat().st_mode & 0o777 == DROP_MODE
    with pytest.raises(PolicyError):
        open_door(Place(url="ftp://x/y"), base=tmp_path)


def test_the_same_file_from_two_homes_is_sealed_once(house: House, tmp_path: Path) -> None:
    """Two uploads of one sound are two ids; admission finds that it is the same sound."""
    one = sender(house, tmp_path / "a")
    again = sender(house, tmp_path / "b", contributor=one.credential.contributor)
    assert send(one, tmp_path, 1) != send(again, tmp_path, 1)
    statuses = carry_all(house, settle_all(house))
    assert sorted(statuses.values()) == ["excluded", "sealed"]
