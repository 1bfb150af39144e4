"""A compliance engine on loopback, as a careful customer would write one: it believes no question that is not signed.

It fetches the sound, judges by a function, and answers at once or promises and calls back, signed. It fails as told.
What it was asked it keeps, by idempotency key, and a key that comes again with another body is 422, as the IETF's draft
on the header has it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import httpx

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import SignatureRefused
from sottovoce.intake.protocol import Message
from sottovoce.intake.signatures import StandardWebhooks

OUR_SECRET: Final = b"o" * 32
"""What sottovoce signs its questions with."""
ITS_SECRET: Final = b"i" * 32
"""What the engine signs its answers with."""

Judge = Callable[[Mapping[str, Any]], dict[str, Any]]


def clean(question: Mapping[str, Any]) -> dict[str, Any]:
    """The verdict that nothing is wrong."""
    return {
        "schemaVersion": "1",
        "recordingId": question["recordingId"],
        "correlationId": question["correlationId"],
        "verdict": "NO_VIOLATION",
    }


def violation(question: Mapping[str, Any], *, kind: str = "PROHIBITED_PROMISE", at_ms: int = 1200) -> dict[str, Any]:
    """The verdict that something is."""
    return clean(question) | {
        "verdict": "VIOLATION_DETECTED",
        "violationType": kind,
        "confidenceScore": 0.9,
        "timestampOffsetMs": at_ms,
        "recommendedAction": "REVIEW_BY_PERSON",
    }


@dataclass
class LittleEngine:
    """`status` says how the request of a number is answered, counted from 1; 200 judges, 202 promises."""

    url: str = ""
    judge: Judge = clean
    status: Callable[[int], int] = lambda _number: 200
    asked: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Questions by correlation id."""
    sounds: dict[str, bytes] = field(default_factory=dict)
    requests: int = 0
    most_together: int = 0
    _together: int = 0
    _bodies: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Status and body."""
        with self._lock:
            self.requests += 1
            self._together += 1
            self.most_together = max(self.most_together, self._together)
            status = self.status(self.requests)
        try:
            return self._answered(status, headers, body)
        finally:
            with self._lock:
                self._together -= 1

    def _answered(self, status: int, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        if status not in (200, 202):
            return status, b'{"error":"as told"}'
        try:
            ours = StandardWebhooks(sender="sottovoce", secrets=[Confidential(OUR_SECRET)])
            ours.verify(Message(headers=headers, body=body), now=datetime.now(UTC))
        except SignatureRefused:
            return 401, b"{}"
        digest = hashlib.sha256(body).hexdigest()
        if self._bodies.setdefault(headers["idempotency-key"], digest) != digest:
            return 422, b"{}"
        question = json.loads(body)
        self.asked[question["correlationId"]] = question
        if "media" in question:
            self._fetch(question)
        return status, json.dumps(self.judge(question)).encode() if status == 200 else b""

    def _fetch(self, question: Mapping[str, Any]) -> None:
        media = question["media"]
        with httpx.Client(trust_env=False, timeout=30) as http:
            sound = http.get(media["url"]).raise_for_status().content
        if hashlib.sha256(sound).hexdigest() != media["sha256"]:
            raise ValueError("the sound is not the one that was announced")
        self.sounds[question["correlationId"]] = sound

    def call_back(self, url: str, correlation: str, **changes: Any) -> httpx.Response:
        """Posts the verdict on what was asked, as it now judges, with `changes`."""
        verdict = self.judge(self.asked[correlation]) | changes
        return send(url, json.dumps(verdict).encode(), message_id=f"msg-{correlation}")


def send(url: str, body: bytes, *, message_id: str, secret: bytes = ITS_SECRET) -> httpx.Response:
    """A signed message of the engine's."""
    stamp = str(int(datetime.now(UTC).timestamp()))
    mark = base64.b64encode(hmac.digest(secret, f"{message_id}.{stamp}.".encode() + body, "sha256")).decode()
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{mark}",
        "content-type": "application/json",
    }
    with httpx.Client(trust_env=False, timeout=30) as http:
        return http.post(url, content=body, headers=headers)


@contextmanager
def judging(**given: Any) -> Iterator[LittleEngine]:
    """An engine that listens until the block ends."""
    engine = LittleEngine(**given)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, answer = engine.answer({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_said: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    engine.url = f"http://127.0.0.1:{server.server_port}/judge"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield engine
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
