"""Google Cloud KMS as a key provider, through google-cloud-kms.

Every epoch gets a symmetric key of its own in one key ring, unless the policy names a standing one. The context is
the additional authenticated data. CRC-32C goes with everything sent and is checked on everything received, both
ways, as the service's data integrity guidelines ask: an answer whose checksum does not fit, or which says that
ours was not looked at, is not believed and may be asked for again.

A destroyed key version waits (30 days unless the key was made otherwise), unusable, then its material is gone;
the key's name stays for ever and says so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

import rfc8785

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyUnavailable, SottovoceError
from sottovoce.kms import refusals
from sottovoce.kms.crc32c import crc32c
from sottovoce.kms.protocol import Capabilities, Context, Destruction, KeyState, Reached, WrappedKey

KMS: Final = "gcp-kms"
TIMEOUT_S: Final = 10.0
PATIENCE_S: Final = 30.0
"""How long one call is tried again while the service is away."""

MAX_BLOB: Final = 64 * 1024

_KEY: Final = r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[A-Za-z0-9_-]{1,63}"
_VERSION: Final = re.compile(rf"({_KEY})/cryptoKeyVersions/[0-9]+")
_ID_BYTES: Final = 8
_STATES: Final = {
    "ENABLED": KeyState.ACTIVE,
    "DESTROY_SCHEDULED": KeyState.PENDING,
    "DESTROYED": KeyState.DESTROYED,
}
"""Every other state (DISABLED, PENDING_GENERATION, …) is unusable and may come back: frozen."""


class GcpKms:
    """A `KeyProvider` over one KeyManagementServiceClient. A key's id is its version's resource name."""

    def __init__(
        self,
        *,
        client: Any,
        key_ring: str,
        clock: Callable[[], datetime],
        standing_key: str | None = None,
        hardware: bool = False,
        waiting_days: int = 30,
        patience_s: float = PATIENCE_S,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._client = client
        self._patience_s = patience_s
        self._ring = key_ring
        self._clock = clock
        self._standing = standing_key
        self._hardware = hardware
        self._waiting = timedelta(days=waiting_days)
        self._random = random

    @classmethod
    def connect(
        cls,
        *,
        key_ring: str,
        clock: Callable[[], datetime],
        standing_key: str | None = None,
        hardware: bool = False,
        waiting_days: int = 30,
        endpoint: str | None = None,
        credentials: Confidential[str] | None = None,
        patience_s: float = PATIENCE_S,
    ) -> Self:
        """Over gRPC; nothing is sent yet. `http://` endpoints are doubles on loopback and get no credentials."""
        try:
            from google.cloud import kms
        except ImportError:
            raise refusals.not_installed("gcp") from None
        client = kms.KeyManagementServiceClient(**_reached_by(endpoint, credentials))
        return cls(
            client=client,
            key_ring=key_ring,
            clock=clock,
            standing_key=standing_key,
            hardware=hardware,
            waiting_days=waiting_days,
            patience_s=patience_s,
        )

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            kms=KMS,
            key_per_epoch=self._standing is None,
            destroyed_after=self._waiting,
            exportable=False,
            production=True,
        )

    def reach(self) -> Reached:
        """Reads the key ring."""
        with _asking():
            self._call("get_key_ring", {"name": self._ring})
        return Reached()

    def create_key(self, context: Context) -> str:
        if self._standing is not None:
            return self._primary(f"{self._ring}/cryptoKeys/{self._standing}")
        name = "-".join(re.sub(r"[^A-Za-z0-9]", "-", value) for value in context.values())
        key = {
            "purpose": "ENCRYPT_DECRYPT",
            "version_template": {
                "algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION",
                "protection_level": "HSM" if self._hardware else "SOFTWARE",
            },
            "destroy_scheduled_duration": {"seconds": int(self._waiting.total_seconds())},
        }
        asked = {
            "parent": self._ring,
            "crypto_key_id": f"{name[:46]}-{self._random(_ID_BYTES).hex()}",
            "crypto_key": key,
        }
        with _asking():
            made = self._call("create_crypto_key", asked)
        return str(made.primary.name)

    def wrap(self, key: Confidential[bytes], context: Context, *, key_id: str) -> WrappedKey:
        bound = _bound(key_id, context)
        asked = {
            "name": _checked(key_id),
            "plaintext": key.reveal(),
            "plaintext_crc32c": crc32c(key.reveal()),
            "additional_authenticated_data": bound,
            "additional_authenticated_data_crc32c": crc32c(bound),
        }
        with _asking(lambda: self._refusal_of(key_id, refusals.forbidden)):
            answer = self._call("encrypt", asked)
        looked_at = answer.verified_plaintext_crc32c and answer.verified_additional_authenticated_data_crc32c
        if not looked_at or answer.name != key_id or answer.ciphertext_crc32c != crc32c(answer.ciphertext):
            raise _garbled()
        return WrappedKey(kms=KMS, key_id=key_id, blob=bytes(answer.ciphertext))

    def unwrap(self, wrapped: WrappedKey, context: Context) -> Confidential[bytes]:
        if not 1 <= len(wrapped.blob) <= MAX_BLOB:
            raise refusals.broken()
        bound = _bound(wrapped.key_id, context)
        asked = {
            "name": _key_of(wrapped.key_id),
            "ciphertext": wrapped.blob,
            "ciphertext_crc32c": crc32c(wrapped.blob),
            "additional_authenticated_data": bound,
            "additional_authenticated_data_crc32c": crc32c(bound),
        }
        with _asking(lambda: self._refusal_of(wrapped.key_id, refusals.broken)):
            answer = self._call("decrypt", asked)
        if answer.plaintext_crc32c != crc32c(answer.plaintext):
            raise _garbled()
        return Confidential(bytes(answer.plaintext))

    def rewrap(self, wrapped: WrappedKey, context: Context, *, key_id: str) -> WrappedKey:
        """Through this process: the service has no call that re-encrypts."""
        return self.wrap(self.unwrap(wrapped, context), context, key_id=key_id)

    def key_state(self, key_id: str) -> KeyState:
        return _state(self._version(key_id))

    def freeze(self, key_id: str) -> None:
        self._turn(key_id, "DISABLED")

    def thaw(self, key_id: str) -> None:
        self._turn(key_id, "ENABLED")

    def schedule_destroy(self, key_id: str) -> Destruction:
        found = self._version(key_id)
        if _state(found) not in {KeyState.PENDING, KeyState.DESTROYED}:
            with _asking():
                found = self._call("destroy_crypto_key_version", {"name": key_id})
        gone = _state(found) is KeyState.DESTROYED
        at = found.destroy_event_time if gone else found.destroy_time
        return Destruction(key_id=key_id, state=_state(found), final_at=_moment(at))

    def _call(self, what: str, asked: dict[str, Any]) -> Any:
        """Each try is given TIMEOUT_S, and `patience_s` all of them; every call may be made twice."""
        from google.api_core import exceptions as failures
        from google.api_core.retry import Retry, if_exception_type

        away = if_exception_type(failures.ServiceUnavailable, failures.GatewayTimeout)
        patience = Retry(predicate=away, initial=0.1, maximum=2.0, timeout=self._patience_s)
        return getattr(self._client, what)(request=asked, retry=patience, timeout=TIMEOUT_S)

    def _turn(self, key_id: str, state: str) -> None:
        if _state(self._version(key_id)) in {KeyState.PENDING, KeyState.DESTROYED}:
            raise refusals.destroyed()
        asked = {"crypto_key_version": {"name": key_id, "state": state}, "update_mask": {"paths": ["state"]}}
        with _asking():
            self._call("update_crypto_key_version", asked)

    def _version(self, key_id: str) -> Any:
        with _asking():
            return self._call("get_crypto_key_version", {"name": _checked(key_id)})

    def _primary(self, name: str) -> str:
        with _asking():
            found = self._call("get_crypto_key", {"name": name})
        if found.purpose.name != "ENCRYPT_DECRYPT" or not found.primary.name:
            raise refusals.unfit("the standing key is not a symmetric one with a primary version")
        return str(found.primary.name)

    def _refusal_of(self, key_id: str, otherwise: Callable[[], SottovoceError]) -> SottovoceError:
        """What a no meant, read off the key rather than out of the service's words."""
        match self.key_state(key_id):
            case KeyState.PENDING | KeyState.DESTROYED:
                return refusals.destroyed()
            case KeyState.FROZEN:
                return refusals.frozen()
            case KeyState.ACTIVE:
                return otherwise()


@contextmanager
def _asking(said_no: Callable[[], SottovoceError] = refusals.forbidden) -> Iterator[None]:
    """Every answer that is a no, in our words. The client tries again by itself where that is safe."""
    from google.api_core import exceptions as failures
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except failures.NotFound:
        raise refusals.unknown() from None
    except (failures.FailedPrecondition, failures.InvalidArgument):
        raise said_no() from None
    except (failures.ResourceExhausted, failures.TooManyRequests, failures.InternalServerError):
        raise refusals.busy() from None
    except (failures.Aborted, failures.AlreadyExists):
        # A key whose making was asked for twice, because the first answer was lost: another name is drawn next time.
        raise refusals.busy() from None
    except (failures.ServiceUnavailable, failures.GatewayTimeout, failures.RetryError):
        raise refusals.unreachable() from None
    except (failures.GoogleAPICallError, GoogleAuthError):
        raise refusals.forbidden() from None


def _reached_by(endpoint: str | None, credentials: Confidential[str] | None) -> dict[str, Any]:
    from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceGrpcTransport

    if endpoint is not None and endpoint.startswith("http://"):
        import grpc  # type: ignore[import-untyped]

        channel = grpc.insecure_channel(endpoint.removeprefix("http://"))
        return {"transport": KeyManagementServiceGrpcTransport(channel=channel)}
    options: dict[str, Any] = {}
    if endpoint is not None:
        options["client_options"] = {"api_endpoint": endpoint.removeprefix("https://")}
    if credentials is not None:
        options["credentials"] = _service_account(credentials)
    return options


def _service_account(text: Confidential[str]) -> Any:
    import json

    from google.oauth2 import service_account

    scopes = ["https://www.googleapis.com/auth/cloudkms"]
    try:
        credentials = service_account.Credentials
        return credentials.from_service_account_info(json.loads(text.reveal()), scopes=scopes)  # type: ignore[no-untyped-call]
    except ValueError:
        raise refusals.forbidden() from None


def _garbled() -> KeyUnavailable:
    return KeyUnavailable("the key service's answer was damaged on its way", hint="try again; a proxy may be at fault")


def _state(found: Any) -> KeyState:
    return _STATES.get(found.state.name, KeyState.FROZEN)


def _moment(at: Any) -> datetime:
    return datetime.fromtimestamp(at.timestamp(), UTC)


def _checked(key_id: str) -> str:
    if not _VERSION.fullmatch(key_id):
        raise refusals.unknown()
    return key_id


def _key_of(key_id: str) -> str:
    """Decrypting is asked of the key; which version it was is in the ciphertext."""
    return _checked(key_id).partition("/cryptoKeyVersions/")[0]


def _bound(key_id: str, context: Context) -> bytes:
    return rfc8785.dumps({"kms": KMS, "key": key_id, "context": dict(context)})
