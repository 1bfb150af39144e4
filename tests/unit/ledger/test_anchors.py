"""Anchors: k of n keep a checkpoint or it does not count, and S3 with Object Lock keeps it whatever is tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete

from sottovoce.database.engine import open_engine, writing
from sottovoce.database.migrate import upgrade
from sottovoce.database.tables import checkpoints, ledger_leaves, ledger_nodes
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import LedgerTampered, LedgerUnavailable
from sottovoce.ledger.anchor import Anchor, Anchors, FolderAnchor
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.note import Signer
from sottovoce.ledger.s3_anchor import S3Anchor, s3_client
from sottovoce.ledger.verifier import Found
from sottovoce.testing.object_servers import amazon_storage

BUCKET, PLAIN = "anchors", "plain"


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_engine("sqlite:registry.sqlite", base=tmp_path)
    upgrade(made)
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def _endpoint() -> Iterator[str]:
    pytest.importorskip("moto.server")
    with amazon_storage() as address:
        yield address


@pytest.fixture
def client(_endpoint: str) -> Any:
    made = s3_client(
        region="us-east-1", endpoint=_endpoint, access_key=Confidential("test"), secret_key=Confidential("test")
    )
    for bucket, lock in ((BUCKET, True), (PLAIN, False)):
        if bucket not in {each["Name"] for each in made.list_buckets()["Buckets"]}:
            made.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=lock)
    return made


def s3_anchor(client: Any, prefix: str, bucket: str = BUCKET) -> S3Anchor:
    return S3Anchor(client=client, bucket=bucket, prefix=prefix, retain_days=1, clock=now)


class BrokenAnchor:
    """Nobody answers there."""

    def publish(self, size: int, note: str) -> None:
        raise LedgerUnavailable("out of reach")

    def latest(self) -> str | None:
        raise LedgerUnavailable("out of reach")


def test_k_of_n_anchors_must_answer(tmp_path: Path) -> None:
    """With two of three needed one may be out of reach; with all needed none may."""
    folders: list[Anchor] = [FolderAnchor(folder=tmp_path / name) for name in ("a", "b")]
    two = Anchors(of=[folders[0], BrokenAnchor(), folders[1]], needed=2)
    two.publish(1, "one")
    assert two.latest() == ("one", "one")
    for strict in (Anchors(of=[*folders, BrokenAnchor()]), Anchors(of=[BrokenAnchor(), folders[0]], needed=2)):
        with pytest.raises(LedgerUnavailable):
            strict.publish(2, "two")
        with pytest.raises(LedgerUnavailable):
            strict.latest()
    assert Anchors().latest() == ()
    Anchors().publish(1, "one")


def test_what_is_unreadable_is_not_taken_for_empty(tmp_path: Path) -> None:
    """A folder that cannot be read is out of reach: it may keep what the ledger no longer has."""
    folder = tmp_path / "anchor"
    folder.mkdir()
    (folder / f"{1:020d}").write_bytes(b"\xff")
    with pytest.raises(LedgerUnavailable):
        FolderAnchor(folder=folder).latest()


def test_s3_keeps_each_size_once(client: Any) -> None:
    """Keys are sizes in twenty digits; the same checkpoint again is fine, with other signatures too; another is not."""
    anchor = s3_anchor(client, "once/")
    assert anchor.latest() is None
    anchor.publish(9, "nine\n\n— a b\n")
    anchor.publish(9, "nine\n\n— a b\n— c d\n")
    anchor.publish(10, "ten\n\n— a b\n")
    with pytest.raises(LedgerUnavailable):
        anchor.publish(9, "another nine\n\n— a b\n")
    assert anchor.latest() == "ten\n\n— a b\n"
    keys = [each["Key"] for each in client.list_objects_v2(Bucket=BUCKET, Prefix="once/")["Contents"]]
    assert keys == [f"once/{9:020d}", f"once/{10:020d}"]
    head = client.head_object(Bucket=BUCKET, Key=keys[0])
    assert head["ObjectLockMode"] == "COMPLIANCE"
    assert head["ObjectLockRetainUntilDate"] > now()


def test_s3_conditional_puts_are_refused_and_deletes_denied(client: Any) -> None:
    """The bucket itself answers 412 to a second put, and denies removing a version, governance bypass or not."""
    from botocore.exceptions import ClientError

    s3_anchor(client, "locked/").publish(3, "three\n\n— a b\n")
    key = f"locked/{3:020d}"
    with pytest.raises(ClientError) as refused:
        client.put_object(Bucket=BUCKET, Key=key, Body=b"other", IfNoneMatch="*")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    version = client.head_object(Bucket=BUCKET, Key=key)["VersionId"]
    for bypass in (False, True):
        with pytest.raises(ClientError) as denied:
            client.delete_object(Bucket=BUCKET, Key=key, VersionId=version, BypassGovernanceRetention=bypass)
        assert denied.value.response["Error"]["Code"] == "AccessDenied"


def test_s3_is_not_fooled_by_markers_or_later_versions(client: Any) -> None:
    """A delete marker hides nothing, and a version laid over the first does not count."""
    anchor = s3_anchor(client, "hidden/")
    anchor.publish(5, "five\n\n— a b\n")
    key = f"hidden/{5:020d}"
    client.delete_object(Bucket=BUCKET, Key=key)
    assert s3_anchor(client, "hidden/").latest() == anchor.latest() == "five\n\n— a b\n"
    client.put_object(Bucket=BUCKET, Key=key, Body=b"forged five\n\n\xe2\x80\x94 a b\n")
    assert s3_anchor(client, "hidden/").latest() == "five\n\n— a b\n"
    with pytest.raises(LedgerUnavailable):
        anchor.publish(5, "forged five\n\n— a b\n")
    client.put_object(Bucket=BUCKET, Key="hidden/notes.txt", Body=b"not a checkpoint")
    assert anchor.latest() == "five\n\n— a b\n"


def test_a_bucket_that_locks_nothing_is_no_anchor(client: Any) -> None:
    """Without Object Lock, or without a bucket, nothing is anchored, and the refusal quotes nothing."""
    for bucket in (PLAIN, "missing"):
        with pytest.raises(LedgerUnavailable):
            s3_anchor(client, "x/", bucket).publish(1, "one")
    with pytest.raises(LedgerUnavailable) as refused:
        s3_anchor(client, "x/", "missing").latest()
    assert "NoSuchBucket" in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_rolled_back_ledger_is_refused_by_its_anchor(
    client: Any, engine: Engine, signer: Signer, an_entry: Callable[..., Any], clock: Callable[[], datetime]
) -> None:
    """Cut back with its checkpoints and grown anew, the ledger is not signed again: the bucket remembers."""
    anchors = Anchors(of=[s3_anchor(client, "rolled/")])
    ledger = Ledger(engine=engine, signer=signer, origin=signer.name, clock=clock, anchor=anchors)
    ledger.record([an_entry(facts={"n": number}) for number in range(6)])
    note = ledger.checkpoint()
    assert ledger.anchored() == (note,)
    with writing(engine) as connection:
        for table in (ledger_leaves, ledger_nodes):
            connection.execute(delete(table).where(table.c.seq >= 3))
        connection.execute(delete(checkpoints))
    assert ledger.verify().found is Found.TRUNCATED
    with pytest.raises(LedgerTampered):
        ledger.checkpoint()
    ledger.record([an_entry(facts={"rewritten": number}) for number in range(4)])
    with pytest.raises(LedgerTampered):
        ledger.checkpoint()
    assert ledger.verify().found is Found.FORKED


def test_a_checkpoint_that_was_not_anchored_is_tried_again(
    engine: Engine, signer: Signer, an_entry: Callable[..., Any], clock: Callable[[], datetime], tmp_path: Path
) -> None:
    """Where an anchor fails after signing, the next call hands it the same note; where the commit was lost, it is taken over."""

    class Flaky(FolderAnchor):
        working = False

        def publish(self, size: int, note: str) -> None:
            if not self.working:
                raise LedgerUnavailable("not now")
            super().publish(size, note)

    anchor = Flaky(folder=tmp_path / "anchor")
    ledger = Ledger(engine=engine, signer=signer, origin=signer.name, clock=clock, anchor=anchor)
    ledger.record([an_entry()])
    with pytest.raises(LedgerUnavailable):
        ledger.checkpoint()
    (signed,) = ledger.checkpoints()
    Flaky.working = True
    assert ledger.checkpoint() == signed == anchor.latest()
    with writing(engine) as connection:
        connection.execute(delete(checkpoints))
    assert ledger.checkpoint() == signed
    assert ledger.checkpoints() == (signed,)


def test_boto3_is_asked_for_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra an S3 anchor says what to install."""
    import sys

    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(LedgerUnavailable) as refused:
        s3_client()
    assert "aws" in refused.value.hint
