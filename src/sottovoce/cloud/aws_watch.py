"""The key, the door and the alarm: KMS, the S3 endpoint of the VPC, and who is told of reading in bulk.

The alarm counts what CloudTrail saw, over everybody, minutes later. It is the second lock behind the broker, which
knows each reader's habits and suspends within 25 recordings (`access.watch`); it also sees who came past the broker.
"""

from __future__ import annotations

from typing import Any, Final

from sottovoce.cloud.aws_buckets import trail_arn
from sottovoce.cloud.aws_plan import AwsPlan
from sottovoce.cloud.aws_roles import Document, document, get_att, ref

_NAMESPACE: Final = "Sottovoce"
_LOG_DAYS: Final = 400
_WINDOW_S: Final = 300
_DANGEROUS: Final = [
    "DisableKey",
    "ScheduleKeyDeletion",
    "PutKeyPolicy",
    "PutBucketPolicy",
    "DeleteBucketPolicy",
    "PutBucketReplication",
    "PutBucketPublicAccessBlock",
    "DeleteBucketPublicAccessBlock",
    "StopLogging",
    "DeleteTrail",
]
"""What opens or ends what this template closes; CloudTrail's event names."""


def key(plan: AwsPlan) -> dict[str, Document]:
    """One key for what lies in the buckets; recordings have their own beneath it (`vault`)."""
    account = {"Fn::Sub": f"arn:{plan.partition}:iam::${{AWS::AccountId}}:root"}
    log_group = f"arn:{plan.partition}:logs:{plan.region}:${{AWS::AccountId}}:*"
    logs = {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": {"Fn::Sub": log_group}}}
    ours = {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}
    every = {"Sid": "TheAccountsOwnPolicies", "Effect": "Allow", "Principal": {"AWS": account}, "Action": "kms:*"}
    policy = document(
        every | {"Resource": "*"},
        _uses("Alarms", "cloudwatch.amazonaws.com", ours),
        _uses("Events", "events.amazonaws.com", ours),
        _uses("LogGroups", f"logs.{plan.region}.amazonaws.com", logs),
        {
            "Sid": "NeverOutsideTheZone",
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": ["kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:ReplicateKey"],
            "Resource": "*",
            "Condition": {"StringNotEquals": {"aws:RequestedRegion": list(plan.regions)}},
        },
    )
    properties = {
        "Description": "Encrypts what sottovoce keeps in its buckets.",
        "EnableKeyRotation": True,
        "PendingWindowInDays": 30,
        "MultiRegion": False,
        "KeyPolicy": policy,
    }
    kept = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    return {"DataKey": {"Type": "AWS::KMS::Key", **kept, "Properties": properties}}


def endpoint(plan: AwsPlan) -> dict[str, Document]:
    """S3 without the public internet, and nothing of S3 but our buckets and the images training starts from."""
    ours = plan.buckets[:-1]
    layers = f"prod-{plan.region}-starport-layer-bucket"
    policy = document(
        {
            "Sid": "OurBucketsForOurOwn",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": "s3:*",
            "Resource": [arn(bucket) for bucket in ours for arn in (plan.bucket_arn, plan.objects_arn)],
            "Condition": {"StringEquals": {"aws:PrincipalAccount": ref("AWS::AccountId")}},
        },
        {
            "Sid": "LayersOfContainerImages",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": "s3:GetObject",
            "Resource": plan.objects_arn(layers),
        },
    )
    properties = {
        "VpcEndpointType": "Gateway",
        "VpcId": ref("VpcId"),
        "RouteTableIds": ref("RouteTableIds"),
        "ServiceName": f"com.amazonaws.{plan.region}.s3",
        "PolicyDocument": policy,
    }
    return {"S3Endpoint": {"Type": "AWS::EC2::VPCEndpoint", "Properties": properties}}


def watch(plan: AwsPlan) -> dict[str, Document]:
    """Every read of an object is logged; too many of them, and every change of the locks, is told."""
    return {
        "Alerts": {"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": ref("DataKey")}},
        "AlertsPolicy": _alerts_policy(),
        "ReadLog": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {"RetentionInDays": _LOG_DAYS, "KmsKeyId": get_att("DataKey")},
        },
        "ReadLogWriter": _log_writer(),
        "ReadTrail": _trail(plan),
        "BulkReads": _filter(),
        "BulkReadAlarm": _alarm(plan),
        "LocksChanged": _locks_changed(plan),
    }


