"""The intake on the wire: what HTTP allows a stranger to do to it, byte by byte, over real sockets."""

from __future__ import annotations

import asyncio
import base64
import hmac
import itertools
import json
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import uvicorn
from sqlalchemy import Engine

from sottovoce.domain.confidential import Confidential
from sottovoce.intake.clerk import Clerk
from sottovoce.intake.desk import Desk
from sottovoce.intake.door import Door
from sottovoce.intake.signatures import StandardWebhooks
from sottovoce.intake.strict_json import MAX_BYTES
from sottovoce.service import intake, intake_server
from sottovoce.service.intake import EVENTS, IntakeApp
from sottovoce.service.intake_server import MAX_HEAD, configured
from sottovoce.sources.protocol import HmacTokenizer
from sottovoce.wiring.intake import SourcePseudonyms

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY = b"k" * 32
PLANTED = "+12025550143"


@dataclass(frozen=True)
class Said:
    status: int
    headers: dict[str, str]
    body: bytes


class Line:
    """A connection, as bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def said(self, *, head_only: bool = False) -> Said:
        """One answer, and not a byte more."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if line)
        length = 0 if head_only else int(headers.get("content-length", "0"))
        return Said(int(first.split()[1]), headers, await self.reader.readexactly(length))

    async def ended(self) -> bool:
        """Whether the server closes, without another byte."""
        try:
            return await self.reader.read() == b""
        except ConnectionResetError:
            return True


Talk = Callable[[Callable[[], Awaitable[Line]]], Awaitable[None]]


@pytest.fixture
def talk(engine: Engine, caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[Talk], None]]:
    """Runs a conversation with a served intake; afterwards nothing was logged."""
    caplog.set_level(logging.INFO)
    numbers = itertools.count(1)
    desk = Desk(engine=engine, clock=lambda: NOW, ids=lambda: f"job-{next(numbers)}")
    door = Door(
        verifiers=[StandardWebhooks(sender="t", secrets=[Confidential(KEY)])],
        pseudonyms=SourcePseudonyms(tokenizer=HmacTokenizer(key=Confidential(KEY)), source="cloud"),
        source="cloud",
        clock=lambda: NOW,
    )

    async def run(conversation: Talk) -> None:
        app = IntakeApp(door=door, clerk=Clerk(desk=desk), ready=desk.counts)
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        server = uvicorn.Server(configured(app))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        opened: list[Line] = []

        async def connect() -> Line:
            opened.append(Line(*await asyncio.open_connection("127.0.0.1", port)))
            return opened[-1]

        try:
            await asyncio.wait_for(conversation(connect), 60)
        finally:
            for line in opened:
                line.writer.close()
            server.should_exit = True
            await serving

    yield lambda conversation: asyncio.run(run(conversation))
    assert caplog.records == []


def event(number: int = 1) -> bytes:
    told = {"recordingId": f"rec-{number}", "conversationId": f"conv-{number}", "externalCallerId": PLANTED}
    return json.dumps({"type": "recordingAvailable", "data": told}).encode()


def head(body: bytes, *lines: str, number: int = 1, length: bool = True) -> bytes:
    stamp, name = str(int(NOW.timestamp())), f"evt-{number}"
    mark = base64.b64encode(hmac.digest(KEY, f"{name}.{stamp}.".encode() + body, "sha256")).decode()
    signed = [f"webhook-id: {name}", f"webhook-timestamp: {stamp}", f"webhook-signature: v1,{mark}"]
    sized = [f"Content-Length: {len(body)}"] if length else []
    return "\r\n".join([f"POST {EVENTS} HTTP/1.1", "Host: intake", *signed, *sized, *lines, "", ""]).encode()


