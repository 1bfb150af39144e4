"""What an event says, once everything it should not have said is gone (SPEC 14.2).

Three forms are understood: ours (`recordingAvailable`, `recordingCompleted`, `recordingStarted`, with `data`), the
same names behind `recording:` as tenants' own flows write them, and EventBridge's envelope around the detail event
of a conversation's end. Ids and times are kept; a caller's number, an extension or an address becomes a keyed
token; media addresses, tags and the rest are dropped unread: what an event names is never fetched (SECURITY.md 5.2).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sottovoce.errors import EventRefused
from sottovoce.intake.protocol import Pseudonyms


class Kind(StrEnum):
    """What happened. A later one of the same recording says more than an earlier one."""

    STARTED = "recordingStarted"
    ENDED = "conversationEnded"
    COMPLETED = "recordingCompleted"
    AVAILABLE = "recordingAvailable"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS: Final = {kind: rank for rank, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """A recording, or a conversation whose recordings are to be looked up."""

    kind: Kind
    conversation_id: str = field(repr=False)
    recording_id: str | None = field(repr=False)
    began_at: datetime | None
    ended_at: datetime | None
    tokens: Mapping[str, str]
    """`customer`, `extension`, `email` as keyed tokens; the first of each."""


CONVERSATION_ENDS: Final = re.compile(r"v2\.detail\.events\.conversation\.\{id\}\.(customer|user)\.end")
_RECORDINGS: Final = {kind.value: kind for kind in Kind if kind is not Kind.ENDED}
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PERSONAL: Final = {"externalCallerId": "customer", "ani": "customer", "extension": "extension", "email": "email"}
_LONGEST: Final = 320
"""Of a personal value: an e-mail address has at most 320 characters (RFC 5321)."""
_MOST_PARTICIPANTS: Final = 256
_EARLIEST, _LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def read_event(body: Mapping[str, Any], pseudonyms: Pseudonyms) -> Announcement:
    """The minimized event. Raises EventRefused, naming the field and never its value."""
    if "detail-type" in body:
        return _conversation_end(body, pseudonyms)
    name = body.get("type", body.get("event"))
    if not isinstance(name, str):
        raise EventRefused("the event has no type")
    kind = _RECORDINGS.get(name.removeprefix("recording:"))
    if kind is None:
        raise EventRefused("the event's type is not one we know", hint=", ".join(_RECORDINGS))
    return _recording(kind, _object(body, "data") if "data" in body else body, pseudonyms)


def _recording(kind: Kind, data: Mapping[str, Any], pseudonyms: Pseudonyms) -> Announcement:
    participants = data.get("participants", [])
    if not isinstance(participants, list) or len(participants) > _MOST_PARTICIPANTS:
        raise EventRefused("participants is not a short list")
    return Announcement(
        kind=kind,
        conversation_id=_id(data, "conversationId"),
        recording_id=_id(data, "recordingId"),
        began_at=_moment(data, "startTime"),
        ended_at=_moment(data, "endTime"),
        tokens=_tokens([data, *participants], pseudonyms),
    )


def _conversation_end(body: Mapping[str, Any], pseudonyms: Pseudonyms) -> Announcement:
    topic = body["detail-type"]
    if not isinstance(topic, str) or not CONVERSATION_ENDS.fullmatch(topic):
        raise EventRefused("the event's type is not one we know", hint="customer.end and user.end of conversations")
    told = _object(_object(body, "detail"), "eventBody")
    if told.get("mediaType", "VOICE") != "VOICE":
        raise EventRefused("the event is not about a voice conversation")
    at = told.get("eventTime")
    if at is not None and type(at) is not int:
        raise EventRefused("eventTime is not a number of milliseconds")
    return Announcement(
        kind=Kind.ENDED,
        conversation_id=_id(told, "conversationId"),
        recording_id=None,
        began_at=None,
        ended_at=None if at is None else _bounded(at / 1000),
        tokens=_tokens([told], pseudonyms),
    )


def _tokens(parties: list[Any], pseudonyms: Pseudonyms) -> dict[str, str]:
    found: dict[str, str] = {}
    for party in parties:
        if not isinstance(party, dict):
            raise EventRefused("a participant is not an object")
        for name, kind in _PERSONAL.items():
            value = party.get(name)
            if value is None:
                continue
            if not isinstance(value, str) or len(value) > _LONGEST:
                raise EventRefused(f"{name} is not a short text")
            token = pseudonyms.person(kind, value)
            if token is not None:
                found.setdefault(kind, token)
    return found


def _object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    if not isinstance(value, dict):
        raise EventRefused(f"{name} is not an object")
    return value


def _id(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise EventRefused(f"{name} is not an id")
    return value


def _moment(data: Mapping[str, Any], name: str) -> datetime | None:
    value = data.get(name)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) and len(value) < 40 else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not _EARLIEST < moment < _LATEST:
        raise EventRefused(f"{name} is not a moment with its zone")
    return moment.astimezone(UTC)


def _bounded(seconds: float) -> datetime:
    if not _EARLIEST.timestamp() < seconds < _LATEST.timestamp():
        raise EventRefused("eventTime is not a moment of this age")
    return datetime.fromtimestamp(seconds, tz=UTC)
