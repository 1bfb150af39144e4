"""Signed requests of Genesys AudioHook: HTTP Message Signatures in the draft that it speaks.

draft-ietf-httpbis-message-signatures-11, HMAC-SHA256, with `@request-target` in the draft's form, which RFC 9421
renamed: a stock library does not verify it. Required are the components and parameters that Genesys signs, an age
of at most ten seconds and a nonce of at least 22 characters. Genesys signs requests without a body; one that has a
body must also sign its `content-digest` (RFC 9530), or it is refused.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from sottovoce.domain.confidential import Confidential
from sottovoce.intake.protocol import Delivery, Message
from sottovoce.intake.signatures import decoded, header_of, refused

MAX_AGE: Final = timedelta(seconds=10)
MAX_SKEW: Final = timedelta(seconds=3)
REQUIRED: Final = frozenset(
    {
        "@request-target",
        "@authority",
        "audiohook-organization-id",
        "audiohook-session-id",
        "audiohook-correlation-id",
        "x-api-key",
    }
)
_INPUT: Final = re.compile(
    r'(?P<label>[a-z][a-z0-9_.-]{0,31})=(?P<params>\((?P<names>"[^"()]*"(?: "[^"()]*")*)\)(?P<rest>(?:;[^,]*)?))'
)
_PARAMETER: Final = re.compile(r';([a-z]+)=(?:"([^"\\;]{0,256})"|([0-9]{1,12}))')
_MARK: Final = re.compile(r"(?P<label>[a-z][a-z0-9_.-]{0,31})=:(?P<mark>[A-Za-z0-9+/]+={0,2}):")


class AudioHookSigned:
    """Verifies the one signature such a request carries. `keys` holds each API key's client secret."""

    def __init__(self, *, sender: str, keys: Mapping[str, Confidential[bytes]]) -> None:
        self._sender = sender
        self._keys = dict(keys)

    def claims(self, message: Message) -> bool:
        return "signature-input" in message.headers

    def verify(self, message: Message, *, now: datetime) -> Delivery:
        given = _INPUT.fullmatch(header_of(message, "signature-input"))
        mark = _MARK.fullmatch(header_of(message, "signature"))
        if given is None or mark is None or given["label"] != mark["label"]:
            raise refused()
        names = [name.strip('"') for name in given["names"].split(" ")]
        parameters = _parameters(given["rest"])
        if len(set(names)) != len(names) or not set(names) >= REQUIRED or not _holds_body(message, names):
            raise refused()
        self._hold_to_key(message, parameters, _base(message, names, given["params"]), decoded(mark["mark"]))
        created = _fresh(parameters, now)
        return Delivery(sender=self._sender, id=_delivery_id(parameters, message), sent_at=created)

    def _hold_to_key(self, message: Message, parameters: Mapping[str, str], signed: bytes, mark: bytes) -> None:
        key_id = parameters.get("keyid", "")
        secret = self._keys.get(key_id, Confidential(b"\0" * 32))
        right = hmac.compare_digest(hmac.digest(secret.reveal(), signed, "sha256"), mark)
        known = key_id in self._keys and parameters.get("alg") == "hmac-sha256"
        if not right or not known or message.headers.get("x-api-key") != key_id:
            raise refused()


def _base(message: Message, names: list[str], params: str) -> bytes:
    """What is signed: one line a component, and the parameters as they were sent (draft 11, section 2.3)."""
    lines = [f'"{name}": {_component(message, name)}' for name in names]
    return "\n".join([*lines, f'"@signature-params": {params}']).encode()


def _component(message: Message, name: str) -> str:
    if name == "@request-target":
        return message.target
    if name == "@authority":
        return header_of(message, "host").lower()
    if name.startswith("@"):
        raise refused()
    return header_of(message, name).strip()


def _holds_body(message: Message, names: list[str]) -> bool:
    """Whether what is signed also fixes the body."""
    digest = base64.b64encode(hashlib.sha256(message.body).digest()).decode()
    given = message.headers.get("content-digest", "").strip()
    return not message.body or ("content-digest" in names and given == f"sha-256=:{digest}:")


def _parameters(rest: str) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    for match in _PARAMETER.finditer(rest):
        if match.start() != at or match[1] in found:
            raise refused()
        found[match[1]] = match[2] if match[2] is not None else match[3]
        at = match.end()
    if at != len(rest) or len(found.get("nonce", "")) < 22:
        raise refused()
    return found


def _fresh(parameters: Mapping[str, str], now: datetime) -> datetime:
    """When it was signed. Raises SignatureRefused for one that is old, ahead or expired."""
    created, expires = parameters.get("created", ""), parameters.get("expires", "")
    if not created.isdigit() or (expires and not expires.isdigit()):
        raise refused()
    signed_at = datetime.fromtimestamp(int(created), tz=UTC)
    late = now - signed_at > MAX_AGE or signed_at - now > MAX_SKEW
    if late or (expires and now > datetime.fromtimestamp(int(expires), tz=UTC) + MAX_SKEW):
        raise refused()
    return signed_at


def _delivery_id(parameters: Mapping[str, str], message: Message) -> str:
    """The nonce is used once by definition; hashed, because its alphabet is the sender's."""
    session = message.headers.get("audiohook-session-id", "")
    return hashlib.sha256(f"{session}\n{parameters['nonce']}".encode()).hexdigest()
