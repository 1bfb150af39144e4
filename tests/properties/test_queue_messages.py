"""Whatever lies in a queue becomes an arrival or a named refusal; nothing else comes out, and nothing is executed."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import EventRefused, SignatureRefused
from sottovoce.intake.batch import Arrival
from sottovoce.intake.door import Door
from sottovoce.intake.messages import QUEUE_ID, BrokerTrusted, Posted, as_message
from sottovoce.intake.protocol import Verifier
from sottovoce.intake.signatures import ID, BodySigned, StandardWebhooks
from sottovoce.sources.protocol import HmacTokenizer
from sottovoce.wiring.intake import SourcePseudonyms

_KOMBUS = ["body", "headers", "properties", "content-type", "content-encoding", "body_encoding", "delivery_info"]
_AMAZONS = ["Type", "Message", "MessageId", "TopicArn", "MessageAttributes", "id", "detail-type", "detail", "eventBody"]
_OURS = ["type", "data", "conversationId", "recordingId", "webhook-id", "webhook-signature", "x-hub-signature-256"]
NAMES = st.sampled_from([*_KOMBUS, *_AMAZONS, *_OURS, QUEUE_ID])
WORDS = st.sampled_from(
    ["Notification", "recordingAvailable", "base64", "utf-8", "rec-1", "v2.detail.events.conversation.{id}.user.end"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | WORDS
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=8), inner, max_size=7),
    max_leaves=25,
)


def nested(inner: Any) -> Any:
    text = json.dumps(inner)
    wrapped = {"content-type": "x", "content-encoding": "x", "headers": {}, "properties": {"body_encoding": "base64"}}
    return st.sampled_from(
        [
            {"headers": {"webhook-id": "e"}, "body": text},
            {"Type": "Notification", "MessageId": "m", "TopicArn": "t", "Message": text},
            {**wrapped, "body": base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()},
        ]
    )


EVENT = st.just({"type": "recordingAvailable", "conversationId": "conv-1", "recordingId": "rec-1"})
JSON = EVENT | EVENT.flatmap(nested) | VALUES | VALUES.flatmap(nested) | VALUES.flatmap(nested).flatmap(nested)
BODIES = st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode())
HEADERS = st.dictionaries(
    NAMES | st.text(max_size=10) | st.binary(max_size=10),
    st.text(max_size=30) | st.binary(max_size=30) | st.integers() | st.lists(st.none(), max_size=2),
    max_size=8,
)
PSEUDONYMS = SourcePseudonyms(tokenizer=HmacTokenizer(key=Confidential(b"k" * 32)), source="cloud")
VERIFIERS: tuple[Verifier, ...] = (
    BrokerTrusted(sender="bus"),
    StandardWebhooks(sender="a", secrets=[Confidential(b"k" * 32)]),
    BodySigned(sender="b", secrets=[Confidential(b"k" * 32)], base64_marks=False),
)


def door(verifier: Verifier) -> Door:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    return Door(verifiers=[verifier], pseudonyms=PSEUDONYMS, source="cloud", clock=lambda: now)


@given(body=BODIES, headers=HEADERS, named=st.none() | st.text(max_size=20), verifier=st.sampled_from(VERIFIERS))
def test_arrival_or_named_refusal(body: bytes, headers: dict[Any, Any], named: str | None, verifier: Verifier) -> None:
    """Any bytes, any headers, any id: an arrival with a plain id, or one of two refusals without their words."""
    try:
        found = door(verifier).admit(as_message(Posted(body=body, headers=headers, id=named)))
    except (EventRefused, SignatureRefused) as refusal:
        assert refusal.__cause__ is None
        return
    assert isinstance(found, Arrival)
    assert isinstance(verifier, BrokerTrusted)
    assert ID.fullmatch(found.delivery.id)


@given(body=BODIES, headers=HEADERS)
def test_no_sender_names_its_own_id(body: bytes, headers: dict[Any, Any]) -> None:
    """The header that carries the id is ours: whatever is sent under its name is dropped."""
    try:
        message = as_message(Posted(body=body, headers=headers, id="broker-1"))
    except EventRefused:
        return
    theirs = {name for name in message.headers if not name.replace("-", "").replace("_", "").replace(".", "").isalnum()}
    assert theirs == {QUEUE_ID}
