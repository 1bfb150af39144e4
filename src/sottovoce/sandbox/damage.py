"""What goes wrong with a medium between the media host and whoever fetches it (SPEC 3.3).

First its content: another call's sound, nothing, an Ogg file without sound, a playlist, overwritten bytes. Then its
way: cut off, reset, announced too short, a few bytes at a time. What was sent, and when, is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sottovoce.sandbox.abort import reset
from sottovoce.sandbox.answers import stamp
from sottovoce.sandbox.catalog import Call
from sottovoce.sandbox.store import Store

EMPTY_OGG = bytes.fromhex("4f676753000600000000000000000000000000000000532e2cbe00")
"""One page without packets, as exports of orphaned recordings hold: 27 bytes (GENESYS.md 4f)."""
FOLLOWED = "/followed"
_PIECE = 65_536
_PIECES_A_SECOND = 20
_BEFORE_RESET_S = 0.05
"""What was sent before gets out of our own buffers."""


def content(store: Store, call: Call, make: Callable[[Call], bytes]) -> bytes:
    """The medium's bytes, or what is there in their place."""
    faults = store.faults
    if faults.take("empty_media", call=call.id):
        return b""
    if faults.take("empty_ogg", call=call.id):
        return EMPTY_OGG
    if faults.take("playlists", call=call.id):
        return f"#EXTM3U\n#EXTINF:10,\n{store.media_url}{FOLLOWED}\n".encode()
    data = make(_other(store, call) if faults.take("wrong_media", call=call.id) else call)
    return bytes(len(data)) if faults.take("corrupt", call=call.id) else data


def delivery(request: Request, call: Call, data: bytes, *, status: int, headers: dict[str, str]) -> Response:
    """The answer, which may end early, come slowly, or announce too little."""
    store, length = Store.of(request), len(data)
    half, is_reset = data[: length // 2], False
    if store.faults.take("wrong_lengths", call=call.id):
        data, length = half, len(half)
    elif store.faults.take("resets", call=call.id):
        data, is_reset = half, True
    elif store.faults.take("truncated", call=call.id):
        data = half
    rate = store.faults.level("trickle_bytes_s", call=call.id)
    body = _sent(request, call, data, rate=rate, is_reset=is_reset)
    return StreamingResponse(body, status_code=status, headers={**headers, "Content-Length": str(length)})


async def followed(request: Request) -> Response:
    """Nobody should ever ask for what a playlist names."""
    Store.of(request).memory.followed += 1
    return Response(b"")


async def _sent(request: Request, call: Call, data: bytes, *, rate: int, is_reset: bool) -> AsyncIterator[bytes]:
    store, began = Store.of(request), Store.of(request).now()
    async for piece in _paced(data, rate):
        yield piece
    told = {"conversation": call.id, "bytes": len(data), "began": stamp(began), "ended": stamp(store.now())}
    store.memory.downloads.append(told)
    if is_reset:
        await asyncio.sleep(_BEFORE_RESET_S)
        reset(request)


async def _paced(data: bytes, rate: int) -> AsyncIterator[bytes]:
    """All of it, at no more than `rate` bytes a second unless that is 0."""
    size = max(1, rate // _PIECES_A_SECOND) if rate else _PIECE
    for start in range(0, len(data), size):
        piece = data[start : start + size]
        if rate:
            await asyncio.sleep(len(piece) / rate)
        yield piece


def _other(store: Store, call: Call) -> Call:
    """The next call with sound of its own; the call itself where it is the only one."""
    calls = [other for other in store.catalog.calls.values() if other.recorded]
    later = calls[calls.index(call) + 1 :] + calls[: calls.index(call)] if call in calls else calls
    return next((other for other in later if other.file != call.file), call)
