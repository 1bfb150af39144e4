"""Vault's transit engine in small, over HTTP, so that hvac itself talks to it.

Written from the API documentation of the transit engine (keys, rotate, config, trim, encrypt, decrypt), token
look-up, AppRole and sys/health. As in the real one: `encrypt` makes a key that is missing, a version below
`min_decryption_version` is "too old", trimming needs both minimum versions set and takes archived versions for good,
a key is not deleted unless its configuration allows it, `rewrap` knows no associated data, and a sealed server
answers 503. Policies, leases and key types other than aes256-gcm96 are not modelled.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sottovoce.testing.kms_loopback import Loopback, Reply, Request

ROOT_TOKEN: Final = "root-of-a-test"  # noqa: S105 - opens a double on loopback
_KEYS: Final = re.compile(r"keys/([^/]+)(?:/(config|rotate|trim))?")
_USE: Final = re.compile(r"(encrypt|decrypt|rewrap)/([^/]+)")
_CIPHERTEXT: Final = re.compile(r"vault:v(\d+):(.+)")


class Fault(Exception):
    """An error as Vault says it."""

    def __init__(self, status: int, *errors: str) -> None:
        super().__init__(status)
        self.reply = Reply(status=status, json={"errors": list(errors)})


@dataclass(slots=True, kw_only=True)
class _Key:
    versions: dict[int, bytes]
    made: dict[int, int]
    latest: int = 1
    config: dict[str, Any] = field(
        default_factory=lambda: {
            "min_decryption_version": 1,
            "min_encryption_version": 0,
            "min_available_version": 0,
            "deletion_allowed": False,
            "exportable": False,
            "allow_plaintext_backup": False,
            "derived": False,
            "type": "aes256-gcm96",
        }
    )


class TransitServer:
    """`with TransitServer(clock=…) as vault: hvac.Client(url=vault.url, token=ROOT_TOKEN)`."""

    def __init__(self, *, clock: Callable[[], datetime], mount: str = "transit", namespace: str = "") -> None:
        self.sealed = False
        self.tokens: set[str] = {ROOT_TOKEN}
        """Those that stand; take one away and it has run out."""
        self.roles: dict[str, str] = {}
        """AppRole ids to secret ids."""
        self._clock = clock
        self._mount = mount
        self._namespace = namespace
        self._keys: dict[str, _Key] = {}
        self.server = Loopback(self._answer)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def names(self) -> tuple[str, ...]:
        """Every key there is."""
        return tuple(self._keys)

    def material(self, name: str) -> tuple[bytes, ...]:
        """Every version's bytes that the server still has."""
        return tuple(self._keys[name].versions.values())

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.__exit__(kind, failure, trace)

    def _answer(self, request: Request) -> Reply:
        try:
            return self._route(request, request.path.partition("?")[0].removeprefix("/v1/"))
        except Fault as fault:
            return fault.reply

    def _route(self, request: Request, path: str) -> Reply:
        if path == "sys/health":
            return self._health()
        if self.sealed:
            raise Fault(503, "Vault is sealed")
        if request.headers.get("x-vault-namespace", "").strip("/") != self._namespace:
            raise Fault(403, "permission denied")
        if path == "auth/approle/login":
            return self._login(request.json)
        if request.headers.get("x-vault-token") not in self.tokens:
            raise Fault(403, "permission denied")
        if path == "auth/token/lookup-self":
            return Reply(json={"data": {"ttl": 3600, "renewable": True}})
        if not path.startswith(f"{self._mount}/"):
            raise Fault(404, f'no handler for route "{path}"')
        return self._engine(request, path.removeprefix(f"{self._mount}/"))

    def _health(self) -> Reply:
        said = {"initialized": True, "sealed": self.sealed, "standby": False, "server_time_utc": self._now()}
        return Reply(status=503 if self.sealed else 200, json=said)

    def _login(self, asked: dict[str, Any]) -> Reply:
        if self.roles.get(asked.get("role_id", "")) != asked.get("secret_id"):
            raise Fault(400, "invalid role or secret ID")
        token = secrets.token_hex(16)
        self.tokens.add(token)
        return Reply(json={"auth": {"client_token": token, "lease_duration": 3600, "renewable": True}})

    def _engine(self, request: Request, path: str) -> Reply:
        if used := _USE.fullmatch(path):
            return self._use(used[1], used[2], request.json)
        if not (named := _KEYS.fullmatch(path)):
            raise Fault(404)
        name, what = named[1], named[2]
        match request.method, what:
            case (("POST" | "PUT"), None):
                self._keys.setdefault(name, self._made(request.json))
            case "GET", None:
                return Reply(json={"data": self._told(name, self._key(name))})
            case "DELETE", None:
                if not self._key(name, 400).config["deletion_allowed"]:
                    raise Fault(400, "error deleting policy: deletion is not allowed for this key")
                del self._keys[name]
            case (("POST" | "PUT"), "config"):
                _configure(self._key(name, 400), request.json)
            case (("POST" | "PUT"), "rotate"):
                self._rotate(self._key(name, 400))
            case (("POST" | "PUT"), "trim"):
                _trim(self._key(name, 400), request.json.get("min_available_version", 0))
            case _:
                raise Fault(405)
        return Reply(status=204)

    def _use(self, how: str, name: str, asked: dict[str, Any]) -> Reply:
        bound = base64.b64decode(asked.get("associated_data", "")) or None
        if how == "encrypt":
            key = self._keys.setdefault(name, self._made({}))
            return _data(ciphertext=_encrypt(key, base64.b64decode(asked["plaintext"]), bound))
        key = self._key(name, 400, "encryption key not found")
        if how == "decrypt":
            return _data(plaintext=base64.b64encode(_decrypt(key, asked["ciphertext"], bound)).decode())
        return _data(ciphertext=_encrypt(key, _decrypt(key, asked["ciphertext"], None), None))

    def _made(self, asked: dict[str, Any]) -> _Key:
        key = _Key(versions={1: AESGCM.generate_key(256)}, made={1: self._now()})
        key.config.update({name: asked[name] for name in ("type", "derived", "exportable") if name in asked})
        return key

    def _rotate(self, key: _Key) -> None:
        key.latest += 1
        key.versions[key.latest] = AESGCM.generate_key(256)
        key.made[key.latest] = self._now()

    def _told(self, name: str, key: _Key) -> dict[str, Any]:
        shown = {str(v): key.made[v] for v in key.versions if v >= key.config["min_decryption_version"]}
        return {"name": name, "latest_version": key.latest, "keys": shown, **key.config}

    def _key(self, name: str, status: int = 404, *errors: str) -> _Key:
        if name not in self._keys:
            raise Fault(status, *errors)
        return self._keys[name]

    def _now(self) -> int:
        return int(self._clock().timestamp())


