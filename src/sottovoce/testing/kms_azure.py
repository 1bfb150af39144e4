"""Azure Key Vault in small, over TLS on loopback, so that azure-keyvault-keys itself talks to it.

Written from the REST reference (Keys, api-version 7.x): create, get, update, delete, deleted keys, wrapKey and
unwrapKey with RSA-OAEP-256 or A256KW, and the bearer challenge that begins every conversation. A disabled key
neither wraps nor unwraps, a deleted one is found only among the deleted, with the date of its purge, and gone when
that has come. Access policies are not modelled; any token is taken.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from azure.core.credentials import AccessToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from sottovoce.testing.kms_loopback import Loopback, Reply, Request

_KEY: Final = re.compile(r"/keys/([0-9A-Za-z-]+)(?:/([0-9a-f]{32}|create))?(?:/(wrapkey|unwrapkey))?")
_DELETED: Final = re.compile(r"/deletedkeys/([0-9A-Za-z-]+)")
_CHALLENGE: Final = 'Bearer authorization="https://login.example/directory", resource="https://vault.azure.net"'
_OAEP: Final = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
_FAR: Final = 4102444800
"""2100-01-01, in Unix seconds."""


class Fault(Exception):
    """An error as the vault says it."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.reply = Reply(status=status, json={"error": {"code": code, "message": "said by a double"}})


class AnyToken:
    """A credential whose token every vault takes that takes any."""

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:  # noqa: ARG002
        return AccessToken("any", _FAR)


@dataclass(slots=True, kw_only=True)
class _Key:
    name: str
    version: str
    kty: str
    secret: rsa.RSAPrivateKey | bytes
    operations: list[str]
    tags: dict[str, str]
    made: int
    enabled: bool = True
    purged_at: datetime | None = None


class AzureServer:
    """`with AzureServer(clock=…, folder=tmp_path) as vault: KeyClient(vault.url, AnyToken(), …)`."""

    def __init__(self, *, clock: Callable[[], datetime], folder: Path, retention_days: int = 90) -> None:
        self._clock = clock
        self._retention = timedelta(days=retention_days)
        self._keys: dict[str, _Key] = {}
        self.server = Loopback(self._answer, folder=folder)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def ca(self) -> str:
        """The file of the certificate to trust."""
        return str(self.server.ca)

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.__exit__(kind, failure, trace)

    def _answer(self, request: Request) -> Reply:
        if not request.headers.get("authorization", "").startswith("Bearer "):
            return Reply(status=401, json={}, headers={"WWW-Authenticate": _CHALLENGE})
        self._purge()
        try:
            return self._route(request, request.path.partition("?")[0].rstrip("/"))
        except Fault as fault:
            return fault.reply

    def _purge(self) -> None:
        now = self._clock()
        self._keys = {n: k for n, k in self._keys.items() if k.purged_at is None or now < k.purged_at}

    def _route(self, request: Request, path: str) -> Reply:
        if path == "/keys":
            kept = [{"kid": self._kid(k)} for k in self._keys.values() if k.purged_at is None]
            return Reply(json={"value": kept, "nextLink": None})
        if found := _DELETED.fullmatch(path):
            return self._of_deleted(request.method, found[1])
        if not (found := _KEY.fullmatch(path)):
            raise Fault(404, "NotFound")
        name, version, use = found.groups()
        if version == "create":
            return self._create(name, request.json)
        key = self._live(name, version)
        if use:
            return self._used(key, use, request.json)
        match request.method:
            case "PATCH":
                key.enabled = request.json.get("attributes", {}).get("enabled", key.enabled)
            case "DELETE":
                key.purged_at = self._clock() + self._retention
                return Reply(json=self._told_deleted(key))
        return Reply(json=self._told(key))

    def _of_deleted(self, method: str, name: str) -> Reply:
        key = self._keys.get(name)
        if key is None or key.purged_at is None:
            raise Fault(404, "KeyNotFound")
        if method == "DELETE":
            del self._keys[name]
            return Reply(status=204)
        return Reply(json=self._told_deleted(key))

    def _create(self, name: str, asked: dict[str, Any]) -> Reply:
        if name in self._keys and self._keys[name].purged_at is not None:
            raise Fault(409, "Conflict")
        kty = asked["kty"]
        secret: rsa.RSAPrivateKey | bytes
        if kty == "oct-HSM":
            secret = secrets.token_bytes(asked.get("key_size", 256) // 8)
        else:
            secret = rsa.generate_private_key(public_exponent=65537, key_size=asked.get("key_size", 2048))
        self._keys[name] = _Key(
            name=name,
            version=secrets.token_hex(16),
            kty=kty,
            secret=secret,
            operations=asked.get("key_ops", []),
            tags=asked.get("tags", {}),
            made=int(self._clock().timestamp()),
        )
        return Reply(json=self._told(self._keys[name]))

    def _used(self, key: _Key, use: str, asked: dict[str, Any]) -> Reply:
        if not key.enabled:
            raise Fault(403, "Forbidden")
        operation = "wrapKey" if use == "wrapkey" else "unwrapKey"
        if operation not in key.operations:
            raise Fault(403, "Forbidden")
        value = _bytes(asked["value"])
        match key.secret, asked["alg"], use:
            case bytes() as secret, "A256KW", "wrapkey":
                done = aes_key_wrap(secret, value)
            case bytes() as secret, "A256KW", "unwrapkey":
                done = _opened(lambda: aes_key_unwrap(secret, value))
            case rsa.RSAPrivateKey() as pair, "RSA-OAEP-256", "wrapkey":
                done = pair.public_key().encrypt(value, _OAEP)
            case rsa.RSAPrivateKey() as pair, "RSA-OAEP-256", "unwrapkey":
                done = _opened(lambda: pair.decrypt(value, _OAEP))
            case _:
                raise Fault(400, "BadParameter")
        return Reply(json={"kid": self._kid(key), "value": _text(done)})

    def _live(self, name: str, version: str | None) -> _Key:
        key = self._keys.get(name)
        if key is None or key.purged_at is not None or version not in {None, key.version}:
            raise Fault(404, "KeyNotFound")
        return key

    def _kid(self, key: _Key) -> str:
        return f"{self.url}/keys/{key.name}/{key.version}"

    def _told(self, key: _Key) -> dict[str, Any]:
        jwk: dict[str, Any] = {"kid": self._kid(key), "kty": key.kty, "key_ops": key.operations}
        if isinstance(key.secret, rsa.RSAPrivateKey):
            numbers = key.secret.public_key().public_numbers()
            jwk |= {"n": _number(numbers.n), "e": _number(numbers.e)}
        attributes = {"enabled": key.enabled, "created": key.made, "updated": key.made, "recoveryLevel": "Recoverable"}
        return {"key": jwk, "attributes": attributes, "tags": key.tags}

    def _told_deleted(self, key: _Key) -> dict[str, Any]:
        final = int(key.purged_at.timestamp()) if key.purged_at else 0
        dates = {"deletedDate": int(self._clock().timestamp()), "scheduledPurgeDate": final}
        return {**self._told(key), "recoveryId": f"{self.url}/deletedkeys/{key.name}", **dates}


def _opened(opening: Callable[[], bytes]) -> bytes:
    try:
        return opening()
    except (ValueError, InvalidUnwrap):
        raise Fault(400, "BadParameter") from None


def _number(value: int) -> str:
    return _text(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
