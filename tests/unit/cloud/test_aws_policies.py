"""What the template's policies permit, judged by IAM's rules: before anything is deployed, and whoever reads them later."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from sottovoce.cloud.aws_plan import AwsPlan
from sottovoce.cloud.aws_roles import LABELS
from sottovoce.testing.iam import Request, decided, permitted

KEY = "arn:aws:kms:eu-central-1:111122223333:key/1"
PIPELINE = "arn:aws:iam::111122223333:role/pipeline"
CARRIER = "arn:aws:iam::444455556666:role/carrier"
BUCKET = "arn:aws:s3:::acme-corpus"
OBJECT = f"{BUCKET}/ai-training-corpus/ab/1"
HERE = {
    "aws:SecureTransport": "true",
    "s3:TlsVersion": "1.3",
    "aws:RequestedRegion": "eu-central-1",
    "aws:SourceVpce": "vpce-1",
    "aws:PrincipalAccount": "111122223333",
    "aws:PrincipalArn": "arn:aws:iam::111122223333:role/training",
}
TAGGED = {f"s3:ExistingObjectTag/{tag}": value for tag, value in LABELS.items()}
READ = Request(action="s3:GetObject", resource=OBJECT, context=HERE | TAGGED, principal="arn:training")
LIST = Request(action="s3:ListBucket", resource=BUCKET, context=HERE | {"s3:prefix": "ai-training-corpus/"})


def policy_of(resources: dict[str, Any], role: str) -> Any:
    return resources[role]["Properties"]["Policies"][0]["PolicyDocument"]


def bucket_policy(resources: dict[str, Any], bucket: str = "Corpus") -> Any:
    return resources[f"{bucket}BucketPolicy"]["Properties"]["PolicyDocument"]


@pytest.fixture
def trains(resources: dict[str, Any]) -> Any:
    """Whether the training role may, with everything that has a say: role, bucket, endpoint."""
    grants = [policy_of(resources, "TrainingRole"), bucket_policy(resources)]
    limits = [resources["S3Endpoint"]["Properties"]["PolicyDocument"]]
    return lambda request: decided(request, grants=grants, limits=limits)


def test_training_reads_what_is_labelled_and_lists_its_prefix(trains: Any) -> None:
    """Nothing more is needed for a training job that is given a prefix."""
    assert trains(READ)
    assert trains(LIST)
    assert trains(replace(LIST, context=HERE | {"s3:prefix": "ai-training-corpus/ab/"}))


@pytest.mark.parametrize(
    "changed",
    [
        {"s3:ExistingObjectTag/PIIStatus": "Redacted"},
        {"s3:ExistingObjectTag/PIIStatus": "Identified"},
        {"s3:ExistingObjectTag/PIIStatus": None},
        {"s3:ExistingObjectTag/DataClass": "Audit"},
        {"s3:ExistingObjectTag/DataClass": "RawArchive"},
        {"s3:ExistingObjectTag/DataClass": None},
        {"aws:RequestedRegion": "us-east-1"},
        {"aws:SourceVpce": "vpce-2"},
        {"aws:SourceVpce": None},
        {"aws:SecureTransport": "false"},
        {"s3:TlsVersion": "1.1"},
        {"aws:PrincipalAccount": "444455556666"},
    ],
    ids=str,
)
def test_training_reads_nothing_else(trains: Any, changed: dict[str, str | None]) -> None:
    """Raw, unlabelled, merely redacted, from another region, past the endpoint, in the clear: one of them is enough."""
    context = {key: value for key, value in {**READ.context, **changed}.items() if value is not None}
    assert not trains(replace(READ, context=context))


@pytest.mark.parametrize("place", ["raw/1", "ai-training-corpusx/1", "ai-training-corpus", ""])
def test_training_reads_and_lists_nowhere_else(trains: Any, place: str) -> None:
    """A name that begins alike is another name."""
    assert not trains(replace(READ, resource=f"{BUCKET}/{place}"))
    prefix = place.rpartition("/")[0]
    assert not trains(replace(LIST, context=HERE | {"s3:prefix": prefix}))
    assert not trains(replace(LIST, context=HERE))


@pytest.mark.parametrize(
    "action", ["PutObject", "DeleteObject", "GetObjectVersion", "PutObjectTagging", "GetObjectAcl"]
)
def test_training_does_nothing_but_read(trains: Any, action: str) -> None:
    """It writes, labels and deletes nothing, and reads no older version."""
    assert not trains(replace(READ, action=f"s3:{action}"))


def test_a_broader_policy_added_later_opens_nothing(resources: dict[str, Any]) -> None:
    """The denials stand beside what is granted: everything is allowed, and raw sound still is not."""
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    grants = [policy_of(resources, "TrainingRole"), everything]
    raw = {"s3:ExistingObjectTag/DataClass": "RawArchive", "s3:ExistingObjectTag/PIIStatus": "Identified"}
    assert not decided(replace(READ, context=HERE | raw), grants=grants)
    assert not decided(replace(READ, context=HERE), grants=grants)
    assert not decided(replace(READ, resource="arn:aws:s3:::acme-corpus-hearing/a"), grants=grants)
    assert decided(READ, grants=grants)


GUIDE = Path(__file__).parents[4] / "shared" / "seeds"


def guides_statement() -> dict[str, Any]:
    """The guide's own statement, read from it."""
    (page,) = GUIDE.glob("000*.txt")
    found = page.read_text(encoding="utf-8").partition("grant training environment access to corpus only:\n")[2]
    document, _ = json.JSONDecoder().raw_decode(found)
    (statement,) = document["Statement"]
    return {name: value for name, value in statement.items() if name != "Principal"}


@pytest.mark.shared
@pytest.mark.skipif(not GUIDE.exists(), reason="the guides are not here")
def test_the_guides_single_statement_lets_nobody_list() -> None:
    """A listing has no object, so the condition on its tags never holds: a job that is given a prefix finds nothing."""
    statement = guides_statement()
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    bucket = "arn:aws:s3:::ai-training-corpus-bucket"
    assert "s3:ListBucket" in statement["Action"]
    for prefix, region in product((None, "", "ai-training-corpus/"), ("eu-central-1", "us-east-1")):
        context = {"aws:RequestedRegion": region} | ({} if prefix is None else {"s3:prefix": prefix})
        assert not permitted(policy, "s3:ListBucket", bucket, context)
    unconditional = json.dumps(
        {"Version": "2012-10-17", "Statement": [{k: v for k, v in statement.items() if k != "Condition"}]}
    )
    assert permitted(unconditional, "s3:ListBucket", bucket, {})


PUT = Request(
    action="s3:PutObject",
    resource=OBJECT,
    principal=PIPELINE,
    context=HERE
    | {
        "aws:PrincipalArn": PIPELINE,
        "s3:x-amz-server-side-encryption": "aws:kms",
        "s3:x-amz-server-side-encryption-aws-kms-key-id": KEY,
    },
)
ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@pytest.mark.parametrize(
    ("changed", "may"),
    [
        ({}, True),
        ({"s3:x-amz-server-side-encryption": "AES256"}, False),
        ({"s3:x-amz-server-side-encryption": None}, False),
        ({"s3:x-amz-server-side-encryption-aws-kms-key-id": KEY[:-1] + "2"}, False),
        ({"s3:x-amz-server-side-encryption-aws-kms-key-id": None}, False),
        ({"aws:SecureTransport": "false"}, False),
        ({"aws:PrincipalArn": "arn:aws:iam::111122223333:role/administrator"}, False),
    ],
)
def test_only_the_pipeline_puts_and_only_under_the_key(
    resources: dict[str, Any], changed: dict[str, str | None], may: bool
) -> None:
    """An administrator who may everything still neither writes nor labels the corpus; nothing lies there unencrypted."""
    context = {key: value for key, value in {**PUT.context, **changed}.items() if value is not None}
    assert decided(replace(PUT, context=context), grants=[ANYTHING, bucket_policy(resources)]) is may
    if "aws:PrincipalArn" in changed:
        label = replace(PUT, action="s3:PutObjectTagging", context=context)
        assert not decided(label, grants=[ANYTHING, bucket_policy(resources)])


@pytest.mark.parametrize("bucket", ["Corpus", "Staging", "Hearing"])
def test_nobody_sets_up_a_replica(resources: dict[str, Any], plan: AwsPlan, bucket: str) -> None:
    """Neither by a rule nor by reading for one: a rule cannot be told to stay in a zone, so there is none."""
    name = resources[f"{bucket}Bucket"]["Properties"]["BucketName"]
    grants = [ANYTHING, bucket_policy(resources, bucket)]
    for action, resource in (
        ("s3:PutReplicationConfiguration", f"arn:aws:s3:::{name}"),
        ("s3:GetObjectVersionForReplication", f"arn:aws:s3:::{name}/a"),
    ):
        assert not decided(Request(action=action, resource=resource, context=HERE, principal=PIPELINE), grants=grants)
    kept = Request(action="s3:GetBucketPolicy", resource=f"arn:aws:s3:::{name}", context=HERE, principal=PIPELINE)
    assert decided(kept, grants=grants)


def test_a_vendors_carrier_puts_under_its_prefix_and_sees_nothing(resources: dict[str, Any]) -> None:
    """It lists, reads and deletes nothing, not even what it put."""
    policy = json.dumps(policy_of(resources, "CallminerDeliveryRole"))
    staging = "arn:aws:s3:::acme-corpus-staging"
    assert permitted(policy, "s3:PutObject", f"{staging}/callminer/a", HERE)
    assert not permitted(policy, "s3:PutObject", f"{staging}/callminer/a", HERE | {"aws:RequestedRegion": "us-east-1"})
    for action, place in (
        ("s3:PutObject", f"{staging}/verint/a"),
        ("s3:PutObject", f"{staging}/callminerx/a"),
        ("s3:PutObject", f"{BUCKET}/callminer/a"),
        ("s3:GetObject", f"{staging}/callminer/a"),
        ("s3:DeleteObject", f"{staging}/callminer/a"),
        ("s3:ListBucket", staging),
    ):
        assert not permitted(policy, action, place, HERE | {"s3:prefix": "callminer/"})


@pytest.mark.parametrize(
    ("who", "said", "may"),
    [
        (CARRIER, "an-external-id-1", True),
        (CARRIER, "another", False),
        (CARRIER, None, False),
        ("arn:aws:iam::444455556666:role/other", "an-external-id-1", False),
    ],
)
def test_a_vendors_role_is_taken_only_with_the_external_id(
    resources: dict[str, Any], who: str, said: str | None, may: bool
) -> None:
    """The confused deputy knows the role and not the id."""
    trust = resources["CallminerDeliveryRole"]["Properties"]["AssumeRolePolicyDocument"]
    context = {} if said is None else {"sts:ExternalId": said}
    request = Request(action="sts:AssumeRole", resource="arn:role", principal=who, context=context)
    assert decided(request, grants=[trust]) is may


def test_the_key_opens_nothing_outside_the_zone_and_nothing_directly(resources: dict[str, Any]) -> None:
    """Training decrypts through S3 of its own region, and nobody at all elsewhere."""
    role, key = policy_of(resources, "TrainingRole"), resources["DataKey"]["Properties"]["KeyPolicy"]
    request = Request(
        action="kms:Decrypt", resource=KEY, context=HERE | {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}
    )
    assert decided(request, grants=[role, key])
    assert not decided(replace(request, context=HERE), grants=[role, key])
    far = HERE | {"aws:RequestedRegion": "us-east-1"}
    assert not decided(replace(request, context=far), grants=[ANYTHING, key])
