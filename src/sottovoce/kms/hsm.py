"""PKCS#11 as a key provider: a hardware security module, through python-pkcs11.

Every epoch gets an AES-256 key of its own on the token: sensitive, not extractable, never copied, labelled with
tenant and epoch. Wrapping is CKM_AES_GCM (PKCS #11 v2.40 section 2.12) with a 96-bit nonce of ours and the
context as associated data. Freezing takes CKA_ENCRYPT and CKA_DECRYPT from a key. Destroying is immediate
(C_DestroyObject); a small data object stays on the token to say which key was destroyed, and when.

Refuses: tokens whose PIN is wrong or that are not there. An HSM that insists on drawing nonces itself does
not fit: see docs/keys.md.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self

import rfc8785

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyRefused, KeyShredded
from sottovoce.kms import refusals
from sottovoce.kms.protocol import Capabilities, Context, Destruction, KeyState, Reached, WrappedKey

if TYPE_CHECKING:
    from types import ModuleType

KMS: Final = "pkcs11"
_NONCE_BYTES: Final = 12
_TAG_BITS: Final = 128
_TAG_BYTES: Final = 16
_ID_BYTES: Final = 16
_KEY_BITS: Final = 256
_APPLICATION: Final = "sottovoce"
_TOMBSTONE: Final = "sottovoce-destroyed/"
_LABEL_CHARACTERS: Final = 64


class Pkcs11Token:
    """A `KeyProvider` on one token. One session a process, used by one thread at a time."""

    def __init__(
        self,
        *,
        token: Callable[[], Any],
        pin: Confidential[str],
        clock: Callable[[], datetime],
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._token = token
        self._pin = pin
        self._clock = clock
        self._random = random
        self._lock = threading.RLock()
        self._opened: tuple[int, Any] | None = None

    @classmethod
    def connect(cls, *, module: str, label: str, pin: Confidential[str], clock: Callable[[], datetime]) -> Self:
        """The token with that label behind the maker's library; nothing is opened yet. KeyRefused without either."""
        pkcs11 = _library()

        def token() -> Any:
            try:
                library = pkcs11.lib(module)
            except (RuntimeError, OSError):
                raise KeyRefused("the HSM's library does not load", hint="check keys.module in the policy") from None
            return library.get_token(token_label=label)

        return cls(token=token, pin=pin, clock=clock)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            kms=KMS, key_per_epoch=True, destroyed_after=timedelta(0), exportable=False, production=True
        )

    def reach(self) -> Reached:
        with self._session():
            return Reached()

    def create_key(self, context: Context) -> str:
        from pkcs11 import Attribute, KeyType, MechanismFlag

        key_id = self._random(_ID_BYTES)
        with self._session() as session:
            session.generate_key(
                KeyType.AES,
                _KEY_BITS,
                id=key_id,
                label=_label(context),
                store=True,
                capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
                template={
                    Attribute.SENSITIVE: True,
                    Attribute.EXTRACTABLE: False,
                    Attribute.PRIVATE: True,
                    Attribute.MODIFIABLE: True,
                    Attribute.WRAP: False,
                    Attribute.UNWRAP: False,
                },
            )
        return key_id.hex()

    def wrap(self, key: Confidential[bytes], context: Context, *, key_id: str) -> WrappedKey:
        nonce = self._random(_NONCE_BYTES)
        with self._session() as session:
            sealed = self._usable(session, key_id).encrypt(key.reveal(), **_gcm(nonce, key_id, context))
        return WrappedKey(kms=KMS, key_id=key_id, blob=nonce + sealed)

    def unwrap(self, wrapped: WrappedKey, context: Context) -> Confidential[bytes]:
        nonce, sealed = wrapped.blob[:_NONCE_BYTES], wrapped.blob[_NONCE_BYTES:]
        with self._session() as session:
            key = self._usable(session, wrapped.key_id)
            if len(sealed) <= _TAG_BYTES:
                raise refusals.broken()
            with _broken_seal_named():
                return Confidential(bytes(key.decrypt(sealed, **_gcm(nonce, wrapped.key_id, context))))

    def rewrap(self, wrapped: WrappedKey, context: Context, *, key_id: str) -> WrappedKey:
        """Through this process: a token cannot re-encrypt under associated data by itself."""
        return self.wrap(self.unwrap(wrapped, context), context, key_id=key_id)

    def key_state(self, key_id: str) -> KeyState:
        with self._session() as session:
            try:
                key = self._found(session, key_id)
            except KeyShredded:
                return KeyState.DESTROYED
            return KeyState.ACTIVE if _may_be_used(key) else KeyState.FROZEN

    def freeze(self, key_id: str) -> None:
        self._turn(key_id, usable=False)

    def thaw(self, key_id: str) -> None:
        self._turn(key_id, usable=True)

    def schedule_destroy(self, key_id: str) -> Destruction:
        """Gone when this returns. The tombstone is written first, so that a crash leaves nothing unexplained."""
        with self._session() as session:
            at = _tombstone(session, key_id)
            if at is None:
                self._found(session, key_id)
                at = self._clock().replace(microsecond=0)
                _bury(session, key_id, at)
            for key in session.get_objects(_by_id(key_id)):
                key.destroy()
        return Destruction(key_id=key_id, state=KeyState.DESTROYED, final_at=at)

    def close(self) -> None:
        """Lets go of the session."""
        with self._lock:
            if self._opened is not None:
                self._opened[1].close()
            self._opened = None

    def _turn(self, key_id: str, *, usable: bool) -> None:
        from pkcs11 import Attribute

        with self._session() as session:
            key = self._found(session, key_id)
            key[Attribute.ENCRYPT] = usable
            key[Attribute.DECRYPT] = usable

    def _usable(self, session: Any, key_id: str) -> Any:
        key = self._found(session, key_id)
        if not _may_be_used(key):
            raise refusals.frozen()
        return key

    def _found(self, session: Any, key_id: str) -> Any:
        """The key; one that has a tombstone counts as destroyed even if a crash left it there."""
        if _tombstone(session, key_id) is not None:
            raise refusals.destroyed()
        for key in session.get_objects(_by_id(key_id)):
            return key
        raise refusals.unknown()

    @contextmanager
    def _session(self) -> Iterator[Any]:
        """This process's session. One that failed is closed, so that trying again opens another."""
        pkcs11 = _library()
        failures = pkcs11.exceptions
        with self._lock:
            try:
                yield self._logged_in()
            except (failures.PinIncorrect, failures.PinLocked, failures.PinExpired, failures.PinInvalid):
                raise KeyRefused("the token refuses its PIN", hint="check keys.pin; too many tries lock it") from None
            except (failures.NoSuchToken, failures.MultipleTokensReturned):
                raise KeyRefused("there is not one token of that label", hint="check keys.token_label") from None
            except failures.MechanismInvalid:
                raise KeyRefused("the token has no AES-GCM", hint="docs/keys.md says what a token must have") from None
            except failures.PKCS11Error:
                self._forget()
                raise refusals.unreachable() from None

    def _logged_in(self) -> Any:
        """A session does not live through a fork: another process opens its own."""
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = os.getpid(), self._login(self._token())
        return self._opened[1]

    def _login(self, token: Any) -> Any:
        """A process is logged in once for all its sessions on a token (PKCS #11 v2.40 section 5.6)."""
        try:
            return token.open(rw=True, user_pin=self._pin.reveal())
        except _library().exceptions.UserAlreadyLoggedIn:
            return token.open(rw=True)

    def _forget(self) -> None:
        failures = _library().exceptions
        opened, self._opened = self._opened, None
        if opened is not None:
            try:
                opened[1].close()
            except failures.PKCS11Error:
                return


