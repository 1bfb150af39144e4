"""AWS KMS in small, over its own wire protocol (JSON 1.1, `TrentService.*`), so that boto3 itself talks to it.

Written from the API reference (version 2014-11-01), and strict where emulators are not: a disabled key
decrypts nothing (DisabledException), nor does one pending deletion (KMSInvalidStateException), a waiting
window under 7 days is refused, a blob under another KeyId is IncorrectKeyException, and key material is gone
when the window is over. Rights, quotas, grants and signatures are not modelled.
"""

from __future__ import annotations

import base64
import json
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sottovoce.testing.kms_loopback import Loopback, Reply, Request

REGION: Final = "eu-west-1"
ACCOUNT: Final = "111122223333"
"""The account AWS uses in its own examples."""
_MIN_DAYS, _MAX_DAYS, _DEFAULT_DAYS = 7, 30, 30
_MAX_PLAINTEXT = 4096
_HANDLE = 16


class Fault(Exception):
    """An error as KMS says it."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(code)
        self.reply = Reply(status=status, json={"__type": code, "message": message})


@dataclass(slots=True, kw_only=True)
class _Key:
    id: str
    material: bytes | None
    state: str
    made: datetime
    tags: list[dict[str, str]]
    deletion: datetime | None = None

    @property
    def arn(self) -> str:
        return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{self.id}"


class StrictKms:
    """The service. `with StrictKms(clock=…) as kms: boto3.client("kms", endpoint_url=kms.url, …)`."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._keys: dict[str, _Key] = {}
        self._aliases: dict[str, str] = {}
        self._operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "CreateKey": self._create_key,
            "CreateAlias": self._create_alias,
            "DescribeKey": self._describe_key,
            "ListKeys": self._list_keys,
            "Encrypt": self._encrypt,
            "Decrypt": self._decrypt,
            "ReEncrypt": self._re_encrypt,
            "DisableKey": self._disable_key,
            "EnableKey": self._enable_key,
            "ScheduleKeyDeletion": self._schedule_key_deletion,
            "CancelKeyDeletion": self._cancel_key_deletion,
        }
        self.server = Loopback(self._answer, content_type="application/x-amz-json-1.1")
        self.unseen: dict[str, int] = {}
        """Key id to how many more times it is not found yet: eventual consistency."""
        self.called: list[str] = []

    @property
    def url(self) -> str:
        return self.server.url

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.__exit__(kind, failure, trace)

    def tags(self, key_id: str) -> dict[str, str]:
        """What a key was tagged with."""
        return {tag["TagKey"]: tag["TagValue"] for tag in self._find(key_id).tags}

    def _answer(self, request: Request) -> Reply:
        service, _, action = request.headers.get("x-amz-target", "").partition(".")
        operation = self._operations.get(action)
        if service != "TrentService" or operation is None or "authorization" not in request.headers:
            return Fault("UnknownOperationException").reply
        self.called.append(action)
        try:
            return Reply(json=operation(request.json))
        except Fault as fault:
            return fault.reply

    def _create_key(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
            raise Fault("UnsupportedOperationException")
        key = _Key(
            id=str(uuid.uuid4()),
            material=AESGCM.generate_key(256),
            state="Enabled",
            made=self._clock(),
            tags=asked.get("Tags", []),
        )
        self._keys[key.id] = key
        return {"KeyMetadata": self._metadata(key)}

    def _create_alias(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["AliasName"]
        if not name.startswith("alias/") or name.startswith("alias/aws/"):
            raise Fault("InvalidAliasNameException")
        if name in self._aliases:
            raise Fault("AlreadyExistsException")
        self._aliases[name] = self._find(asked["TargetKeyId"]).id
        return {}

    def _describe_key(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"KeyMetadata": self._metadata(self._find(asked["KeyId"]))}

    def _list_keys(self, asked: dict[str, Any]) -> dict[str, Any]:
        kept = [{"KeyId": key.id, "KeyArn": key.arn} for key in self._keys.values() if key.material]
        return {"Keys": kept[: asked.get("Limit", 100)], "Truncated": False}

    def _encrypt(self, asked: dict[str, Any]) -> dict[str, Any]:
        key, plain = self._usable(asked["KeyId"]), _bytes(asked["Plaintext"])
        if not 1 <= len(plain) <= _MAX_PLAINTEXT:
            raise Fault("ValidationException")
        return {"CiphertextBlob": _text(_seal(key, plain, _context(asked))), "KeyId": key.arn, **_ALGORITHM}

    def _decrypt(self, asked: dict[str, Any]) -> dict[str, Any]:
        key, plain = self._open(asked.get("KeyId"), asked["CiphertextBlob"], _context(asked))
        return {"Plaintext": _text(plain), "KeyId": key.arn, **_ALGORITHM}

    def _re_encrypt(self, asked: dict[str, Any]) -> dict[str, Any]:
        context = _context(asked, "SourceEncryptionContext")
        source, plain = self._open(asked.get("SourceKeyId"), asked["CiphertextBlob"], context)
        target = self._usable(asked["DestinationKeyId"])
        blob = _seal(target, plain, _context(asked, "DestinationEncryptionContext"))
        return {"CiphertextBlob": _text(blob), "SourceKeyId": source.arn, "KeyId": target.arn}

    def _disable_key(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self._turn(asked["KeyId"], "Disabled")

    def _enable_key(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self._turn(asked["KeyId"], "Enabled")

    def _schedule_key_deletion(self, asked: dict[str, Any]) -> dict[str, Any]:
        key, days = self._find(asked["KeyId"]), asked.get("PendingWindowInDays", _DEFAULT_DAYS)
        if not _MIN_DAYS <= days <= _MAX_DAYS:
            raise Fault("ValidationException")
        _refuse_pending(key)
        key.state, key.deletion = "PendingDeletion", self._clock() + timedelta(days=days)
        said = {"KeyId": key.arn, "KeyState": key.state, "PendingWindowInDays": days}
        return {**said, "DeletionDate": key.deletion.timestamp()}

    def _cancel_key_deletion(self, asked: dict[str, Any]) -> dict[str, Any]:
        key = self._find(asked["KeyId"])
        if key.state != "PendingDeletion":
            raise Fault("KMSInvalidStateException")
        key.state, key.deletion = "Disabled", None
        return {"KeyId": key.arn}

    def _turn(self, key_id: str, state: str) -> dict[str, Any]:
        key = self._find(key_id)
        _refuse_pending(key)
        key.state = state
        return {}

    def _open(self, key_id: str | None, blob_text: str, context: bytes) -> tuple[_Key, bytes]:
        """Which key wrapped it is in the blob; a KeyId that was given must be that one."""
        blob = _bytes(blob_text)
        wrapped_by = next((k for k in self._keys.values() if uuid.UUID(k.id).bytes == blob[:_HANDLE]), None)
        if key_id is not None:
            named = self._usable(key_id)
            if wrapped_by is not None and wrapped_by is not named:
                raise Fault("IncorrectKeyException")
        if wrapped_by is None:
            raise Fault("InvalidCiphertextException")
        key = self._usable(wrapped_by.id)
        nonce, sealed = blob[_HANDLE : _HANDLE + 12], blob[_HANDLE + 12 :]
        try:
            return key, AESGCM(key.material or b"").decrypt(nonce, sealed, context)
        except (InvalidTag, ValueError):
            raise Fault("InvalidCiphertextException") from None

    def _usable(self, key_id: str) -> _Key:
        key = self._find(key_id)
        if key.state == "Disabled":
            raise Fault("DisabledException")
        _refuse_pending(key)
        return key

    def _find(self, name: str) -> _Key:
        key_id = self._aliases.get(name, name.rpartition("/")[2] if name.startswith("arn:") else name)
        if self.unseen.get(key_id, 0):
            self.unseen[key_id] -= 1
            raise Fault("NotFoundException")
        key = self._keys.get(key_id)
        if key is not None and key.deletion is not None and self._clock() >= key.deletion:
            key.material = None
        if key is None or key.material is None:
            raise Fault("NotFoundException")
        return key

    def _metadata(self, key: _Key) -> dict[str, Any]:
        said = {
            "AWSAccountId": ACCOUNT,
            "KeyId": key.id,
            "Arn": key.arn,
            "CreationDate": key.made.timestamp(),
            "Enabled": key.state == "Enabled",
            "KeyUsage": "ENCRYPT_DECRYPT",
            "KeyState": key.state,
            "Origin": "AWS_KMS",
            "KeyManager": "CUSTOMER",
            "KeySpec": "SYMMETRIC_DEFAULT",
            "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
            "MultiRegion": False,
        }
        return said if key.deletion is None else {**said, "DeletionDate": key.deletion.timestamp()}


_ALGORITHM: Final = {"EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}


def _refuse_pending(key: _Key) -> None:
    if key.state == "PendingDeletion":
        raise Fault("KMSInvalidStateException")


def _seal(key: _Key, plain: bytes, context: bytes) -> bytes:
    nonce = os.urandom(12)
    return uuid.UUID(key.id).bytes + nonce + AESGCM(key.material or b"").encrypt(nonce, plain, context)


def _context(asked: dict[str, Any], name: str = "EncryptionContext") -> bytes:
    return json.dumps(asked.get(name, {}), sort_keys=True).encode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
