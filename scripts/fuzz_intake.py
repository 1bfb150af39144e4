"""Fuzz what strangers send the intake: bodies, headers, signatures, timestamps, JSON fields.

    python scripts/fuzz_intake.py [-runs=1000000] [-seed=1]

With atheris installed (`pip install atheris`) libFuzzer drives it by coverage; without it, a seeded random walk over
mutations of good messages runs as many times. Each input goes through the whole door. Only named refusals may come out;
anything else is printed by its type and ends the run with 1, and no input may take a second.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import random
import sys
import time
from datetime import UTC, datetime

try:
    import atheris
except ImportError:
    atheris = None

with atheris.instrument_imports(include=["sottovoce.intake"]) if atheris else contextlib.nullcontext():
    from sottovoce.domain.confidential import Confidential
    from sottovoce.errors import EventRefused, SignatureRefused
    from sottovoce.intake.door import Door
    from sottovoce.intake.message_signatures import AudioHookSigned
    from sottovoce.intake.protocol import Message
    from sottovoce.intake.signatures import BodySigned, StandardWebhooks
    from sottovoce.sources.protocol import HmacTokenizer
    from sottovoce.wiring.intake import SourcePseudonyms

KEY = b"k" * 32
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DOOR = Door(
    verifiers=[
        StandardWebhooks(sender="a", secrets=[Confidential(KEY)]),
        BodySigned(sender="b", secrets=[Confidential(KEY)], base64_marks=False),
        BodySigned(sender="c", secrets=[Confidential(KEY)], base64_marks=True),
        AudioHookSigned(sender="d", keys={"k": Confidential(KEY)}),
    ],
    pseudonyms=SourcePseudonyms(tokenizer=HmacTokenizer(key=Confidential(KEY)), source="cloud"),
    source="cloud",
    clock=lambda: NOW,
)
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
SLOWEST_S = 1.0


def try_one(data: bytes) -> str:
    """Runs one input: its first byte says how it is signed, the rest is the body. Answers what became of it."""
    how, body = (data[0], data[1:]) if data else (0, b"")
    message = _signed(how, body)
    try:
        DOOR.admit(message)
    except SignatureRefused:
        return "signature"
    except EventRefused:
        return "event"
    return "admitted"


def _signed(how: int, body: bytes) -> Message:
    stamp = str(int(NOW.timestamp()))
    standard = base64.b64encode(hmac.digest(KEY, f"evt-1.{stamp}.".encode() + body, "sha256")).decode()
    raw = hmac.digest(KEY, body, "sha256")
    text = body.decode("latin-1")
    forms = [
        {"webhook-id": "evt-1", "webhook-timestamp": stamp, "webhook-signature": f"v1,{standard}"},
        {"x-hub-signature-256": f"sha256={raw.hex()}"},
        {"x-hub-signature-256": f"sha256={base64.b64encode(raw).decode()}"},
        {"webhook-id": text, "webhook-timestamp": stamp, "webhook-signature": f"v1,{standard}"},
        {"webhook-id": "evt-1", "webhook-timestamp": text, "webhook-signature": f"v1,{standard}"},
        {"webhook-id": "evt-1", "webhook-timestamp": stamp, "webhook-signature": text},
        {"x-hub-signature-256": text},
        {"signature-input": text, "signature": "sig1=:AAAA:", "x-api-key": "k", "host": "h"},
        {"signature-input": 'sig1=("@authority");keyid="k"', "signature": text, "x-api-key": "k", "host": "h"},
        {"authorization": text},
    ]
    return Message(headers=forms[how % len(forms)], body=body)


def mutated(chance: random.Random) -> bytes:
    """A good message with a few bytes changed, cut, doubled, or replaced by what parsers trip over."""
    data = bytearray(json.dumps(chance.choice(GOOD)).encode())
    for _ in range(chance.randrange(8)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(5):
            case 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del data[at : at + chance.randrange(1, 9)]
            case 2:
                data[at:at] = data[max(0, at - chance.randrange(1, 40)) : at]
            case 3:
                data[at:at] = chance.choice(
                    [b"[" * 40, b"{", b'"', b"\\u0000", b"\xff", b"1e999", b"NaN", b"-0", b"9" * 80]
                )
            case _:
                data[at:at] = chance.choice([b'"conversationId":7,', b'"participants":{},', b"null,", b"\xed\xa0\x80"])
    return bytes([chance.randrange(256)]) + bytes(data)


def run_seeded(runs: int, seed: int) -> int:
    chance, counted, slowest = random.Random(seed), {}, 0.0
    for _ in range(runs):
        data = mutated(chance)
        began = time.perf_counter()
        try:
            result = try_one(data)
        except Exception as error:  # noqa: BLE001 - finding these is what this is for
            print(f"{type(error).__name__} for an input of {len(data)} bytes: {data.hex()}")
            return 1
        slowest = max(slowest, time.perf_counter() - began)
        counted[result] = counted.get(result, 0) + 1
    print(f"{runs:,} runs, seed {seed}: {counted}, slowest {slowest * 1e3:.1f} ms, no exception but named refusals")
    return 0 if slowest < SLOWEST_S else 1


def main() -> int:
    given = dict(part.lstrip("-").split("=", 1) for part in sys.argv[1:] if "=" in part)
    runs, seed = int(given.get("runs", 1_000_000)), int(given.get("seed", 1))
    if atheris is not None:
        atheris.Setup([sys.argv[0], f"-runs={runs}", f"-seed={seed}", "-timeout=1", "-max_len=4096"], try_one)
        atheris.Fuzz()
        return 0
    return run_seeded(runs, seed)


if __name__ == "__main__":
    sys.exit(main())
