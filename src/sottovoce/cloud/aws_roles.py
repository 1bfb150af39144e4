"""Who may do what, as IAM documents: training reads what is labelled, a vendor's carrier puts under its own prefix.

The guide grants reading and listing in one statement with conditions on the object's tags. A listing has no object and
so no tags: that statement lets nobody list, and a training job that is given a prefix finds nothing. Here listing is a
statement of its own, under a condition on the prefix (Service Authorization Reference, "Actions, resources, and
condition keys for Amazon S3": ListBucket has `s3:prefix`, and `s3:ExistingObjectTag` is none of its keys).

Denials are written out beside what is not granted, so that a policy somebody attaches later does not widen them.
"""

from __future__ import annotations

from typing import Any, Final

from sottovoce.cloud.aws_plan import AwsPlan

Document = dict[str, Any]

LABELS: Final = {"DataClass": "AITraining", "PIIStatus": "DeIdentified"}
"""What `vault.labels` puts on what was redacted, verified and disguised, and on nothing else."""

VERSION: Final = "2012-10-17"


def document(*statements: Document) -> Document:
    return {"Version": VERSION, "Statement": list(statements)}


def get_att(resource: str, attribute: str = "Arn") -> Document:
    return {"Fn::GetAtt": [resource, attribute]}


def ref(name: str) -> Document:
    return {"Ref": name}


def training_policy(plan: AwsPlan) -> Document:
    """Tagged objects under the prefix, their listing, the key as S3 uses it; within the zone, by the VPC's own door."""
    statements = [
        {
            "Sid": "ReadWhatIsLabelled",
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": plan.objects_arn(plan.corpus_bucket, plan.training_prefix),
            "Condition": {"StringEquals": {f"s3:ExistingObjectTag/{tag}": value for tag, value in LABELS.items()}},
        },
        {
            "Sid": "ListThePrefix",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": plan.bucket_arn(plan.corpus_bucket),
            "Condition": {"StringLike": {"s3:prefix": f"{plan.training_prefix}*"}},
        },
        _use_key(plan, "kms:Decrypt"),
        *(_never_unlabelled(plan, tag, value) for tag, value in LABELS.items()),
        {
            "Sid": "NeverAnotherPlace",
            "Effect": "Deny",
            "Action": "s3:GetObject*",
            "Resource": [plan.objects_arn(bucket) for bucket in (plan.staging_bucket, plan.hearing_bucket)],
        },
        stay_in_zone(plan),
    ]
    return document(*statements, *([_by_our_door(plan)] if plan.vpc else []))


def training_role(plan: AwsPlan) -> Document:
    principal = {"AWS": plan.trainer} if plan.trainer else {"Service": "sagemaker.amazonaws.com"}
    trust: Document = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    if not plan.trainer:
        trust["Condition"] = {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}
    return _role("Reads the de-identified corpus for training.", trust, "training", training_policy(plan))


def vendor_policy(plan: AwsPlan, vendor: str) -> Document:
    """Puts under the vendor's prefix of the staging bucket; reads, lists and deletes nothing."""
    put = {
        "Sid": "PutUnderItsPrefix",
        "Effect": "Allow",
        "Action": "s3:PutObject",
        "Resource": plan.objects_arn(plan.staging_bucket, f"{vendor}/"),
    }
    return document(put, _use_key(plan, "kms:GenerateDataKey"), stay_in_zone(plan))


def vendor_role(plan: AwsPlan, vendor: str) -> Document:
    """For the carrier in another account, which must know the external id (IAM User Guide, "The confused deputy")."""
    name = logical(vendor)
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": ref(f"{name}PrincipalArn")},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": ref(f"{name}ExternalId")}},
    }
    return _role(f"Delivers to {vendor}.", trust, "delivery", vendor_policy(plan, vendor))


def hearing_role(plan: AwsPlan) -> Document:
    """What Amazon Transcribe may do for us (`DataAccessRoleArn`): the hearing bucket, and nothing else."""
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "transcribe.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}},
    }
    objects = {
        "Sid": "HearAndAnswer",
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject"],
        "Resource": plan.objects_arn(plan.hearing_bucket),
    }
    used = _use_key(plan, "kms:Decrypt", "kms:GenerateDataKey")
    return _role("Lets Amazon Transcribe hear.", trust, "hearing", document(objects, used, stay_in_zone(plan)))


def logical(vendor: str) -> str:
    """A vendor's name as CloudFormation takes names: letters and digits."""
    return "".join(part.capitalize() for part in vendor.split("-"))


def stay_in_zone(plan: AwsPlan) -> Document:
    """No request for data leaves the zone: neither a read, nor a copy to a bucket elsewhere."""
    return {
        "Sid": "StayInTheZone",
        "Effect": "Deny",
        "Action": ["s3:*", "kms:*"],
        "Resource": "*",
        "Condition": {"StringNotEquals": {"aws:RequestedRegion": list(plan.regions)}},
    }


def _never_unlabelled(plan: AwsPlan, tag: str, value: str) -> Document:
    """A label that is missing is not equal either."""
    return {
        "Sid": f"NeverWithout{tag}",
        "Effect": "Deny",
        "Action": "s3:GetObject*",
        "Resource": plan.objects_arn(plan.corpus_bucket),
        "Condition": {"StringNotEquals": {f"s3:ExistingObjectTag/{tag}": value}},
    }


def _by_our_door(plan: AwsPlan) -> Document:
    return {
        "Sid": "ByTheEndpointOnly",
        "Effect": "Deny",
        "Action": ["s3:GetObject*", "s3:ListBucket"],
        "Resource": [plan.bucket_arn(plan.corpus_bucket), plan.objects_arn(plan.corpus_bucket)],
        "Condition": {"StringNotEquals": {"aws:SourceVpce": ref("S3Endpoint")}},
    }


def _use_key(plan: AwsPlan, *actions: str) -> Document:
    """The key by way of S3 only: nobody opens anything with it directly."""
    return {
        "Sid": "UseTheKeyThroughS3",
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": get_att("DataKey"),
        "Condition": {"StringEquals": {"kms:ViaService": f"s3.{plan.region}.amazonaws.com"}},
    }


def _role(description: str, trust: Document, name: str, policy: Document) -> Document:
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "Description": description,
            "MaxSessionDuration": 3600,
            "AssumeRolePolicyDocument": document(trust),
            "Policies": [{"PolicyName": name, "PolicyDocument": policy}],
        },
    }
