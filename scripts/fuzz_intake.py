"""Fuzz what strangers send the intake: bodies, headers, signatures, timestamps, JSON fields.

    python scripts/fuzz_intake.py [-runs=1000000] [-seed=1]

With atheris installed (`make fuzz` does so) libFuzzer drives it by coverage, from the good messages below and with a
dictionary of what parsers trip over; without it, a seeded random walk over mutations of the same messages runs as many
times. Each input goes through the whole application, over HTTP but for the wire. A finding ends the run with 1: an
answer that is neither a receipt nor a refusal with one of our words, a line in a log, more than a second of processor
time.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import json
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

try:
    import atheris
except ImportError:
    atheris = None

with (
    atheris.instrument_imports(include=["sottovoce.intake", "sottovoce.service", "sottovoce.sources.protocol"])
    if atheris
    else contextlib.nullcontext()
):
    from sottovoce.domain.confidential import Confidential
    from sottovoce.intake.batch import Arrival, Receipt
    from sottovoce.intake.bearer import BearerToken
    from sottovoce.intake.door import Door
    from sottovoce.intake.message_signatures import AudioHookSigned
    from sottovoce.intake.signatures import BodySigned, StandardWebhooks
    from sottovoce.service.intake import EVENTS, IntakeApp
    from sottovoce.sources.protocol import HmacTokenizer
    from sottovoce.wiring.intake import SourcePseudonyms

KEY = b"k" * 32
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
GOOD = [
    {
        "type": "recordingAvailable",
        "data": {"recordingId": "r", "conversationId": "c", "participants": [{"email": "x"}]},
    },
    {
        "event": "recording:recordingStarted",
        "recordingId": "r",
        "conversationId": "c",
        "startTime": "2026-01-01T00:00Z",
    },
    {
        "detail-type": "v2.detail.events.conversation.{id}.customer.end",
        "detail": {"eventBody": {"conversationId": "c", "eventTime": 1763712000000, "ani": "tel:+1202"}},
    },
]
TRIPS = [b"[" * 40, b"{", b'"', b"\\u0000", b"\xff", b"1e999", b"NaN", b"-0", b"9" * 80, b"\xed\xa0\x80", b"null,"]
TRIPS += [
    b'"conversationId":7,',
    b'"participants":{},',
    b"v1,",
    b"v1a,",
    b"sha256=",
    b'sig1=("@authority")',
    b"Bearer ",
]
SLOWEST_S = 1.0
WORDS = {"headers", "content_type", "too_large", "event", "signature", "conflict"}


class Finding(Exception):
    """What must not happen. Says what it was, and the input is printed beside it."""


class Watch(logging.Handler):
    """Nothing is logged of a request, whatever it holds: any line is a finding."""

    def emit(self, record: logging.LogRecord) -> None:
        raise Finding(f"a line of the logger {record.name}")


class Taken:
    """A clerk whose receipts name no job of anybody's."""

    async def accept(self, _: Arrival) -> Receipt:
        return Receipt(job="j", fresh=True)


def our_door() -> Door:
    return Door(
        verifiers=[
            StandardWebhooks(sender="a", secrets=[Confidential(KEY)]),
            BodySigned(sender="b", secrets=[Confidential(KEY)], base64_marks=False),
            BodySigned(sender="c", secrets=[Confidential(KEY)], base64_marks=True),
            AudioHookSigned(sender="d", keys={"k": Confidential(KEY)}),
            BearerToken(sender="e", check=lambda token: "e" if token.reveal() == "t" else None),
        ],
        pseudonyms=SourcePseudonyms(tokenizer=HmacTokenizer(key=Confidential(KEY)), source="cloud"),
        source="cloud",
        clock=lambda: NOW,
    )


