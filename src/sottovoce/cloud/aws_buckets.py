"""The buckets: closed to the public, spoken to by TLS, encrypted under one key, emptied on their day.

Four of them, because they differ in who may read: the corpus (sealed objects), staging (what vendors are sent), hearing
(what a transcription service is lent for minutes) and logs. The hearing bucket keeps no versions: what is deleted there
must be gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sottovoce.cloud.aws_plan import AwsPlan
from sottovoce.cloud.aws_roles import Document, document, get_att, ref

HEARING_DAYS: Final = 1
"""What a crash left there; everything else is deleted as soon as it was read."""
_NONCURRENT_DAYS: Final = 2
_LOG_DAYS: Final = 400
"""A year of evidence, and the month it takes to look at it (PCI DSS 10.5.1: twelve months)."""

_ANYONE: Final = {"AWS": "*"}

_LABELLING: Final = [
    "s3:PutObject",
    "s3:PutObjectTagging",
    "s3:PutObjectVersionTagging",
    "s3:DeleteObjectTagging",
    "s3:DeleteObjectVersionTagging",
]


def buckets(plan: AwsPlan) -> dict[str, Document]:
    """Resources by logical name, each with its policy."""
    corpus = _bucket(plan, plan.corpus_bucket, _rules_of(plan.lifecycle))
    if plan.object_lock:
        corpus["Properties"] |= {
            "ObjectLockEnabled": True,
            "ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"},
        }
    staging = _bucket(plan, plan.staging_bucket, [_expiry("staged", plan.staging_days), _ABANDONED])
    hearing = _bucket(plan, plan.hearing_bucket, [_expiry("lent", HEARING_DAYS), _ABANDONED], versions=False)
    return {
        "CorpusBucket": corpus,
        "CorpusBucketPolicy": _policy("CorpusBucket", *_guards(plan, plan.corpus_bucket), _only_the_pipeline(plan)),
        "StagingBucket": staging,
        "StagingBucketPolicy": _policy("StagingBucket", *_guards(plan, plan.staging_bucket)),
        "HearingBucket": hearing,
        "HearingBucketPolicy": _policy("HearingBucket", *_guards(plan, plan.hearing_bucket)),
        "LogBucket": _log_bucket(plan),
        "LogBucketPolicy": _policy("LogBucket", *_log_statements(plan)),
    }


def _bucket(plan: AwsPlan, name: str, rules: list[Document], *, versions: bool = True) -> Document:
    properties: Document = {
        "BucketName": name,
        "BucketEncryption": _encrypted({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": get_att("DataKey")}),
        "LifecycleConfiguration": {"Rules": rules},
        "LoggingConfiguration": {"DestinationBucketName": ref("LogBucket"), "LogFilePrefix": f"access/{name}/"},
        "VersioningConfiguration": {"Status": "Enabled"},
    }
    if not versions:
        del properties["VersioningConfiguration"]
    return _kept(plan, properties, "LogBucketPolicy")


def _log_bucket(plan: AwsPlan) -> Document:
    """Amazon's own key: server access logs are not delivered to a bucket that encrypts under ours."""
    properties = {
        "BucketName": plan.log_bucket,
        "BucketEncryption": _encrypted({"SSEAlgorithm": "AES256"}),
        "LifecycleConfiguration": {"Rules": [_expiry("logs", _LOG_DAYS), _ABANDONED]},
        "VersioningConfiguration": {"Status": "Enabled"},
    }
    return _kept(plan, properties)


def _kept(plan: AwsPlan, properties: Document, *after: str) -> Document:
    """Nothing is lost with its stack; the zone travels as a tag."""
    closed = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    common = {
        "PublicAccessBlockConfiguration": dict.fromkeys(closed, True),
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "Tags": [{"Key": "ResidencyZone", "Value": plan.zone}],
    }
    return {
        "Type": "AWS::S3::Bucket",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        **({"DependsOn": list(after)} if after else {}),
        "Properties": properties | common,
    }


def _encrypted(default: Document) -> Document:
    rule: Document = {"ServerSideEncryptionByDefault": default}
    if default["SSEAlgorithm"] == "aws:kms":
        rule["BucketKeyEnabled"] = True
    return {"ServerSideEncryptionConfiguration": [rule]}