def test_head_and_options(talk: Any) -> None:
    """HEAD of the health pages has no body and the connection goes on; OPTIONS is told what is allowed."""

    async def conversation(connect: Any) -> None:
        line = await connect()
        for path in ("/healthz", "/readyz"):
            await line.send(f"HEAD {path} HTTP/1.1\r\nHost: i\r\n\r\n".encode())
            assert (await line.said(head_only=True)).status == 200
        await line.send(b"GET /healthz HTTP/1.1\r\nHost: i\r\n\r\n")
        assert (await line.said()).body == b'{"status":"ok"}'
        await line.send(f"OPTIONS {EVENTS} HTTP/1.1\r\nHost: i\r\n\r\n".encode())
        said = await line.said()
        assert (said.status, said.headers["allow"], said.headers["connection"]) == (405, "post", "close")
        assert await line.ended()

    talk(conversation)


def test_a_body_in_chunks_is_one_body(talk: Any) -> None:
    """Chunked, in pieces of any size: the signature is over the whole."""

    async def conversation(connect: Any) -> None:
        line, body = await connect(), event()
        await line.send(head(body, "Transfer-Encoding: chunked", length=False))
        for part in (body[:1], body[1:10], body[10:]):
            await line.send(b"%x\r\n%s\r\n" % (len(part), part))
        await line.send(b"0\r\n\r\n")
        assert (await line.said()).status == 202

    talk(conversation)


def test_no_length_is_no_body(talk: Any) -> None:
    """Without a length and not in chunks there is no body: what it was signed over is not what came."""

    async def conversation(connect: Any) -> None:
        line = await connect()
        await line.send(head(event(), length=False))
        assert (await line.said()).status == 401

    talk(conversation)


@pytest.mark.parametrize(
    "lines",
    [
        ("Transfer-Encoding: chunked",),
        ("Content-Length: 7",),
        ("Content-Length: -1",),
        ("Bad Name: x",),
        ("X-Fold: a\r\n b",),
        ("X-Nul: a\x00b",),
    ],
)
def test_what_can_be_read_in_two_ways_is_400(talk: Any, lines: tuple[str, ...]) -> None:
    """Two lengths, or a header that is none: 400, and the connection ends (RFC 9112 6.3)."""

    async def conversation(connect: Any) -> None:
        line = await connect()
        await line.send(head(event(), *lines) + event())
        assert (await line.said()).status == 400
        assert await line.ended()

    talk(conversation)


@pytest.mark.parametrize("twice", ["webhook-id: evt-2", "WEBHOOK-ID: evt-1", "Content-Type: application/json"])
def test_a_header_that_comes_twice_is_400(talk: Any, twice: str) -> None:
    """However it is written, and whether it says the same or not."""

    async def conversation(connect: Any) -> None:
        line = await connect()
        await line.send(head(event(), "content-type: application/json", twice) + event())
        assert (await line.said()).status == 400
        assert await line.ended()

    talk(conversation)


def test_a_head_has_a_largest_size(talk: Any) -> None:
    """Request line or header without an end: 431 soon after 32 KiB, whatever would have followed."""

    async def conversation(connect: Any) -> None:
        for start in (b"POST /" + b"a" * 4096, head(b"")[:-2] + b"X-Long: ", b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 99):
            line = await connect()
            await line.send(start + b"x" * (MAX_HEAD - len(start)))
            await asyncio.sleep(0)
            await line.send(b"x")
            assert (await line.said()).status == 431
            assert await line.ended()

    talk(conversation)


def test_too_many_headers_are_refused(talk: Any) -> None:
    """A hundred and one, however short."""

    async def conversation(connect: Any) -> None:
        line = await connect()
        await line.send(head(event(), *(f"x-{n}: 1" for n in range(101))) + event())
        assert (await line.said()).status == 400

    talk(conversation)


def test_a_body_beyond_the_cap_is_not_read(talk: Any) -> None:
    """413 by its own account, before a byte of it comes; and who waits for 100 is never told to go on."""

    async def conversation(connect: Any) -> None:
        for more in ((), ("Expect: 100-continue",)):
            line = await connect()
            await line.send(head(b"", f"Content-Length: {MAX_BYTES + 1}", *more, length=False))
            said = await line.said()
            assert (said.status, said.body, said.headers["connection"]) == (413, b'{"error":"too_large"}', "close")
            assert await line.ended()

    talk(conversation)


