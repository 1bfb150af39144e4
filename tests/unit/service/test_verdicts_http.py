"""The engine's side of the intake over HTTP: what each request is answered."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import logging
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sottovoce.compliance.engine_answers import Standing
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import LedgerUnavailable, SealBroken, VerdictRefused
from sottovoce.intake.signatures import StandardWebhooks
from sottovoce.service.verdicts import VERDICTS, EngineApp, VerdictDesk

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = b"i" * 32
KEY = Ed25519PrivateKey.from_private_bytes(b"e" * 32)


class Answers:
    """Takes what it is told to, and remembers what came."""

    def __init__(self, outcome: Any = Standing.TAKEN) -> None:
        self.outcome = outcome
        self.got: list[Any] = []

    def take(self, document: Any, *, correlation: str, letter: Any) -> Standing:
        self.got.append((correlation, letter.sender, letter.id))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return Standing(self.outcome)


class Swept:
    def __init__(self) -> None:
        self.times = 0

    def sweep(self) -> int:
        self.times += 1
        return 0


class Shelf:
    """One sound behind one token; anything else opens nothing, or fails."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure

    def open(self, token: str) -> Confidential[bytes] | None:
        if self.failure is not None:
            raise self.failure
        return Confidential(b"fLaC-sound") if token == "good" else None


async def inner(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def ask(
    *requests: dict[str, Any], answers: Any = None, shelf: Any = None, is_open: bool = True
) -> list[httpx.Response]:
    check = StandardWebhooks(
        sender="verity", secrets=[Confidential(SECRET)], public_keys=[KEY.public_key().public_bytes_raw()]
    )
    desk = VerdictDesk(
        name="verity", verifier=check, answers=answers or Answers(), leftovers=Swept(), clock=lambda: NOW
    )

    async def all_of_them() -> list[httpx.Response]:
        app = EngineApp(inner=inner, desk=desk if is_open else None, gallery=(shelf or Shelf()) if is_open else None)
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://intake") as http:
            return [await http.request(**each) for each in requests]

    return asyncio.run(all_of_them())


def post(document: Any, *, by_key: bool = False, secret: bytes = SECRET, **headers: str) -> dict[str, Any]:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    stamp = str(int(NOW.timestamp()))
    signed = f"m1.{stamp}.".encode() + body
    mark = KEY.sign(signed) if by_key else hmac.digest(secret, signed, "sha256")
    version = "v1a" if by_key else "v1"
    given = {
        "webhook-id": "m1",
        "webhook-timestamp": stamp,
        "webhook-signature": f"{version},{base64.b64encode(mark).decode()}",
        "content-type": "application/json",
    }
    return {"method": "POST", "url": VERDICTS, "content": body, "headers": given | headers}


@pytest.mark.parametrize("by_key", [False, True])
def test_a_signed_verdict_is_taken(by_key: bool) -> None:
    """By a secret or by a key; the answer names the question."""
    answers = Answers()
    (found,) = ask(post({"correlationId": "c1"}, by_key=by_key), answers=answers)
    assert (found.status_code, found.json()) == (200, {"correlationId": "c1", "status": "concluded"})
    assert answers.got == [("c1", "engine/verity", "m1")]
    assert found.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Standing.COPY, 200),
        (Standing.UNKNOWN, 404),
        (Standing.OTHERWISE, 409),
        (Standing.LATE, 410),
        (Standing.CHANGED, 422),
        (VerdictRefused("no"), 422),
        (LedgerUnavailable("down"), 503),
        (KeyError("four one one one"), 500),
    ],
)
def test_each_outcome_has_its_status(outcome: Any, status: int, caplog: pytest.LogCaptureFixture) -> None:
    """What failed for a while is asked for again; what nobody foresaw says nothing."""
    caplog.set_level(logging.DEBUG)
    (found,) = ask(post({"correlationId": "c1"}), answers=Answers(outcome))
    assert found.status_code == status
    assert ("retry-after" in found.headers) == (status == 503)
    assert "four" not in found.text + caplog.text


def test_refusals_say_little_and_reach_nobody() -> None:
    """Unsigned, another secret, changed, no JSON, no object, another type, too large, another method, no question."""
    answers = Answers()
    changed = post({"correlationId": "c1"}) | {"content": b'{"correlationId":"c2"}'}
    found = ask(
        {"method": "POST", "url": VERDICTS, "content": b"{}", "headers": {"content-type": "application/json"}},
        post({"correlationId": "c1"}, secret=b"x" * 32),
        changed,
        post(b"planted"),
        post([]),
        post({"correlationId": "c1"}, **{"content-type": "text/plain"}),
        post(b" " * ((1 << 20) + 1)),
        {"method": "GET", "url": VERDICTS},
        *(post({"correlationId": wrong}) for wrong in (7, "", "a b", "a\x00", "\ud800", "c" * 129)),
        post({}),
        answers=answers,
    )
    assert [r.status_code for r in found] == [401, 401, 401, 400, 400, 415, 413, 405, *[422] * 7]
    assert not any("planted" in r.text for r in found)
    assert answers.got == []


def test_sound_is_there_for_a_good_address_only() -> None:
    """Whatever is wrong with it, it is not found; what may pass is asked for again."""
    found = ask(
        {"method": "GET", "url": "/v1/media/good"},
        {"method": "GET", "url": "/v1/media/bad"},
        {"method": "GET", "url": "/v1/media/"},
        {"method": "POST", "url": "/v1/media/good"},
    )
    assert [r.status_code for r in found] == [200, 404, 404, 405]
    assert (found[0].content, found[0].headers["content-type"]) == (b"fLaC-sound", "audio/flac")
    assert found[0].headers["cache-control"] == "no-store"
    failing = [Shelf(LedgerUnavailable("down")), Shelf(SealBroken("swapped")), Shelf(KeyError("four"))]
    asked = {"method": "GET", "url": "/v1/media/good"}
    assert [ask(asked, shelf=each)[0].status_code for each in failing] == [503, 500, 500]


def test_all_else_is_the_intakes() -> None:
    """Also these two paths, where there is no engine that answers later or hears sound."""
    paths = ["/v1/events/recordings", "/healthz", VERDICTS, "/v1/media/good"]
    assert [r.status_code for r in ask(*({"method": "GET", "url": p} for p in paths), is_open=False)] == [299] * 4
    assert [r.status_code for r in ask(*({"method": "GET", "url": p} for p in paths[:2]))] == [299] * 2
