"""What only S3 has: versions, each of which keeps what was deleted, and Object Lock, which lets nothing go.

obstore deletes by name, and on a bucket with versions that hides an object and keeps every byte of it; so
there every version is found and deleted by boto3 (extra `aws`), which also writes where a lock is asked
for. A version that its lock keeps is never claimed to be gone: ObjectLocked says until when (Amazon S3
User Guide, "Deleting object versions" and "S3 Object Lock").

It refuses to delete where it may not ask whether versions are kept, and to call locked what is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from sottovoce.errors import ObjectLocked, StorageError, StorageRefused
from sottovoce.storage.dress import amazon
from sottovoce.storage.failures import AT_ONCE, REFUSALS, failed, missing, no_such_place, refused
from sottovoce.storage.names import checked, in_portions
from sottovoce.storage.protocol import UNLABELLED, ObjectLabels
from sottovoce.storage.stores import SigningStore

if TYPE_CHECKING:
    from obstore.store import S3Store as Backend

    from sottovoce.policy.model import ObjectLock

_BULK: Final = 1000
_UNKNOWN: Final = frozenset({"NotImplemented", "501", "MethodNotAllowed"})
"""What a store answers that speaks S3 and never heard of versions."""

Version = tuple[str, str]
"""A key in the bucket, and the id of one of its versions or delete markers."""


class S3Control:
    """The part of S3's interface that obstore leaves out. `connect` makes the boto3 client when first needed."""

    def __init__(
        self,
        *,
        connect: Callable[[], Any],
        bucket: str,
        prefix: str,
        clock: Callable[[], datetime],
        kms_key: str | None = None,
    ) -> None:
        self._connect = connect
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._clock = clock
        self._kms_key = kms_key

    @cached_property
    def versioned(self) -> bool:
        """Whether the bucket keeps, or ever kept, what was deleted or replaced."""
        try:
            with _answers_named():
                return "Status" in self._client.get_bucket_versioning(Bucket=self._bucket)
        except StorageRefused:
            hint = (
                "allow s3:GetBucketVersioning, ListBucketVersions and DeleteObjectVersion: what was deleted may lie on"
            )
            raise StorageRefused("the object store does not say whether it keeps versions", hint=hint) from None
        except _NoVersions:
            return False

    def put_locked(self, name: str, data: bytes, labels: ObjectLabels, lock: ObjectLock) -> None:
        """Writes and locks in one request, and looks whether the lock is there."""
        dress, until = amazon(labels), self._clock() + timedelta(days=lock.days)
        sealing = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self._kms_key} if self._kms_key else {}
        with _answers_named():
            made = self._client.put_object(
                Bucket=self._bucket,
                Key=self._prefix + checked(name),
                Body=data,
                Tagging=urlencode(dress.tags),
                Metadata=dict(dress.metadata),
                ObjectLockMode=lock.mode.upper(),
                ObjectLockRetainUntilDate=until,
                ChecksumAlgorithm="SHA256",
                **sealing,
            )
            head = self._head(self._prefix + name, made.get("VersionId", ""))
        if head.get("ObjectLockMode") != lock.mode.upper() or self._clock() >= head["ObjectLockRetainUntilDate"]:
            raise StorageError("the object store did not lock what it was given", hint="use a bucket with Object Lock")

    def delete_versions(self, names: Sequence[str]) -> Mapping[str, StorageError]:
        """Every version of each, and the marks that hide them; what stays, and why."""
        keys = {self._prefix + checked(name): name for name in names}
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            found = list(pool.map(self._versions, keys))
        failures = {key: each for key, each in zip(keys, found, strict=True) if isinstance(each, StorageError)}
        listed = [version for each in found if not isinstance(each, StorageError) for version in each]
        for some in in_portions(listed, _BULK):
            failures |= self._delete(some)
        return {keys[key]: failure for key, failure in failures.items()}

    @cached_property
    def _client(self) -> Any:
        return self._connect()

    def _versions(self, key: str) -> list[Version] | StorageError:
        try:
            with _answers_named():
                pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=key)
                found = [
                    each for page in pages for kind in ("Versions", "DeleteMarkers") for each in page.get(kind, ())
                ]
        except StorageError as failure:
            return failure
        return [(key, each["VersionId"]) for each in found if each["Key"] == key]

    def _delete(self, versions: Sequence[Version]) -> dict[str, StorageError]:
        wanted = [{"Key": key, "VersionId": version} for key, version in versions]
        try:
            with _answers_named():
                answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": wanted, "Quiet": True})
        except StorageError as failure:
            return {key: failure for key, _ in versions}
        left = answer.get("Errors", ())
        return {each["Key"]: self._why(each["Key"], each.get("VersionId", ""), each["Code"]) for each in left}

    def _why(self, key: str, version: str, code: str) -> StorageError:
        """A refusal may come from a lock, and only the version itself says so."""
        if code not in REFUSALS:
            return failed(code)
        try:
            with _answers_named():
                head = self._head(key, version)
        except StorageError:
            return refused()
        until = head.get("ObjectLockRetainUntilDate")
        if head.get("ObjectLockLegalHoldStatus") == "ON":
            return _locked("a legal hold of the bucket is lifted")
        return _locked(f"{until:%Y-%m-%d}") if until and until > self._clock() else refused()

    def _head(self, key: str, version: str) -> Any:
        which = {"VersionId": version} if version else {}
        return self._client.head_object(Bucket=self._bucket, Key=key, **which)