def _configure(key: _Key, asked: dict[str, Any]) -> None:
    config = {**key.config, **asked}
    decrypts, encrypts, available = (
        config[f"min_{what}_version"] for what in ("decryption", "encryption", "available")
    )
    if not 1 <= decrypts <= key.latest or decrypts < available:
        raise Fault(400, "cannot set min decryption version")
    if encrypts and not decrypts <= encrypts <= key.latest:
        raise Fault(400, "cannot set min encryption version")
    key.config = config


def _trim(key: _Key, to: int) -> None:
    limits = key.config["min_decryption_version"], key.config["min_encryption_version"]
    if 0 in limits:
        raise Fault(400, "minimum available version cannot be set when minimum encryption version is not set")
    if not max(1, key.config["min_available_version"]) <= to <= min(limits):
        raise Fault(400, "minimum available version is out of range")
    key.versions = {version: raw for version, raw in key.versions.items() if version >= to}
    key.config["min_available_version"] = to


def _encrypt(key: _Key, plain: bytes, bound: bytes | None) -> str:
    nonce = os.urandom(12)
    sealed = nonce + AESGCM(key.versions[key.latest]).encrypt(nonce, plain, bound)
    return f"vault:v{key.latest}:{base64.b64encode(sealed).decode()}"


def _decrypt(key: _Key, ciphertext: str, bound: bytes | None) -> bytes:
    found = _CIPHERTEXT.fullmatch(ciphertext)
    if found is None:
        raise Fault(400, "invalid ciphertext: no prefix")
    version = int(found[1])
    if version > key.latest or version < 1:
        raise Fault(400, "invalid ciphertext: version is too new")
    if version < key.config["min_decryption_version"] or version not in key.versions:
        raise Fault(400, "ciphertext or signature version is disallowed by policy (too old)")
    try:
        raw = base64.b64decode(found[2], validate=True)
        return AESGCM(key.versions[version]).decrypt(raw[:12], raw[12:], bound)
    except (InvalidTag, ValueError):
        raise Fault(400, "cipher: message authentication failed") from None


def _data(**data: str) -> Reply:
    return Reply(json={"data": data})