def _uses(sid: str, service: str, condition: Document) -> Document:
    actions = ["kms:Decrypt", "kms:GenerateDataKey*", *(["kms:Encrypt"] if sid == "LogGroups" else [])]
    principal = {"Service": service}
    statement = {"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": actions, "Resource": "*"}
    return statement | {"Condition": condition}


def _alerts_policy() -> Document:
    services = {"Service": ["cloudwatch.amazonaws.com", "events.amazonaws.com"]}
    statement: dict[str, Any] = {
        "Sid": "AlarmsAndEvents",
        "Effect": "Allow",
        "Principal": services,
        "Action": "sns:Publish",
        "Resource": ref("Alerts"),
    }
    return {
        "Type": "AWS::SNS::TopicPolicy",
        "Properties": {"Topics": [ref("Alerts")], "PolicyDocument": document(statement)},
    }


def _log_writer() -> Document:
    trust = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "sts:AssumeRole"}
    writes = {
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": get_att("ReadLog"),
    }
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": document(trust),
            "Policies": [{"PolicyName": "read-log", "PolicyDocument": document(writes)}],
        },
    }


def _trail(plan: AwsPlan) -> Document:
    data = [plan.bucket_arn(bucket) + "/" for bucket in plan.buckets[:-1]]
    return {
        "Type": "AWS::CloudTrail::Trail",
        "DependsOn": ["LogBucketPolicy"],
        "Properties": {
            "TrailName": trail_arn(plan).rpartition("/")[2],
            "IsLogging": True,
            "EnableLogFileValidation": True,
            "IncludeGlobalServiceEvents": True,
            "IsMultiRegionTrail": True,
            "S3BucketName": ref("LogBucket"),
            "CloudWatchLogsLogGroupArn": get_att("ReadLog"),
            "CloudWatchLogsRoleArn": get_att("ReadLogWriter"),
            "EventSelectors": [
                {
                    "ReadWriteType": "All",
                    "IncludeManagementEvents": True,
                    "DataResources": [{"Type": "AWS::S3::Object", "Values": data}],
                }
            ],
        },
    }


def _filter() -> Document:
    return {
        "Type": "AWS::Logs::MetricFilter",
        "Properties": {
            "LogGroupName": ref("ReadLog"),
            "FilterPattern": '{ ($.eventSource = "s3.amazonaws.com") && ($.eventName = "GetObject") }',
            "MetricTransformations": [
                {"MetricNamespace": _NAMESPACE, "MetricName": "ObjectReads", "MetricValue": "1", "DefaultValue": 0}
            ],
        },
    }


def _alarm(plan: AwsPlan) -> Document:
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": "More objects were read than training reads: somebody may be carrying the corpus away.",
            "Namespace": _NAMESPACE,
            "MetricName": "ObjectReads",
            "Statistic": "Sum",
            "Period": _WINDOW_S,
            "EvaluationPeriods": 1,
            "Threshold": plan.bulk_reads,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching",
            "AlarmActions": [ref("Alerts")],
        },
    }


def _locks_changed(plan: AwsPlan) -> Document:
    """Of every key, bucket and trail of the account and region: too often told is better than never."""
    return {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "Description": f"A lock of {plan.corpus_bucket} or of another bucket or key was changed.",
            "EventPattern": {
                "source": ["aws.kms", "aws.s3", "aws.cloudtrail"],
                "detail-type": ["AWS API Call via CloudTrail"],
                "detail": {"eventName": _DANGEROUS},
            },
            "Targets": [{"Id": "alerts", "Arn": ref("Alerts")}],
        },
    }
