"""The transit engine of HashiCorp Vault and OpenBao as a key provider, through hvac.

Every epoch gets an aes256-gcm96 key of its own unless the policy names a standing one; the context is associated
data, so it is `encrypt` that is asked and never `datakey`, which takes none. The engine's `rewrap` takes none
either (hashicorp/vault issue 31791), so a key is re-wrapped through this process.

Transit cannot disable a key. Freezing rotates it and lets only the newest version decrypt
(`min_decryption_version`), which no wrapped key has; thawing lets the older ones decrypt again. Destroying does
the same and trims them away (`min_available_version`): at once, for good, and what is left of the key says when.

Refuses: a standing key of another type, or one that is derived or exportable. Before it wraps it asks for the key:
`encrypt` would silently make one that is missing.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

import rfc8785

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyRefused
from sottovoce.kms import refusals
from sottovoce.kms.protocol import Capabilities, Context, Destruction, KeyState, Reached, WrappedKey

KMS: Final = "transit"
KEY_TYPE: Final = "aes256-gcm96"
TIMEOUT_S: Final = 10
TRIES: Final = 4

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_BLOB: Final = re.compile(rb"vault:v[1-9][0-9]{0,8}:[A-Za-z0-9+/]{1,4096}={0,2}")
_RANDOM_BYTES: Final = 8

SignIn = Callable[[Any], None]
"""Gives a client its token."""


class Transit:
    """A `KeyProvider` over one hvac client. `sign_in` is asked again once when a token has run out."""

    def __init__(
        self,
        *,
        client: Any,
        sign_in: SignIn,
        clock: Callable[[], datetime],
        mount: str = "transit",
        standing_key: str | None = None,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._client = client
        self._sign_in = sign_in
        self._clock = clock
        self._mount = mount
        self._standing = standing_key
        self._random = random
        self._signed_in = False

    @classmethod
    def connect(
        cls,
        *,
        url: str,
        sign_in: SignIn,
        clock: Callable[[], datetime],
        mount: str = "transit",
        namespace: str | None = None,
        standing_key: str | None = None,
        ca: str | None = None,
    ) -> Self:
        """With four tries of 10 s; nothing is sent yet. KeyRefused without hvac."""
        try:
            import hvac
            import requests
            from requests.adapters import HTTPAdapter
            from urllib3.util import Retry
        except ImportError:
            raise refusals.not_installed("transit") from None
        session = requests.Session()
        session.trust_env = False
        session.verify = ca or True
        patience = Retry(
            total=TRIES - 1,
            backoff_factor=0.2,
            status_forcelist=(429, 502, 504),
            allowed_methods=None,
            raise_on_status=False,
        )
        session.mount("https://", HTTPAdapter(max_retries=patience))
        session.mount("http://", HTTPAdapter(max_retries=patience))
        client = hvac.Client(url=url, namespace=namespace, session=session, timeout=TIMEOUT_S, verify=ca or True)
        client.token = None
        return cls(client=client, sign_in=sign_in, clock=clock, mount=mount, standing_key=standing_key)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            kms=KMS,
            key_per_epoch=self._standing is None,
            destroyed_after=timedelta(0),
            exportable=False,
            production=True,
        )

    def reach(self) -> Reached:
        """The server's health, and that our token still stands."""
        with self._asking():
            health = self._client.sys.read_health_status(method="GET", standby_ok=True)
        self._ask(lambda: self._client.auth.token.lookup_self())
        at = health.get("server_time_utc") if isinstance(health, Mapping) else None
        return Reached(service_time=datetime.fromtimestamp(at, UTC) if isinstance(at, int) else None)

    def create_key(self, context: Context) -> str:
        if self._standing is not None:
            self._refuse_unfit(self._known(self._standing))
            return self._standing
        name = "-".join(re.sub(r"[^A-Za-z0-9.-]", "-", value) for value in context.values())
        name = f"{name[:100]}-{self._random(_RANDOM_BYTES).hex()}"
        self._ask(
            lambda: self._transit.create_key(
                name=name,
                key_type=KEY_TYPE,
                derived=False,
                exportable=False,
                allow_plaintext_backup=False,
                mount_point=self._mount,
            )
        )
        return name

    def wrap(self, key: Confidential[bytes], context: Context, *, key_id: str) -> WrappedKey:
        self._refuse_unusable(self._known(key_id))
        answer = self._ask(
            lambda: self._transit.encrypt_data(
                name=key_id,
                plaintext=_text(key.reveal()),
                associated_data=_text(_bound(key_id, context)),
                mount_point=self._mount,
            )
        )
        return WrappedKey(kms=KMS, key_id=key_id, blob=answer["data"]["ciphertext"].encode("ascii"))

    def unwrap(self, wrapped: WrappedKey, context: Context) -> Confidential[bytes]:
        if not _BLOB.fullmatch(wrapped.blob):
            raise refusals.broken()
        answer = self._ask(
            lambda: self._transit.decrypt_data(
                name=_checked(wrapped.key_id),
                ciphertext=wrapped.blob.decode("ascii"),
                associated_data=_text(_bound(wrapped.key_id, context)),
                mount_point=self._mount,
            ),
            said_no=lambda: self._refusal_of(wrapped.key_id),
        )
        try:
            return Confidential(base64.b64decode(answer["data"]["plaintext"], validate=True))
        except (binascii.Error, KeyError, TypeError):
            raise refusals.broken() from None

    def rewrap(self, wrapped: WrappedKey, context: Context, *, key_id: str) -> WrappedKey:
        return self.wrap(self.unwrap(wrapped, context), context, key_id=key_id)

    def key_state(self, key_id: str) -> KeyState:
        return _state(self._known(key_id))

    def freeze(self, key_id: str) -> None:
        known = self._known(key_id)
        _refuse_destroyed(known)
        if _state(known) is not KeyState.FROZEN:
            self._retire_versions(key_id)

    def thaw(self, key_id: str) -> None:
        _refuse_destroyed(self._known(key_id))
        self._configure(key_id, min_decryption_version=1)

    def schedule_destroy(self, key_id: str) -> Destruction:
        known = self._known(key_id)
        if _state(known) is not KeyState.DESTROYED:
            # Asked for again after a crash, it rotates once more, which changes nothing.
            newest = self._retire_versions(key_id)
            self._configure(key_id, min_encryption_version=newest)
            self._ask(lambda: self._transit.trim_key(name=key_id, min_version=newest, mount_point=self._mount))
            known = self._known(key_id)
        return Destruction(key_id=key_id, state=KeyState.DESTROYED, final_at=_made_at(known))

    def _retire_versions(self, key_id: str) -> int:
        """Rotates, and lets only the newest version decrypt: nothing was ever wrapped under it."""
        self._ask(lambda: self._transit.rotate_key(name=key_id, mount_point=self._mount))
        newest = int(self._known(key_id)["latest_version"])
        self._configure(key_id, min_decryption_version=newest)
        return newest

    def _configure(self, key_id: str, **versions: int) -> None:
        self._ask(lambda: self._transit.update_key_configuration(name=key_id, mount_point=self._mount, **versions))

    def _known(self, key_id: str) -> Mapping[str, Any]:
        name = _checked(key_id)
        answer = self._ask(lambda: self._transit.read_key(name=name, mount_point=self._mount))
        data: Mapping[str, Any] = answer["data"]
        return data

    def _refusal_of(self, key_id: str) -> Exception:
        """What a 400 meant, read off the key rather than out of the server's words."""
        state = self.key_state(key_id)
        if state is KeyState.DESTROYED:
            return refusals.destroyed()
        return refusals.frozen() if state is KeyState.FROZEN else refusals.broken()

    def _refuse_unusable(self, known: Mapping[str, Any]) -> None:
        _refuse_destroyed(known)
        if _state(known) is KeyState.FROZEN:
            raise refusals.frozen()

    @staticmethod
    def _refuse_unfit(known: Mapping[str, Any]) -> None:
        if known.get("type") != KEY_TYPE or known.get("derived") or known.get("exportable"):
            raise refusals.unfit(f"the standing key is not of type {KEY_TYPE}, or is derived or exportable")

    @property
    def _transit(self) -> Any:
        return self._client.secrets.transit

    def _ask(self, ask: Callable[[], Any], *, said_no: Callable[[], Exception] = refusals.forbidden) -> Any:
        """Signed in first; once more where the token has run out meanwhile."""
        import hvac.exceptions as failures

        for last in (False, True):
            with self._asking(said_no):
                if not self._signed_in:
                    self._sign_in(self._client)
                    self._signed_in = True
                try:
                    return ask()
                except (failures.Forbidden, failures.Unauthorized):
                    if last:
                        raise
                    self._signed_in = False
        raise refusals.forbidden()

    @contextmanager
    def _asking(self, said_no: Callable[[], Exception] = refusals.forbidden) -> Iterator[None]:
        import hvac.exceptions as failures
        import requests

        try:
            yield
        except failures.InvalidPath:
            raise refusals.unknown() from None
        except failures.InvalidRequest:
            raise said_no() from None
        except (failures.RateLimitExceeded, failures.InternalServerError, failures.BadGateway, failures.VaultDown):
            raise refusals.busy() from None
        except (failures.Forbidden, failures.Unauthorized, failures.ParamValidationError):
            raise refusals.forbidden() from None
        except (failures.VaultError, requests.RequestException):
            raise refusals.unreachable() from None


