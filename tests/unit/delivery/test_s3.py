"""Staging in another account: the session, what an object says, and what a probe finds."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from sottovoce.delivery.assumed_role import AssumedRole, OwnKeys, SessionKeys
from sottovoce.delivery.failures import DeliveryForbidden, DeliveryUnavailable
from sottovoce.delivery.packing import Order, Packer
from sottovoce.delivery.parcel import CallFacts, Errand
from sottovoce.delivery.profile import load_profile
from sottovoce.delivery.s3 import S3Destination
from sottovoce.domain.confidential import Confidential
from sottovoce.storage.s3 import connect_s3
from sottovoce.testing.delivery import ROLES, MemorySeals, redacted_parts
from sottovoce.testing.object_servers import amazon_storage
from sottovoce.wiring.delivery import SpeechStudio

BUCKET = "staging"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Sts:
    """Answers AssumeRole, and remembers how it was asked."""

    def __init__(self, *, clock: list[datetime], failure: tuple[str, int] | None = None) -> None:
        self.asked: list[dict[str, Any]] = []
        self._clock = clock
        self._failure = failure

    def assume_role(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        if self._failure:
            code, status = self._failure
            said = {"Error": {"Code": code, "Message": "PLANTED"}, "ResponseMetadata": {"HTTPStatusCode": status}}
            raise ClientError(said, "AssumeRole")
        ends = self._clock[0] + timedelta(seconds=asked["DurationSeconds"])
        found = {"AccessKeyId": f"K{len(self.asked)}", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": ends}
        return {"Credentials": found}


def session(sts: Sts, clock: list[datetime], *, connect: Any = lambda keys: object()) -> AssumedRole:
    return AssumedRole(
        sts=lambda: sts,
        connect=connect,
        role="arn:aws:iam::123456789012:role/staging",
        external_id=lambda: Confidential("external"),
        name="sottovoce",
        lifetime=timedelta(minutes=60),
        clock=lambda: clock[0],
    )


def test_a_session_is_assumed_with_the_external_id_and_kept() -> None:
    """One session serves until shortly before it ends; then another is begun."""
    clock = [START]
    sts = Sts(clock=clock)
    given = session(sts, clock)
    first = given.client()
    clock[0] += timedelta(minutes=54)
    assert given.client() is first
    clock[0] += timedelta(minutes=2)
    assert given.client() is not first
    assert [each["ExternalId"] for each in sts.asked] == ["external", "external"]
    assert sts.asked[0]["DurationSeconds"] == 3600


def test_a_session_that_no_longer_works_is_replaced_once_for_all() -> None:
    """Whoever notices second gets the one that was begun by the first."""
    clock = [START]
    sts = Sts(clock=clock)
    given = session(sts, clock)
    stale = given.client()
    fresh = given.client(instead_of=stale)
    assert given.client(instead_of=stale) is fresh
    assert len(sts.asked) == 2


@pytest.mark.parametrize(
    ("failure", "kind"), [(("AccessDenied", 403), DeliveryForbidden), (("Internal", 500), DeliveryUnavailable)]
)
def test_a_role_that_cannot_be_assumed(failure: tuple[str, int], kind: type[Exception]) -> None:
    """The service's words, which hold the role, stay out of the error."""
    with pytest.raises(kind) as refused:
        session(Sts(clock=[START], failure=failure), [START]).client()
    assert "PLANTED" not in str(refused.value)


@pytest.fixture
def amazon() -> Iterator[str]:
    with amazon_storage() as address:
        httpx.post(f"{address}/moto-api/reset")
        yield address


KEYS = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}


def destination(address: str, **changes: Any) -> S3Destination:
    def connect(keys: SessionKeys | None) -> Any:
        pair = ("k", "s")
        return connect_s3(endpoint=address, region="us-east-1", keys=pair, retries=0, timeout_s=5)

    members: dict[str, Any] = {
        "session": OwnKeys(connect=connect, keys=lambda: None),
        "bucket": BUCKET,
        "prefix": "in/calls",
        "kms_key": None,
        "owner": None,
        "tags": {"DataClass": "Analytics", "PIIStatus": "Redacted"},
        "version": "1.2",
        "clock": lambda: datetime.now(UTC),
        **changes,
    }
    return S3Destination(**members)


def test_what_an_object_says_about_itself(amazon: str) -> None:
    """Encrypted under the key, tagged by class, with metadata of opaque ids; its checksum is SHA-256."""
    direct = boto3.client("s3", endpoint_url=amazon, **KEYS)
    direct.create_bucket(Bucket=BUCKET)
    key = boto3.client("kms", endpoint_url=amazon, **KEYS).create_key()["KeyMetadata"]["Arn"]
    seals = MemorySeals()
    sealed = seals.seal("ab" * 16, redacted_parts())
    errand = Errand(line="analytics", recording=sealed.ref.key, destination="vendor")
    order = Order(errand=errand, profile=load_profile("generic", base=Path()), minimum_active_ratio=0.0)
    parcel = Packer(vault=seals, studio=SpeechStudio(), version="1").pack(sealed, CallFacts(roles=ROLES), order)
    destination(amazon, kms_key=key).put(parcel, key=errand.mark)
    at = {"Bucket": BUCKET, "Key": f"in/calls/{errand.mark}.wav"}
    head = direct.head_object(**at, ChecksumMode="ENABLED")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)
    assert head["ChecksumSHA256"] == base64.b64encode(bytes.fromhex(parcel.waybill.audio.sha256)).decode()
    assert head["Metadata"] == {
        "redaction-applied": "true",
        "pipeline-version": "1.2",
        "delivery-id": errand.mark,
        "sha256": parcel.waybill.audio.sha256,
    }
    tags = direct.get_object_tagging(**at)["TagSet"]
    assert {each["Key"]: each["Value"] for each in tags} == {"DataClass": "Analytics", "PIIStatus": "Redacted"}


def test_a_probe_finds_an_open_bucket_and_a_wrong_clock(amazon: str) -> None:
    """A bucket that may be made public, or a clock that is off, fails with what mends it; the canary still works."""
    boto3.client("s3", endpoint_url=amazon, **KEYS).create_bucket(Bucket=BUCKET)
    late = destination(amazon, clock=lambda: datetime.now(UTC) - timedelta(hours=1))
    failed = {check.name: check.mend for check in late.probe() if not check.ok}
    assert set(failed) == {"clock", "encryption", "public access"}
    assert all(failed.values())


def test_a_probe_of_a_bucket_there_is_not(amazon: str) -> None:
    """Every check fails, none with a traceback or the bucket's name."""
    checks = destination(amazon, bucket="nobodys-bucket").probe()
    assert not any(check.ok for check in checks)
    assert not any("nobodys-bucket" in check.says for check in checks)
