"""Azure Key Vault and Managed HSM as a key provider, through azure-keyvault-keys.

The service's wrapKey takes no associated data, so a layer of our own binds the context: a fresh 32-byte key
encrypts under AES-256-GCM with the context as associated data, and the vault's key wraps that one (A256KW on a
Managed HSM's oct-HSM keys, RSA-OAEP-256 on the others).

    blob = 0x01 ‖ length of the wrapped key (2 bytes) ‖ wrapped key ‖ nonce (12 bytes) ‖ AES-256-GCM

With an RSA key anybody who reads its public half and may write the key store could put a blob of his own in the
place of one: oct-HSM keys leave no such door (docs/keys.md). A deleted key is unusable at once and gone for
good when the vault's retention is over, or when it is purged.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self

import rfc8785
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyShredded, SealBroken, SottovoceError
from sottovoce.kms import refusals
from sottovoce.kms.protocol import Capabilities, Context, Destruction, KeyState, Reached, WrappedKey

KMS: Final = "azure-key-vault"
VERSION: Final = 1
RSA_BITS: Final = 3072
"""128 bits of security (NIST SP 800-57 part 1, table 2)."""

_AES_BITS: Final = 256
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_ID_BYTES: Final = 8
_ALGORITHMS: Final = {"rsa": "RSA-OAEP-256", "rsa-hsm": "RSA-OAEP-256", "oct-hsm": "A256KW"}
_TYPES: Final = {"rsa": "RSA", "rsa-hsm": "RSA-HSM", "oct-hsm": "oct-HSM"}
_OPERATIONS: Final = ("wrapKey", "unwrapKey")
_OURS: Final = re.compile(r"[0-9A-Za-z-]+-[0-9a-f]{16}")
_BUSY: Final = 429
_SERVER_FAILED: Final = 500


class AzureKeyVault:
    """A `KeyProvider` over one KeyClient. A key's id is its version's URL."""

    def __init__(
        self,
        *,
        client: Any,
        clock: Callable[[], datetime],
        kind: str = "rsa-hsm",
        standing_key: str | None = None,
        waiting_days: int = 90,
        rsa_bits: int = RSA_BITS,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._client = client
        self._clock = clock
        self._kind = kind
        self._standing = standing_key
        self._waiting = timedelta(days=waiting_days)
        self._rsa_bits = rsa_bits
        self._random = random

    @classmethod
    def connect(
        cls,
        *,
        url: str,
        credential: Any,
        clock: Callable[[], datetime],
        kind: str = "rsa-hsm",
        standing_key: str | None = None,
        waiting_days: int = 90,
        ca: str | None = None,
        verify_challenge_resource: bool = True,
    ) -> Self:
        """With four tries, 5 s to connect and 10 s to answer; nothing is sent yet.

        `verify_challenge_resource` is the SDK's guard against a server that asks for another's tokens; only a
        double on loopback needs it off. KeyRefused without the library.
        """
        try:
            from azure.keyvault.keys import KeyClient
        except ImportError:
            raise refusals.not_installed("azure") from None
        trust = {} if ca is None else {"connection_verify": ca}
        client = KeyClient(
            vault_url=url,
            credential=credential,
            retry_total=3,
            retry_backoff_factor=0.2,
            connection_timeout=5,
            read_timeout=10,
            verify_challenge_resource=verify_challenge_resource,
            **trust,
        )
        return cls(client=client, clock=clock, kind=kind, standing_key=standing_key, waiting_days=waiting_days)

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
        """Reads the standing key, or lists one key."""
        dates: list[str] = []

        def heard(answer: Any) -> None:
            dates.append(answer.http_response.headers.get("Date", ""))

        with _asking():
            if self._standing is None:
                next(iter(self._client.list_properties_of_keys(max_page_size=1, raw_response_hook=heard)), None)
            else:
                self._client.get_key(self._standing, raw_response_hook=heard)
        said = [date for date in dates if date]
        return Reached(service_time=parsedate_to_datetime(said[-1]) if said else None)

    def create_key(self, context: Context) -> str:
        if self._standing is not None:
            return self._fit(self._standing)
        name = "-".join(re.sub(r"[^0-9A-Za-z]", "-", value) for value in context.values())
        size = _AES_BITS if self._kind == "oct-hsm" else self._rsa_bits
        with _asking():
            made = self._client.create_key(
                f"{name[:110]}-{self._random(_ID_BYTES).hex()}",
                _TYPES[self._kind],
                size=size,
                key_operations=list(_OPERATIONS),
                tags=dict(context),
            )
        return str(made.id)

    def wrap(self, key: Confidential[bytes], context: Context, *, key_id: str) -> WrappedKey:
        self._refuse_unusable(key_id)
        inner, nonce = self._random(_KEY_BYTES), self._random(_NONCE_BYTES)
        sealed = AESGCM(inner).encrypt(nonce, key.reveal(), _bound(key_id, context))
        with _asking():
            wrapped = self._crypto(key_id).wrap_key(self._algorithm, inner).encrypted_key
        head = bytes([VERSION]) + len(wrapped).to_bytes(2, "big")
        return WrappedKey(kms=KMS, key_id=key_id, blob=head + wrapped + nonce + sealed)

    def unwrap(self, wrapped: WrappedKey, context: Context) -> Confidential[bytes]:
        outer, nonce, sealed = _parts(wrapped.blob)
        self._named(wrapped.key_id)
        with _asking(lambda: self._refusal_of(wrapped.key_id)):
            inner = self._crypto(wrapped.key_id).unwrap_key(self._algorithm, outer).key
        try:
            return Confidential(AESGCM(inner).decrypt(nonce, sealed, _bound(wrapped.key_id, context)))
        except (InvalidTag, ValueError):
            raise refusals.broken() from None

    def rewrap(self, wrapped: WrappedKey, context: Context, *, key_id: str) -> WrappedKey:
        """Through this process: the service cannot re-wrap."""
        return self.wrap(self.unwrap(wrapped, context), context, key_id=key_id)

    def key_state(self, key_id: str) -> KeyState:
        try:
            return KeyState.ACTIVE if self._found(key_id).properties.enabled else KeyState.FROZEN
        except KeyShredded:
            return KeyState.DESTROYED if self._purge_date(key_id) is None else KeyState.PENDING

    def freeze(self, key_id: str) -> None:
        self._turn(key_id, enabled=False)

    def thaw(self, key_id: str) -> None:
        self._turn(key_id, enabled=True)

    def schedule_destroy(self, key_id: str) -> Destruction:
        try:
            self._found(key_id)
            with _asking():
                self._client.begin_delete_key(self._named(key_id)[0])
        except KeyShredded:
            pass
        final = self._purge_date(key_id)
        if final is None:
            return Destruction(key_id=key_id, state=KeyState.DESTROYED, final_at=self._clock())
        return Destruction(key_id=key_id, state=KeyState.PENDING, final_at=final)

    @property
    def _algorithm(self) -> str:
        return _ALGORITHMS[self._kind]

    def _crypto(self, key_id: str) -> Any:
        name, version = self._named(key_id)
        return self._client.get_cryptography_client(name, key_version=version)

    def _turn(self, key_id: str, *, enabled: bool) -> None:
        self._found(key_id)
        name, version = self._named(key_id)
        with _asking():
            self._client.update_key_properties(name, version, enabled=enabled)

    def _fit(self, standing: str) -> str:
        with _asking():
            found = self._client.get_key(standing)
        allowed = {_plain(one) for one in found.key_operations or ()}
        if _plain(found.key_type) != _TYPES[self._kind] or not set(_OPERATIONS) <= allowed:
            raise refusals.unfit("the standing key is of another kind, or may not wrap and unwrap")
        return str(found.id)

    def _found(self, key_id: str) -> Any:
        """The key as the vault has it. KeyShredded for one that was deleted, or is gone and was ours."""
        from azure.core.exceptions import ResourceNotFoundError

        name, version = self._named(key_id)
        with _asking():
            try:
                return self._client.get_key(name, version)
            except ResourceNotFoundError:
                pass
        if self._purge_date(key_id) is None and not _OURS.fullmatch(name):
            raise refusals.unknown()
        raise refusals.destroyed()

    def _purge_date(self, key_id: str) -> datetime | None:
        """When a deleted key goes for good; None for one that is gone, or cannot be recovered at all."""
        from azure.core.exceptions import ResourceNotFoundError

        with _asking():
            try:
                found = self._client.get_deleted_key(self._named(key_id)[0])
            except ResourceNotFoundError:
                return None
        date: datetime | None = found.scheduled_purge_date
        return date.astimezone(UTC) if date else None

    def _refuse_unusable(self, key_id: str) -> None:
        """RSA keys wrap in this process, where nobody would ask whether they may."""
        if not self._found(key_id).properties.enabled:
            raise refusals.frozen()

    def _refusal_of(self, key_id: str) -> SottovoceError:
        match self.key_state(key_id):
            case KeyState.PENDING | KeyState.DESTROYED:
                return refusals.destroyed()
            case KeyState.FROZEN:
                return refusals.frozen()
            case KeyState.ACTIVE:
                return refusals.broken()

    def _named(self, key_id: str) -> tuple[str, str]:
        """Name and version; only of keys in our own vault."""
        path = key_id.removeprefix(f"{self._client.vault_url}/keys/")
        found = re.fullmatch(r"([0-9A-Za-z-]{1,127})/([0-9a-f]{32})", path)
        if path == key_id or found is None:
            raise refusals.unknown()
        return found[1], found[2]


@contextmanager
def _asking(said_no: Callable[[], SottovoceError] = refusals.forbidden) -> Iterator[None]:
    """Every answer that is a no, in our words."""
    from azure.core import exceptions as failures

    try:
        yield
    except failures.ClientAuthenticationError:
        raise refusals.forbidden() from None
    except failures.HttpResponseError as failure:
        status = failure.status_code or 0
        raise (refusals.busy() if status == _BUSY or status >= _SERVER_FAILED else said_no()) from None
    except failures.AzureError:
        raise refusals.unreachable() from None


def by_application(*, directory: str, client_id: Confidential[str], client_secret: Confidential[str]) -> Any:
    """A credential of an application's own."""
    from azure.identity import ClientSecretCredential

    return ClientSecretCredential(directory, client_id.reveal(), client_secret.reveal())


def by_machine() -> Any:
    """Whatever identity the machine has: managed, workload or environment."""
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()


def _plain(name: Any) -> str:
    """The SDK answers an enumeration's member where it knows the name, and else the text."""
    return str(getattr(name, "value", name))


def _parts(blob: bytes) -> tuple[bytes, bytes, bytes]:
    size = int.from_bytes(blob[1:3], "big")
    outer, rest = blob[3 : 3 + size], blob[3 + size :]
    if blob[:1] != bytes([VERSION]) or len(outer) != size or not size or len(rest) <= _NONCE_BYTES:
        raise SealBroken("a wrapped key does not open", hint="restore the key store from its backup")
    return outer, rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]


def _bound(key_id: str, context: Context) -> bytes:
    return rfc8785.dumps({"kms": KMS, "key": key_id, "context": dict(context)})
