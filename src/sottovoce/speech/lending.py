"""Sound lent to a service by way of a bucket of ours: under our key, for minutes, and gone whatever happens.

Everything of one job lies in a folder of its own, which is emptied when the job ends, also when it fails; `sweep`
empties what a crash left, and the bucket's own rule (`cloud.aws_buckets`) what the sweep does not reach. What a service
says it wrote is read only from that folder: an address that leads anywhere else is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import HearingError, HearingUnavailable

_INPUT: Final = "lent"
_BULK: Final = 1000
_BROKEN: Final = 500


class Lending:
    """`s3` is a boto3 client of S3 in the bucket's region."""

    def __init__(self, *, s3: Any, bucket: str, prefix: str, kms_key: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._prefix = prefix
        self._kms_key = kms_key

    def folder(self, job: str) -> str:
        """Where the service is to write: `s3://bucket/prefix/job/`."""
        return f"s3://{self._bucket}/{self._key(job)}"

    def lend(self, job: str, data: Confidential[bytes]) -> str:
        """The address of the sound, encrypted under our key. A second time replaces the first."""
        key = self._key(job) + _INPUT
        with named():
            self._s3.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=data.reveal(),
                ServerSideEncryption="aws:kms",
                SSEKMSKeyId=self._kms_key,
            )
        return f"s3://{self._bucket}/{key}"

    def take_back(self, job: str, address: str) -> Confidential[bytes]:
        """What the service wrote. HearingError for an address outside the job's folder, or that of what was lent."""
        bucket, key = _place(address)
        folder = self._key(job)
        if bucket != self._bucket or not key.startswith(folder) or ".." in key:
            raise HearingError("the service wrote outside the bucket it was given", hint="nothing was read from there")
        if key == folder + _INPUT:
            raise HearingError("the service gave back what it was lent", hint="it redacted no sound")
        with named():
            return Confidential(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())

    def clear(self, job: str) -> None:
        """Nothing of the job lies there any more."""
        self._delete([each["Key"] for each in self._listed(self._key(job))])

    def sweep(self, *, before: datetime) -> tuple[str, ...]:
        """Delete what was lent or written before; answers the jobs it was of."""
        old = [each["Key"] for each in self._listed(f"{self._prefix}/") if each["LastModified"] < before]
        self._delete(old)
        return tuple(sorted({key.removeprefix(f"{self._prefix}/").partition("/")[0] for key in old}))

    def _key(self, job: str) -> str:
        return f"{self._prefix}/{job}/"

    def _listed(self, prefix: str) -> list[Any]:
        with named():
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            return [each for page in pages for each in page.get("Contents", ())]

    def _delete(self, keys: list[str]) -> None:
        for start in range(0, len(keys), _BULK):
            wanted = [{"Key": key} for key in keys[start : start + _BULK]]
            with named():
                left = self._s3.delete_objects(Bucket=self._bucket, Delete={"Objects": wanted}).get("Errors", ())
            if left:
                raise HearingUnavailable(
                    f"{len(left)} objects that were lent could not be deleted",
                    hint="allow s3:DeleteObject on the bucket; its own rule empties it after a day",
                )


@contextmanager
def named() -> Iterator[None]:
    """What boto3 raises, without its words: they quote addresses and accounts."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as failure:
        code = str(failure.response.get("Error", {}).get("Code", ""))
        status = int(failure.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        kind = HearingUnavailable if status >= _BROKEN else HearingError
        raise kind(f"the hearing service refused ({code})", hint=_HINTS.get(code, "see docs/transcribe.md")) from None
    except BotoCoreError as failure:
        raise HearingUnavailable(f"the hearing service did not answer ({type(failure).__name__})") from None


_HINTS: Final = {
    "BadRequestException": "bucket, key and role must be in the region of models.amazon, and the bucket readable",
    "AccessDenied": "allow the pipeline's role to put, get, list and delete in the hearing bucket",
    "AccessDeniedException": "allow the pipeline's role to start, get and delete jobs of Amazon Transcribe",
    "NoSuchBucket": "make the bucket of models.amazon; `sottovoce cloud template aws` writes one",
}


def _place(address: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`, or of the https forms that Transcribe answers with."""
    parts = urlsplit(address)
    path = unquote(parts.path).lstrip("/")
    if parts.query:
        return "", ""
    if parts.scheme == "s3":
        return parts.netloc, path
    host = parts.hostname or ""
    if host.startswith(("s3.", "s3-")):
        bucket, _, key = path.partition("/")
        return bucket, key
    return host.partition(".s3")[0], path