def _library() -> ModuleType:
    try:
        import pkcs11
        import pkcs11.exceptions
    except ImportError:
        raise refusals.not_installed("hsm") from None
    return pkcs11


@contextmanager
def _broken_seal_named() -> Iterator[None]:
    """A tag that does not fit. SoftHSM says only that something failed, so any failure of an opening counts as that."""
    failures = _library().exceptions
    try:
        yield
    except (
        failures.EncryptedDataInvalid,
        failures.EncryptedDataLenRange,
        failures.GeneralError,
        failures.FunctionFailed,
        failures.ArgumentsBad,
        failures.MechanismParamInvalid,
    ):
        raise refusals.broken() from None


def _gcm(nonce: bytes, key_id: str, context: Context) -> dict[str, Any]:
    from pkcs11 import GCMParams, Mechanism

    return {"mechanism": Mechanism.AES_GCM, "mechanism_param": GCMParams(nonce, _bound(key_id, context), _TAG_BITS)}


def _may_be_used(key: Any) -> bool:
    from pkcs11 import Attribute

    return bool(key[Attribute.ENCRYPT]) and bool(key[Attribute.DECRYPT])


def _by_id(key_id: str) -> dict[Any, Any]:
    from pkcs11 import Attribute, ObjectClass

    try:
        raw = bytes.fromhex(key_id)
    except ValueError:
        raise refusals.unknown() from None
    return {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.ID: raw}


def _tombstone(session: Any, key_id: str) -> datetime | None:
    from pkcs11 import Attribute, ObjectClass

    for found in session.get_objects({Attribute.CLASS: ObjectClass.DATA, Attribute.LABEL: _TOMBSTONE + key_id}):
        return datetime.fromtimestamp(int(found[Attribute.VALUE]), UTC)
    return None


def _bury(session: Any, key_id: str, at: datetime) -> None:
    from pkcs11 import Attribute, ObjectClass

    session.create_object(
        {
            Attribute.CLASS: ObjectClass.DATA,
            Attribute.TOKEN: True,
            Attribute.PRIVATE: True,
            Attribute.APPLICATION: _APPLICATION,
            Attribute.LABEL: _TOMBSTONE + key_id,
            Attribute.VALUE: str(int(at.timestamp())).encode(),
        }
    )


def _label(context: Context) -> str:
    """For people who list the token: app/tenant/epoch."""
    return "/".join(context.values())[:_LABEL_CHARACTERS]


def _bound(key_id: str, context: Context) -> bytes:
    return rfc8785.dumps({"kms": KMS, "key": key_id, "context": dict(context)})
