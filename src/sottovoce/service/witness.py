"""The witness over HTTP (c2sp.org/tlog-witness), as a plain ASGI application with one small SQLite file.

    POST /add-checkpoint                     cosign
    GET  /<SHA-256 of the origin>/checkpoint the last one cosigned
    GET  /keys                               the witness's public keys, a line each

It belongs on another machine, under other hands than the ledger's, or it is no witness. Nothing it keeps is secret
but its own key. It refuses bodies beyond 256 KiB before reading them whole.
"""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from sottovoce.errors import LedgerUnavailable
from sottovoce.ledger.witness import Answer, Seen, Witness

MAX_BODY = 256 * 1024
"""A hundred Ed25519 signatures, or sixty of ML-DSA-44, beside the longest proof."""

_CHECKPOINT = re.compile(r"/([0-9a-f]{64})/checkpoint")
_BUSY_S = 10.0

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class SqliteWitnessMemory:
    """One row for each log, replaced in an immediate transaction that is synced before it answers."""

    def __init__(self, path: Path) -> None:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        self._path = path
        with self._connected() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS seen (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL,"
                " note TEXT NOT NULL, time INTEGER NOT NULL) WITHOUT ROWID"
            )

    def last(self, origin: str) -> Seen | None:
        """The last checkpoint cosigned, or None."""
        with self._connected() as connection:
            return _last(connection, origin)

    def replace(self, origin: str, before: Seen | None, now: Seen) -> bool:
        """Compares and sets in one transaction; True when `now` is on disk."""
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            same = _last(connection, origin) == before
            if same:
                row = (origin, now.size, now.root, now.note, now.time)
                connection.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?)", row)
            connection.execute("COMMIT")
            return same

    def origins(self) -> tuple[str, ...]:
        """The logs of which anything was cosigned."""
        with self._connected() as connection:
            return tuple(origin for (origin,) in connection.execute("SELECT origin FROM seen ORDER BY origin"))

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                yield connection
        except sqlite3.Error as failure:
            raise LedgerUnavailable(f"the witness's memory failed ({type(failure).__name__})") from None


def _last(connection: sqlite3.Connection, origin: str) -> Seen | None:
    row = connection.execute("SELECT size, root, note, time FROM seen WHERE origin = ?", (origin,)).fetchone()
    return Seen(size=row[0], root=bytes(row[1]), note=row[2], time=row[3]) if row else None


class WitnessApp:
    """The ASGI application of a witness."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._keys = "".join(f"{each.key}\n" for each in witness.cosigners)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; other kinds of scope are passed over."""
        if scope["type"] == "http":
            await _send(await self._answer(scope, receive), send)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        method, path = scope["method"], scope["path"]
        asked = _CHECKPOINT.fullmatch(path)
        if path == "/add-checkpoint" and method == "POST":
            body = await _body(receive)
            return Answer(status=413) if body is None else await self._ask(self._witness.add_checkpoint, body)
        if asked and method == "GET":
            return await self._ask(self._witness.checkpoint, asked[1])
        if path == "/keys" and method == "GET":
            return Answer(status=200, body=self._keys)
        known = asked or path in {"/add-checkpoint", "/keys"}
        return Answer(status=405 if known else 404)

    async def _ask(self, work: Callable[[Any], Answer], argument: object) -> Answer:
        try:
            return await asyncio.to_thread(work, argument)
        except LedgerUnavailable:
            return Answer(status=503, body="try again\n")


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None when it is larger than any request."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY:
            return None
    return body


async def _send(answer: Answer, send: Send) -> None:
    body = answer.body.encode()
    headers = [(b"content-type", answer.content_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
