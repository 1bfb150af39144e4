"""Give an Ogg stream a fixed serial number, so that the same call is the same bytes (RFC 3533 section 6)."""

from __future__ import annotations

POLYNOMIAL = 0x04C11DB7
SERIAL, CHECKSUM, SEGMENTS, TABLE = slice(14, 18), slice(22, 26), 26, 27


def _row(byte: int) -> int:
    value = byte << 24
    for _ in range(8):
        value = (value << 1) ^ (POLYNOMIAL if value & 0x80000000 else 0)
    return value & 0xFFFFFFFF


ROWS = tuple(_row(byte) for byte in range(256))


def with_serial(stream: bytes, serial: int) -> bytes:
    """The same stream under another serial number, with every page's checksum made anew."""
    pages, at = [], 0
    while at < len(stream):
        size = _page_size(stream, at)
        pages.append(_numbered(bytearray(stream[at : at + size]), serial))
        at += size
    return b"".join(pages)


def _page_size(stream: bytes, at: int) -> int:
    if stream[at : at + 4] != b"OggS":
        raise ValueError("not an Ogg page")
    segments = stream[at + SEGMENTS]
    return TABLE + segments + sum(stream[at + TABLE : at + TABLE + segments])


def _numbered(page: bytearray, serial: int) -> bytes:
    page[SERIAL] = serial.to_bytes(4, "little")
    page[CHECKSUM] = bytes(4)
    page[CHECKSUM] = _checksum(page).to_bytes(4, "little")
    return bytes(page)


def _checksum(page: bytearray) -> int:
    value = 0
    for byte in page:
        value = ((value << 8) & 0xFFFFFFFF) ^ ROWS[(value >> 24) ^ byte]
    return value
