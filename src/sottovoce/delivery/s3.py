"""Staging in Amazon S3, in another account as a rule.

Each object is put with the SHA-256 of its bytes, which S3 checks before it keeps anything, under the other account's
KMS key, with tags and metadata that hold classes and opaque ids only. It is believed when S3 states the same digest,
and where a store that speaks S3 states none, when it was read back. A session that ends in the middle is begun
again, once.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from sottovoce.delivery.assumed_role import Session
from sottovoce.delivery.checks import CANARY, checked, skew_check, tried
from sottovoce.delivery.failures import DeliveryForbidden, DeliveryLost, DeliveryRefused, DeliveryUnavailable
from sottovoce.delivery.parcel import Item, Label, Parcel
from sottovoce.delivery.protocol import Check, Confirmed, How, Placed
from sottovoce.errors import DeliveryError

T = TypeVar("T")

ENDED: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
    }
)
"""A session that is over, or keys that were rotated: once more with others."""
_MISSING: Final = frozenset({"404", "NoSuchKey", "NoSuchVersion"})
_CHANGED: Final = frozenset({"BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "IncompleteBody"})
_TOO_LARGE: Final = frozenset({"EntityTooLarge", "InvalidTag", "MetadataTooLarge", "InvalidArgument"})
_SURELY_NOT: Final = frozenset({"SlowDown", "ServiceUnavailable", "Throttling", "503"})


class S3Destination:
    """One prefix of one bucket."""

    def __init__(
        self,
        *,
        session: Session,
        bucket: str,
        prefix: str,
        kms_key: str | None,
        owner: str | None,
        tags: Mapping[str, str],
        version: str,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._session = session
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._sealing = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}
        self._owner = {"ExpectedBucketOwner": owner} if owner else {}
        self._tags = tags
        self._version = version
        self._clock = clock
        self._random = random

    def put(self, parcel: Parcel, *, key: str) -> Placed:
        """The sound last: whoever waits for it finds what goes with it."""
        for item in reversed(parcel.items):
            self._put(item, key)
        return Placed(waybill=parcel.waybill, is_answered=True)

    def confirm(self, placed: Placed) -> Confirmed:
        hows = {self._confirmed(label) for label in placed.waybill.labels}
        return Confirmed(how=How.READ_BACK if How.READ_BACK in hows else How.CHECKSUM)

    def withdraw(self, placed: Placed) -> bool:
        for label in placed.waybill.labels:
            self._delete(self._at(self._key(label.name)))
        return True

    def probe(self) -> Sequence[Check]:
        return [
            checked("credentials", self._signed_in),
            checked("clock", self._skew),
            checked("encryption", self._encryption),
            checked("public access", self._closed),
            checked("canary", self._canary),
        ]

    def _put(self, item: Item, mark: str) -> None:
        data = item.data.reveal()
        digest = hashlib.sha256(data).digest()
        asked = {
            **self._at(self._key(item.name)),
            "Body": data,
            "ContentType": item.content_type,
            "ChecksumAlgorithm": "SHA256",
            "ChecksumSHA256": base64.b64encode(digest).decode(),
            "Tagging": urlencode(self._tags),
            "Metadata": {
                "redaction-applied": "true",
                "pipeline-version": self._version,
                "delivery-id": mark,
                "sha256": digest.hex(),
            },
            **self._sealing,
        }
        self._ask(lambda s3: s3.put_object(**asked))

    def _confirmed(self, label: Label) -> How:
        at = self._at(self._key(label.name))
        head = self._ask(lambda s3: s3.head_object(**at, ChecksumMode="ENABLED"))
        if head.get("ContentLength") != label.size:
            raise _lost()
        if self._sealing and head.get("ServerSideEncryption") != "aws:kms":
            raise DeliveryLost("the destination kept it without the encryption it was given with")
        stated = head.get("ChecksumSHA256")
        if stated is None:
            self._read(label.name, label.sha256)
            return How.READ_BACK
        if stated != base64.b64encode(bytes.fromhex(label.sha256)).decode():
            raise _lost()
        return How.CHECKSUM

    def _read(self, name: str, digest: str) -> None:
        at = self._at(self._key(name))

        def read(s3: Any) -> str:
            found = hashlib.sha256()
            for chunk in s3.get_object(**at)["Body"].iter_chunks(1 << 20):
                found.update(chunk)
            return found.hexdigest()

        if self._ask(read) != digest:
            raise _lost()

    def _signed_in(self) -> str:
        """A bucket that is there and ours to list, in the account it should be in."""
        self._ask(lambda s3: s3.head_bucket(Bucket=self._bucket, **self._owner))
        return "the bucket answers"

    def _skew(self) -> str:
        answer = self._ask(lambda s3: s3.head_bucket(Bucket=self._bucket, **self._owner))
        return skew_check(answer["ResponseMetadata"]["HTTPHeaders"].get("date"), self._clock())

    def _encryption(self) -> str:
        if self._sealing:
            return "every object is put under the KMS key of the policy"
        answer = self._ask(lambda s3: s3.get_bucket_encryption(Bucket=self._bucket, **self._owner))
        rules = answer["ServerSideEncryptionConfiguration"]["Rules"]
        kinds = {rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm") for rule in rules}
        if "aws:kms" not in kinds and "aws:kms:dsse" not in kinds:
            raise DeliveryForbidden("the bucket does not encrypt with KMS", hint="set kms_key, or the bucket's default")
        return "the bucket encrypts with KMS"

    def _closed(self) -> str:
        answer = self._ask(lambda s3: s3.get_public_access_block(Bucket=self._bucket, **self._owner))
        block = answer["PublicAccessBlockConfiguration"]
        names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        if not all(block.get(name) for name in names):
            raise DeliveryForbidden("the bucket may be made public", hint="block all public access to it")
        return "all public access is blocked"

    def _canary(self) -> str:
        data, at = self._random(64), self._at(self._key(CANARY))
        self._ask(lambda s3: s3.put_object(**at, Body=data, ChecksumAlgorithm="SHA256", **self._sealing))
        try:
            self._read(CANARY, hashlib.sha256(data).hexdigest())
        finally:
            self._delete(at)
        return tried("written", "read back", "deleted")

    def _delete(self, at: Mapping[str, str]) -> None:
        self._ask(lambda s3: s3.delete_object(**at))

    def _key(self, name: str) -> str:
        return self._prefix + name

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": key, **self._owner}

    def _ask(self, request: Callable[[Any], T]) -> T:
        """Asks; once more with another session where this one has ended."""
        client = self._session.client()
        try:
            with _answers_named():
                return request(client)
        except _SessionEnded:
            with _answers_named():
                return request(self._session.client(instead_of=client))


class _SessionEnded(DeliveryForbidden):
    """The session is over: the credentials are not wrong."""


def _lost() -> DeliveryLost:
    return DeliveryLost("the destination did not keep what it was given", hint="check the bucket, then try again")


@contextmanager
def _answers_named() -> Iterator[None]:
    """What boto3 raises, in our words: its own hold keys, buckets and accounts."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except NoCredentialsError:
        raise DeliveryForbidden("there are no credentials for the destination", hint="give keys or a role") from None
    except ClientError as failure:
        raise _by_code(failure) from None
    except BotoCoreError as failure:
        raise DeliveryUnavailable(f"the destination does not answer ({type(failure).__name__})") from None


def _by_code(failure: Any) -> DeliveryError:
    code = str(failure.response.get("Error", {}).get("Code", ""))
    status = int(failure.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in ENDED:
        return _SessionEnded("the destination refuses the session or its keys", hint="check the keys, or the role")
    if code in _MISSING:
        return _lost()
    if code in _CHANGED:
        return DeliveryUnavailable("what was sent arrived changed", may_be_there=False)
    if code in _TOO_LARGE or status == 413:
        return DeliveryRefused(f"the destination does not take this object ({code})")
    if status >= 500 or status == 429 or code in _SURELY_NOT or code == "RequestTimeout":
        return DeliveryUnavailable(f"the destination does not answer ({status})", may_be_there=code not in _SURELY_NOT)
    return DeliveryForbidden(
        f"the destination refuses access ({code or status})",
        hint="check its role, its bucket policy and its key policy",
    )
