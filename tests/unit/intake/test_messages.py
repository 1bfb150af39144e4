"""What is taken off a message from a queue, and what is refused."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from sottovoce.errors import EventRefused, SignatureRefused
from sottovoce.intake.door import Door
from sottovoce.intake.messages import MAX_HEADERS, QUEUE_ID, BrokerTrusted, Posted, as_message
from sottovoce.intake.protocol import Message

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
EVENT = b'{"type":"recordingAvailable"}'
BRIDGED = {"id": "3f1c", "detail-type": "v2.detail.events.conversation.{id}.customer.end", "detail": {}}


def sns(message: str, **attributes: Any) -> bytes:
    told = {
        "Type": "Notification",
        "MessageId": "sns-1",
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:t",
        "Message": message,
        "MessageAttributes": attributes,
    }
    return json.dumps(told).encode()


def kombu(body: str, *, encoding: str | None = "base64", headers: dict[str, Any] | None = None) -> bytes:
    properties = {"delivery_tag": "1", "delivery_info": {}, "body_encoding": encoding}
    told = {"body": body, "content-type": "application/json", "content-encoding": "utf-8", "properties": properties}
    return json.dumps({**told, "headers": headers or {}}).encode()


def ours(body: str, **headers: Any) -> bytes:
    return json.dumps({"headers": headers, "body": body}).encode()


@pytest.mark.parametrize(
    "given",
    [
        EVENT,
        sns(EVENT.decode()),
        kombu(base64.b64encode(EVENT).decode()),
        kombu(EVENT.decode(), encoding=None),
        kombu(EVENT.decode(), encoding="utf-8"),
        ours(EVENT.decode()),
        sns(ours(EVENT.decode()).decode()),
        kombu(base64.b64encode(sns(ours(EVENT.decode()).decode())).decode()),
    ],
)
def test_wrappers_come_off(given: bytes) -> None:
    """Kombu's, SNS's and ours, alone or around each other in that order."""
    assert as_message(Posted(body=given)).body == EVENT


@pytest.mark.parametrize(
    "given",
    [
        ours(ours(EVENT.decode()).decode()),
        sns(sns(EVENT.decode()).decode()),
        kombu(base64.b64encode(kombu("")).decode()),
        ours(sns(EVENT.decode()).decode()),
    ],
)
def test_each_wrapper_comes_off_once(given: bytes) -> None:
    """What is wrapped twice, or the wrong way round, is not an event."""
    assert as_message(Posted(body=given)).body != EVENT


def test_signatures_are_read_wherever_they_travel() -> None:
    """Headers as text or bytes, SNS's attributes, our envelope's; those of an outer wrapper give way."""
    signed = {"Webhook-Id": "e1"}
    attributes = {"webhook-id": {"Type": "String", "Value": "e1"}, "n": {"Type": "Number", "Value": "1"}}
    for one in (
        Posted(body=EVENT, headers=signed),
        Posted(body=EVENT, headers={b"webhook-id": b"e1", "x-death": [{"count": 1}], "retries": 3}),
        Posted(body=sns(EVENT.decode(), **attributes)),
        Posted(body=kombu("", headers=signed)),
        Posted(body=ours(EVENT.decode(), **signed), headers={"webhook-id": "outer"}),
    ):
        headers = dict(as_message(one).headers)
        assert headers.pop(QUEUE_ID) == "e1"
        assert headers == {"webhook-id": "e1"}


@pytest.mark.parametrize(
    "one",
    [
        Posted(body=b" " * ((1 << 20) + 1)),
        Posted(body=EVENT, headers={"a": "1", "A": "2"}),
        Posted(body=EVENT, headers={str(n): "x" for n in range(MAX_HEADERS + 1)}),
        Posted(body=kombu("%%%")),
        Posted(body=kombu("abc", encoding="rot13")),
        Posted(body=b'{"headers": {}, "body": "\\ud800"}'),
        Posted(body=b'{"headers": [], "body": ""}'),
        Posted(body=sns("x", broken="text")),
        Posted(body=json.dumps({**json.loads(sns("x")), "MessageAttributes": 1}).encode()),
    ],
)
def test_what_nobody_writes_in_good_faith_is_refused(one: Posted) -> None:
    """Too large, headers twice or too many, an encoding that is none; the refusal repeats nothing."""
    with pytest.raises(EventRefused):
        as_message(one)


@pytest.mark.parametrize(
    ("one", "named"),
    [
        (Posted(body=EVENT), hashlib.sha256(EVENT).hexdigest()),
        (Posted(body=EVENT, id="sqs-1"), "sqs-1"),
        (Posted(body=EVENT, id="amqp:1/2"), hashlib.sha256(b"amqp:1/2").hexdigest()),
        (Posted(body=sns("{}"), id="sqs-1"), "sns-1"),
        (Posted(body=json.dumps(BRIDGED).encode(), id="sqs-1"), "3f1c"),
        (Posted(body=sns(json.dumps(BRIDGED)), id="sqs-1"), "3f1c"),
        (Posted(body=json.dumps(BRIDGED).encode(), headers={"idempotency-key": '"k1"'}), "k1"),
        (Posted(body=EVENT, headers={"webhook-id": "e1", ":id": "forged"}, id="sqs-1"), "e1"),
        (Posted(body=EVENT, headers={":id": "forged"}, id="sqs-1"), "sqs-1"),
    ],
)
def test_copies_have_one_id(one: Posted, named: str) -> None:
    """The sender's own id, else EventBridge's, SNS's, the broker's, else the body's digest."""
    delivery = BrokerTrusted(sender="bus").verify(as_message(one), now=NOW)
    assert (delivery.sender, delivery.id) == ("bus", named)


def test_a_signed_message_from_a_queue_is_held_to_its_scheme(
    door: Door, an_event: Callable[..., dict[str, Any]], signed: Callable[..., Message]
) -> None:
    """The signature covers the inner body; a queue lends no trust to one that is changed or missing."""
    request = signed(an_event())
    text = request.body.decode()
    assert door.admit(as_message(Posted(body=ours(text, **request.headers)))).delivery.id == "evt-1"
    for broken in (Posted(body=request.body), Posted(body=ours(text + " ", **request.headers))):
        with pytest.raises(SignatureRefused):
            door.admit(as_message(broken))