def by_token(token: Confidential[str]) -> SignIn:
    """With a token somebody else renews."""

    def sign_in(client: Any) -> None:
        client.token = token.reveal()

    return sign_in


def by_app_role(role_id: Confidential[str], secret_id: Confidential[str]) -> SignIn:
    """With an AppRole; a token that has run out is fetched anew."""

    def sign_in(client: Any) -> None:
        client.auth.approle.login(role_id=role_id.reveal(), secret_id=secret_id.reveal(), use_token=True)

    return sign_in


def _state(known: Mapping[str, Any]) -> KeyState:
    """A key's versions tell: trimmed away, kept from decrypting, or usable."""
    if int(known.get("min_available_version") or 0) > 1:
        return KeyState.DESTROYED
    return KeyState.FROZEN if int(known.get("min_decryption_version") or 1) > 1 else KeyState.ACTIVE


def _refuse_destroyed(known: Mapping[str, Any]) -> None:
    if _state(known) is KeyState.DESTROYED:
        raise refusals.destroyed()


def _made_at(known: Mapping[str, Any]) -> datetime:
    """When the version that was made to end the key was made."""
    return datetime.fromtimestamp(int(known["keys"][str(known["latest_version"])]), UTC)


def _checked(name: str) -> str:
    """A name goes into a path: nothing but what transit itself allows."""
    if not _NAME.fullmatch(name):
        raise KeyRefused("this is no name of a transit key", hint="check keys.key in the policy")
    return name


def _bound(key_id: str, context: Context) -> bytes:
    return rfc8785.dumps({"kms": KMS, "key": key_id, "context": dict(context)})


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
