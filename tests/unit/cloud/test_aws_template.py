"""The template for AWS: valid, the same every time, and taken by CloudFormation as an emulator knows it."""

from __future__ import annotations

import ast
import dataclasses
import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import boto3
import cfnlint.api
import pytest
import yaml

from sottovoce.cloud.aws import aws_template, aws_yaml
from sottovoce.cloud.aws_plan import AwsPlan, Choices, aws_plan
from sottovoce.cloud.zones import ZONES, zone_of
from sottovoce.errors import PolicyError
from sottovoce.policy.model import Basis, FolderSource, Policy, Storage
from sottovoce.testing.object_servers import amazon_storage

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse")
"""moto says which resources its CloudFormation does not know; a test below holds them to a list."""


def policy(**storage: Any) -> Policy:
    basis = Basis(basis="legitimate_interest", assessment="lia-1", assessed_on=date(2026, 1, 1))
    return Policy(
        sources={"a": FolderSource(kind="folder", path="a")},
        lawful_basis=basis,
        storage=Storage.model_validate(storage),
    )


def flaws(template: str) -> list[tuple[str, str]]:
    """Errors and warnings; cfn-lint's information is advice on style."""
    found = [(each.rule.id, each.message) for each in cfnlint.api.lint_all(template)]
    return [flaw for flaw in found if not flaw[0].startswith("I")]


def test_the_same_plan_is_the_same_text(plan: AwsPlan) -> None:
    """Byte for byte, so that a review of one is a review of the other; what is written is what was meant."""
    assert aws_yaml(plan) == aws_yaml(dataclasses.replace(plan))
    assert yaml.safe_load(aws_yaml(plan)) == json.loads(json.dumps(aws_template(plan)))


@pytest.mark.parametrize("changes", [{}, {"vpc": False}, {"vendors": ()}, {"object_lock": None, "lifecycle": {}}])
def test_cfn_lint_finds_nothing(plan: AwsPlan, changes: dict[str, Any]) -> None:
    """Neither an error nor a warning, whichever parts were chosen."""
    assert flaws(aws_yaml(dataclasses.replace(plan, **changes))) == []


def test_cfn_lint_would_find_a_flaw(plan: AwsPlan) -> None:
    """The check itself can fail."""
    assert flaws(aws_yaml(plan).replace("BlockPublicAcls", "BlockPublicAcl"))


def test_choices_come_from_the_policy() -> None:
    """Bucket, region and prefix are the storage's own; the zone is the region's."""
    made = aws_plan(policy(url="s3://acme/voice", region="eu-west-1"), Choices(), digest="d", lifecycle={})
    assert (made.corpus_bucket, made.region, made.zone, made.training_prefix) == ("acme", "eu-west-1", "eu", "voice/")
    assert made.regions == ZONES["eu"]
    assert made.staging_days == 365


@pytest.mark.parametrize(
    "choices",
    [
        Choices(),
        Choices(region="eu-west-1"),
        Choices(bucket="acme"),
        Choices(bucket="acme", region="eu-west-1", zone="us"),
        Choices(bucket="acme", region="eu-west-1", zone="atlantis"),
        Choices(bucket="acme", region="mars-north-1"),
        Choices(bucket="acme", region="eu-west-1", allowed=("*",)),
        Choices(bucket="Acme", region="eu-west-1"),
        Choices(bucket="acme", region="eu-west-1", training_prefix="a*/b"),
        Choices(bucket="acme", region="eu-west-1", training_prefix="../b"),
        Choices(bucket="acme", region="eu-west-1", vendors=("A B",)),
    ],
    ids=lambda choices: str(dataclasses.astuple(choices)[:6]),
)
def test_a_plan_that_cannot_be_right_is_refused(choices: Choices) -> None:
    """Nothing is guessed: no region, no bucket, a region outside its zone, a wildcard where a name belongs."""
    with pytest.raises(PolicyError):
        aws_plan(policy(url="file:objects"), choices, digest="d", lifecycle={})


def test_no_region_is_in_two_zones() -> None:
    """A region has one body of law."""
    every = [region for regions in ZONES.values() for region in regions]
    assert len(every) == len(set(every))
    assert all(zone_of(region) == zone for zone, regions in ZONES.items() for region in regions)
    assert zone_of("eu-west-2") != zone_of("eu-west-1")


@pytest.fixture(scope="module")
def account() -> Iterator[Any]:
    """An account in the emulator, as a maker of clients."""
    with amazon_storage() as address:
        named = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "eu-central-1"}
        yield lambda service: boto3.client(service, endpoint_url=address, **named)


