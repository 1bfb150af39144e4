"""Bucket lifecycle rules, as the providers take them."""

from __future__ import annotations

import re

import boto3
import pytest
from moto import mock_aws

from sottovoce.custody.artefacts import rules_of
from sottovoce.custody.lifecycle import GRACE_DAYS, Provider, lifecycle, terms
from sottovoce.pipeline.lines import LINES
from sottovoce.policy.model import Duty, Retention
from sottovoce.vault.labels import labels_for

LONG = rules_of(Retention(archive_days=90, duties=(Duty(name="MIFID_II", years=7),)))
PLAIN = rules_of(Retention(transcript_days=30))


def test_a_class_expires_after_the_longest_of_its_kinds() -> None:
    """With grace, so that the sweep is what deletes; a duty to keep originals lengthens theirs."""
    training, analytics, audit = terms(PLAIN)
    assert (training.label, training.expire_days) == ("AITraining", 365 + GRACE_DAYS)
    assert (analytics.label, analytics.expire_days) == ("Analytics", 365 + GRACE_DAYS)
    assert terms(LONG)[-1].expire_days == 7 * 366 + GRACE_DAYS
    assert audit.archive_days is None
    assert [each.expire_days for each in terms(LONG, expire=False)] == [None] * 3


def test_every_class_that_the_vault_writes_has_a_term() -> None:
    """What is labelled otherwise would lie there for ever."""
    kinds = {kind for line in LINES.values() for kind in line.kinds} | {"evidence", "redacted-engine"}
    written = {labels_for(kind, disguised=True, kms="file").tags["DataClass"] for kind in kinds}
    assert written == {term.label for term in terms(PLAIN)}


@pytest.mark.parametrize("expire", [True, False])
def test_s3_takes_the_rules(expire: bool) -> None:
    """By tag, tiering before expiry, and abandoned uploads apart."""
    document = lifecycle(Provider.S3, LONG, expire=expire)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        client.create_bucket(Bucket="sealed")
        client.put_bucket_lifecycle_configuration(Bucket="sealed", LifecycleConfiguration=document)
        kept = client.get_bucket_lifecycle_configuration(Bucket="sealed")["Rules"]
    assert len(kept) == 4
    assert kept[0]["Filter"] == {"Tag": {"Key": "DataClass", "Value": "AITraining"}}
    assert kept[0]["Transitions"] == [{"Days": 90, "StorageClass": "DEEP_ARCHIVE"}]
    assert ("Expiration" in kept[0]) is expire


def test_google_matches_sealed_objects_alone() -> None:
    """Notes, certificates and manifests begin otherwise, and no rule reaches them."""
    rules = lifecycle(Provider.GCS, LONG)["lifecycle"]["rule"]
    assert [rule["action"]["type"] for rule in rules] == [
        "SetStorageClass",
        "Delete",
        "Delete",
        "AbortIncompleteMultipartUpload",
    ]
    prefixes = rules[1]["condition"]["matchesPrefix"]
    assert len(prefixes) == 256
    for name in ("custody/erasures/x.note", "corpora/corpus/ab.json", "ab"):
        assert not name.startswith(tuple(prefixes))
    assert "ab/abcd".startswith(tuple(prefixes))
    assert len(lifecycle(Provider.GCS, PLAIN, expire=False)["lifecycle"]["rule"]) == 2


def test_azure_has_ten_prefixes_a_rule_at_most() -> None:
    """Its own limit; below the container, and with names it takes."""
    rules = lifecycle(Provider.AZURE, LONG, container="calls")["rules"]
    found = [prefix for rule in rules for prefix in rule["definition"]["filters"]["prefixMatch"]]
    assert len(found) == 256
    assert all(len(rule["definition"]["filters"]["prefixMatch"]) <= 10 for rule in rules)
    assert all(prefix.startswith("calls/") for prefix in found)
    assert all(re.fullmatch("[a-zA-Z0-9]{1,256}", rule["name"]) for rule in rules)
    actions = rules[0]["definition"]["actions"]["baseBlob"]
    assert actions["tierToArchive"] == {"daysAfterCreationGreaterThan": 90}
    plain = lifecycle(Provider.AZURE, PLAIN, expire=False)["rules"][0]["definition"]
    assert plain["filters"]["prefixMatch"][0] == "00/"
    assert "baseBlob" not in plain["actions"]