class S3Store(SigningStore):
    """An `ObjectStore` and `Presigner` on S3, or on a store that speaks it."""

    def __init__(self, *, backend: Backend, control: S3Control, lock: ObjectLock | None = None) -> None:
        super().__init__(backend=backend, scheme="s3", labelling=amazon)
        self._control = control
        self._lock = lock

    def put(self, name: str, data: bytes, *, labels: ObjectLabels = UNLABELLED) -> None:
        if self._lock is None:
            super().put(name, data, labels=labels)
        else:
            self._control.put_locked(name, data, labels, self._lock)

    def delete(self, name: str) -> None:
        for failure in self.delete_all([name]).values():
            raise failure

    def delete_all(self, names: Iterable[str]) -> Mapping[str, StorageError]:
        wanted = [checked(name) for name in names]
        try:
            versioned = bool(wanted) and self._control.versioned
        except StorageError as failure:
            return dict.fromkeys(wanted, failure)
        return self._control.delete_versions(wanted) if versioned else super().delete_all(wanted)


class _NoVersions(StorageError):
    """The store has never heard of what it was asked for."""


def connect_s3(
    *,
    endpoint: str | None,
    region: str | None,
    keys: tuple[str, str] | None,
    retries: int,
    timeout_s: int,
    token: str | None = None,
) -> Any:
    """A boto3 client, with the machine's own credentials where no keys are given; `token` goes with those of a session.

    StorageError without boto3.
    """
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        hint = "install sottovoce[aws]: without it nobody knows whether a bucket keeps what was deleted"
        raise StorageError("versions and locks of an S3 bucket need boto3", hint=hint) from None
    chosen = Config(
        connect_timeout=timeout_s,
        read_timeout=timeout_s,
        retries={"total_max_attempts": retries + 1, "mode": "standard"},
        s3={"addressing_style": "path" if endpoint else "auto"},
    )
    secrets = {"aws_access_key_id": keys[0], "aws_secret_access_key": keys[1]} if keys else {}
    if keys and token:
        secrets["aws_session_token"] = token
    return boto3.client("s3", endpoint_url=endpoint, region_name=region, config=chosen, **secrets)


def _locked(until: str) -> ObjectLocked:
    return ObjectLocked("the object store's own lock keeps an object", hint=f"its key is gone; ask again when {until}")


@contextmanager
def _answers_named() -> Iterator[None]:
    """What boto3 raises becomes StorageError or one below it, without its text."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except NoCredentialsError:
        raise refused() from None
    except ClientError as failure:
        raise _by_code(str(failure.response.get("Error", {}).get("Code", ""))) from None
    except BotoCoreError as failure:
        raise failed(type(failure).__name__) from None


def _by_code(code: str) -> StorageError:
    if code in _UNKNOWN:
        return _NoVersions("the object store does not know this request", hint="choose a store that does")
    if code in REFUSALS or code in {"403", "401"}:
        return refused()
    if code == "NoSuchBucket":
        return no_such_place()
    return missing() if code in {"NoSuchKey", "NoSuchVersion", "404"} else failed(code)
