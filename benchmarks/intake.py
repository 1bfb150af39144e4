"""How many events a second are taken in durably: ours beside a plain handler that commits each request.

    python benchmarks/intake.py [--requests 6000] [--connections 64] [--rate 2000] [--seconds 5]

Both are served by uvicorn in a process of their own, verify the same signature and keep the same two rows in SQLite
(WAL, synchronous FULL). The reference is what one writes first: a FastAPI route with one transaction for each request.
The load comes from raw sockets on loopback with requests made beforehand, so that the client costs little.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hmac
import json
import multiprocessing
import os
import socket
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import uvicorn
from fastapi import FastAPI, HTTPException, Request

SECRET = b"k" * 32
PATH = "/v1/events/recordings"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=6000, help="how many to send as fast as they go")
    parser.add_argument("--connections", type=int, default=64, help="how many connections send at once")
    parser.add_argument("--rate", type=int, default=2000, help="events a second for the latency measurement")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long that goes on")
    parser.add_argument("--folder", type=Path, help="where the databases go (default: the system's temporary folder)")
    chosen = parser.parse_args()
    rates = {}
    for name, make in (("FastAPI, one commit a request", reference_app), ("sottovoce, group commit", our_app)):
        with tempfile.TemporaryDirectory(dir=chosen.folder) as folder, Server(make, Path(folder)) as server:
            asyncio.run(burst(server.port, 200, 8))
            count = chosen.requests if make is our_app else max(chosen.requests // 4, 200)
            rates[name] = asyncio.run(burst(server.port, count, chosen.connections))
            print(f"{name:32s} {rates[name]:>8,.0f} durable acknowledgements/s ({chosen.connections} connections)")
            if make is our_app:
                report(asyncio.run(steady(server.port, chosen.rate, chosen.seconds, chosen.connections)), chosen.rate)
    plain, ours = rates.values()
    print(f"ratio {ours / plain:.1f}")


def report(latencies: list[float], rate: int) -> None:
    cuts = statistics.quantiles(latencies, n=100)
    print(
        f"at {rate:,} events/s: P50 {cuts[49] * 1e3:.1f} ms, P99 {cuts[98] * 1e3:.1f} ms, "
        f"longest {max(latencies) * 1e3:.1f} ms, {len(latencies):,} answered"
    )


def our_app(folder: Path) -> Any:
    from sottovoce.database.engine import open_engine
    from sottovoce.database.migrate import upgrade
    from sottovoce.domain.confidential import Confidential
    from sottovoce.intake.clerk import Clerk
    from sottovoce.intake.desk import Desk
    from sottovoce.intake.door import Door
    from sottovoce.intake.signatures import StandardWebhooks
    from sottovoce.service.intake import IntakeApp
    from sottovoce.sources.protocol import HmacTokenizer
    from sottovoce.wiring.intake import SourcePseudonyms

    engine = open_engine("sqlite:registry.sqlite", base=folder)
    upgrade(engine)
    desk = Desk(engine=engine, clock=lambda: datetime.now(UTC), ids=lambda: str(uuid.uuid4()))
    names = SourcePseudonyms(tokenizer=HmacTokenizer(key=Confidential(SECRET)), source="cloud")
    verifier = StandardWebhooks(sender="tenant", secrets=[Confidential(SECRET)])
    door = Door(verifiers=[verifier], pseudonyms=names, source="cloud", clock=lambda: datetime.now(UTC))
    return IntakeApp(door=door, clerk=Clerk(desk=desk), ready=desk.counts)


def reference_app(folder: Path) -> Any:
    import sqlite3

    connection = sqlite3.connect(folder / "plain.sqlite", check_same_thread=False, isolation_level=None)
    connection.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        "CREATE TABLE events (id TEXT PRIMARY KEY, job TEXT); CREATE TABLE jobs (recording TEXT PRIMARY KEY, body TEXT)"
    )
    app = FastAPI()

    @app.post(PATH, status_code=202)
    async def event(request: Request) -> dict[str, str]:
        body = await request.body()
        name, stamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        expected = base64.b64encode(hmac.digest(SECRET, f"{name}.{stamp}.".encode() + body, "sha256")).decode()
        if not hmac.compare_digest(f"v1,{expected}", request.headers["webhook-signature"]):
            raise HTTPException(401)
        told, job = json.loads(body), str(uuid.uuid4())
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT OR IGNORE INTO events VALUES (?, ?)", (name, job))
        connection.execute("INSERT OR IGNORE INTO jobs VALUES (?, ?)", (told["data"]["recordingId"], job))
        connection.execute("COMMIT")
        return {"job": job}

    return app


class Server:
    """uvicorn on a loopback port in a process of its own."""

    def __init__(self, make: Callable[[Path], Any], folder: Path) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=_serve, args=(make, folder, self._socket), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        self._socket.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()


def _serve(make: Callable[[Path], Any], folder: Path, listening: socket.socket) -> None:
    config = uvicorn.Config(make(folder), log_level="error", access_log=False)
    uvicorn.Server(config).run(sockets=[listening])


def a_request(number: int) -> bytes:
    """One signed event as it goes over the wire."""
    event_id, at = f"evt-{os.getpid()}-{number}-{time.monotonic_ns()}", str(int(time.time()))
    told = {"recordingId": f"rec-{event_id}", "conversationId": f"conv-{event_id}", "externalCallerId": "+12025550143"}
    body = json.dumps({"id": event_id, "type": "recordingAvailable", "data": told}).encode()
    mark = base64.b64encode(hmac.digest(SECRET, f"{event_id}.{at}.".encode() + body, "sha256")).decode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: intake\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"webhook-id: {event_id}\r\nwebhook-timestamp: {at}\r\nwebhook-signature: v1,{mark}\r\n\r\n"
    )
    return head.encode() + body


async def burst(port: int, count: int, connections: int) -> float:
    """Acknowledgements a second when `connections` send one after the other."""
    shares = [[a_request(n) for n in range(i, count, connections)] for i in range(connections)]
    opened = [await _open(port) for _ in shares]
    began = time.perf_counter()
    await asyncio.gather(*(_send_all(pair, share) for pair, share in zip(opened, shares, strict=True)))
    took = time.perf_counter() - began
    for _, writer in opened:
        writer.close()
    return count / took


async def steady(port: int, rate: int, seconds: float, connections: int) -> list[float]:
    """Seconds to each acknowledgement at a fixed rate, counted from when it was due."""
    count = int(rate * seconds)
    requests = [a_request(n) for n in range(count)]
    opened = [await _open(port) for _ in range(connections)]
    began = time.perf_counter() + 0.1
    found = await asyncio.gather(
        *(_paced(opened[i], requests[i::connections], began, i, connections, rate) for i in range(connections))
    )
    for _, writer in opened:
        writer.close()
    return [latency for each in found for latency in each]


Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _open(port: int) -> Pair:
    for _ in range(200):
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
    raise SystemExit("the server does not start")


async def _send_all(pair: Pair, requests: list[bytes]) -> None:
    for request in requests:
        await _exchange(pair, request)


async def _paced(
    pair: Pair, requests: list[bytes], began: float, first: int, connections: int, rate: int
) -> list[float]:
    latencies = []
    for number, request in enumerate(requests):
        due = began + (first + number * connections) / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await _exchange(pair, request)
        latencies.append(time.perf_counter() - due)
    return latencies


async def _exchange(pair: Pair, request: bytes) -> None:
    reader, writer = pair
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 202", b"HTTP/1.1 200")), head[:40]
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(length)


if __name__ == "__main__":
    main()
