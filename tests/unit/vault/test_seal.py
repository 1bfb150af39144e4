"""Sealing with Cobblestone-256."""

from __future__ import annotations

import os
import random

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import SealBroken
from sottovoce.vault.context import object_context
from sottovoce.vault.ranges import read_range
from sottovoce.vault.seal import (
    CHUNK_BYTES,
    HEADER_BYTES,
    PIECE_BYTES,
    STRIDE,
    open_sealed,
    seal,
    seal_stream,
    sealed_size,
)

KEY = Confidential(bytes(range(32)))
CONTEXT = object_context(tenant="t", rid="r1", kind="sound", rev=1)
SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 100_000]
LARGE = [PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES, 3 * PIECE_BYTES + 20_000]


@pytest.mark.parametrize("size", SIZES + LARGE)
def test_what_was_sealed_opens_to_the_same_bytes_at_the_published_size(size):
    """A sealed object is 56 bytes and 16 for each chunk larger, and opens exactly."""
    plain = os.urandom(size)
    sealed = seal(KEY, CONTEXT, Confidential(plain))
    assert len(sealed) == sealed_size(size)
    assert open_sealed(KEY, CONTEXT, sealed).reveal() == plain


@pytest.mark.parametrize("size", [0, 5, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 40_000, 3 * PIECE_BYTES + 7])
def test_a_stream_through_one_buffer_is_the_same_format(size):
    """What is too large for memory is sealed in pieces, and opens like any other."""
    plain, out = os.urandom(size), bytearray()
    pieces = [Confidential(plain[:100_001]), Confidential(plain[100_001:])]
    written = seal_stream(KEY, CONTEXT, pieces, out.extend)
    assert written == len(out) == sealed_size(size)
    assert open_sealed(KEY, CONTEXT, bytes(out)).reveal() == plain


def test_two_sealings_of_the_same_words_share_nothing():
    """A fresh salt for each object: equal plaintexts cannot be told."""
    first, second = (seal(KEY, CONTEXT, Confidential(b"the same")) for _ in range(2))
    assert first != second
    assert first[:56] != second[:56]


@pytest.mark.parametrize(
    ("key", "context"),
    [
        (Confidential(bytes(32)), CONTEXT),
        (Confidential(b"short"), CONTEXT),
        (KEY, b""),
        (KEY, object_context(tenant="u", rid="r1", kind="sound", rev=1)),
        (KEY, object_context(tenant="t", rid="r2", kind="sound", rev=1)),
        (KEY, object_context(tenant="t", rid="r1", kind="map", rev=1)),
        (KEY, object_context(tenant="t", rid="r1", kind="sound", rev=2)),
        (KEY, object_context(tenant="t", rid="r1", kind="sound", rev=1, channel=0)),
        (KEY, object_context(tenant="t", rid="r1", kind="sound", rev=1, shard="s1")),
    ],
)
def test_another_key_or_context_is_refused_in_the_same_words(key, context):
    """Wrong key, tenant, recording, kind, revision, channel or shard: one error that does not say which."""
    with pytest.raises(SealBroken) as refusal:
        open_sealed(key, context, seal(KEY, CONTEXT, Confidential(b"words")))
    assert str(refusal.value) == "a sealed object does not open"
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


def test_every_flipped_bit_of_the_first_chunk_and_its_header_is_refused():
    """131,648 objects with one bit wrong in the first 16,456 bytes: none of them opens."""
    sealed = bytearray(seal(KEY, CONTEXT, Confidential(os.urandom(2 * CHUNK_BYTES + 9))))
    opened = 0
    for position in range(56 + CHUNK_BYTES + 16):
        for bit in range(8):
            sealed[position] ^= 1 << bit
            opened += _opens(sealed)
            sealed[position] ^= 1 << bit
    assert opened == 0
    assert _opens(sealed)


def test_a_hundred_thousand_random_flipped_bits_are_refused():
    """Anywhere beyond the first chunk of a longer object, its last and short one too: one wrong bit is enough."""
    draw = random.Random(11)
    sealed = bytearray(seal(KEY, CONTEXT, Confidential(draw.randbytes(40_000))))
    beyond = HEADER_BYTES + STRIDE
    opened = 0
    for _ in range(100_000):
        position, bit = draw.randrange(beyond, len(sealed)), 1 << draw.randrange(8)
        sealed[position] ^= bit
        opened += _opens(sealed)
        sealed[position] ^= bit
    assert opened == 0


def _opens(sealed: bytearray) -> bool:
    try:
        open_sealed(KEY, CONTEXT, bytes(sealed))
    except SealBroken:
        return False
    return True


@pytest.mark.parametrize(
    "cut", [0, 10, 24, 55, 56, 71, 72, 56 + 16_400, 56 + 2 * 16_400, 56 + 2 * 16_400 + 15, -1, -16]
)
def test_a_truncated_object_is_refused(cut):
    """Cut anywhere, on a chunk boundary too, it does not open."""
    sealed = seal(KEY, CONTEXT, Confidential(os.urandom(2 * CHUNK_BYTES + 500)))
    assert not _opens(bytearray(sealed[:cut]))


