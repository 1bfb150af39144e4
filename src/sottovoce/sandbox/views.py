"""A call in the platform's shapes: as analytics lists it and as the conversation itself is read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sottovoce.sandbox.answers import stamp
from sottovoce.sandbox.catalog import Call, Party
from sottovoce.sandbox.store import Store

Json = dict[str, Any]

_ROUTED = frozenset({"acd", "agent"})


def parties(call: Call) -> tuple[Party, ...]:
    """Who took part; a customer is always among them."""
    if any(party.purpose == "customer" for party in call.participants):
        return call.participants
    return (Party(purpose="customer"), *call.participants)


def attributes(store: Store, call: Call, index: int, party: Party) -> dict[str, str]:
    """As sampled, with what was written since."""
    written = store.memory.attributes.get((call.id, call.participant_id(index)), {})
    return {**party.attributes, **written}


def analytics(store: Store, call: Call, *, with_attributes: bool) -> Json:
    """AnalyticsConversation; attributes only where the platform gives them: in asynchronous jobs."""
    shown: Json = {
        "conversationId": call.id,
        "conversationStart": stamp(call.began),
        "divisionIds": [],
        "originatingDirection": call.direction,
        "mediaStatsMinConversationMos": call.mos,
        "participants": [
            _analytics_party(store, call, index, party, with_attributes=with_attributes)
            for index, party in enumerate(parties(call))
        ],
    }
    if call.ended <= store.now():
        shown["conversationEnd"] = stamp(call.ended)
    if call.id in store.memory.tags:
        shown["externalTag"] = store.memory.tags[call.id]
    return shown


def _analytics_party(store: Store, call: Call, index: int, party: Party, *, with_attributes: bool) -> Json:
    shown: Json = {
        "participantId": call.participant_id(index),
        "purpose": party.purpose,
        "sessions": [_session(store, call, index, party)],
    }
    if party.purpose == "agent" and call.agent:
        shown["userId"] = call.agent
    if (call.id, call.participant_id(index)) in store.memory.flagged:
        shown["flaggedReason"] = "general"
    if with_attributes:
        shown["attributes"] = attributes(store, call, index, party)
    return shown


def _session(store: Store, call: Call, index: int, party: Party) -> Json:
    segment: Json = {
        "segmentStart": stamp(call.began),
        "segmentType": "ivr" if party.purpose == "ivr" else "interact",
        "conference": False,
    }
    if call.ended <= store.now():
        segment |= {"segmentEnd": stamp(call.ended), "disconnectType": "peer"}
    if party.purpose in _ROUTED:
        segment["queueId"] = call.queue
    if party.purpose == "agent" and call.wrapup:
        segment["wrapUpCode"] = call.wrapup
    return {
        "sessionId": call.session_id(index),
        "mediaType": "voice",
        "direction": call.direction,
        "ani": call.ani,
        "dnis": call.dnis,
        "recording": party.purpose == "customer",
        "segments": [segment],
        "metrics": [],
    }


def conversation(store: Store, call: Call) -> Json:
    """Conversation, with the attributes of every participant."""
    over = call.ended <= store.now()
    shown: Json = {
        "id": call.id,
        "startTime": stamp(call.began),
        "address": call.ani,
        "recordingState": "NONE" if over else "ACTIVE",
        "securePause": False,
        "divisions": [],
        "participants": [_party(store, call, index, party) for index, party in enumerate(parties(call))],
        "selfUri": f"/api/v2/conversations/{call.id}",
    }
    if over:
        shown["endTime"] = stamp(call.ended)
    if call.id in store.memory.tags:
        shown["externalTag"] = store.memory.tags[call.id]
    return shown


def call_conversation(store: Store, call: Call) -> Json:
    """CallConversation: the same participants, whose states are in lower case here."""
    whole = conversation(store, call)
    kept = {name: whole[name] for name in ("id", "divisions", "securePause") if name in whole}
    path = f"/api/v2/conversations/calls/{call.id}"
    return kept | {
        "participants": whole["participants"],
        "recordingState": whole["recordingState"].lower(),
        "selfUri": path,
    }


def _party(store: Store, call: Call, index: int, party: Party) -> Json:
    over = call.ended <= store.now()
    shown: Json = {
        "id": call.participant_id(index),
        "purpose": party.purpose,
        "startTime": stamp(call.began),
        "attributes": attributes(store, call, index, party),
        "calls": [
            {
                "id": call.session_id(index),
                "state": "terminated" if over else "connected",
                "direction": call.direction,
                "recording": True,
                "recordingState": "none" if over else "active",
                "segments": [],
            }
        ],
    }
    if party.purpose == "customer":
        shown |= {"ani": call.ani, "dnis": call.dnis, "locale": call.language, "participantType": "External"}
    if party.purpose in _ROUTED and call.queue in store.catalog.queues:
        shown |= {"queueId": call.queue, "queueName": store.catalog.queues[call.queue].name}
    if party.purpose == "agent" and call.agent:
        shown["userId"] = call.agent
        if call.agent in store.catalog.agents:
            shown["name"] = store.catalog.agents[call.agent].name
    return shown


def recording(store: Store, call: Call, *, with_annotations: bool = True) -> Json:
    """Recording without media: what both metadata and recordings show."""
    notes = store.memory.annotations.get(call.recording_id, {}) if with_annotations else {}
    state = store.file_state(call)
    shown: Json = {
        "id": call.recording_id,
        "conversationId": call.id,
        "media": "audio",
        "mediaSubtype": call.media_subtype,
        "recordingFileRole": "CUSTOMER_EXPERIENCE",
        "fileState": state,
        "startTime": stamp(call.began),
        "endTime": stamp(call.ended),
        "creationTime": stamp(call.ended + timedelta(seconds=60)),
        "annotations": list(notes.values()),
        "users": [{"id": call.agent}] if call.agent else [],
        "selfUri": f"/api/v2/conversations/{call.id}/recordings/{call.recording_id}",
        **_dates(store, call),
    }
    if state == "ARCHIVED":
        return {"archiveDate": stamp(call.ended), **shown, "archiveMedium": "CLOUDARCHIVE"}
    return shown | {"sessionId": call.session_id(0)}


def _dates(store: Store, call: Call) -> Json:
    """The platform plans a deletion for nearly every recording: a date alone says nothing."""
    dates = store.dates_of(call)
    delete_at = dates.delete_at if dates.edited else call.ended + timedelta(days=3650)
    moments = {"archiveDate": dates.archive_at, "deleteDate": delete_at}
    return {name: stamp(moment) for name, moment in moments.items() if moment is not None}
