"""A plan for an account that does not exist, and its template with every reference resolved."""

from __future__ import annotations

from typing import Any

import pytest

from sottovoce.cloud.aws import aws_template
from sottovoce.cloud.aws_plan import AwsPlan
from sottovoce.custody.artefacts import rules_of
from sottovoce.custody.lifecycle import Provider, lifecycle
from sottovoce.policy.model import ObjectLock, Retention
from sottovoce.testing.cloudformation import resolved

KEY = "arn:aws:kms:eu-central-1:111122223333:key/1"
PIPELINE = "arn:aws:iam::111122223333:role/pipeline"
CARRIER = "arn:aws:iam::444455556666:role/carrier"
VALUES = {
    "AWS::AccountId": "111122223333",
    "AWS::Region": "eu-central-1",
    "DataKey": "1",
    "DataKey.Arn": KEY,
    "S3Endpoint": "vpce-1",
    "PipelineRoleArn": PIPELINE,
    "CallminerPrincipalArn": CARRIER,
    "CallminerExternalId": "an-external-id-1",
    "VpcId": "vpc-1",
    "RouteTableIds": "rtb-1",
    **{
        name: f"{name}-name"
        for name in ("CorpusBucket", "StagingBucket", "HearingBucket", "LogBucket", "Alerts", "ReadLog")
    },
    **{
        f"{name}.Arn": f"arn:{name}"
        for name in ("TrainingRole", "HearingRole", "CallminerDeliveryRole", "ReadLog", "ReadLogWriter")
    },
}


@pytest.fixture(scope="session")
def plan() -> AwsPlan:
    return AwsPlan(
        region="eu-central-1",
        zone="eu",
        regions=("eu-central-1", "eu-west-1"),
        corpus_bucket="acme-corpus",
        staging_bucket="acme-corpus-staging",
        hearing_bucket="acme-corpus-hearing",
        log_bucket="acme-corpus-logs",
        training_prefix="ai-training-corpus/",
        policy_digest="ab" * 32,
        lifecycle=lifecycle(Provider.S3, rules_of(Retention(archive_days=90))),
        staging_days=30,
        vendors=("callminer",),
        object_lock=ObjectLock(mode="governance", days=30),
    )


@pytest.fixture(scope="session")
def resources(plan: AwsPlan) -> dict[str, Any]:
    """By logical name, as AWS would see them."""
    return resolved(aws_template(plan), VALUES)["Resources"]
