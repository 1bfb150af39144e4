"""Events on demand, and what else may be written back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from sottovoce.testing.calls import QUEUE, call_entry

CALLS = [call_entry(n) for n in (1, 2, 3)]
CONVERSATION = f"/api/v2/conversations/{CALLS[0]['id']}"
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


@pytest.fixture
def receiver() -> Iterator[Any]:
    """A server on loopback that keeps what it was sent and answers 202."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.got.append((dict(self.headers), body))  # type: ignore[attr-defined]
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.got = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def url_of(receiver: Any) -> str:
    return f"http://127.0.0.1:{receiver.server_address[1]}/v1/events/recordings"


def test_events_come_signed_duplicated_and_out_of_order(opened: Callable[..., Any], receiver: Any) -> None:
    """Each event is sent as often as asked, a duplicate is the same event, and the order is another."""
    _, http = opened(*CALLS)
    order = {"url": url_of(receiver), "kind": "recordingAvailable", "secret": SECRET, "copies": 3, "shuffle": True}
    assert http.post("/sandbox/events", json=order).json() == {"202": 9}
    bodies = [json.loads(body) for _, body in receiver.got]
    ids = [body["id"] for body in bodies]
    assert (len(set(ids)), len(ids)) == (3, 9)
    assert ids != [i for i in dict.fromkeys(ids) for _ in range(3)]
    headers, body = receiver.got[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(b"k" * 32, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert bodies[0]["data"]["participants"][0]["externalCallerId"].startswith("+1202")


def test_a_conversations_end_comes_in_eventbridges_envelope(opened: Callable[..., Any], receiver: Any) -> None:
    """The topic has a literal {id}, enumerations are in upper case, times are milliseconds."""
    _, http = opened(*CALLS)
    order = {"url": url_of(receiver), "scheme": "none", "conversations": [CALLS[1]["id"], "unknown"]}
    assert http.post("/sandbox/events", json=order).json() == {"202": 1}
    (_, body) = receiver.got[0]
    event = json.loads(body)
    assert event["detail-type"] == "v2.detail.events.conversation.{id}.customer.end"
    assert event["detail"]["eventBody"]["direction"] == "INBOUND"
    assert event["detail"]["eventBody"]["conversationId"] == CALLS[1]["id"]
    assert isinstance(event["detail"]["eventBody"]["eventTime"], int)


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("github", "sha256=" + "{hex}"),
        ("open-messaging", "sha256=" + "{base64}"),
    ],
)
def test_other_schemes_sign_the_body(opened: Callable[..., Any], receiver: Any, scheme: str, expected: str) -> None:
    """GitHub's is hex, Open Messaging's base64, both of HMAC-SHA256 over the raw body."""
    _, http = opened(CALLS[0])
    order = {"url": url_of(receiver), "kind": "recordingStarted", "scheme": scheme, "secret": "s3cret"}
    http.post("/sandbox/events", json=order)
    headers, body = receiver.got[0]
    mark = hmac.new(b"s3cret", body, hashlib.sha256)
    shown = {"hex": mark.hexdigest(), "base64": base64.b64encode(mark.digest()).decode()}
    assert headers["X-Hub-Signature-256"] == expected.format(**shown)
    assert "mediaUri" not in json.loads(body)["data"]


@pytest.mark.parametrize("url", ["http://192.0.2.1/", "https://example.com/", "file:///etc/passwd", "nothing"])
def test_events_go_to_loopback_only(opened: Callable[..., Any], url: str) -> None:
    """The sandbox posts to no other machine."""
    _, http = opened(CALLS[0])
    assert http.post("/sandbox/events", json={"url": url}).status_code == 400
    assert http.post("/sandbox/events", json={"url": url, "speed": 3}).status_code == 400


def test_nobody_there_is_counted(opened: Callable[..., Any]) -> None:
    """A receiver that does not answer is counted as 0."""
    _, http = opened(CALLS[0])
    assert http.post("/sandbox/events", json={"url": "http://127.0.0.1:9/"}).json() == {"0": 1}


def test_annotations_are_replaced_and_removed(opened: Callable[..., Any]) -> None:
    """PUT keeps the id, DELETE takes the annotation away."""
    _, http = opened(CALLS[0])
    notes = f"{CONVERSATION}/recordings/{CALLS[0]['recording_id']}/annotations"
    made = http.post(notes, json={"name": "flag"}).json()
    assert http.put(f"{notes}/{made['id']}", json={"name": "other", "id": "x"}).json() == {
        "name": "other",
        "id": made["id"],
    }
    assert http.delete(f"{notes}/{made['id']}").status_code == 204
    assert http.delete(f"{notes}/{made['id']}").status_code == 404
    assert http.put(f"{notes}/{made['id']}", json={}).status_code == 404


def test_participants_are_flagged_and_callbacks_made(opened: Callable[..., Any]) -> None:
    """A flag shows in analytics until it is lifted; a callback needs a queue and a number."""
    _, http = opened(CALLS[0])
    participant = http.get(CONVERSATION).json()["participants"][0]["id"]
    path = f"{CONVERSATION}/participants/{participant}/flaggedreason"
    week = {"interval": "2026-10-05T00:00:00Z/2026-10-12T00:00:00Z"}

    def flags() -> list[str | None]:
        found = http.post("/api/v2/analytics/conversations/details/query", json=week).json()["conversations"]
        return [party.get("flaggedReason") for party in found[0]["participants"]]

    assert (http.put(path, json={"flaggedReason": "general"}).status_code, flags()) == (202, ["general", None])
    assert (http.delete(path).status_code, flags()) == (202, [None, None])
    assert http.put(f"{CONVERSATION}/participants/x/flaggedreason").status_code == 404
    callbacks = "/api/v2/conversations/callbacks"
    made = http.post(callbacks, json={"queueId": QUEUE, "callbackNumbers": ["+12025550100"]}).json()
    assert made["conversation"]["id"]
    assert http.post(callbacks, json={"queueId": QUEUE}).status_code == 400