class Trial:
    """Runs inputs through an application and judges what comes out."""

    def __init__(self, door: Door) -> None:
        self._app = IntakeApp(door=door, clerk=Taken(), ready=list)  # type: ignore[arg-type]
        self._loop = asyncio.new_event_loop()
        self.counted: Counter[int] = Counter()
        self.slowest_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.close()

    def __call__(self, data: bytes) -> int:
        """The status. Raises Finding."""
        began = time.process_time()
        sent = self._loop.run_until_complete(self._exchange(data))
        took = time.process_time() - began
        self.slowest_s = max(self.slowest_s, took)
        if took > SLOWEST_S:
            raise Finding(f"{took:.1f} s of processor time")
        status = _judged(sent)
        self.counted[status] += 1
        return status

    async def _exchange(self, data: bytes) -> list[MutableMapping[str, Any]]:
        """The first byte says how the input is signed, the second in what pieces its body comes."""
        how, piece, rest = (data[0], data[1], data[2:]) if len(data) > 2 else (0, 0, data)
        headers, body = _signed(how, rest)
        pieces = [body[at : at + piece] for at in range(0, len(body), piece)] if piece else [body]
        waiting = iter(pieces or [b""])
        left, sent = len(pieces or [b""]), []

        async def receive() -> dict[str, Any]:
            nonlocal left
            left -= 1
            return {"type": "http.request", "body": next(waiting), "more_body": left > 0}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": EVENTS, "query_string": b"", "headers": headers}
        await self._app(scope, receive, send)
        return sent

    def summary(self) -> str:
        answers = ", ".join(f"{status}: {count:,}" for status, count in sorted(self.counted.items()))
        return (
            f"{sum(self.counted.values()):,} runs, answers {answers}; slowest {self.slowest_s * 1e3:.1f} ms of"
            " processor time; nothing logged, no exception, no answer but receipts and refusals"
        )


def _judged(sent: list[MutableMapping[str, Any]]) -> int:
    """Answers are held to a closed set of words, so that nothing that was sent can be in one."""
    start, body = sent
    told, names = json.loads(body["body"]), {name for name, _ in start["headers"]}
    status: int = start["status"]
    if status == 202 and told == {"job": "j", "status": "accepted"}:
        return status
    if not 400 <= status < 500 or set(told) != {"error"} or told["error"] not in WORDS:
        raise Finding(f"an answer {status} that is no refusal of ours")
    if not names <= {b"content-type", b"cache-control", b"content-length", b"connection"}:
        raise Finding("a header that is not ours")
    return status


