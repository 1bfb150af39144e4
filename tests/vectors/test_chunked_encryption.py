"""The C2SP chunked-encryption vectors, through our range reader."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import random
import zlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import SealBroken
from sottovoce.vault.ranges import CIPHERS, read_range
from sottovoce.vault.seal import plain_size

SHARED = Path(os.environ.get("SOTTOVOCE_SHARED", Path(__file__).parents[2].parent / "shared"))
VECTORS = SHARED / "vectors" / "c2sp-chunked-encryption" / "vectors.json"


def cases() -> list:
    if not VECTORS.is_file():
        return [pytest.param(None, marks=pytest.mark.skip(reason="the outside vectors are not here"))]
    return [pytest.param(v, id=v["name"]) for v in json.loads(VECTORS.read_text())["vectors"]]


def sealed(vector: dict) -> bytes:
    body = base64.b64decode(vector["ciphertext"] or "")
    return zlib.decompress(body) if vector.get("compressed") else body


def whole(vector: dict) -> bytes:
    body = sealed(vector)
    return part(vector, body, 0, plain_size(len(body)))


def part(vector: dict, body: bytes, start: int, end: int) -> bytes:
    return read_range(
        Confidential(bytes.fromhex(vector["key"])),
        vector["context"].encode(),
        lambda start, end: body[start:end],
        size=len(body),
        start=start,
        end=end,
        hash_=SHA256(),
        cipher=CIPHERS[vector["aead"]],
    ).reveal()


@pytest.mark.parametrize("vector", cases())
def test_the_range_reader_agrees_with_the_published_vectors(vector):
    """Every message that should open gives its payload; every other one is SealBroken."""
    if vector["expect"] == "failure":
        with pytest.raises(SealBroken):
            whole(vector)
    else:
        payload = whole(vector)
        assert len(payload) == vector["payload_length"]
        assert hashlib.sha256(payload).hexdigest() == vector["payload_sha256"]


@pytest.mark.parametrize("vector", cases())
def test_no_part_of_a_message_is_given_unauthenticated(vector):
    """Any range of a good message is that part of its payload. One of a bad message is refused, unless each of its
    chunks is good in itself: what is given is authenticated, always."""
    body, draw = sealed(vector), random.Random(vector["name"])
    if vector["expect"] == "failure":
        with pytest.raises(SealBroken):
            part(vector, body, 0, 1 << 40)
        with contextlib.suppress(SealBroken):
            assert part(vector, body, 20_000, 1 << 40) is not None
        return
    payload = whole(vector)
    for _ in range(5):
        start = draw.randint(0, len(payload))
        end = draw.randint(start, len(payload))
        assert part(vector, body, start, end) == payload[start:end]


@pytest.mark.skipif(not VECTORS.is_file(), reason="the outside vectors are not here")
def test_no_vector_is_left_out():
    """All 102 published vectors are asked, 75 of which must be refused."""
    vectors = json.loads(VECTORS.read_text())["vectors"]
    assert len(vectors) == 102
    assert sum(v["expect"] == "failure" for v in vectors) == 75
