"""A desk on an empty database, a door, and ways to sign."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from sottovoce.domain.confidential import Confidential
from sottovoce.intake.desk import Desk
from sottovoce.intake.door import Door
from sottovoce.intake.outbox import Outbox
from sottovoce.intake.protocol import Message
from sottovoce.intake.signatures import StandardWebhooks

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = b"k" * 32


class Plain:
    """Pseudonyms that show what they were made from."""

    def person(self, kind: str, value: str) -> str | None:
        return None if value == "anonymous" else "tok-" + hashlib.sha256(f"{kind}{value}".encode()).hexdigest()[:8]

    def recording(self, conversation_id: str, recording_id: str) -> str:
        return f"r-{conversation_id}-{recording_id}"

    def conversation(self, conversation_id: str) -> str:
        return f"c-{conversation_id}"


def an_event(number: int = 1, kind: str = "recordingAvailable", **data: Any) -> dict[str, Any]:
    told = {"recordingId": f"rec-{number}", "conversationId": f"conv-{number}", **data}
    return {"id": f"evt-{number}", "type": kind, "data": told}


def signed(event: Any, *, event_id: str | None = None, at: datetime = NOW, secret: bytes = SECRET) -> Message:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    named = event_id or (event.get("id", "evt-0") if isinstance(event, dict) else "evt-0")
    stamp = str(int(at.timestamp()))
    mark = base64.b64encode(hmac.digest(secret, f"{named}.{stamp}.".encode() + body, "sha256")).decode()
    headers = {"webhook-id": named, "webhook-timestamp": stamp, "webhook-signature": f"v1,{mark}"}
    return Message(headers=headers, body=body)


@pytest.fixture
def door() -> Door:
    verifier = StandardWebhooks(sender="tenant", secrets=[Confidential(SECRET)])
    return Door(verifiers=[verifier], pseudonyms=Plain(), source="genesys", clock=lambda: NOW)


@pytest.fixture
def desk(engine: Engine, clock: Any) -> Desk:
    numbers = itertools.count(1)
    return Desk(engine=engine, clock=clock, ids=lambda: f"job-{next(numbers)}")


@pytest.fixture
def outbox(engine: Engine, clock: Any) -> Outbox:
    numbers = itertools.count(1000)
    return Outbox(engine=engine, clock=clock, ids=lambda: f"job-{next(numbers)}")


@pytest.fixture(name="an_event")
def _an_event() -> Callable[..., dict[str, Any]]:
    return an_event


@pytest.fixture(name="signed")
def _signed() -> Callable[..., Message]:
    return signed
