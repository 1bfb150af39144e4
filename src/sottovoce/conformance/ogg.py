"""Ogg pages and the packets on them (RFC 3533): to look into headers, and to write them anew.

Knows pages and lacing only; what a packet means is the reader's. Stops where the bytes are no page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_POLYNOMIAL: Final = 0x04C11DB7
_MOST_SEGMENTS: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: `head` is its first 27 bytes, `table` the lacing values, `end` where the next one starts."""

    head: bytes
    table: bytes
    body: bytes
    end: int

    @property
    def serial(self) -> bytes:
        return self.head[14:18]


def pages(data: bytes) -> Iterator[Page]:
    """Every page from the start to the first bytes that are none."""
    at = 0
    while data[at : at + 4] == b"OggS" and at + 27 <= len(data):
        table = data[at + 27 : at + 27 + data[at + 26]]
        start = at + 27 + len(table)
        end = start + sum(table)
        if end > len(data):
            return
        yield Page(head=data[at : at + 27], table=table, body=data[start:end], end=end)
        at = end


def packets(stream: Sequence[Page], count: int) -> tuple[bytes, ...]:
    """The first packets of one logical stream."""
    found: list[bytes] = []
    packet = b""
    for page in stream:
        at = 0
        for lace in page.table:
            packet += page.body[at : at + lace]
            at += lace
            if lace < 255:
                found.append(packet)
                packet = b""
            if len(found) == count:
                return tuple(found)
    return tuple(found)


def one_page(head: bytes, packet: bytes) -> bytes:
    """A page with one whole packet, of the same stream and number as `head`; ValueError when it is too large."""
    table = b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255])
    if len(table) > _MOST_SEGMENTS:
        raise ValueError("the packet does not fit on one page")
    page = head[:22] + b"\x00" * 4 + bytes([len(table)]) + table + packet
    return page[:22] + _checksum(page).to_bytes(4, "little") + page[26:]


def _checksum(page: bytes) -> int:
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (_POLYNOMIAL if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc
