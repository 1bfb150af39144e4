"""Credentials of the object store's own for readers of one corpus, composed."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from sottovoce.access.sts import StsBroker
from sottovoce.errors import PolicyError
from sottovoce.policy.model import Sts


def compose_sts(settings: Sts, *, url: str) -> StsBroker:
    """A broker of credentials for the bucket of an `s3://bucket/prefix` URL. PolicyError where there is no role."""
    parts = urlsplit(url)
    if settings.role is None or parts.scheme != "s3":
        raise PolicyError("STS needs a role and an s3:// address", hint="see access.sts in docs/policy.md")
    import boto3

    client = boto3.client("sts", region_name=settings.region, endpoint_url=settings.endpoint)
    lifetime = timedelta(minutes=settings.minutes)
    return StsBroker(client=client, role=settings.role, bucket=parts.netloc, lifetime=lifetime)
