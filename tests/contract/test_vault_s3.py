"""What only S3 has, and what goes wrong on the way to any store: versions, locks, signed addresses, faults."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from sottovoce.access.protocol import Presigner
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import ObjectLocked, ObjectMissing, StorageError, StorageRefused
from sottovoce.policy.model import ObjectLock, Storage
from sottovoce.storage.open_store import open_store
from sottovoce.storage.protocol import ObjectLabels
from sottovoce.storage.s3 import S3Control
from sottovoce.storage.stores import keep
from sottovoce.testing.faulty_proxy import Fault, faulty_proxy
from sottovoce.testing.object_servers import amazon_storage

KEYS = {"env:ID": Confidential("test-id"), "env:SECRET": Confidential("test-secret")}
LABELS = ObjectLabels(tags={"PIIStatus": "DeIdentified"}, metadata={"redaction-applied": "true"})


class Clock:
    """Today, until a test moves it: moto itself lives in the present."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def endpoint():
    pytest.importorskip("moto.server")
    pytest.importorskip("boto3")
    with amazon_storage() as address:
        yield address


@pytest.fixture(scope="module")
def client(endpoint):
    import boto3

    made = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
    )
    for bucket in ("plain", "versions"):
        made.create_bucket(Bucket=bucket)
    made.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    made.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    yield made
    made.close()


@pytest.fixture
def opened(endpoint, client, tmp_path):
    """A store in one of the buckets; `at` is another address for it."""

    def open_at(bucket: str, *, at: str = endpoint, clock: Clock | None = None, **fields):
        policy = Storage(
            url=f"s3://{bucket}/p",
            endpoint=at,
            region="us-east-1",
            access_key="env:ID",
            secret_key="env:SECRET",
            **fields,
        )
        return open_store(policy, base=tmp_path, resolve=KEYS.__getitem__, clock=clock or Clock())

    return open_at


def versions_of(client, bucket: str, name: str) -> list[str]:
    found = client.list_object_versions(Bucket=bucket, Prefix=f"p/{name}")
    return [each["VersionId"] for kind in ("Versions", "DeleteMarkers") for each in found.get(kind, ())]


class TestVersions:
    """A bucket that keeps what was deleted."""

    def test_a_delete_by_name_would_have_kept_everything(self, client, opened):
        """Why versions are looked for: the bytes are still there behind the mark."""
        opened("versions").put("trap", b"words")
        client.delete_object(Bucket="versions", Key="p/trap")
        left = versions_of(client, "versions", "trap")
        assert len(left) == 2
        assert client.get_object(Bucket="versions", Key="p/trap", VersionId=left[0])["Body"].read() == b"words"

    def test_every_version_goes_and_the_marks_with_them(self, client, opened):
        """Replaced ones, hidden ones, the last one; an object whose name begins alike stays."""
        store = opened("versions")
        for data in (b"one", b"two", b"three"):
            store.put("a/x", data)
        client.delete_object(Bucket="versions", Key="p/a/x")
        store.put("a/xy", b"other")
        store.delete("a/x")
        store.delete("a/x")
        assert versions_of(client, "versions", "a/x") == versions_of(client, "versions", "a/xy")
        assert store.get("a/xy") == b"other"

    def test_many_go_at_once(self, client, opened):
        """With each of their versions."""
        store = opened("versions")
        names = [f"many/{n}" for n in range(20)]
        for name in names * 2:
            store.put(name, b"x")
        assert store.delete_all([*names, "many/never"]) == {}
        assert versions_of(client, "versions", "many") == []

    def test_where_nobody_says_whether_versions_are_kept_nothing_is_claimed(self, opened, endpoint):
        """A refusal to that question is a refusal to delete, with what to allow."""
        with faulty_proxy(endpoint) as proxy:
            store = opened("plain", at=proxy.url, retries=0)
            store.put("x", b"1")
            proxy.faults.append(Fault.EXPIRED)
            with pytest.raises(StorageRefused, match="versions") as refusal:
                store.delete("x")
        assert "s3:GetBucketVersioning" in refusal.value.hint


