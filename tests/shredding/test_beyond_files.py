"""Crypto-shredding where the files are not ours: PostgreSQL's, and those of a bucket that keeps versions or locks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import text

from sottovoce.custody.subject import ByCustomer
from sottovoce.database.engine import open_engine, reading
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyShredded
from sottovoce.policy.model import ObjectLock, Storage
from sottovoce.storage.open_store import open_store
from sottovoce.storage.stores import memory_store
from sottovoce.testing.keys import MemoryKeys
from sottovoce.testing.object_servers import amazon_storage
from sottovoce.testing.shredding import World, key_of, marker, traces, wrapped_keys

GONE = ByCustomer(token="token-that-goes")
WHO = {"requested_by": "officer-1", "why": "ART17"}
COUNT = 6
GOING = range(0, COUNT, 2)
PLANTED = [marker(n, kind).encode()[-32:] for n in GOING for kind in ("CONVERSATION", "LOCATOR", "RECORDING")]


def now() -> datetime:
    return datetime.now(UTC)


def filled(world: World) -> World:
    for number in range(COUNT):
        world.add(number, customer="token-that-stays" if number % 2 else GONE.token)
    return world


@pytest.fixture
def on_postgres(postgres, tmp_path) -> Iterator[World]:
    made = World(
        folder=tmp_path,
        provider=MemoryKeys(clock=now),
        store=memory_store(),
        clock=now,
        registry_url=postgres,
        keys_url=postgres,
    )
    yield filled(made)
    made.close()


def server_files(url: str) -> list[Path]:
    """What the server keeps its tables in; its write-ahead log lies elsewhere."""
    return [
        path for path in (Path(parse_qs(urlsplit(url).query)["host"][0]) / "data/base").rglob("*") if path.is_file()
    ]


def run(world: World, statement: str) -> None:
    with world.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(statement)


def test_postgresql_keeps_no_row_and_its_log_is_said_to_remain(on_postgres, postgres):
    """After VACUUM no statement finds a key; after VACUUM FULL no byte of its tables does, or of what was planted.

    The write-ahead log and its archives hold both until they age out: the report says so.
    """
    world = on_postgres
    engine = open_engine(world.keys_url, base=world.folder)
    keys = wrapped_keys(engine, map(key_of, GOING))
    run(world, "CHECKPOINT")
    assert traces(server_files(postgres), keys) >= len(GOING)
    report = world.eraser().erase(GONE, **WHO)
    assert report.remains == ("BACKUPS_UNTIL_EPOCH_ROLL", "DATABASE_ARCHIVES")
    assert (report.unreached, report.traces_gone) == ((), False)
    with reading(engine) as connection:
        blobs = connection.execute(text("SELECT blob FROM wrapped_keys")).scalars()
        assert not {bytes(blob) for blob in blobs} & set(keys)
    engine.dispose()
    run(world, "VACUUM FULL")
    run(world, "CHECKPOINT")
    assert traces(server_files(postgres), keys) == 0
    assert traces(server_files(postgres), PLANTED) == 0
    assert all(world.reads(number) for number in range(1, COUNT, 2))


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    pytest.importorskip("moto.server")
    boto3 = pytest.importorskip("boto3")
    with amazon_storage() as address:
        client = boto3.client(
            "s3", endpoint_url=address, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
        )
        client.create_bucket(Bucket="versions")
        client.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
        client.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
        client.close()
        yield address


@pytest.fixture
def in_bucket(endpoint, tmp_path, request) -> Iterator[World]:
    bucket, lock = request.param
    policy = Storage(
        url=f"s3://{bucket}/p",
        endpoint=endpoint,
        region="us-east-1",
        access_key="env:ID",
        secret_key="env:SECRET",
        object_lock=lock,
    )
    store = open_store(policy, base=tmp_path, resolve=lambda _: Confidential("any"))
    made = World(folder=tmp_path, provider=MemoryKeys(clock=now), store=store, clock=now)
    yield filled(made)
    made.close()


def versions(endpoint: str, bucket: str) -> int:
    import boto3

    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
    )
    found = client.list_object_versions(Bucket=bucket)
    client.close()
    return len(found.get("Versions", ())) + len(found.get("DeleteMarkers", ()))


@pytest.mark.parametrize("in_bucket", [("versions", None)], indirect=True)
def test_a_bucket_with_versions_keeps_none(in_bucket, endpoint):
    """Neither behind a mark nor under another id; the others' are all there."""
    assert versions(endpoint, "versions") == COUNT
    report = in_bucket.eraser().erase(GONE, **WHO)
    assert (len(report.recordings), report.unreached) == (len(GOING), ())
    assert versions(endpoint, "versions") == COUNT - len(GOING)
    assert all(in_bucket.reads(number) for number in range(1, COUNT, 2))


@pytest.mark.parametrize("in_bucket", [("locked", ObjectLock(mode="compliance", days=30))], indirect=True)
def test_a_locked_bucket_keeps_ciphertext_without_a_key_and_that_is_said(in_bucket, endpoint):
    """The erasure is done and certified; what the lock keeps is named in it, and opens no more."""
    report = in_bucket.eraser().erase(GONE, **WHO)
    assert len(report.recordings) == len(GOING)
    assert {each.code for each in report.unreached} == {"E_OBJECT_LOCKED"}
    assert {each.recording for each in report.unreached} == {key_of(number) for number in GOING}
    assert "E_OBJECT_LOCKED" in report.certificate
    assert versions(endpoint, "locked") == COUNT
    sealed = in_bucket.sealed[key_of(0)]
    assert len(in_bucket.store.get(sealed.location)) == sealed.size
    with pytest.raises(KeyShredded):
        in_bucket.reads(0)
    assert in_bucket.eraser().erase(GONE, **WHO).recordings == ()
