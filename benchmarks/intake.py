"""How many events a second are taken in durably: ours beside a plain handler that commits each request.

    python benchmarks/intake.py [--requests 8000] [--connections 256] [--rounds 5] [--rate 2000] [--seconds 5]
                                [--commit-ms 4] [--folder DIRECTORY]

Both are served by uvicorn in one process, verify the same signature and keep the same two rows in SQLite (WAL,
synchronous FULL). The reference is what one writes first: a FastAPI route with one transaction a request. A third
server only answers: its rate is what HTTP leaves room for. They take turns, and medians over the rounds are printed;
`best` is the round least disturbed, and `CPU` what the server's process used for each event, whatever else is running.

The load comes from one thread on loopback with requests made beforehand, one at a time on each connection. With
`--commit-ms` each commit waits that long more, as on a disk or a network volume whose flush takes that long.
"""

from __future__ import annotations

import argparse
import base64
import hmac
import json
import multiprocessing
import os
import select
import socket
import statistics
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from sqlalchemy import event

from sottovoce.service.intake_server import serve

SECRET = b"k" * 32
PATH = "/v1/events/recordings"
Make = Callable[[Path, float], uvicorn.Config]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One server's burst: acknowledgements a second, and microseconds of the server's processor for each."""

    rate: float
    cpu_us: float


def main() -> None:
    chosen = _chosen()
    commit_s, names = chosen.commit_ms / 1000, ("HTTP alone", "FastAPI", "sottovoce")
    rounds: defaultdict[str, list[Round]] = defaultdict(list)
    for _ in range(chosen.rounds):
        for name, make in zip(names, (bare_app, reference_app, our_app), strict=True):
            with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
                rounds[name].append(one_round(make, Path(folder), commit_s, chosen))
    for name in names:
        rates, kept = (
            [each.rate for each in rounds[name]],
            "answers" if name == "HTTP alone" else "durable acknowledgements",
        )
        cpu = statistics.median(each.cpu_us for each in rounds[name])
        print(f"{name:12s} {statistics.median(rates):>8,.0f} {kept}/s, best {max(rates):,.0f}, {cpu:,.0f} µs CPU each")
    ours, plain = rounds["sottovoce"], rounds["FastAPI"]
    ratios = sorted(one.rate / other.rate for one, other in zip(ours, plain, strict=True))
    best = max(each.rate for each in ours) / max(each.rate for each in plain)
    print(
        f"ratio {statistics.median(ratios):.1f}, median of {len(ratios)} rounds ({ratios[0]:.1f} to {ratios[-1]:.1f}); "
        f"best to best {best:.1f}; {chosen.connections} connections, commits {chosen.commit_ms:g} ms over the disk"
    )
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder, Server(our_app, Path(folder), commit_s) as server:
        Load(server.port, 8).burst(500)
        report(Load(server.port, chosen.connections).steady(chosen.rate, chosen.seconds), chosen.rate)


def _chosen() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=8000, help="how many to send as fast as they go")
    parser.add_argument("--connections", type=int, default=256, help="how many connections send at once")
    parser.add_argument("--rounds", type=int, default=5, help="how often each server has its turn")
    parser.add_argument("--rate", type=int, default=2000, help="events a second for the latency measurement")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long that goes on")
    parser.add_argument("--commit-ms", type=float, default=0.0, help="how much longer each commit takes")
    parser.add_argument("--folder", type=Path, help="where the databases go (default: the system's temporary folder)")
    return parser.parse_args()


def one_round(make: Make, folder: Path, commit_s: float, chosen: argparse.Namespace) -> Round:
    count = max(chosen.requests // 4, 200) if make is reference_app else chosen.requests
    if make is reference_app and commit_s:
        count = min(count, 500)
    with Server(make, folder, commit_s) as server:
        Load(server.port, 8).burst(200)
        load, before = Load(server.port, chosen.connections), server.cpu_s()
        rate = load.burst(count)
        return Round(rate=rate, cpu_us=(server.cpu_s() - before) / count * 1e6)


def report(latencies: list[float], rate: int) -> None:
    cuts = statistics.quantiles(latencies, n=100)
    print(
        f"at {rate:,} events/s: P50 {cuts[49] * 1e3:.1f} ms, P99 {cuts[98] * 1e3:.1f} ms, "
        f"longest {max(latencies) * 1e3:.1f} ms, {len(latencies):,} answered"
    )


def our_app(folder: Path, commit_s: float) -> uvicorn.Config:
    from sottovoce.database.engine import open_engine
    from sottovoce.database.migrate import upgrade
    from sottovoce.domain.confidential import Confidential
    from sottovoce.intake.clerk import Clerk
    from sottovoce.intake.desk import Desk
    from sottovoce.intake.door import Door
    from sottovoce.intake.signatures import StandardWebhooks
    from sottovoce.service.intake import IntakeApp
    from sottovoce.service.intake_server import configured
    from sottovoce.sources.protocol import HmacTokenizer
    from sottovoce.wiring.intake import SourcePseudonyms

    engine = open_engine("sqlite:registry.sqlite", base=folder)
    upgrade(engine)
    event.listen(engine, "commit", lambda _: time.sleep(commit_s))
    desk = Desk(engine=engine, clock=lambda: datetime.now(UTC), ids=lambda: str(uuid.uuid4()))
    names = SourcePseudonyms(tokenizer=HmacTokenizer(key=Confidential(SECRET)), source="cloud")
    verifier = StandardWebhooks(sender="tenant", secrets=[Confidential(SECRET)])
    door = Door(verifiers=[verifier], pseudonyms=names, source="cloud", clock=lambda: datetime.now(UTC))
    return configured(IntakeApp(door=door, clerk=Clerk(desk=desk), ready=desk.counts))


def reference_app(folder: Path, commit_s: float) -> uvicorn.Config:
    import sqlite3

    connection = sqlite3.connect(folder / "plain.sqlite", check_same_thread=False, isolation_level=None)
    connection.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        "CREATE TABLE events (id TEXT PRIMARY KEY, job TEXT); CREATE TABLE jobs (recording TEXT PRIMARY KEY, body TEXT)"
    )
    app = FastAPI()

    @app.post(PATH, status_code=202)
    async def take(request: Request) -> dict[str, str]:
        body = await request.body()
        name, stamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        expected = base64.b64encode(hmac.digest(SECRET, f"{name}.{stamp}.".encode() + body, "sha256")).decode()
        if not hmac.compare_digest(f"v1,{expected}", request.headers["webhook-signature"]):
            raise HTTPException(401)
        told, job = json.loads(body), str(uuid.uuid4())
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT OR IGNORE INTO events VALUES (?, ?)", (name, job))
        connection.execute("INSERT OR IGNORE INTO jobs VALUES (?, ?)", (told["data"]["recordingId"], job))
        time.sleep(commit_s)  # noqa: ASYNC251 - a slower disk holds such a handler up in just this way
        connection.execute("COMMIT")
        return {"job": job}

    return uvicorn.Config(app, log_level="error", access_log=False)


def bare_app(folder: Path, commit_s: float) -> uvicorn.Config:
    """Reads the body and answers: what HTTP alone costs here, and what no intake can be faster than."""
    del folder, commit_s

    async def app(_: Any, receive: Any, send: Any) -> None:
        await receive()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})

    return uvicorn.Config(app, log_level="error", access_log=False, lifespan="off")


class Server:
    """uvicorn on a loopback port in a process of its own."""

    def __init__(self, make: Make, folder: Path, commit_s: float) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self._socket.getsockname()[1]
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=_serve, args=(make, folder, commit_s, self._socket), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        self._socket.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()

    def cpu_s(self) -> float:
        """What the process used so far (Linux's /proc; 0 elsewhere)."""
        told = Path(f"/proc/{self._process.pid}/stat")
        used = told.read_text().rpartition(")")[2].split()[11:13] if told.exists() else []
        return sum(int(ticks) for ticks in used) / os.sysconf("SC_CLK_TCK")


def _serve(make: Make, folder: Path, commit_s: float, listening: socket.socket) -> None:
    serve(make(folder, commit_s), sockets=[listening])


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


class Load:
    """Connections that each send one request at a time, and wait for its whole answer."""

    def __init__(self, port: int, connections: int) -> None:
        self._port = port
        self._count = connections
        self._poll = select.epoll()
        self._open: dict[int, socket.socket] = {}

    def burst(self, count: int) -> float:
        """Acknowledgements a second when every connection sends as soon as it was answered."""
        requests = iter([a_request(number) for number in range(count)])
        self._connect()
        began = time.perf_counter()
        for connection, request in zip(self._open.values(), requests, strict=False):
            connection.sendall(request)
        for _ in range(count):
            free = next(self._answered(None))
            request = next(requests, b"")
            if request:
                free.sendall(request)
        took = time.perf_counter() - began
        self._close()
        return count / took

    def steady(self, rate: int, seconds: float) -> list[float]:
        """Seconds to each acknowledgement at a fixed rate, counted from when it was due, connection free or not."""
        requests = [a_request(number) for number in range(int(rate * seconds))]
        self._connect()
        free, due_of, latencies = list(self._open.values()), dict[int, float](), list[float]()
        began, sent = time.perf_counter() + 0.1, 0
        while len(latencies) < len(requests):
            while free and sent < len(requests) and (due := began + sent / rate) <= time.perf_counter():
                connection = free.pop()
                connection.sendall(requests[sent])
                due_of[connection.fileno()], sent = due, sent + 1
            for connection in self._answered(max(0.0, began + sent / rate - time.perf_counter())):
                latencies.append(time.perf_counter() - due_of[connection.fileno()])
                free.append(connection)
        self._close()
        return latencies

    def _connect(self) -> None:
        for _ in range(self._count):
            connection = _connected(self._port)
            self._open[connection.fileno()] = connection
            self._poll.register(connection.fileno(), select.EPOLLIN)
        self._parts: defaultdict[int, bytes] = defaultdict(bytes)

    def _close(self) -> None:
        for connection in self._open.values():
            connection.close()
        self._poll.close()

    def _answered(self, timeout_s: float | None) -> Iterator[socket.socket]:
        """Connections whose answer is whole; with a timeout, those that are so by then."""
        while True:
            for number, _ in self._poll.poll(timeout_s, 1 if timeout_s is None else -1):
                self._parts[number] += self._open[number].recv(65536)
                if _is_whole(self._parts[number]):
                    del self._parts[number]
                    yield self._open[number]
            if timeout_s is not None:
                return


def _connected(port: int) -> socket.socket:
    for _ in range(200):
        try:
            connection = socket.create_connection(("127.0.0.1", port))
        except OSError:
            time.sleep(0.05)
        else:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
    raise SystemExit("the server does not start")


def _is_whole(answer: bytes) -> bool:
    assert answer.startswith((b"HTTP/1.1 202", b"HTTP/1.1 200")), answer[:40]
    head, _, body = answer.partition(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return bool(length) and len(body) == int(length)


if __name__ == "__main__":
    main()
