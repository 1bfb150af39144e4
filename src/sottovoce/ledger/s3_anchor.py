"""Checkpoints in an S3 bucket with Object Lock in COMPLIANCE mode: nobody, not the account's root, can remove them.

Keys are `<prefix><size, twenty digits>`, each put with `If-None-Match: *` and a date until which it is retained. A
delete in such a bucket only hides a key under a marker, and a later put may lay another version over it, so reading
looks at versions and takes the oldest of a key: what was kept first is what counts.

It refuses a bucket without Object Lock. Credentials come from boto3's own chain unless they are handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import LedgerUnavailable
from sottovoce.ledger.anchor import name_of, same_checkpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

_TAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}


class S3Anchor:
    """One bucket and prefix, through a boto3 S3 client."""

    def __init__(
        self, *, client: Any, bucket: str, prefix: str, retain_days: int, clock: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._retain = timedelta(days=retain_days)
        self._clock = clock
        self._locked = False
        self._seen = ""

    def publish(self, size: int, note: str) -> None:
        """Raises LedgerUnavailable when S3 refuses, the bucket locks nothing, or keeps another note of that size."""
        self._require_lock()
        key = f"{self._prefix}{name_of(size)}"
        with _said() as refusal:
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=note.encode(),
                ContentType="text/plain; charset=utf-8",
                IfNoneMatch="*",
                ChecksumAlgorithm="SHA256",
                ObjectLockMode="COMPLIANCE",
                ObjectLockRetainUntilDate=self._clock() + self._retain,
            )
        if refusal and refusal[0] not in _TAKEN:
            raise _unavailable(refusal[0])
        kept = self._oldest(key)
        if kept is None or not same_checkpoint(kept, note):
            raise LedgerUnavailable("the anchor holds another checkpoint of this size")

    def latest(self) -> str | None:
        """The oldest version under the largest size, also where a delete marker hides it."""
        # What was seen cannot go away, so a later look begins behind it.
        self._seen = max([self._seen, *(found["Key"] for found in self._versions(self._prefix, after=self._seen))])
        return self._oldest(self._seen) if self._seen else None

    def _require_lock(self) -> None:
        """Asked once: without Object Lock the bucket could be emptied, and would be no anchor."""
        if self._locked:
            return
        with _said() as refusal:
            answer = self._client.get_object_lock_configuration(Bucket=self._bucket)
            self._locked = answer.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled"
        if not self._locked:
            code = refusal[0] if refusal else "no Object Lock"
            raise LedgerUnavailable(
                f"the anchor's bucket does not lock its objects ({code})",
                hint="Object Lock is chosen when a bucket is made: make one with it, and name it in the policy",
            )

    def _oldest(self, key: str) -> str | None:
        versions = list(self._versions(key))
        if not versions:
            return None
        # S3 lists the versions of one key from the newest to the oldest.
        first = versions[-1]
        with _said() as refusal:
            answer = self._client.get_object(Bucket=self._bucket, Key=key, VersionId=first["VersionId"])
            return str(answer["Body"].read().decode())
        raise _unavailable(refusal[0])

    def _versions(self, prefix: str, *, after: str = "") -> Iterator[Mapping[str, Any]]:
        marker = {"KeyMarker": after} if after else {}
        with _said() as refusal:
            pages = self._client.get_paginator("list_object_versions").paginate(
                Bucket=self._bucket, Prefix=prefix, **marker
            )
            found = [each for page in pages for each in page.get("Versions", ()) if self._is_ours(each["Key"])]
        if refusal:
            raise _unavailable(refusal[0])
        yield from found

    def _is_ours(self, key: str) -> bool:
        name = key.removeprefix(self._prefix)
        return len(name) == len(name_of(0)) and name.isdecimal()


def s3_client(
    *,
    region: str | None = None,
    endpoint: str | None = None,
    access_key: Confidential[str] | None = None,
    secret_key: Confidential[str] | None = None,
) -> Any:
    """A boto3 client for an anchor; needs the `aws` extra. Raises LedgerUnavailable without it."""
    try:
        import boto3
    except ImportError:
        raise LedgerUnavailable("an S3 anchor needs boto3", hint="pip install 'sottovoce[aws]'") from None
    return boto3.client(
        "s3",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=access_key.reveal() if access_key else None,
        aws_secret_access_key=secret_key.reveal() if secret_key else None,
    )


@contextmanager
def _said() -> Iterator[list[str]]:
    """Collects S3's refusal as a code; its messages may quote addresses."""
    from botocore.exceptions import BotoCoreError, ClientError

    refusal: list[str] = []
    try:
        yield refusal
    except ClientError as failure:
        refusal.append(str(failure.response.get("Error", {}).get("Code", "unknown")))
    except (BotoCoreError, OSError) as failure:
        refusal.append(type(failure).__name__)


def _unavailable(code: str) -> LedgerUnavailable:
    return LedgerUnavailable(f"the anchor in S3 refused ({code})", hint="check the bucket, its region and the rights")
