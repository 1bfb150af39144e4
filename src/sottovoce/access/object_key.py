"""The key of one sealed object, and no more: what a reader is given instead of the recording's key.

A recording's key opens everything of the recording, its transcript and its redaction map too. Cobblestone-256 is
C2SP chunked-encryption@v1: for each object it expands the recording's key, with the object's salt and context, into
a message key, a base nonce and a commitment. Those 76 bytes open this object and nothing else, and nobody comes back
from them to the recording's key (HKDF-Expand with SHA-512).
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from sottovoce.domain.confidential import Confidential
from sottovoce.vault.ranges import AES_256_GCM, COMMITMENT_BYTES, LABEL, NONCE_BYTES, SALT_BYTES
from sottovoce.vault.seal import HEADER_BYTES, KEY_BYTES, STRIDE, broken, plain_size

OBJECT_KEY_BYTES: Final = KEY_BYTES + NONCE_BYTES + COMMITMENT_BYTES


def object_key(key: Confidential[bytes], context: bytes, header: bytes) -> Confidential[bytes]:
    """Message key, base nonce and commitment of the object that begins with this header (56 bytes).

    SealBroken when key, context and header do not belong together.
    """
    if len(header) < HEADER_BYTES or len(key.reveal()) != KEY_BYTES:
        raise broken()
    salt, commitment = header[:SALT_BYTES], header[SALT_BYTES:HEADER_BYTES]
    info = LABEL + AES_256_GCM.name.encode("ascii") + b"\x00" + salt + context
    derived = HKDFExpand(algorithm=SHA512(), length=OBJECT_KEY_BYTES, info=info).derive(key.reveal())
    if not bytes_eq(derived[-COMMITMENT_BYTES:], commitment):
        raise broken()
    return Confidential(derived)


def open_with(key: Confidential[bytes], ciphertext: bytes) -> Confidential[bytes]:
    """The whole plaintext, authenticated to its end. SealBroken for any other object's key or changed bytes."""
    derived, size = key.reveal(), plain_size(len(ciphertext))
    if len(derived) != OBJECT_KEY_BYTES or not bytes_eq(
        derived[-COMMITMENT_BYTES:], ciphertext[SALT_BYTES:HEADER_BYTES]
    ):
        raise broken()
    aead, base = AESGCM(derived[:KEY_BYTES]), int.from_bytes(derived[KEY_BYTES : KEY_BYTES + NONCE_BYTES], "big")
    body = memoryview(ciphertext)[HEADER_BYTES:]
    try:
        plain = b"".join(
            aead.decrypt((base ^ number).to_bytes(NONCE_BYTES, "big"), body[at : at + STRIDE], None)
            for number, at in enumerate(range(0, len(body), STRIDE))
        )
    except (InvalidTag, ValueError):
        raise broken() from None
    if len(plain) != size:
        raise broken()
    return Confidential(plain)
