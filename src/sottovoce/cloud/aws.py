"""A CloudFormation template that closes an AWS account around sealed recordings (SPEC 15.6).

Written from the policy and a few choices, the same bytes for the same of both, to be reviewed and deployed by whoever
owns the account; nothing here is sent anywhere. Ids that only the account knows are parameters of the template.
"""

from __future__ import annotations

from typing import Any

from sottovoce.cloud.aws_buckets import buckets
from sottovoce.cloud.aws_plan import AwsPlan
from sottovoce.cloud.aws_roles import Document, get_att, hearing_role, logical, ref, training_role, vendor_role
from sottovoce.cloud.aws_watch import endpoint, key, watch
from sottovoce.cloud.document import as_yaml

_ARN = r"arn:aws[a-z-]*:iam::\d{12}:(role|user|root).*"

_HEAD = """\
# Written by `sottovoce cloud template aws` from policy {digest}. Review it, then deploy it with CAPABILITY_IAM in
# {region}. Buckets and key stay when the stack is deleted.
"""


def aws_template(plan: AwsPlan) -> Document:
    """The template as a document."""
    roles = {"TrainingRole": training_role(plan), "HearingRole": hearing_role(plan)}
    roles |= {f"{logical(vendor)}DeliveryRole": vendor_role(plan, vendor) for vendor in plan.vendors}
    door = endpoint(plan) if plan.vpc else {}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Where sottovoce keeps sealed recordings ({plan.region}, {plan.zone}), and who reads them.",
        "Metadata": {"Sottovoce": {"PolicyDigest": plan.policy_digest, "ResidencyZone": plan.zone}},
        "Parameters": _parameters(plan),
        "Rules": {"InTheRegion": _in_region(plan)},
        "Resources": {**key(plan), **buckets(plan), **door, **roles, **watch(plan)},
        "Outputs": _outputs(plan, roles),
    }


def aws_yaml(plan: AwsPlan) -> str:
    """The same as YAML."""
    head = _HEAD.format(digest=plan.policy_digest[:16], region=plan.region)
    return head + as_yaml(aws_template(plan))


def _parameters(plan: AwsPlan) -> Document:
    found: Document = {
        "PipelineRoleArn": _arn("The role sottovoce itself runs under: the only one that writes and labels the corpus.")
    }
    if plan.vpc:
        found["VpcId"] = {"Type": "AWS::EC2::VPC::Id", "Description": "The VPC that training and workers run in."}
        found["RouteTableIds"] = {
            "Type": "CommaDelimitedList",
            "Description": "Route tables of its subnets, for the S3 endpoint.",
        }
    for vendor in plan.vendors:
        found[f"{logical(vendor)}PrincipalArn"] = _arn(f"Who delivers to {vendor}: a role of another account.")
        found[f"{logical(vendor)}ExternalId"] = {
            "Type": "String",
            "Description": f"The external id agreed upon for {vendor}.",
            "MinLength": 16,
            "MaxLength": 1224,
            "AllowedPattern": r"[\w+=,.@:/-]+",
        }
    return found


def _arn(description: str) -> Document:
    return {"Type": "String", "Description": description, "AllowedPattern": _ARN}


def _in_region(plan: AwsPlan) -> Document:
    """The names and the zone are those of one region; elsewhere the stack is refused before anything is made."""
    here: dict[str, Any] = {"Fn::Equals": [ref("AWS::Region"), plan.region]}
    return {"Assertions": [{"Assert": here, "AssertDescription": f"This template is for {plan.region}."}]}


def _outputs(plan: AwsPlan, roles: Document) -> Document:
    found = {
        "KeyArn": {"Description": "For storage.kms_key and models.amazon.kms_key.", "Value": get_att("DataKey")},
        "CorpusBucketName": {"Description": "For storage.url.", "Value": ref("CorpusBucket")},
        "StagingBucketName": {"Description": "Where vendors are delivered to.", "Value": ref("StagingBucket")},
        "HearingBucketName": {"Description": "For models.amazon.bucket.", "Value": ref("HearingBucket")},
        "AlertsTopicArn": {"Description": "For access.alerts.sns_topic; subscribe to it.", "Value": ref("Alerts")},
    }
    found |= {f"{name}Arn": {"Description": "An IAM role.", "Value": get_att(name)} for name in roles}
    if plan.vpc:
        found["S3EndpointId"] = {"Description": "The VPC's door to S3.", "Value": ref("S3Endpoint")}
    return found
