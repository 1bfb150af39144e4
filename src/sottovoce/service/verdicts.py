"""The external engine's side of the intake: `POST /v1/verdicts` for its answers, `GET /v1/media/{token}` for sound.

An answer is signed (Standard Webhooks), strict JSON, and counts once: 200 when it is the verdict, 200 with the same
body for each copy; 404 for what was not asked, 409 for another verdict on what was answered, 410 after its time, 422
for what is no verdict on what was asked, or another body under a message id; 400, 401, 408, 413, 415 and 503 as for
events. Sound is 200, or 404 whatever is wrong with the address. Nothing of a request is logged or repeated.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, Protocol

from sottovoce.compliance.engine_answers import Answers, Letter, Standing, named_in
from sottovoce.compliance.engine_links import PATH
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import EventRefused, SignatureRefused, SottovoceError, VerdictRefused
from sottovoce.intake.protocol import Message, Verifier
from sottovoce.intake.strict_json import parse_object
from sottovoce.service.intake import (
    ASGI,
    BODY_DEADLINE_S,
    Answer,
    Receive,
    Scope,
    Send,
    body_of,
    headers_of,
    message_of,
    not_allowed,
    refusal,
    respond,
    unavailable,
)
from sottovoce.wiring.engine import EngineRooms

VERDICTS: Final = "/v1/verdicts"
MOST_AT_ONCE: Final = 4
"""Requests that are worked on together: each may hold a call's sound in memory."""
_SENDER: Final = "engine/"
"""Before the name of an engine where senders of events have theirs; no sender of events is called so."""
_STATUS: Final = {
    Standing.UNKNOWN: (404, "not_asked"),
    Standing.OTHERWISE: (409, "answered_otherwise"),
    Standing.LATE: (410, "too_late"),
    Standing.CHANGED: (422, "conflict"),
}


class Shows(Protocol):
    def open(self, token: str) -> Confidential[bytes] | None: ...


class Sweeps(Protocol):
    def sweep(self) -> int: ...


class VerdictDesk:
    """Takes what the engine called `name` calls back with. Blocks; for a thread."""

    def __init__(
        self, *, name: str, verifier: Verifier, answers: Answers, leftovers: Sweeps, clock: Callable[[], datetime]
    ) -> None:
        self._name = name
        self._verifier = verifier
        self._answers = answers
        self._leftovers = leftovers
        self._clock = clock

    def take(self, message: Message) -> tuple[Standing, str]:
        """What it came to, and for which question.

        Raises SignatureRefused, EventRefused, VerdictRefused, LedgerUnavailable: then nothing changed.
        """
        if not self._verifier.claims(message):
            raise SignatureRefused("the message is not signed in a way that we accept")
        delivery = self._verifier.verify(message, now=self._clock())
        document = parse_object(message.body)
        correlation = named_in(document)
        digest = hashlib.sha256(message.body).hexdigest()
        letter = Letter(sender=_SENDER + self._name, id=delivery.id, digest=digest)
        standing = self._answers.take(document, correlation=correlation, letter=letter)
        if standing is Standing.TAKEN:
            self._leftovers.sweep()
        return standing, correlation


class EngineApp:
    """ASGI, around the intake: what is not the engine's goes through. Without a gallery there is no sound."""

    def __init__(
        self,
        *,
        inner: ASGI,
        desk: VerdictDesk | None,
        gallery: Shows | None,
    ) -> None:
        self._inner = inner
        self._desk = desk
        self._gallery = gallery
        self._room = asyncio.Semaphore(MOST_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if path == VERDICTS and self._desk is not None:
            await respond(send, await self._guarded(self._verdict(self._desk, scope, receive)))
        elif path.startswith(PATH) and self._gallery is not None:
            await self._sound(self._gallery, scope, send)
        else:
            await self._inner(scope, receive, send)

    async def _verdict(self, desk: VerdictDesk, scope: Scope, receive: Receive) -> Answer:
        if scope["method"] != "POST":
            return not_allowed(b"POST")
        headers = headers_of(scope)
        if headers is None:
            return refusal(400, "headers")
        if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            return refusal(415, "content_type")
        body = await asyncio.wait_for(body_of(receive), BODY_DEADLINE_S)
        if body is None:
            return refusal(413, "too_large")
        async with self._room:
            standing, correlation = await asyncio.to_thread(desk.take, message_of(scope, headers, body))
        if standing in _STATUS:
            return refusal(*_STATUS[standing])
        return Answer(200, {"correlationId": correlation, "status": "concluded"})

    async def _sound(self, gallery: Shows, scope: Scope, send: Send) -> None:
        if scope["method"] != "GET":
            await respond(send, not_allowed(b"GET"))
            return
        async with self._room:
            answer = await self._guarded(self._opened(gallery, scope["path"].removeprefix(PATH)))
            if isinstance(answer, Confidential):
                await _send_sound(send, answer)
            else:
                await respond(send, answer)

    async def _opened(self, gallery: Shows, token: str) -> Answer | Confidential[bytes]:
        found = await asyncio.to_thread(gallery.open, token)
        return refusal(404, "not_found") if found is None else found

    async def _guarded(self, work: Awaitable[Any]) -> Any:
        """Every failure as an answer, and none of them in words."""
        try:
            return await work
        except SignatureRefused:
            return refusal(401, "signature")
        except EventRefused:
            return refusal(400, "verdict")
        except VerdictRefused:
            return refusal(422, "verdict")
        except SottovoceError as error:
            return unavailable() if error.retryable else refusal(500, "unexpected")
        except TimeoutError:
            return refusal(408, "body_too_slow")
        except Exception:  # noqa: BLE001 - the server would log what nobody foresaw, and its message may hold a value
            return refusal(500, "unexpected")


def engine_app(inner: ASGI, rooms: EngineRooms, *, clock: Callable[[], datetime]) -> EngineApp:
    """The intake with what belongs to the policy's engine. Raises PolicyError, WorkspaceError."""
    desk = None
    if rooms.verifier is not None:
        desk = VerdictDesk(
            name=rooms.name, verifier=rooms.verifier, answers=rooms.answers, leftovers=rooms.leftovers, clock=clock
        )
    return EngineApp(inner=inner, desk=desk, gallery=rooms.gallery)


async def _send_sound(send: Send, sound: Confidential[bytes]) -> None:
    data = sound.reveal()
    told = {"content-type": "audio/flac", "content-length": str(len(data)), "cache-control": "no-store"}
    headers = [(name.encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": data})
