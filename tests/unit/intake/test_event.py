"""What is left of an event, and what is refused before anything is kept."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sottovoce.errors import EventRefused, SignatureRefused, SottovoceError
from sottovoce.intake.door import Door
from sottovoce.intake.event import Kind
from sottovoce.intake.protocol import Message
from sottovoce.intake.strict_json import parse_object

PLANTED = ("+12025550143", "agent@example.com", "4711", "https://media.example.com/x", "Jo Example")


def test_a_recordings_event_is_minimized(
    door: Door, an_event: Callable[..., Any], signed: Callable[..., Message]
) -> None:
    """Ids and times stay; numbers, extensions and addresses are tokens; everything else is gone."""
    event = an_event(
        startTime="2026-11-21T10:00:00Z",
        endTime="2026-11-21T11:00:00+01:00",
        mediaUri=PLANTED[3],
        tags=[PLANTED[4]],
        participants=[
            {"purpose": "customer", "externalCallerId": PLANTED[0], "name": PLANTED[4]},
            {"purpose": "agent", "extension": PLANTED[2], "email": PLANTED[1]},
            {"purpose": "agent", "extension": "4712"},
        ],
    )
    arrival = door.admit(signed(event))
    told = arrival.announced
    assert (told.kind, arrival.subject, arrival.source) == (Kind.AVAILABLE, "r-conv-1-rec-1", "genesys")
    assert told.began_at == told.ended_at == datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert set(told.tokens) == {"customer", "extension", "email"}
    assert not any(planted in json.dumps(dict(told.tokens)) + repr(arrival) for planted in PLANTED)


def test_a_conversations_end_is_understood(door: Door, signed: Callable[..., Message]) -> None:
    """EventBridge's envelope gives the conversation; its recordings are looked up later."""
    body = {"eventTime": 1763712000000, "conversationId": "conv-9", "mediaType": "VOICE", "ani": "tel:+12025550143"}
    envelope = {
        "id": "e-1",
        "detail-type": "v2.detail.events.conversation.{id}.customer.end",
        "detail": {"eventBody": body},
    }
    told = door.admit(signed(envelope)).announced
    assert (told.kind, told.recording_id, told.conversation_id) == (Kind.ENDED, None, "conv-9")
    assert set(told.tokens) == {"customer"}
    assert door.admit(signed(envelope)).subject == "c-conv-9"


def test_tenants_own_names_are_understood(door: Door, signed: Callable[..., Message]) -> None:
    """`recording:recordingAvailable` without a data object says the same."""
    event = {"event": "recording:recordingCompleted", "recordingId": "r", "conversationId": "c"}
    assert door.admit(signed(event)).announced.kind is Kind.COMPLETED


def test_a_withheld_number_has_no_token(
    door: Door, an_event: Callable[..., Any], signed: Callable[..., Message]
) -> None:
    """Callers who withhold their number do not become one person."""
    event = an_event(participants=[{"externalCallerId": "anonymous"}])
    assert door.admit(signed(event)).announced.tokens == {}


ENDS = "v2.detail.events.conversation.{id}.customer.end"


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"type": 3},
        {"type": "recordingExploded", "data": {}},
        {"type": "recordingAvailable", "data": []},
        {"type": "recordingAvailable", "data": {"conversationId": "c"}},
        {"type": "recordingAvailable", "data": {"conversationId": "c", "recordingId": 7}},
        {"type": "recordingAvailable", "data": {"conversationId": "../c", "recordingId": "r"}},
        {"type": "recordingAvailable", "data": {"conversationId": "c", "recordingId": "r" * 129}},
        {"type": "recordingAvailable", "recordingId": "r", "conversationId": "c", "participants": {}},
        {"type": "recordingAvailable", "recordingId": "r", "conversationId": "c", "participants": [7]},
        {"type": "recordingAvailable", "recordingId": "r", "conversationId": "c", "participants": [{}] * 257},
        {"type": "recordingAvailable", "recordingId": "r", "conversationId": "c", "email": 7},
        {"type": "recordingAvailable", "recordingId": "r", "conversationId": "c", "email": "x" * 321},
        {"type": "recordingAvailable", "recordingId": "r", "conversationId": "c", "startTime": "yesterday"},
        {"type": "recordingAvailable", "recordingId": "r", "conversationId": "c", "startTime": "2026-01-01T00:00:00"},
        {"type": "recordingAvailable", "recordingId": "r", "conversationId": "c", "startTime": "0001-01-01T00:00:00Z"},
        {"type": "recordingAvailable", "recordingId": "r", "conversationId": "c", "startTime": 5},
        {"detail-type": 3},
        {"detail-type": "v2.detail.events.conversation.{id}.acd.start", "detail": {}},
        {"detail-type": ENDS},
        {"detail-type": ENDS, "detail": {"eventBody": {"conversationId": "c", "mediaType": "CHAT"}}},
        {"detail-type": ENDS, "detail": {"eventBody": {"conversationId": "c", "eventTime": "now"}}},
        {"detail-type": ENDS, "detail": {"eventBody": {"conversationId": "c", "eventTime": 10**18}}},
    ],
)
def test_what_is_not_an_event_is_refused(door: Door, signed: Callable[..., Message], event: dict[str, Any]) -> None:
    """Each wrong field is a named refusal that repeats no value."""
    with pytest.raises(EventRefused):
        door.admit(signed(event))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b"{",
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":' + b"9" * 65 + b"}",
        b'{"a":0.' + b"9" * 65 + b"}",
        b"\xff\xfe",
        b'{"a":"\xff"}',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 33 + b"1" + b"}" * 33,
        b"{" + b" " * (1 << 20) + b"}",
    ],
)
def test_strict_json_refuses(body: bytes) -> None:
    """Duplicate keys, numbers that are none, deep nesting, other encodings, too much."""
    with pytest.raises(EventRefused):
        parse_object(body)


def test_strict_json_accepts_what_is_valid() -> None:
    """Brackets in strings do not count as depth; 32 levels do pass."""
    assert parse_object(b'{"a":"[[[[\\"]]]{"}') == {"a": '[[[["]]]{'}
    assert parse_object(b'{"a":' * 32 + b"1" + b"}" * 32)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
        max_leaves=20,
    )
)
def test_any_json_is_an_arrival_or_a_refusal(value: Any) -> None:
    """Whatever valid JSON comes, the answer is an object or a named refusal."""
    body = json.dumps(value).encode()
    with contextlib.suppress(EventRefused):
        assert parse_object(body) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_refusal(body: bytes) -> None:
    """No bytes lead to another exception."""
    with contextlib.suppress(EventRefused):
        assert isinstance(parse_object(body), dict)


def test_nothing_is_parsed_before_its_sender_is_known(door: Door, signed: Callable[..., Message]) -> None:
    """An unsigned message is refused for its signature, whatever its body; one signed in two ways too."""
    for message in (Message(headers={}, body=b"not json"), Message(headers={"x-hub-signature-256": "x"}, body=b"{}")):
        with pytest.raises(SignatureRefused):
            door.admit(message)
    with pytest.raises(SottovoceError):
        door.admit(Message(headers={}, body=b" " * ((1 << 20) + 1)))


def test_an_intake_without_senders_is_not_made() -> None:
    """Letting anybody in is not a configuration."""
    with pytest.raises(ValueError, match="anybody"):
        Door(verifiers=[], pseudonyms=None, source="s", clock=None)  # type: ignore[arg-type]