def _guards(plan: AwsPlan, bucket: str) -> list[Document]:
    """What nobody may do, whatever else they are allowed."""
    whole, objects = plan.bucket_arn(bucket), plan.objects_arn(bucket)
    sse, key = "s3:x-amz-server-side-encryption", "s3:x-amz-server-side-encryption-aws-kms-key-id"
    return [
        *_tls(plan, bucket),
        _deny("NeverUnencrypted", "s3:PutObject", objects, {"StringNotEquals": {sse: "aws:kms"}}),
        _deny("NeverUnderAnotherKey", "s3:PutObject", objects, {"StringNotEquals": {key: get_att("DataKey")}}),
        _deny("NeverReplicated", ["s3:PutReplicationConfiguration"], whole),
        _deny("NeverReadByAReplica", ["s3:GetObjectVersionForReplication", "s3:InitiateReplication"], objects),
    ]


def _tls(plan: AwsPlan, bucket: str) -> list[Document]:
    both = [plan.bucket_arn(bucket), plan.objects_arn(bucket)]
    return [
        _deny("NeverInTheClear", "s3:*", both, {"Bool": {"aws:SecureTransport": "false"}}),
        _deny("NeverByOldTls", "s3:*", both, {"NumericLessThan": {"s3:TlsVersion": "1.2"}}),
    ]


def _only_the_pipeline(plan: AwsPlan) -> Document:
    """Labels decide who may read: so only who redacts and verifies may write them."""
    other = {"ArnNotEquals": {"aws:PrincipalArn": ref("PipelineRoleArn")}}
    return _deny("OnlyThePipelineWritesAndLabels", _LABELLING, plan.objects_arn(plan.corpus_bucket), other)


def _log_statements(plan: AwsPlan) -> list[Document]:
    """Amazon S3 User Guide, "Enabling server access logging"; CloudTrail User Guide, "Bucket policy for CloudTrail"."""
    ours = {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}
    trail = {"StringEquals": {"aws:SourceArn": {"Fn::Sub": trail_arn(plan)}}}
    kept = f"{plan.bucket_arn(plan.log_bucket)}/AWSLogs/${{AWS::AccountId}}/*"
    return [
        _service("AccessLogs", "logging.s3", "s3:PutObject", plan.objects_arn(plan.log_bucket, "access/"), ours),
        _service("TrailLooks", "cloudtrail", "s3:GetBucketAcl", plan.bucket_arn(plan.log_bucket), trail),
        _service("TrailWrites", "cloudtrail", "s3:PutObject", {"Fn::Sub": kept}, trail),
        *_tls(plan, plan.log_bucket),
    ]


def trail_arn(plan: AwsPlan) -> str:
    """Built, not asked for: the bucket's policy must stand before the trail does."""
    return f"arn:{plan.partition}:cloudtrail:{plan.region}:${{AWS::AccountId}}:trail/{plan.corpus_bucket}-reads"


def _service(sid: str, service: str, action: str, resource: Any, condition: Document) -> Document:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": action,
        "Resource": resource,
        "Condition": condition,
    }


def _deny(sid: str, action: str | list[str], resource: Any, condition: Document | None = None) -> Document:
    statement = {"Sid": sid, "Effect": "Deny", "Principal": _ANYONE, "Action": action, "Resource": resource}
    return statement | ({"Condition": condition} if condition else {})


def _policy(bucket: str, *statements: Document) -> Document:
    return {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {"Bucket": ref(bucket), "PolicyDocument": document(*statements)},
    }


def _expiry(name: str, days: int) -> Document:
    return {
        "Id": f"sottovoce-{name}",
        "Status": "Enabled",
        "ExpirationInDays": days,
        "NoncurrentVersionExpiration": {"NoncurrentDays": _NONCURRENT_DAYS},
    }


_ABANDONED: Final[Document] = {
    "Id": "sottovoce-abandoned-uploads",
    "Status": "Enabled",
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
}


def _rules_of(lifecycle: Mapping[str, Any]) -> list[Document]:
    """S3's own form (`custody.lifecycle`) in CloudFormation's."""
    return [_rule(rule) for rule in lifecycle.get("Rules", ())] or [_ABANDONED]


def _rule(rule: Mapping[str, Any]) -> Document:
    found: Document = {"Id": rule["ID"], "Status": rule["Status"]}
    if tag := rule["Filter"].get("Tag"):
        found["TagFilters"] = [dict(tag)]
    if moves := rule.get("Transitions"):
        found["Transitions"] = [{"TransitionInDays": m["Days"], "StorageClass": m["StorageClass"]} for m in moves]
    if expiry := rule.get("Expiration"):
        found["ExpirationInDays"] = expiry["Days"]
    same = ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload")
    return found | {name: dict(rule[name]) for name in same if name in rule}