class TestLock:
    """S3 Object Lock, where the policy asks for it."""

    LOCK = ObjectLock(mode="compliance", days=30)

    def test_what_is_kept_is_locked_and_labelled(self, client, opened):
        """In the same request, until the day the policy says."""
        clock = Clock()
        store = opened("locked", clock=clock, object_lock=self.LOCK, kms_key="arn:aws:kms:us-east-1:1:key/1")
        keep(store, "x", b"sealed", labels=LABELS)
        head = client.head_object(Bucket="locked", Key="p/x")
        assert head["ObjectLockMode"] == "COMPLIANCE"
        assert abs(head["ObjectLockRetainUntilDate"] - clock.now - timedelta(days=30)) < timedelta(seconds=2)
        assert (head["Metadata"], head["ServerSideEncryption"]) == (LABELS.metadata, "aws:kms")
        tags = client.get_object_tagging(Bucket="locked", Key="p/x")["TagSet"]
        assert tags == [{"Key": "PIIStatus", "Value": "DeIdentified"}]

    @pytest.mark.parametrize("mode", ["compliance", "governance"])
    def test_a_locked_version_cannot_be_deleted_and_that_is_said(self, client, opened, mode):
        """With the day from which it can; nothing is hidden behind a mark, and nothing retried in vain."""
        store = opened("locked", object_lock=ObjectLock(mode=mode, days=30))
        name = f"held-{mode}"
        store.put(name, b"sealed")
        until = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%d")
        with pytest.raises(ObjectLocked) as locked:
            store.delete(name)
        assert until in locked.value.hint
        assert not locked.value.retryable
        assert store.get(name) == b"sealed"
        assert len(versions_of(client, "locked", name)) == 1

    def test_one_that_is_locked_keeps_no_other(self, client, opened):
        """The rest of the same request goes."""
        opened("locked", object_lock=self.LOCK).put("mixed/1", b"x")
        store = opened("locked")
        store.put("mixed/2", b"x")
        assert {name: each.code for name, each in store.delete_all(["mixed/1", "mixed/2"]).items()} == {
            "mixed/1": "E_OBJECT_LOCKED"
        }
        assert not store.exists("mixed/2")

    def test_a_legal_hold_of_the_bucket_is_named(self, client, opened):
        """It has no date."""
        store = opened("locked")
        store.put("hold", b"x")
        client.put_object_legal_hold(Bucket="locked", Key="p/hold", LegalHold={"Status": "ON"})
        with pytest.raises(ObjectLocked) as locked:
            store.delete("hold")
        assert "legal hold" in locked.value.hint

    def test_a_bucket_without_object_lock_is_found_out(self, opened):
        """Whether it refuses the header or ignores it, nothing is called locked that is not."""
        with pytest.raises(StorageError):
            opened("plain", object_lock=self.LOCK).put("x", b"1")

    def test_a_bucket_that_is_not_there(self, opened):
        """Named as for any other write."""
        with pytest.raises(StorageError, match="no such place"):
            opened("absent", object_lock=self.LOCK).put("x", b"1")


class TestSigned:
    """Addresses for one object and a moment."""

    def test_an_address_reads_its_object_for_its_seconds(self, opened):
        """Expiry and method are part of what is signed."""
        store = opened("plain")
        store.put("x", b"1")
        address = store.presign_get("x", seconds=45)
        asked = parse_qs(urlsplit(address).query)
        assert (asked["X-Amz-Expires"], asked["X-Amz-Algorithm"]) == (["45"], ["AWS4-HMAC-SHA256"])
        assert urlsplit(address).path == "/plain/p/x"

    @pytest.mark.parametrize("seconds", [0, -1, 61, 3600])
    def test_none_outlives_a_minute(self, opened, seconds):
        """Whoever asks."""
        with pytest.raises(ValueError, match="60 seconds"):
            opened("plain").presign_get("x", seconds=seconds)

    def test_the_broker_takes_such_a_store(self, opened, tmp_path):
        """And no folder, whose objects it passes on itself."""
        assert isinstance(opened("plain"), Presigner)
        assert not isinstance(open_store(Storage(), base=tmp_path), Presigner)

    def test_a_folder_signs_nothing(self, tmp_path):
        """There is no service that would look."""
        assert not hasattr(open_store(Storage(), base=tmp_path), "presign_get")


class TestFaults:
    """Between us and the store."""

    @pytest.fixture
    def through(self, opened, endpoint):
        with faulty_proxy(endpoint) as proxy:
            yield opened("plain", at=proxy.url, retries=2, timeout_s=10), proxy

    @pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.RESET])
    def test_what_passes_is_tried_again(self, through, fault):
        """A service that is busy once, and a connection that breaks once."""
        store, proxy = through
        proxy.faults.append(fault)
        assert keep(store, f"once-{fault}", b"sealed")
        proxy.faults.append(fault)
        assert store.get(f"once-{fault}") == b"sealed"

    @pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.RESET])
    def test_what_does_not_pass_is_a_storage_error_to_be_retried(self, through, fault):
        """After the retries the policy allows; the address is not repeated."""
        store, proxy = through
        proxy.faults.extend([fault] * 9)
        with pytest.raises(StorageError, match="failed") as failure:
            store.put("x", b"1")
        assert failure.value.retryable
        assert len(proxy.seen) == 3
        assert proxy.url not in f"{failure.value} {failure.value.hint}"

    def test_credentials_that_expired_are_a_refusal(self, through):
        """Amazon answers 400 for those, which is no reason to try the same again."""
        store, proxy = through
        for ask in (lambda: store.put("x", b"1"), lambda: store.get("x"), lambda: store.delete("x")):
            proxy.faults.append(Fault.EXPIRED)
            with pytest.raises(StorageRefused) as refusal:
                ask()
            assert "credentials" in refusal.value.hint or "GetBucketVersioning" in refusal.value.hint
            proxy.faults.clear()

    def test_success_that_never_reached_the_store_is_found_out(self, through):
        """200 for a write, and nothing there."""
        store, proxy = through
        proxy.faults.append(Fault.SWALLOWED)
        with pytest.raises(StorageError, match="did not keep"):
            keep(store, "nothing", b"sealed")

    def test_bytes_that_changed_on_the_way_back_are_found_out(self, through):
        """When they are read after writing; later their seal and their digest say so."""
        store, proxy = through
        proxy.faults.extend([Fault.NONE, Fault.CORRUPTED])
        with pytest.raises(StorageError, match="did not keep"):
            keep(store, "changed", b"sealed")
        proxy.faults.append(Fault.CORRUPTED)
        assert store.get("changed") == b"seale" + bytes([ord("d") ^ 1])

    def test_a_store_that_is_down_is_not_asked_for_every_object(self, through):
        """Deleting a thousand from it ends after a few questions, and all are said to be there still."""
        store, proxy = through
        assert store.delete_all(["warm"]) == {}
        proxy.seen.clear()
        proxy.faults.extend([Fault.UNAVAILABLE] * 10_000)
        left = store.delete_all([f"n/{n}" for n in range(200)])
        assert len(left) == 200
        assert len(proxy.seen) <= 3 * (1 + 8 * 3)

    def test_what_is_missing_is_told_apart(self, through):
        """From failures and refusals."""
        with pytest.raises(ObjectMissing):
            through[0].get("never")


