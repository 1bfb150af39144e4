"""From what lies in a queue to a message as the door knows it (SPEC 14.1). Pure: no broker, no clock.

Three wrappers are taken off, each at most once and in this order: kombu's (what its producers write where a broker has
no headers), SNS's (a notification not delivered raw), ours (`{"headers": {…}, "body": "…"}`, for a signature where
messages have no headers). EventBridge's stays: it is the event. Nothing is ever deserialized but by strict JSON, a
content type is not believed, and what a header says of compression is not done.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sottovoce.errors import EventRefused
from sottovoce.intake.protocol import Delivery, Message
from sottovoce.intake.signatures import ID
from sottovoce.intake.strict_json import MAX_BYTES, parse_object

MAX_HEADERS: Final = 100
QUEUE_ID: Final = ":id"
"""What the copies of a message have in common; no sender's header can have this name."""
_HEADER: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_KOMBU: Final = frozenset({"body", "content-type", "content-encoding", "headers", "properties"})
_OURS: Final = frozenset({"body", "headers"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A message as a broker handed it over. `tag` is for the broker alone, `id` its own name for the message."""

    body: bytes = field(repr=False)
    headers: Mapping[Any, Any] = field(repr=False, default_factory=dict)
    id: str | None = field(repr=False, default=None)
    tag: Any = field(repr=False, default=None)


class BrokerTrusted:
    """A `Verifier` for queues whose broker lets only the one sender in: what lies there is the sender's.

    The id is the sender's own (`webhook-id`, `idempotency-key`), else EventBridge's or SNS's for the event, else the
    broker's for the message, else the digest of the body: copies have the same one, whatever made the copy.
    """

    def __init__(self, *, sender: str) -> None:
        self._sender = sender

    def claims(self, message: Message) -> bool:
        return QUEUE_ID in message.headers

    def verify(self, message: Message, *, now: datetime) -> Delivery:
        del now  # nothing signs a time here
        named = message.headers[QUEUE_ID]
        return Delivery(sender=self._sender, id=_plain_id(named) or _digest(message.body), sent_at=None)


def as_message(one: Posted) -> Message:
    """The message inside. Raises EventRefused for what no broker hands over in good faith."""
    if len(one.body) > MAX_BYTES:
        raise EventRefused("the message is larger than 1 MiB", hint="send ids, not media")
    layer = _Layer(body=one.body, headers=_texts(one.headers), id=one.id or "")
    for unwrap in (_of_kombu, _of_sns, _of_ours):
        layer = unwrap(layer, _object(layer.body))
    headers = layer.headers
    named = headers.get("webhook-id") or headers.get("idempotency-key", "").strip('"')
    return Message(
        headers={**headers, QUEUE_ID: named or _event_id(_object(layer.body)) or layer.id},
        body=layer.body,
        method="",
        target="",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    body: bytes
    headers: Mapping[str, str]
    id: str


def _of_kombu(layer: _Layer, told: Mapping[str, Any]) -> _Layer:
    body, properties = told.get("body"), told.get("properties")
    if not told.keys() >= _KOMBU or not isinstance(body, str) or not isinstance(properties, dict):
        return layer
    encoding = properties.get("body_encoding")
    if encoding == "base64":
        return _Layer(body=_decoded(body), headers=_texts(told["headers"]), id=layer.id)
    if encoding not in (None, "utf-8"):
        raise EventRefused("the message is encoded in a way we do not know", hint="base64 or utf-8")
    return _Layer(body=_bytes(body), headers=_texts(told["headers"]), id=layer.id)


def _of_sns(layer: _Layer, told: Mapping[str, Any]) -> _Layer:
    said, named = told.get("Message"), told.get("MessageId")
    if told.get("Type") != "Notification" or not isinstance(said, str) or not isinstance(named, str):
        return layer
    attributes = told.get("MessageAttributes", {})
    if not isinstance(attributes, dict) or not all(isinstance(one, dict) for one in attributes.values()):
        raise EventRefused("the notification's attributes are not as SNS writes them")
    given = {name: one.get("Value") for name, one in attributes.items() if one.get("Type") == "String"}
    return _Layer(body=_bytes(said), headers=_texts(given), id=named)


def _of_ours(layer: _Layer, told: Mapping[str, Any]) -> _Layer:
    body = told.get("body")
    if told.keys() != _OURS or not isinstance(body, str):
        return layer
    return _Layer(body=_bytes(body), headers=_texts(told["headers"]), id=layer.id)


def _object(body: bytes) -> Mapping[str, Any]:
    """The object a body is; an empty one where it is none, which is no wrapper: the door says what is wrong with it."""
    try:
        return parse_object(body)
    except EventRefused:
        return {}


def _texts(given: Any) -> dict[str, str]:
    """Headers that are text, by lower-case name; numbers and tables are nothing that a signature is read from."""
    if not isinstance(given, Mapping) or len(given) > MAX_HEADERS:
        raise EventRefused("the message's headers are not a short table")
    found: dict[str, str] = {}
    for name, value in ((_text(name), _text(value)) for name, value in given.items()):
        if name is None or value is None or not _HEADER.fullmatch(name):
            continue
        if name.lower() in found:
            raise EventRefused("the message has a header twice")
        found[name.lower()] = value
    return found


def _text(given: Any) -> str | None:
    if isinstance(given, str):
        return given
    try:
        return given.decode("utf-8") if isinstance(given, bytes) else None
    except UnicodeDecodeError:
        return None


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise EventRefused("the message holds text that is none") from None


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise EventRefused("the message is not encoded as it says") from None


def _event_id(told: Mapping[str, Any]) -> str:
    """EventBridge's id of the event: a rule may deliver it in several messages."""
    named = told.get("id")
    return named if "detail-type" in told and isinstance(named, str) else ""


def _plain_id(named: str) -> str:
    """Ids of strangers' making keep their meaning, not their alphabet."""
    if not named or ID.fullmatch(named):
        return named
    return _digest(named.encode("utf-8", errors="surrogatepass"))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
