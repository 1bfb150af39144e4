"""What a double of AWS KMS lets through that AWS does not.

An emulator that decrypts with a disabled key, or with one that is pending deletion, makes every shredding and
freezing test pass and proves nothing. This asks a boto3 client for exactly those wrongs; a double may carry such
tests only when the answer is empty.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any


class Wrong(StrEnum):
    """Something AWS refuses."""

    DISABLED_DECRYPTS = "a disabled key decrypts"
    DISABLED_ENCRYPTS = "a disabled key encrypts"
    PENDING_DECRYPTS = "a key pending deletion decrypts"
    PENDING_TWICE = "a key pending deletion is scheduled again"
    SHORT_WINDOW = "a waiting window of 6 days is taken"
    OTHER_KEY = "a blob under another KeyId is not said to be that"
    OTHER_CONTEXT = "a blob opens in another encryption context"


def wrongs_of(client: Any) -> frozenset[Wrong]:
    """Every wrong the service behind a boto3 `kms` client commits. Makes several keys there."""
    return frozenset(wrong for wrong, commits in _PROBES.items() if commits(client))


def _disabled_decrypts(client: Any) -> bool:
    key, blob = _wrapped(client)
    client.disable_key(KeyId=key)
    return _refusal(lambda: client.decrypt(KeyId=key, CiphertextBlob=blob)) != "DisabledException"


def _disabled_encrypts(client: Any) -> bool:
    key, _ = _wrapped(client)
    client.disable_key(KeyId=key)
    return _refusal(lambda: client.encrypt(KeyId=key, Plaintext=b"x")) != "DisabledException"


def _pending_decrypts(client: Any) -> bool:
    key, blob = _wrapped(client)
    client.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    return _refusal(lambda: client.decrypt(KeyId=key, CiphertextBlob=blob)) != "KMSInvalidStateException"


def _pending_twice(client: Any) -> bool:
    key, _ = _wrapped(client)
    client.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    again = _refusal(lambda: client.schedule_key_deletion(KeyId=key, PendingWindowInDays=7))
    return again != "KMSInvalidStateException"


def _short_window(client: Any) -> bool:
    key, _ = _wrapped(client)
    return _refusal(lambda: client.schedule_key_deletion(KeyId=key, PendingWindowInDays=6)) is None


def _other_key(client: Any) -> bool:
    (_, blob), (other, _) = _wrapped(client), _wrapped(client)
    return _refusal(lambda: client.decrypt(KeyId=other, CiphertextBlob=blob)) != "IncorrectKeyException"


def _other_context(client: Any) -> bool:
    key, blob = _wrapped(client, a="1")
    said = _refusal(lambda: client.decrypt(KeyId=key, CiphertextBlob=blob, EncryptionContext={"a": "2"}))
    return said != "InvalidCiphertextException"


def _wrapped(client: Any, **context: str) -> tuple[str, bytes]:
    key = client.create_key()["KeyMetadata"]["KeyId"]
    return key, client.encrypt(KeyId=key, Plaintext=b"probe", EncryptionContext=context)["CiphertextBlob"]


def _refusal(ask: Callable[[], Any]) -> str | None:
    """The code of the refusal; None when there was none."""
    from botocore.exceptions import ClientError, ParamValidationError

    try:
        ask()
    except ClientError as failure:
        return str(failure.response["Error"]["Code"])
    except ParamValidationError:
        return "ParamValidation"
    return None


_PROBES: dict[Wrong, Callable[[Any], bool]] = {
    Wrong.DISABLED_DECRYPTS: _disabled_decrypts,
    Wrong.DISABLED_ENCRYPTS: _disabled_encrypts,
    Wrong.PENDING_DECRYPTS: _pending_decrypts,
    Wrong.PENDING_TWICE: _pending_twice,
    Wrong.SHORT_WINDOW: _short_window,
    Wrong.OTHER_KEY: _other_key,
    Wrong.OTHER_CONTEXT: _other_context,
}