def _signed(how: int, body: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    stamp = str(int(NOW.timestamp())).encode()
    standard = b"v1," + base64.b64encode(hmac.digest(KEY, b"evt-1." + stamp + b"." + body, "sha256"))
    raw = hmac.digest(KEY, body, "sha256")
    webhook = {b"webhook-id": b"evt-1", b"webhook-timestamp": stamp, b"webhook-signature": standard}
    covered = {b"signature-input": b'sig1=("@authority");keyid="k"', b"signature": b"sig1=:AAAA:"}
    forms: list[dict[bytes, bytes]] = [
        webhook,
        {b"x-hub-signature-256": b"sha256=" + raw.hex().encode()},
        {b"x-hub-signature-256": b"sha256=" + base64.b64encode(raw)},
        {b"authorization": b"Bearer t"},
        webhook | {b"webhook-id": body},
        webhook | {b"webhook-timestamp": body},
        webhook | {b"webhook-signature": body},
        {b"x-hub-signature-256": body},
        covered | {b"signature-input": body, b"x-api-key": b"k", b"host": b"h"},
        covered | {b"signature": body, b"x-api-key": b"k", b"host": b"h"},
        {b"authorization": body},
        webhook | {b"content-type": body},
        webhook | {b"content-length": body},
    ]
    if how % (len(forms) + 1) < len(forms):
        return list(forms[how % (len(forms) + 1)].items()), body
    head, _, body = body.partition(b"\n\n")
    given = [line.partition(b":") for line in head.split(b"\n")]
    return [(name.lower(), value) for name, _, value in given], body


def seeds() -> list[bytes]:
    """Each good message in each way of signing, and headers as they come."""
    bodies = [json.dumps(good).encode() for good in GOOD]
    headers = b"webhook-id:evt-1\nwebhook-timestamp:1763726400\nwebhook-signature:v1,AAAA v1a,AAAA\n\n"
    heads = [b"1763726400", b"v1,AAAA v1a,AAAA", b"sha256=" + b"0" * 64, b'sig1=("@authority");keyid="k"', b"Bearer t"]
    signed = [bytes([how, 0]) + rest for how in range(14) for rest in (*bodies, *heads)]
    return [*signed, *(bytes([13, 7]) + headers + body for body in bodies)]


def giants() -> Iterator[bytes]:
    """As much as a body may be, of one thing that parsers trip over, in each way of signing."""
    from sottovoce.intake.strict_json import MAX_BYTES

    things = [*TRIPS, b'{"a":', b'"\\"', b"\\", b"[]", b"{}", b'[""', b'{"a":[1e5],', b'"a","', b" ", b"\n"]
    for thing in things:
        body = (thing * (MAX_BYTES // len(thing) + 1))[:MAX_BYTES]
        for how in range(14):
            yield bytes([how, 0]) + body
            yield bytes([how, 0]) + b'{"type":"' + body[:-9]


def mutated(chance: random.Random, good: list[bytes]) -> bytes:
    """A seed with a few bytes changed, cut, doubled, or replaced by what parsers trip over."""
    data = bytearray(chance.choice(good))
    for _ in range(chance.randrange(8)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del data[at : at + chance.randrange(1, 9)]
            case 2:
                data[at:at] = data[max(0, at - chance.randrange(1, 40)) : at]
            case _:
                data[at:at] = chance.choice(TRIPS)
    return bytes(data)


def run_seeded(runs: int, seed: int) -> int:
    chance, good = random.Random(seed), seeds()
    return tried(f"seed {seed}", (mutated(chance, good) for _ in range(runs)))


def tried(name: str, inputs: Iterable[bytes]) -> int:
    """0 when nothing was found; prints what was."""
    with Trial(our_door()) as trial:
        for data in inputs:
            try:
                trial(data)
            except Exception as error:  # noqa: BLE001 - finding these is what this is for
                what = error if isinstance(error, Finding) else ""
                print(f"{type(error).__name__}: {what} for an input of {len(data)} bytes: {data[:4096].hex()}")
                return 1
        print(f"{name}: {trial.summary()}", flush=True)
        return 0


def run_guided(runs: int, seed: int) -> None:
    """Never returns: libFuzzer ends the process, with another code than 0 where it found something."""
    trial = Trial(our_door())

    def one(data: bytes) -> None:
        trial(data)
        if sum(trial.counted.values()) == runs:
            print(f"guided, seed {seed}: {trial.summary()}", flush=True)

    folder = Path(tempfile.mkdtemp(prefix="fuzz-intake-"))
    for number, data in enumerate(seeds()):
        (folder / f"seed-{number:03d}").write_bytes(data)
    words = ["".join(f"\\x{byte:02x}" for byte in word) for word in TRIPS]
    (folder / "words.dict").write_text("".join(f'"{word}"\n' for word in words))
    options = [f"-runs={runs}", f"-seed={seed}", "-timeout=20", "-max_len=4096", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, f"-dict={folder}/words.dict", str(folder)], one)
    atheris.Fuzz()


def main() -> int:
    given = dict(part.lstrip("-").split("=", 1) for part in sys.argv[1:] if "=" in part)
    runs, seed = int(given.get("runs", 1_000_000)), int(given.get("seed", 1))
    logging.basicConfig(level=logging.DEBUG, handlers=[Watch()])
    logging.getLogger("asyncio").setLevel(logging.WARNING)  # its loops tell at debug level which selector they use
    if tried("as large as a body may be", giants()):
        return 1
    if atheris is not None:
        run_guided(runs, seed)
    return run_seeded(runs, seed)


if __name__ == "__main__":
    sys.exit(main())
