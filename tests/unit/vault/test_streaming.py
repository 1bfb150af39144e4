"""Sealing straight into a file."""

from __future__ import annotations

import hashlib
import os

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import SealBroken
from sottovoce.vault.seal import CHUNK_BYTES, open_sealed, sealed_size
from sottovoce.vault.streaming import PIECE_BYTES, StreamSealer

KEY, CONTEXT = Confidential(bytes(range(32))), b"context"
SIZES = (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 4 * PIECE_BYTES, 9_000_003)


def test_what_is_streamed_opens_and_is_hashed():
    """One sealer for many objects of any size: plaintext, size and SHA-256 are right for each."""
    with StreamSealer() as sealer:
        for length in SIZES:
            plain, out = Confidential(os.urandom(length)), bytearray()
            size, digest = sealer.seal(KEY, CONTEXT, plain, out.extend)
            assert (size, digest) == (sealed_size(length), hashlib.sha256(out).hexdigest())
            assert open_sealed(KEY, CONTEXT, bytes(out)) == plain


def test_two_objects_share_nothing():
    """The same plaintext under the same key and context is another ciphertext each time."""
    made = []
    with StreamSealer() as sealer:
        for _ in range(2):
            out = bytearray()
            sealer.seal(KEY, CONTEXT, Confidential(bytes(100_000)), out.extend)
            made.append(bytes(out))
    assert made[0][:24] != made[1][:24]
    assert made[0][56:1000] != made[1][56:1000]


def test_a_part_of_it_never_opens():
    """A sink that published before the end would have published nothing that opens."""
    out = bytearray()
    with StreamSealer() as sealer:
        sealer.seal(KEY, CONTEXT, Confidential(bytes(PIECE_BYTES)), out.extend)
    for length in (56, 56 + CHUNK_BYTES + 16, len(out) - 1):
        with pytest.raises(SealBroken):
            open_sealed(KEY, CONTEXT, bytes(out[:length]))
