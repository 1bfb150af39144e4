"""What a template for AWS is made from: the policy's own values, and the few it does not hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from sottovoce.cloud.zones import partition_of, regions_of, zone_of
from sottovoce.errors import PolicyError
from sottovoce.policy.model import ObjectLock, Policy

GUIDE_PREFIX: Final = "ai-training-corpus"
"""Where a corpus is staged when the policy names no prefix of its own."""

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
"""Without dots: TLS certificates of S3 do not cover them (Amazon S3 User Guide, "Bucket naming rules")."""
_PREFIX: Final = re.compile(r"([A-Za-z0-9_.-]+/)*")
_VENDOR: Final = re.compile(r"[a-z][a-z0-9-]{0,30}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsPlan:
    """Everything a template says. Prefixes end in `/` or are empty; `regions` are those data may be in."""

    region: str
    zone: str
    regions: tuple[str, ...]
    corpus_bucket: str
    staging_bucket: str
    hearing_bucket: str
    log_bucket: str
    training_prefix: str
    policy_digest: str
    lifecycle: Mapping[str, Any] = field(default_factory=dict)
    """The corpus bucket's, as `custody.lifecycle` writes it for S3."""
    staging_days: int = 365
    vendors: tuple[str, ...] = ()
    trainer: str | None = None
    """ARN of who trains; None for SageMaker itself."""
    object_lock: ObjectLock | None = None
    bulk_reads: int = 1000
    """Objects read in five minutes from which on somebody is told."""
    vpc: bool = True

    def __post_init__(self) -> None:
        for bucket in self.buckets:
            if not _BUCKET.fullmatch(bucket):
                raise PolicyError("a bucket's name is 3 to 63 lower-case letters, digits and hyphens")
        if len(set(self.buckets)) != len(self.buckets):
            raise PolicyError("each bucket needs a name of its own", hint="they differ in who may read them")
        if not _PREFIX.fullmatch(self.training_prefix) or ".." in self.training_prefix:
            raise PolicyError("the training prefix is plain names joined by `/`, without wildcards")
        if any(not _VENDOR.fullmatch(vendor) for vendor in self.vendors):
            raise PolicyError("a vendor's name is lower-case letters, digits and hyphens, and begins with a letter")

    @property
    def buckets(self) -> tuple[str, ...]:
        return self.corpus_bucket, self.staging_bucket, self.hearing_bucket, self.log_bucket

    @property
    def partition(self) -> str:
        return partition_of(self.region)

    def bucket_arn(self, bucket: str) -> str:
        return f"arn:{self.partition}:s3:::{bucket}"

    def objects_arn(self, bucket: str, prefix: str = "") -> str:
        return f"{self.bucket_arn(bucket)}/{prefix}*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What is said on the command line; what is left out comes from the policy."""

    region: str | None = None
    zone: str | None = None
    allowed: tuple[str, ...] = ()
    bucket: str | None = None
    training_prefix: str | None = None
    vendors: tuple[str, ...] = ()
    trainer: str | None = None
    bulk_reads: int = 1000
    vpc: bool = True


def aws_plan(policy: Policy, choices: Choices, *, digest: str, lifecycle: Mapping[str, Any]) -> AwsPlan:
    """A plan; PolicyError where neither policy nor choices say what is needed, or they contradict each other."""
    region = choices.region or policy.storage.region
    bucket, prefix = _stored(policy.storage.url)
    bucket = choices.bucket or bucket
    if region is None or bucket is None:
        raise PolicyError(
            "a template needs a region and a bucket", hint="give --region and --bucket, or s3:// storage with a region"
        )
    zone = choices.zone or zone_of(region)
    wanted = prefix if choices.training_prefix is None else choices.training_prefix
    return AwsPlan(
        region=region,
        zone=zone,
        regions=regions_of(zone, home=region, allowed=choices.allowed),
        corpus_bucket=bucket,
        staging_bucket=f"{bucket}-staging",
        hearing_bucket=f"{bucket}-hearing",
        log_bucket=f"{bucket}-logs",
        training_prefix=f"{wanted.strip('/')}/" if wanted.strip("/") else "",
        policy_digest=digest,
        lifecycle=lifecycle,
        staging_days=policy.retention.redacted_days,
        vendors=choices.vendors,
        trainer=choices.trainer,
        object_lock=policy.storage.object_lock,
        bulk_reads=choices.bulk_reads,
        vpc=choices.vpc,
    )


def _stored(url: str) -> tuple[str | None, str]:
    """Bucket and prefix of S3 storage."""
    parts = urlsplit(url)
    return (parts.netloc, parts.path) if parts.scheme == "s3" else (None, GUIDE_PREFIX)