class Scripted:
    """A boto3 client that answers one call with one error, as botocore raises it."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, _name: str):
        def fail(*_given, **_asked):
            raise self._error

        return fail


def control_over(client) -> S3Control:
    return S3Control(connect=lambda: client, bucket="b", prefix="", clock=lambda: datetime.now(UTC))


def answer(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "hush"}}, "Any")


class TestAnswers:
    """What boto3 raises, in the vault's own words."""

    def test_a_store_that_never_heard_of_versions_has_none(self):
        """Some that speak S3 answer NotImplemented: there objects are deleted by name."""
        assert control_over(Scripted(answer("NotImplemented"))).versioned is False

    @pytest.mark.parametrize(
        ("error", "named"),
        [
            (answer("NoSuchBucket"), "no such place"),
            (answer("InternalError"), r"failed \(InternalError\)"),
            (NoCredentialsError(), "refuses access"),
            (EndpointConnectionError(endpoint_url="http://hush"), "failed"),
        ],
    )
    def test_each_is_a_storage_error_without_its_text(self, error, named):
        """Raised where one is asked for, and answered for each of many."""
        control = control_over(Scripted(error))
        with pytest.raises(StorageError) as failure:
            control.put_locked("x", b"1", LABELS, TestLock.LOCK)
        assert re.search(named, str(failure.value))
        assert "hush" not in str(failure.value)
        left = control.delete_versions(["x", "y"])
        assert {str(each) for each in left.values()} == {str(failure.value)}

    def test_without_boto3_nothing_is_claimed_to_be_deleted(self, opened, monkeypatch):
        """Nobody knows then whether the bucket keeps it."""
        store = opened("plain")
        store.put("x", b"1")
        monkeypatch.setitem(sys.modules, "boto3", None)
        with pytest.raises(StorageError, match="boto3") as failure:
            store.delete("x")
        assert "sottovoce[aws]" in failure.value.hint
        assert store.exists("x")


class Answering:
    """A boto3 client that answers each call as told: with a value, or by raising."""

    def __init__(self, **answers: object) -> None:
        self._answers = answers

    def __getattr__(self, name: str):
        def call(**_asked):
            found = self._answers[name]
            if isinstance(found, Exception):
                raise found
            return found

        return call

    def get_paginator(self, _name: str):
        return self

    def paginate(self, **_asked):
        return [{"Versions": [{"Key": "x", "VersionId": "1"}, {"Key": "x-other", "VersionId": "1"}]}]


class TestDoubt:
    """Whatever is not known to have happened is not said to have."""

    def test_a_lock_that_was_ignored_is_no_lock(self):
        """A store that takes the header and locks nothing."""
        control = control_over(Answering(put_object={"VersionId": "1"}, head_object={}))
        with pytest.raises(StorageError, match="did not lock"):
            control.put_locked("x", b"1", LABELS, TestLock.LOCK)

    @pytest.mark.parametrize(
        ("answers", "code"),
        [
            ({"delete_objects": answer("SlowDown")}, "E_STORAGE"),
            ({"delete_objects": {"Errors": [{"Key": "x", "VersionId": "1", "Code": "InternalError"}]}}, "E_STORAGE"),
            (
                {
                    "delete_objects": {"Errors": [{"Key": "x", "VersionId": "1", "Code": "AccessDenied"}]},
                    "head_object": answer("403"),
                },
                "E_STORAGE_REFUSED",
            ),
            (
                {
                    "delete_objects": {"Errors": [{"Key": "x", "VersionId": "1", "Code": "AccessDenied"}]},
                    "head_object": {},
                },
                "E_STORAGE_REFUSED",
            ),
            ({"delete_objects": {}}, None),
        ],
    )
    def test_each_version_that_stays_is_said_with_its_reason(self, answers, code):
        """A failure, a refusal, or a refusal that might be a lock and does not say so."""
        left = control_over(Answering(**answers)).delete_versions(["x"])
        assert {name: each.code for name, each in left.items()} == ({"x": code} if code else {})
