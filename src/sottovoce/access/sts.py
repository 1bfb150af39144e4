"""AWS STS: credentials of a quarter of an hour for one prefix of a bucket, made from a grant (SECURITY 4).

AssumeRole with a session policy: what comes out is what the role may *and* the policy says. A session policy may
have 2,048 characters (AWS IAM and STS quotas), so it names a prefix and never a list of objects. The session is
tagged with actor and purpose, which CloudTrail keeps with every request.

Emulators prove the request and not the narrowing: moto answers AssumeRole with credentials that may do everything,
whatever the policy says. What a policy permits is therefore shown by `testing.iam`, and once against AWS.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sottovoce.access.grants import as_folder
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import AccessError, AccessRefused

MAX_POLICY: Final = 2048
MIN_LIFETIME: Final = timedelta(minutes=15)
MAX_LIFETIME: Final = timedelta(hours=1)

_SAFE_PREFIX: Final = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*/?")
_TAG: Final = re.compile(r"[A-Za-z0-9_.:/=+@-]{1,256}")


class Reach(StrEnum):
    """What credentials may do with objects under their prefix."""

    READ = "read"
    LIST_AND_READ = "list_and_read"
    PUT = "put"
    """Put new objects; neither read nor list them, nor delete any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCredentials:
    """What STS hands out."""

    access_key: str
    expires: datetime
    bucket: str
    prefix: str
    secret_key: Confidential[str] = field(repr=False)
    session_token: Confidential[str] = field(repr=False)


def session_policy(bucket: str, prefix: str, reach: Reach) -> str:
    """The policy document, compact. AccessRefused for a prefix with wildcards or one that makes it too long."""
    if not _SAFE_PREFIX.fullmatch(prefix) or ".." in prefix or not re.fullmatch(r"[a-z0-9.-]{3,63}", bucket):
        raise AccessRefused("credentials are for one plain prefix of one bucket")
    folder = as_folder(prefix)
    actions = {Reach.READ: "s3:GetObject", Reach.LIST_AND_READ: "s3:GetObject", Reach.PUT: "s3:PutObject"}
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": actions[reach], "Resource": f"arn:aws:s3:::{bucket}/{folder}*"}
    ]
    if reach is Reach.LIST_AND_READ:
        # Listing is of the bucket, so the prefix is a condition here and not part of the resource.
        statements.append(
            {
                "Effect": "Allow",
                "Action": "s3:ListBucket",
                "Resource": f"arn:aws:s3:::{bucket}",
                "Condition": {"StringLike": {"s3:prefix": f"{folder}*"}},
            }
        )
    statements.append(
        {
            "Effect": "Deny",
            "Action": "s3:*",
            "Resource": "*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    )
    text = json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
    if len(text) > MAX_POLICY:
        raise AccessRefused("the session policy is longer than STS takes", hint="use a shorter prefix")
    return text


class StsBroker:
    """Mints credentials. `client` is a boto3 client of `sts`; `role` the ARN of the role that is narrowed."""

    def __init__(self, *, client: Any, role: str, bucket: str, lifetime: timedelta = MIN_LIFETIME) -> None:
        if not MIN_LIFETIME <= lifetime <= MAX_LIFETIME:
            raise AccessRefused("credentials last for 15 to 60 minutes")
        self._client = client
        self._role = role
        self._bucket = bucket
        self._lifetime = lifetime

    def mint(self, *, actor: str, purpose: str, prefix: str, reach: Reach) -> SessionCredentials:
        """Credentials for one prefix, in the name of one actor. AccessError when STS refuses or is away."""
        from botocore.exceptions import BotoCoreError, ClientError

        policy = session_policy(self._bucket, prefix, reach)
        tags = [{"Key": key, "Value": _tag(value)} for key, value in (("actor", actor), ("purpose", purpose))]
        try:
            answer = self._client.assume_role(
                RoleArn=self._role,
                RoleSessionName=_session_name(actor),
                Policy=policy,
                DurationSeconds=int(self._lifetime.total_seconds()),
                Tags=tags,
            )
        except (BotoCoreError, ClientError) as failure:
            # The service's words quote the role and the account.
            raise AccessError(f"STS gave no credentials ({type(failure).__name__})") from None
        found = answer["Credentials"]
        return SessionCredentials(
            access_key=found["AccessKeyId"],
            secret_key=Confidential(found["SecretAccessKey"]),
            session_token=Confidential(found["SessionToken"]),
            expires=found["Expiration"],
            bucket=self._bucket,
            prefix=as_folder(prefix),
        )


def role_trust(account_role: str, tags: Iterable[str] = ("actor", "purpose")) -> dict[str, Any]:
    """The trust policy such a role needs: the broker may assume it, and only with a session tagged so."""
    needed = {f"aws:RequestTag/{tag}": "?*" for tag in tags}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": account_role},
                "Action": ["sts:AssumeRole", "sts:TagSession"],
                "Condition": {"StringLike": needed},
            }
        ],
    }


def _session_name(actor: str) -> str:
    """2 to 64 characters of `\\w+=,.@-`: CloudTrail shows it with every request."""
    return re.sub(r"[^\w+=,.@-]", "-", actor)[:64]


def _tag(value: str) -> str:
    if not _TAG.fullmatch(value):
        raise AccessRefused("an actor or purpose is a code")
    return value
