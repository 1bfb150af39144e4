"""Staging as composed: the labels that the training role asks for, and whose credentials serve where."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest

from sottovoce.access.roles import Operation
from sottovoce.cli.doors import needs
from sottovoce.cloud.aws_roles import LABELS
from sottovoce.policy.model import ObjectLock, Storage
from sottovoce.testing.house import carry_all, make_test_workspace, quick_house, settle_all
from sottovoce.testing.object_servers import amazon_storage
from sottovoce.wiring.corpus import beside


def test_staged_samples_bear_the_labels_that_the_training_role_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In Amazon S3 as tags, on every object."""
    monkeypatch.setenv("KEY", "k")
    with amazon_storage() as endpoint:
        s3 = boto3.client(
            "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="k"
        )
        s3.create_bucket(Bucket="corpus")
        workspace = make_test_workspace(tmp_path / "w", count=6)
        with workspace.policy.open("a") as policy:
            where = f"url: 's3://corpus/vault', endpoint: '{endpoint}', region: us-east-1"
            policy.write(f"storage: {{{where}, access_key: 'env:KEY', secret_key: 'env:KEY'}}\n")
        house = quick_house(workspace)
        carry_all(house, settle_all(house))
        version = house.corpus.releaser.release(actor="test").version
        staged = house.corpus.stage(version, "s3://corpus/training")
        house.close()
        names = [o["Key"] for o in s3.list_objects_v2(Bucket="corpus", Prefix="training/")["Contents"]]
        assert len(names) == staged.put > 0
        for name in names:
            tags = s3.get_object_tagging(Bucket="corpus", Key=name)["TagSet"]
            assert {tag["Key"]: tag["Value"] for tag in tags} == LABELS


def test_credentials_go_to_their_own_kind_of_store_only() -> None:
    """A bucket of the same kind is reached as `storage` is, without its lock; another kind by the machine's own."""
    ours = Storage(
        url="s3://corpus/vault",
        endpoint="https://store.example",
        region="eu-west-1",
        access_key="env:ID",
        secret_key="env:SECRET",
        kms_key="arn:aws:kms:eu-west-1:1:key/1",
        object_lock=ObjectLock(mode="governance", days=9),
        timeout_s=9,
    )
    same = beside(ours, "s3://corpus/training")
    kept = (same.endpoint, same.access_key, same.kms_key, same.object_lock)
    assert kept == (ours.endpoint, ours.access_key, ours.kms_key, None)
    assert beside(ours, "gs://corpus/training") == Storage(url="gs://corpus/training", timeout_s=9)


def test_staging_is_for_who_may_release() -> None:
    """It writes and deletes outside the house: whoever may list a corpus may not."""
    assert needs("corpus stage") is Operation.CORPUS_RELEASE
    assert needs("corpus manifest") is Operation.CORPUS_LIST