@pytest.mark.parametrize("more", [b"\0", bytes(16), bytes(16_400)])
def test_an_extended_object_is_refused(more):
    """Nothing can be appended, to a short or an exactly full message."""
    for size in (500, CHUNK_BYTES):
        assert not _opens(bytearray(seal(KEY, CONTEXT, Confidential(os.urandom(size))) + more))


def test_swapped_chunks_are_refused():
    """Chunks cannot change places."""
    sealed = seal(KEY, CONTEXT, Confidential(os.urandom(3 * CHUNK_BYTES)))
    head, first, second, rest = sealed[:56], sealed[56:16_456], sealed[16_456:32_856], sealed[32_856:]
    assert not _opens(bytearray(head + second + first + rest))


RANGES = [
    (0, 0),
    (0, 1),
    (5, 20_000),
    (CHUNK_BYTES, 2 * CHUNK_BYTES),
    (40_000, 50_000),
    (49_999, 10**9),
    (10**9, 10**9),
]


@pytest.mark.parametrize("size", [0, 3 * CHUNK_BYTES, 50_000])
@pytest.mark.parametrize(("start", "end"), RANGES)
def test_a_range_is_read_without_the_rest(size, start, end):
    """Only the header and the chunks of the range are fetched, and the bytes are those of the whole."""
    plain, fetched = os.urandom(size), []
    sealed = seal(KEY, CONTEXT, Confidential(plain))

    def fetch(low: int, high: int) -> bytes:
        fetched.append(high - low)
        return sealed[low:high]

    part = read_range(KEY, CONTEXT, fetch, size=len(sealed), start=start, end=end)
    assert part.reveal() == plain[start:end]
    chunks = -(-(end - start) // CHUNK_BYTES) + 1
    assert sum(fetched) <= 56 + min(chunks * 16_400, len(sealed))


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (6, 5)])
def test_a_range_runs_forward(start, end):
    """A backward range is the caller's mistake, not a broken seal."""
    with pytest.raises(ValueError, match="forward"):
        read_range(KEY, CONTEXT, lambda *_: b"", size=72, start=start, end=end)


@pytest.mark.parametrize("size", [0, 55, 56, 71, 56 + 16_400, 56 + 16_400 + 15])
def test_a_size_no_message_has_is_refused(size):
    """Sizes that the format cannot produce are broken seals before anything is fetched."""
    with pytest.raises(SealBroken):
        read_range(KEY, CONTEXT, lambda *_: b"", size=size, start=0, end=1)


def test_a_range_of_a_changed_or_shortened_object_is_refused():
    """A flipped bit, a short answer from the store and a wrong context are all broken seals."""
    sealed = seal(KEY, CONTEXT, Confidential(os.urandom(50_000)))
    flipped = sealed[:20_000] + bytes([sealed[20_000] ^ 1]) + sealed[20_001:]
    for body, context in ((flipped, CONTEXT), (sealed[:30_000], CONTEXT), (sealed, b"other"), (b"", CONTEXT)):
        with pytest.raises(SealBroken):
            read_range(KEY, context, lambda low, high, b=body: b[low:high], size=len(sealed), start=0, end=50_000)


def test_a_range_is_refused_with_any_bit_wrong_in_what_it_needs():
    """Every bit of the header, and any of the chunks it lies in; a wrong bit elsewhere changes nothing it gives."""
    draw, plain = random.Random(12), Confidential(os.urandom(5 * CHUNK_BYTES + 9))
    body = bytearray(seal(KEY, CONTEXT, plain))
    second = HEADER_BYTES + STRIDE
    needed = [*range(HEADER_BYTES), *(draw.randrange(second, second + 2 * STRIDE) for _ in range(1_500))]

    def read() -> bytes:
        fetch = lambda low, high: bytes(body[low:high])  # noqa: E731 - short as it is
        return read_range(KEY, CONTEXT, fetch, size=len(body), start=CHUNK_BYTES + 5, end=3 * CHUNK_BYTES - 5).reveal()

    for position in needed:
        for bit in range(8) if position < HEADER_BYTES else [draw.randrange(8)]:
            body[position] ^= 1 << bit
            with pytest.raises(SealBroken):
                read()
            body[position] ^= 1 << bit
    body[second + 2 * STRIDE] ^= 1
    assert read() == plain.reveal()[CHUNK_BYTES + 5 : 3 * CHUNK_BYTES - 5]


def test_a_range_to_the_end_finds_an_object_cut_or_extended_at_a_chunk():
    """Where the end is, is part of what is authenticated."""
    body = seal(KEY, CONTEXT, Confidential(bytes(3 * CHUNK_BYTES)))
    longer = body + body[-STRIDE:]
    for changed in (body[: HEADER_BYTES + 2 * STRIDE + 16], body[:-16], longer):
        with pytest.raises(SealBroken):
            read_range(KEY, CONTEXT, lambda a, b, of=changed: of[a:b], size=len(changed), start=0, end=10 * CHUNK_BYTES)
