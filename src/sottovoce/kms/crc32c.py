"""CRC-32C (Castagnoli, RFC 3720 appendix B.4), which Google Cloud KMS checks requests and answers by.

For a few dozen bytes at a time; no library is worth its weight for that.
"""

from __future__ import annotations

from typing import Final

_POLYNOMIAL: Final = 0x82F63B78
"""0x1EDC6F41 with its bits reversed."""


def _row(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE: Final = tuple(map(_row, range(256)))


def crc32c(data: bytes) -> int:
    """The checksum as an unsigned 32-bit number; `123456789` gives 0xE3069283."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF
