"""Credentials of the object store's own: what is asked of STS, and what the policy in it permits."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from sottovoce.access.sts import MAX_POLICY, Reach, StsBroker, role_trust, session_policy
from sottovoce.errors import AccessError, AccessRefused
from sottovoce.testing.iam import permitted

BUCKET = "corpus-bucket"
ARN = f"arn:aws:s3:::{BUCKET}"
TLS = {"aws:SecureTransport": "true"}


def may(policy: str, action: str, name: str, **context: str) -> bool:
    return permitted(policy, action, f"{ARN}/{name}" if name else ARN, {**TLS, **context})


def test_a_reader_reads_under_its_prefix_and_nowhere_else() -> None:
    """Neither beside it, nor a name that begins like it; it puts and deletes nothing."""
    policy = session_policy(BUCKET, "aa/bb", Reach.READ)
    assert may(policy, "s3:GetObject", "aa/bb/x")
    for name in ("aa/bbb/x", "aa/x", "x", "aa/bb"):
        assert not may(policy, "s3:GetObject", name)
    for action in ("s3:PutObject", "s3:DeleteObject", "s3:GetObjectVersion", "s3:PutObjectAcl"):
        assert not may(policy, action, "aa/bb/x")
    assert not permitted(policy, "s3:GetObject", "arn:aws:s3:::another/aa/bb/x", TLS)
    assert not may(policy, "s3:ListBucket", "")


def test_a_lister_lists_its_prefix_only() -> None:
    """Listing is a right over the bucket: the prefix is a condition."""
    policy = session_policy(BUCKET, "aa/bb/", Reach.LIST_AND_READ)
    assert may(policy, "s3:ListBucket", "", **{"s3:prefix": "aa/bb/"})
    assert may(policy, "s3:ListBucket", "", **{"s3:prefix": "aa/bb/c"})
    assert not may(policy, "s3:ListBucket", "", **{"s3:prefix": "aa/"})
    assert not may(policy, "s3:ListBucket", "")


def test_a_contributor_puts_and_sees_nothing() -> None:
    """Not even what it sent itself."""
    policy = session_policy(BUCKET, "in/contributor-1", Reach.PUT)
    assert may(policy, "s3:PutObject", "in/contributor-1/a.svup")
    assert not may(policy, "s3:GetObject", "in/contributor-1/a.svup")
    assert not may(policy, "s3:PutObject", "in/contributor-10/a.svup")
    assert not may(policy, "s3:ListBucket", "", **{"s3:prefix": "in/contributor-1/"})


@pytest.mark.parametrize("reach", Reach)
def test_nothing_travels_in_the_clear(reach: Reach) -> None:
    """An explicit deny without TLS."""
    policy = session_policy(BUCKET, "aa", reach)
    for action in ("s3:GetObject", "s3:PutObject"):
        assert not permitted(policy, action, f"{ARN}/aa/x", {"aws:SecureTransport": "false"})


@pytest.mark.parametrize("prefix", ["", "/", "a*", "a?b", "${aws:username}", "a//b", "../a", "a b", "é"])
def test_a_prefix_is_plain(prefix: str) -> None:
    """A wildcard or a policy variable in it would reach further."""
    with pytest.raises(AccessRefused):
        session_policy(BUCKET, prefix, Reach.READ)


def test_a_policy_is_no_longer_than_sts_takes() -> None:
    """2,048 characters."""
    assert len(session_policy(BUCKET, "a" * 800, Reach.LIST_AND_READ)) <= MAX_POLICY
    with pytest.raises(AccessRefused):
        session_policy(BUCKET, "a" * 1500, Reach.LIST_AND_READ)
    with pytest.raises(AccessRefused):
        session_policy("Bad_Bucket", "a", Reach.READ)


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("moto")
    import boto3
    from moto import mock_aws

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield boto3.client("sts", region_name="eu-west-1")


ROLE = "arn:aws:iam::123456789012:role/reader"


def test_what_is_asked_of_sts(sts) -> None:
    """Role, session name, policy, a quarter of an hour, tags for actor and purpose."""
    seen: dict[str, object] = {}
    sts.meta.events.register("provide-client-params.sts.AssumeRole", lambda params, **_: seen.update(params))
    made = StsBroker(client=sts, role=ROLE, bucket=BUCKET).mint(
        actor="training_0a1b", purpose="ai_training", prefix="aa/bb", reach=Reach.READ
    )
    assert seen["RoleArn"] == ROLE and seen["DurationSeconds"] == 900
    assert seen["RoleSessionName"] == "training_0a1b"
    assert seen["Tags"] == [{"Key": "actor", "Value": "training_0a1b"}, {"Key": "purpose", "Value": "ai_training"}]
    assert seen["Policy"] == session_policy(BUCKET, "aa/bb", Reach.READ)
    assert made.prefix == "aa/bb/" and made.secret_key.reveal()
    assert made.secret_key.reveal() not in repr(made) and made.session_token.reveal() not in repr(made)


def test_an_emulator_does_not_narrow(sts) -> None:
    """moto hands out credentials whatever the policy says: what a policy permits is not shown by it.

    Should this fail, the emulator has learned it, and the tests above can ask it instead.
    """
    import boto3

    made = StsBroker(client=sts, role=ROLE, bucket=BUCKET).mint(actor="a1", purpose="p1", prefix="aa", reach=Reach.READ)
    s3 = boto3.client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id=made.access_key,
        aws_secret_access_key=made.secret_key.reveal(),
        aws_session_token=made.session_token.reveal(),
    )
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="elsewhere", Body=b"x")
    assert s3.get_object(Bucket=BUCKET, Key="elsewhere")["Body"].read() == b"x"


def test_sts_that_refuses_is_said_without_the_account(sts) -> None:
    """A code, and no ARN."""
    with pytest.raises(AccessError) as error:
        StsBroker(client=sts, role="nonsense", bucket=BUCKET).mint(
            actor="a1", purpose="p1", prefix="aa", reach=Reach.PUT
        )
    assert "nonsense" not in str(error.value)
    for actor in ("a b", ""):
        with pytest.raises(AccessRefused):
            StsBroker(client=sts, role=ROLE, bucket=BUCKET).mint(actor=actor, purpose="p", prefix="aa", reach=Reach.PUT)


@pytest.mark.parametrize("minutes", [14, 61])
def test_credentials_last_a_quarter_to_an_hour(minutes: int) -> None:
    """STS gives no less, we no more."""
    with pytest.raises(AccessRefused):
        StsBroker(client=None, role=ROLE, bucket=BUCKET, lifetime=timedelta(minutes=minutes))


def test_the_role_trusts_tagged_sessions_only() -> None:
    """Without an actor and a purpose nobody assumes it."""
    trust = json.dumps(role_trust("arn:aws:iam::123456789012:role/broker")["Statement"][0]["Condition"])
    assert "aws:RequestTag/actor" in trust and "aws:RequestTag/purpose" in trust


def test_the_judge_of_policies_judges() -> None:
    """Deny wins, a missing key satisfies nothing, what it does not know it refuses to judge."""

    def said(*statements: dict[str, object]) -> str:
        return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})

    allow = {"Effect": "Allow", "Action": ["s3:*"], "Resource": "*"}
    assert permitted(said(allow), "s3:GetObject", ARN)
    assert not permitted(said(allow, {**allow, "Effect": "Deny"}), "s3:GetObject", ARN)
    assert not permitted(said({**allow, "Condition": {"StringEquals": {"k": "v"}}}), "s3:GetObject", ARN)
    for wrong in ({**allow, "NotPrincipal": "x"}, {**allow, "Condition": {"DateLessThan": {"k": "v"}}}):
        with pytest.raises(ValueError):
            permitted(said(wrong), "s3:GetObject", ARN, {"k": "v"})
    with pytest.raises(ValueError):
        permitted(json.dumps({"Version": "2008-10-17", "Statement": []}), "s3:GetObject", ARN)