@pytest.fixture(scope="module")
def stack(account: Any, plan: AwsPlan) -> dict[str, str]:
    """The stack's outputs, once it was made whole."""
    ec2 = account("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    given = {
        "PipelineRoleArn": "arn:aws:iam::123456789012:role/pipeline",
        "VpcId": vpc,
        "RouteTableIds": table,
        "CallminerPrincipalArn": "arn:aws:iam::444455556666:role/carrier",
        "CallminerExternalId": "an-external-id-1",
    }
    cloudformation = account("cloudformation")
    cloudformation.create_stack(
        StackName="s",
        TemplateBody=aws_yaml(plan),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    (made,) = cloudformation.describe_stacks(StackName="s")["Stacks"]
    assert made["StackStatus"] == "CREATE_COMPLETE"
    return {each["OutputKey"]: each["OutputValue"] for each in made["Outputs"]}


def test_a_deployed_bucket_is_encrypted_under_the_key(account: Any, stack: dict[str, str], plan: AwsPlan) -> None:
    """By default and for every bucket that holds sound; logs are under Amazon's own key."""
    for bucket in (plan.corpus_bucket, plan.staging_bucket, plan.hearing_bucket):
        (rule,) = account("s3").get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        default = rule["ApplyServerSideEncryptionByDefault"]
        assert default == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": stack["KeyArn"]}


def test_every_bucket_is_closed_and_says_its_zone(resources: dict[str, Any]) -> None:
    """No public access, no ACLs, the zone as a tag; bucket and key stay when the stack goes."""
    for name in ("Corpus", "Staging", "Hearing", "Log"):
        bucket = resources[f"{name}Bucket"]
        assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
        closed = bucket["Properties"]["PublicAccessBlockConfiguration"]
        assert len(closed) == 4
        assert all(closed.values())
        assert bucket["Properties"]["Tags"] == [{"Key": "ResidencyZone", "Value": "eu"}]


def test_the_corpus_is_emptied_by_the_policys_own_terms(resources: dict[str, Any]) -> None:
    """The retention room's rules in CloudFormation's form: by the label of what lies there, tiered, and a week late."""
    properties = resources["CorpusBucket"]["Properties"]
    by_id = {rule["Id"]: rule for rule in properties["LifecycleConfiguration"]["Rules"]}
    training = by_id["sottovoce-AITraining"]
    assert training["TagFilters"] == [{"Key": "DataClass", "Value": "AITraining"}]
    assert training["ExpirationInDays"] == 365 + 7
    assert training["Transitions"] == [{"TransitionInDays": 90, "StorageClass": "DEEP_ARCHIVE"}]
    assert "TagFilters" not in by_id["sottovoce-abandoned-uploads"]
    assert properties["ObjectLockEnabled"] is True


def test_what_is_lent_leaves_no_version_behind(resources: dict[str, Any]) -> None:
    """The hearing bucket keeps no versions, and what a crash left there is gone after a day."""
    hearing = resources["HearingBucket"]["Properties"]
    assert "VersioningConfiguration" not in hearing
    assert hearing["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 1
    assert resources["StagingBucket"]["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}


def test_a_deployed_role_refers_to_what_was_made(account: Any, stack: dict[str, str]) -> None:
    """References were resolved: the key, the endpoint."""
    role = stack["TrainingRoleArn"].rpartition("/")[2]
    training = account("iam").get_role_policy(RoleName=role, PolicyName="training")["PolicyDocument"]
    training = ast.literal_eval(training) if isinstance(training, str) else training  # moto keeps Python's own form
    by_sid = {each["Sid"]: each for each in training["Statement"]}
    assert by_sid["ByTheEndpointOnly"]["Condition"]["StringNotEquals"] == {"aws:SourceVpce": stack["S3EndpointId"]}
    assert by_sid["UseTheKeyThroughS3"]["Resource"] == stack["KeyArn"]


def test_the_deployed_key_is_rotated(account: Any, stack: dict[str, str]) -> None:
    """A new key each year without anybody's doing."""
    assert account("kms").get_key_rotation_status(KeyId=stack["KeyArn"])["KeyRotationEnabled"]


UNKNOWN_TO_MOTO = {
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::CloudTrail::Trail",
    "AWS::Logs::MetricFilter",
    "AWS::CloudWatch::Alarm",
}


def test_everything_that_the_emulator_knows_was_made(account: Any, stack: dict[str, str], plan: AwsPlan) -> None:
    """What moto's CloudFormation passes over is named here, so that a newer one is noticed."""
    listed = account("cloudformation").list_stack_resources(StackName="s")["StackResourceSummaries"]
    made = {each["LogicalResourceId"] for each in listed} - {""}
    wanted = aws_template(plan)["Resources"]
    assert {wanted[name]["Type"] for name in wanted.keys() - made} == UNKNOWN_TO_MOTO


def test_what_its_cloudformation_passes_over_its_services_take(
    account: Any, stack: dict[str, str], resources: dict[str, Any]
) -> None:
    """Bucket policies, the trail, the filter and the alarm, given to S3, CloudTrail, Logs and CloudWatch themselves."""
    for name in ("Corpus", "Staging", "Hearing", "Log"):
        policy = json.dumps(resources[f"{name}BucketPolicy"]["Properties"]["PolicyDocument"])
        bucket = resources[f"{name}Bucket"]["Properties"]["BucketName"]
        account("s3").put_bucket_policy(Bucket=bucket, Policy=policy)
        assert account("s3").get_bucket_policy(Bucket=bucket)["Policy"] == policy
    trail = resources["ReadTrail"]["Properties"]
    account("cloudtrail").create_trail(
        Name=trail["TrailName"], S3BucketName=resources["LogBucket"]["Properties"]["BucketName"]
    )
    account("cloudtrail").put_event_selectors(TrailName=trail["TrailName"], EventSelectors=trail["EventSelectors"])
    logged = trail["EventSelectors"][0]["DataResources"][0]["Values"]
    assert logged == [f"arn:aws:s3:::acme-corpus{end}/" for end in ("", "-staging", "-hearing")]
    alarm = resources["BulkReadAlarm"]["Properties"]
    account("cloudwatch").put_metric_alarm(**{**alarm, "AlarmName": "a", "AlarmActions": [stack["AlertsTopicArn"]]})
    (made,) = account("cloudwatch").describe_alarms()["MetricAlarms"]
    counted = resources["BulkReads"]["Properties"]["MetricTransformations"][0]
    assert (made["MetricName"], made["Namespace"]) == (counted["MetricName"], counted["MetricNamespace"])
    assert made["Threshold"] == 1000