def test_a_body_without_a_length_is_counted_while_it_comes(talk: Any) -> None:
    """Chunks without an end: refused after the cap, and the connection is closed under the sender."""

    async def conversation(connect: Any) -> None:
        line = await connect()
        await line.send(head(b"", "Transfer-Encoding: chunked", length=False))
        chunk, sent = b"10000\r\n" + b" " * 65536 + b"\r\n", 0
        with pytest.raises(ConnectionError):
            while sent < 64 * MAX_BYTES:
                await line.send(chunk)
                sent += 65536

    talk(conversation)


def test_chunk_extensions_and_trailers_have_an_end(talk: Any) -> None:
    """What surrounds a body in chunks is counted too: nobody is read from for ever."""

    async def conversation(connect: Any) -> None:
        for endless in (b"1;" + b"x" * 65536, b"1\r\n \r\n0\r\n" + b"a: b\r\n"):
            line = await connect()
            await line.send(head(b"", "Transfer-Encoding: chunked", length=False) + endless)
            sent = 0
            with pytest.raises(ConnectionError):
                while sent < 64 * MAX_BYTES:
                    await line.send(b"y" * 65536)
                    sent += 65536

    talk(conversation)


def test_who_asks_before_sending_is_told_to_go_on(talk: Any) -> None:
    """`Expect: 100-continue`: one 100, then the answer."""

    async def conversation(connect: Any) -> None:
        line, body = await connect(), event()
        await line.send(head(body, "Expect: 100-continue"))
        assert await line.reader.readexactly(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        await line.send(body)
        assert (await line.said()).status == 202

    talk(conversation)


def test_pipelined_requests_are_answered_in_order(talk: Any) -> None:
    """Sent in one piece, answered one after the other, each with its own job."""

    async def conversation(connect: Any) -> None:
        line = await connect()
        await line.send(b"".join(head(event(n), number=n) + event(n) for n in (1, 2, 1)))
        first, second, copy = [await line.said() for _ in range(3)]
        assert [first.status, second.status, copy.status] == [202, 202, 200]
        assert first.body == copy.body != second.body

    talk(conversation)


def test_a_sender_that_goes_away_leaves_nothing_behind(talk: Any, engine: Engine) -> None:
    """Cut off in the head, in the body, or before the answer: the next one is served, and half an event is none."""

    async def conversation(connect: Any) -> None:
        whole = head(event()) + event()
        for cut in (10, len(whole) - len(event()) // 2):
            line = await connect()
            await line.send(whole[:cut])
            line.writer.close()
        impatient = await connect()
        await impatient.send(head(event(2), number=2) + event(2))
        impatient.writer.close()
        line = await connect()
        await line.send(whole)
        assert (await line.said()).status == 202

    talk(conversation)
    counted = Desk(engine=engine, clock=lambda: NOW, ids=str).counts()
    assert counted["ready"] in (1, 2)


def test_a_slow_head_and_a_slow_body_have_a_deadline(talk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who says nothing, or drips, is let go: without a word before a head is whole, with 408 in a body."""
    monkeypatch.setattr(intake_server, "HEAD_DEADLINE_S", 0.2)
    monkeypatch.setattr(intake, "BODY_DEADLINE_S", 0.2)

    async def conversation(connect: Any) -> None:
        silent, dripping, slow = [await connect() for _ in range(3)]
        await slow.send(head(event()) + event()[:-1])
        for byte in b"POST ":
            await dripping.send(bytes([byte]))
        said = await slow.said()
        assert (said.status, said.headers["connection"]) == (408, "close")
        assert [await line.ended() for line in (silent, dripping, slow)] == [True, True, True]

    talk(conversation)


def test_no_answer_repeats_what_was_sent(talk: Any) -> None:
    """Refused or accepted: no value of the event is in the answer."""

    async def conversation(connect: Any) -> None:
        for body in (event(), event()[:-1], b'{"type":"' + PLANTED.encode() + b'"}'):
            line = await connect()
            await line.send(head(body) + body)
            assert PLANTED.encode() not in (await line.said()).body

    talk(conversation)
