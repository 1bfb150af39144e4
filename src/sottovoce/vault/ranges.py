"""Reading a part of one sealed object without the rest: C2SP chunked-encryption@v1, random access.

Chunk k of the message lies at ciphertext offset 56 + k·16400 (https://c2sp.org/chunked-encryption,
"Implementation notes"). Cobblestone-256 is this format with HKDF-SHA-512 and AES-256-GCM; the hash and
the cipher are parameters because the published vectors were made with SHA-256. The commitment is checked
before any chunk, and a size that no message can have is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA512, HashAlgorithm
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from sottovoce.domain.confidential import Confidential
from sottovoce.vault.seal import CHUNK_BYTES, HEADER_BYTES, STRIDE, broken, plain_size

SALT_BYTES: Final = 24
NONCE_BYTES: Final = 12
COMMITMENT_BYTES: Final = 32
LABEL: Final = b"c2sp.org/chunked-encryption@v1+"

Fetch = Callable[[int, int], bytes]
"""Ciphertext bytes start..end (half open) from wherever the object lies."""


class Aead(Protocol):
    def decrypt(self, nonce: bytes, data: bytes | memoryview, associated_data: bytes | None) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Cipher:
    """An AEAD under its IANA name, with its key size in bytes."""

    name: str
    key_bytes: int
    make: Callable[[bytes], Aead]


CIPHERS: Final[Mapping[str, Cipher]] = MappingProxyType(
    {
        c.name: c
        for c in (
            Cipher("AEAD_AES_256_GCM", 32, AESGCM),
            Cipher("AEAD_AES_128_GCM", 16, AESGCM),
            Cipher("AEAD_CHACHA20_POLY1305", 32, ChaCha20Poly1305),
        )
    }
)
AES_256_GCM: Final = CIPHERS["AEAD_AES_256_GCM"]


def read_range(
    key: Confidential[bytes],
    context: bytes,
    fetch: Fetch,
    *,
    size: int,
    start: int,
    end: int,
    hash_: HashAlgorithm | None = None,
    cipher: Cipher = AES_256_GCM,
) -> Confidential[bytes]:
    """Plaintext bytes start..end (half open, cut at the end of the message) of an object of `size` sealed bytes.

    Only the header and the chunks that hold the range are fetched; a range that reaches the end also
    authenticates where the end is. SealBroken for anything that does not authenticate; ValueError for a
    range that runs backward.
    """
    if not 0 <= start <= end:
        raise ValueError("a range runs forward from 0")
    total = plain_size(size)
    start, end = min(start, total), min(end, total)
    aead, base = _open_header(key, context, fetch(0, HEADER_BYTES), hash_ or SHA512(), cipher)
    first = start // CHUNK_BYTES
    last = total // CHUNK_BYTES if end == total else max(start, end - 1) // CHUNK_BYTES
    low = HEADER_BYTES + first * STRIDE
    high = min(size, low + (last - first + 1) * STRIDE)
    body = fetch(low, high)
    if len(body) != high - low:
        raise broken()
    view = memoryview(body)
    plain = b"".join(_open_chunk(aead, base, k, view[(k - first) * STRIDE :][:STRIDE]) for k in range(first, last + 1))
    offset = first * CHUNK_BYTES
    return Confidential(plain[start - offset : end - offset])


def _open_header(
    key: Confidential[bytes], context: bytes, header: bytes, hash_: HashAlgorithm, cipher: Cipher
) -> tuple[Aead, int]:
    """The message's own cipher and base nonce, once the commitment fits."""
    secret = key.reveal()
    if len(secret) != cipher.key_bytes or len(header) != HEADER_BYTES:
        raise broken()
    salt, commitment = header[:SALT_BYTES], header[SALT_BYTES:]
    info = LABEL + cipher.name.encode("ascii") + b"\x00" + salt + context
    length = cipher.key_bytes + NONCE_BYTES + COMMITMENT_BYTES
    derived = HKDFExpand(algorithm=hash_, length=length, info=info).derive(secret)
    if not bytes_eq(derived[-COMMITMENT_BYTES:], commitment):
        raise broken()
    nonce = derived[cipher.key_bytes : cipher.key_bytes + NONCE_BYTES]
    return cipher.make(derived[: cipher.key_bytes]), int.from_bytes(nonce, "big")


def _open_chunk(aead: Aead, base: int, number: int, chunk: memoryview) -> bytes:
    try:
        return aead.decrypt((base ^ number).to_bytes(NONCE_BYTES, "big"), chunk, None)
    except (InvalidTag, ValueError):
        raise broken() from None
