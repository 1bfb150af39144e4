"""Events on demand: what a tenant's EventBridge rule or flow would send us, with duplicates and out of order.

No organisation-wide "recording available" event exists (GENESYS.md 6). What a tenant can send is the detail event
of a conversation's end in EventBridge's envelope, or a message of its own making with the recording in it: both
are here, signed as the receiver asks. Only loopback is ever posted to.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import random
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sottovoce.sandbox.answers import bad_request, json_object, stamp
from sottovoce.sandbox.catalog import Call
from sottovoce.sandbox.store import Store
from sottovoce.sandbox.views import parties

Json = dict[str, Any]

ENDED = "v2.detail.events.conversation.{id}.customer.end"
Kind = Literal["conversationEnd", "recordingAvailable", "recordingCompleted", "recordingStarted"]
Scheme = Literal["standard", "github", "open-messaging", "none"]


class Feed(BaseModel):
    """What to send where. `copies` of each event, in another order with `shuffle`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    url: str
    kind: Kind = "conversationEnd"
    scheme: Scheme = "standard"
    secret: SecretStr = SecretStr("")
    conversations: tuple[str, ...] | None = None
    copies: Annotated[int, Field(ge=1, le=1000)] = 1
    shuffle: bool = False
    seed: int = 1


async def feed(request: Request) -> Response:
    """Sends the events and answers with the count of each status; 0 stands for no answer."""
    store = Store.of(request)
    try:
        wanted = Feed.model_validate(await json_object(request))
    except ValidationError as error:
        raise bad_request(str(error.errors(include_input=False)[0]["msg"])) from None
    if not is_loopback(wanted.url):
        raise bad_request("The sandbox sends events to loopback only.")
    return JSONResponse(await run_in_threadpool(send_all, store, wanted))


def send_all(store: Store, wanted: Feed) -> dict[str, int]:
    """Posts one after the other, on one connection."""
    asked = store.catalog.calls if wanted.conversations is None else wanted.conversations
    calls = [call for i in asked if (call := store.catalog.calls.get(i)) is not None]
    events = [(call, event_of(store, call, wanted.kind)) for call in calls for _ in range(wanted.copies)]
    events += [each for each in events[:: wanted.copies] if store.faults.take("duplicate_events", call=each[0].id)]
    if wanted.shuffle:
        random.Random(wanted.seed).shuffle(events)  # noqa: S311 - an order for tests, not a secret
    counted: dict[str, int] = {}
    with httpx.Client(trust_env=False, timeout=10.0) as http:
        for call, event in events:
            status = _post(http, store, wanted, event)
            counted[str(status)] = counted.get(str(status), 0) + 1
            told = {"id": event["id"], "conversation": call.id, "status": status, "at": stamp(store.now())}
            store.memory.delivered.append(told)
    return counted


def event_of(store: Store, call: Call, kind: Kind) -> Json:
    """The event of one call. The same call and kind always give the same id: a duplicate is the same event."""
    if kind == "conversationEnd":
        return _envelope(call)
    event = {
        "id": f"evt-{uuid5(NAMESPACE_URL, f'{call.id}/{kind}')}",
        "type": kind,
        "timestamp": stamp(call.ended if kind != "recordingStarted" else call.began),
    }
    return event | {"data": _told(store, call, kind)}


def _told(store: Store, call: Call, kind: Kind) -> Json:
    """As careless as real ones are: it names the caller's number and the agent's extension and address."""
    told: Json = {
        "recordingId": call.recording_id,
        "conversationId": call.id,
        "startTime": stamp(call.began),
        "direction": call.direction,
        "channel": "voice",
        "participants": [
            {"participantId": call.participant_id(index), "purpose": party.purpose, **_personal(call, party.purpose)}
            for index, party in enumerate(parties(call))
        ],
    }
    if kind == "recordingStarted":
        return told
    media = f"{store.media_url}/MediaCache/{call.id}/{call.recording_id}"
    return told | {"endTime": stamp(call.ended), "mediaUri": media, "tags": []}


def _personal(call: Call, purpose: str) -> Json:
    if purpose == "customer":
        return {"externalCallerId": call.ani.removeprefix("tel:")}
    return {"extension": "4711", "email": "agent@example.com"} if purpose == "agent" else {}


def _envelope(call: Call) -> Json:
    """EventBridge's own: `detail-type` is the topic with a literal `{id}`; enumerations are upper case here."""
    body: Json = {
        "eventTime": int(call.ended.timestamp() * 1000),
        "conversationId": call.id,
        "participantId": call.participant_id(0),
        "sessionId": call.session_id(0),
        "mediaType": "VOICE",
        "direction": call.direction.upper(),
        "disconnectType": "PEER",
        "ani": call.ani,
        "dnis": call.dnis,
        "queueId": call.queue,
    }
    return {
        "version": "0",
        "id": str(uuid5(NAMESPACE_URL, f"{call.id}/customer.end")),
        "detail-type": ENDED,
        "source": "aws.partner/genesys.com/cloud/sandbox/sottovoce",
        "account": "000000000000",
        "time": stamp(call.ended),
        "region": "eu-west-1",
        "resources": [],
        "detail": {
            "topicName": ENDED.replace("{id}", call.id),
            "version": "2",
            "eventBody": body,
            "metadata": {"CorrelationId": str(uuid5(NAMESPACE_URL, f"{call.id}/correlation"))},
            "timestamp": stamp(call.ended),
        },
    }


def _post(http: httpx.Client, store: Store, wanted: Feed, event: Json) -> int:
    body = json.dumps(event).encode()
    headers = {"Content-Type": "application/json", **signed_headers(store, wanted, str(event["id"]), body)}
    try:
        return http.post(wanted.url, content=body, headers=headers).status_code
    except httpx.TransportError:
        return 0


def signed_headers(store: Store, wanted: Feed, event_id: str, body: bytes) -> dict[str, str]:
    """Standard Webhooks 1.0.0; GitHub's hex and Open Messaging's base64 of HMAC-SHA256 over the body."""
    secret = wanted.secret.get_secret_value()
    if wanted.scheme == "none":
        return {}
    if wanted.scheme == "github":
        mark = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return {"X-Hub-Signature-256": f"sha256={mark}", "X-GitHub-Delivery": event_id}
    if wanted.scheme == "open-messaging":
        mark = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
        return {"X-Hub-Signature-256": f"sha256={mark}"}
    at = str(int(store.now().timestamp()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mark = base64.b64encode(hmac.new(key, f"{event_id}.{at}.".encode() + body, hashlib.sha256).digest()).decode()
    return {"webhook-id": event_id, "webhook-timestamp": at, "webhook-signature": f"v1,{mark}"}


def is_loopback(url: str) -> bool:
    """Whether an address leads to this machine and nowhere else."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return False
    try:
        return ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        return parts.hostname == "localhost"
