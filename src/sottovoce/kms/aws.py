"""AWS KMS as a key provider, through boto3.

The epoch's context is the EncryptionContext: CloudTrail writes it in the clear, so it holds opaque names only.
KeyId is always given on Decrypt, so that a blob under any other key is refused by the service itself. Every
epoch gets a symmetric key of its own unless the policy names a standing one. Keys are destroyed after 7 to 30
days and are unusable from the first moment (AWS KMS Developer Guide, Deleting keys).

Refuses: contexts over 8 KiB, blobs over 6,144 bytes (both are the service's own limits, so that it is not asked).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyRefused, KeyShredded, SottovoceError
from sottovoce.kms import refusals
from sottovoce.kms.protocol import Capabilities, Context, Destruction, KeyState, Reached, WrappedKey

KMS: Final = "aws-kms"
MAX_CONTEXT: Final = 8192
MAX_BLOB: Final = 6144
MIN_WAITING_DAYS: Final = 7
MAX_WAITING_DAYS: Final = 30

_ARN: Final = re.compile(r"arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]{1,256}")
_STATES: Final = {
    "Enabled": KeyState.ACTIVE,
    "PendingDeletion": KeyState.PENDING,
    "PendingReplicaDeletion": KeyState.PENDING,
}
"""Every other state (Disabled, PendingImport, Unavailable, …) is unusable and may come back: frozen."""

_REFUSALS: Final[Mapping[str, Callable[[], SottovoceError]]] = {
    "InvalidCiphertextException": refusals.broken,
    "IncorrectKeyException": refusals.broken,
    "DisabledException": refusals.frozen,
    "InvalidKeyUsageException": lambda: refusals.unfit("the key is not one that encrypts"),
    "NotFoundException": refusals.unknown,
    "InvalidArnException": refusals.unknown,
    "LimitExceededException": lambda: refusals.unfit("the account may have no more keys"),
    "ThrottlingException": refusals.busy,
    "KeyUnavailableException": refusals.busy,
    "DependencyTimeoutException": refusals.busy,
    "KMSInternalException": refusals.busy,
    "ServiceUnavailable": refusals.busy,
    "InternalFailure": refusals.busy,
}
_NEW_KEY_WAITS_S: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
"""KMS is eventually consistent: a new key may be unknown for some seconds (Developer Guide, Eventual consistency)."""


class AwsKms:
    """A `KeyProvider` over one boto3 `kms` client."""

    def __init__(
        self,
        *,
        client: Any,
        clock: Callable[[], datetime],
        standing_key: str | None = None,
        waiting_days: int = MIN_WAITING_DAYS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not MIN_WAITING_DAYS <= waiting_days <= MAX_WAITING_DAYS:
            raise KeyRefused("AWS KMS waits 7 to 30 days", hint="set keys.waiting_days within them")
        self._client = client
        self._clock = clock
        self._standing = standing_key
        self._waiting_days = waiting_days
        self._sleep = sleep

    @classmethod
    def connect(
        cls,
        *,
        region: str,
        clock: Callable[[], datetime],
        endpoint: str | None = None,
        access_key: Confidential[str] | None = None,
        secret_key: Confidential[str] | None = None,
        standing_key: str | None = None,
        waiting_days: int = MIN_WAITING_DAYS,
    ) -> Self:
        """With four tries, 5 s to connect and 10 s to answer; nothing is sent yet. KeyRefused without boto3."""
        try:
            import boto3
            from botocore.config import Config
        except ImportError:
            raise refusals.not_installed("aws") from None
        patience = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})
        client = boto3.client(
            "kms",
            region_name=region,
            endpoint_url=endpoint,
            aws_access_key_id=access_key.reveal() if access_key else None,
            aws_secret_access_key=secret_key.reveal() if secret_key else None,
            config=patience,
        )
        return cls(client=client, clock=clock, standing_key=standing_key, waiting_days=waiting_days)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            kms=KMS,
            key_per_epoch=self._standing is None,
            destroyed_after=timedelta(days=self._waiting_days),
            exportable=False,
            production=True,
        )

    def reach(self) -> Reached:
        """Reads the standing key, or lists one key."""
        with self._asking(None):
            if self._standing is None:
                answer = self._client.list_keys(Limit=1)
            else:
                answer = self._client.describe_key(KeyId=self._standing)
        return Reached(service_time=_service_time(answer))

    def create_key(self, context: Context) -> str:
        with self._asking(None):
            if self._standing is not None:
                return self._standing_arn(self._standing)
            made = self._client.create_key(
                Description="sottovoce: wraps one epoch key",
                KeyUsage="ENCRYPT_DECRYPT",
                KeySpec="SYMMETRIC_DEFAULT",
                Tags=[{"TagKey": f"sottovoce:{name}", "TagValue": value} for name, value in context.items()],
            )
            return str(made["KeyMetadata"]["Arn"])

    def wrap(self, key: Confidential[bytes], context: Context, *, key_id: str) -> WrappedKey:
        bound = _bound(context)
        with self._asking(key_id):
            answer = self._patiently(
                key_id,
                lambda: self._client.encrypt(KeyId=key_id, Plaintext=key.reveal(), EncryptionContext=bound),
            )
        return WrappedKey(kms=KMS, key_id=key_id, blob=bytes(answer["CiphertextBlob"]))

    def unwrap(self, wrapped: WrappedKey, context: Context) -> Confidential[bytes]:
        if not 1 <= len(wrapped.blob) <= MAX_BLOB:
            raise refusals.broken()
        bound = _bound(context)
        with self._asking(wrapped.key_id):
            answer = self._patiently(
                wrapped.key_id,
                lambda: self._client.decrypt(
                    KeyId=wrapped.key_id, CiphertextBlob=wrapped.blob, EncryptionContext=bound
                ),
            )
        return Confidential(bytes(answer["Plaintext"]))

    def rewrap(self, wrapped: WrappedKey, context: Context, *, key_id: str) -> WrappedKey:
        """By ReEncrypt: the key never leaves the service."""
        bound = _bound(context)
        with self._asking(wrapped.key_id, key_id):
            answer = self._patiently(
                key_id,
                lambda: self._client.re_encrypt(
                    CiphertextBlob=wrapped.blob,
                    SourceKeyId=wrapped.key_id,
                    SourceEncryptionContext=bound,
                    DestinationKeyId=key_id,
                    DestinationEncryptionContext=bound,
                ),
            )
        return WrappedKey(kms=KMS, key_id=key_id, blob=bytes(answer["CiphertextBlob"]))

    def key_state(self, key_id: str) -> KeyState:
        try:
            return self._state(self._described(key_id))
        except KeyShredded:
            return KeyState.DESTROYED

    def freeze(self, key_id: str) -> None:
        with self._asking(key_id):
            self._client.disable_key(KeyId=key_id)

    def thaw(self, key_id: str) -> None:
        with self._asking(key_id):
            self._client.enable_key(KeyId=key_id)

    def schedule_destroy(self, key_id: str) -> Destruction:
        """Unusable at once. A key that is gone already answers with the time of asking."""
        try:
            found = self._described(key_id)
            if self._state(found) is not KeyState.PENDING:
                with self._asking(key_id):
                    found = self._client.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=self._waiting_days)
        except KeyShredded:
            return Destruction(key_id=key_id, state=KeyState.DESTROYED, final_at=self._clock())
        final = found["DeletionDate"].astimezone(UTC)
        return Destruction(key_id=key_id, state=KeyState.PENDING, final_at=final)

    def _described(self, key_id: str) -> dict[str, Any]:
        with self._asking(key_id):
            answer: dict[str, Any] = self._client.describe_key(KeyId=key_id)["KeyMetadata"]
        return answer

    def _standing_arn(self, name: str) -> str:
        found = self._client.describe_key(KeyId=name)["KeyMetadata"]
        if (found["KeyUsage"], found.get("KeySpec", "SYMMETRIC_DEFAULT")) != ("ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT"):
            raise refusals.unfit("the standing key is not a symmetric one that encrypts")
        return str(found["Arn"])

    @staticmethod
    def _state(found: Mapping[str, Any]) -> KeyState:
        return _STATES.get(found["KeyState"], KeyState.FROZEN)

    def _patiently(self, key_id: str, ask: Callable[[], Any]) -> Any:
        """A key that was just made may take seconds to be known everywhere."""
        for wait in _NEW_KEY_WAITS_S if _ARN.fullmatch(key_id) else ():
            try:
                return ask()
            except self._client.exceptions.NotFoundException:
                self._sleep(wait)
        return ask()

    @contextmanager
    def _asking(self, *keys: str | None) -> Iterator[None]:
        """Every answer that is a no, in our words."""
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ParamValidationError

        try:
            yield
        except ClientError as failure:
            raise self._meant(failure, [key for key in keys if key]) from None
        except NoCredentialsError:
            raise refusals.forbidden() from None
        except ParamValidationError:
            raise refusals.unknown() from None
        except BotoCoreError:
            raise refusals.unreachable() from None

    def _meant(self, failure: Any, keys: list[str]) -> SottovoceError:
        code = failure.response.get("Error", {}).get("Code", "")
        if code == "KMSInvalidStateException":
            return self._of_state(keys)
        if code == "NotFoundException" and any(_ARN.fullmatch(key) for key in keys):
            # An ARN names the account it was made in; there a key that was made is gone only when destroyed.
            return refusals.destroyed()
        if code in _REFUSALS:
            return _REFUSALS[code]()
        status = failure.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return refusals.busy() if status >= 500 or status == 429 else refusals.forbidden()

    def _of_state(self, keys: list[str]) -> SottovoceError:
        """KMS says only that the state is wrong; its own description says which."""
        states = {self.key_state(key) for key in keys}
        return refusals.destroyed() if states & {KeyState.PENDING, KeyState.DESTROYED} else refusals.frozen()


def _bound(context: Context) -> dict[str, str]:
    if sum(len(name.encode()) + len(value.encode()) for name, value in context.items()) > MAX_CONTEXT:
        raise KeyRefused("the key's context is over 8 KiB", hint="shorten the tenant's name")
    return dict(context)


def _service_time(answer: Mapping[str, Any]) -> datetime | None:
    """What the service's clock said in its answer's Date header (RFC 9110 section 6.6.1)."""
    from email.utils import parsedate_to_datetime

    said = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return parsedate_to_datetime(said) if said else None
