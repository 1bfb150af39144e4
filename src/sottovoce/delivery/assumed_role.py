"""Another account's role, assumed for an hour or less and assumed again before it ends (AWS STS AssumeRole).

The other account names who may assume it, and asks for an external id, so that nobody can be talked into delivering
into an account that is not theirs (IAM User Guide, "The confused deputy problem").
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from sottovoce.delivery.failures import DeliveryForbidden, DeliveryUnavailable
from sottovoce.domain.confidential import Confidential

EARLY: Final = timedelta(minutes=5)
"""A session is renewed so long before it ends, so that none ends on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionKeys:
    """What STS hands out."""

    access_key: str
    secret_key: Confidential[str] = field(repr=False)
    token: Confidential[str] | None = field(default=None, repr=False)


Connect = Callable[[SessionKeys | None], Any]
"""Makes a boto3 client of S3; with the machine's own credentials where none are given."""


class Session(Protocol):
    """A client that works now."""

    def client(self, *, instead_of: Any = None) -> Any:
        """The present one; another where `instead_of` no longer works. Raises DeliveryUnavailable."""
        ...


class OwnKeys:
    """Keys of a user, or the machine's own role; `keys` are read again when they no longer work."""

    def __init__(self, *, connect: Connect, keys: Callable[[], SessionKeys | None]) -> None:
        self._connect = connect
        self._keys = keys
        self._client: Any = None
        self._lock = threading.Lock()

    def client(self, *, instead_of: Any = None) -> Any:
        with self._lock:
            if self._client is None or self._client is instead_of:
                self._client = self._connect(self._keys())
            return self._client


class AssumedRole:
    """A session of the other account's role. `sts` makes a boto3 client of STS."""

    def __init__(
        self,
        *,
        sts: Callable[[], Any],
        connect: Connect,
        role: str,
        external_id: Callable[[], Confidential[str]] | None,
        name: str,
        lifetime: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._sts = sts
        self._connect = connect
        self._role = role
        self._external_id = external_id
        self._name = name
        self._lifetime = lifetime
        self._clock = clock
        self._client: Any = None
        self._renew_at: datetime | None = None
        self._lock = threading.Lock()

    def client(self, *, instead_of: Any = None) -> Any:
        with self._lock:
            over = self._renew_at is None or self._clock() >= self._renew_at
            if self._client is None or over or self._client is instead_of:
                keys, ends = self._assume()
                self._client = self._connect(keys)
                self._renew_at = max(ends - EARLY, self._clock() + (ends - self._clock()) / 2)
            return self._client

    def _assume(self) -> tuple[SessionKeys, datetime]:
        from botocore.exceptions import BotoCoreError, ClientError

        asked: dict[str, Any] = {
            "RoleArn": self._role,
            "RoleSessionName": self._name,
            "DurationSeconds": int(self._lifetime.total_seconds()),
        }
        if self._external_id is not None:
            asked["ExternalId"] = self._external_id().reveal()
        try:
            given = self._sts().assume_role(**asked)["Credentials"]
        except ClientError as failure:
            # The service's words quote the role and the account.
            if failure.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500) >= 500:
                raise DeliveryUnavailable("STS does not answer", may_be_there=False) from None
            raise DeliveryForbidden(
                "the destination's role cannot be assumed", hint="check its trust policy and the external id"
            ) from None
        except BotoCoreError as failure:
            raise DeliveryUnavailable(f"STS does not answer ({type(failure).__name__})", may_be_there=False) from None
        keys = SessionKeys(
            access_key=given["AccessKeyId"],
            secret_key=Confidential(given["SecretAccessKey"]),
            token=Confidential(given["SessionToken"]),
        )
        return keys, given["Expiration"]
