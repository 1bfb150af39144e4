"""Message brokers for tests: real ones on loopback, started from the machine's binaries, and one in memory with faults.

Each server runs in a folder of its own, on ports of its own, and ends with its block. Amazon's queues are moto's
(`object_servers.amazon_storage`).
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from sottovoce.errors import QueueUnavailable
from sottovoce.intake.messages import Posted

_UP_WITHIN_S: Final = 120.0


@dataclass
class MemoryBroker:
    """A queue that keeps what is not settled. `down` is how many further calls fail."""

    waiting: deque[Posted] = field(default_factory=deque)
    held: list[Posted] = field(default_factory=list)
    settled: list[Posted] = field(default_factory=list)
    dead: list[Posted] = field(default_factory=list)
    prefetch: int = 10
    down: int = 0
    opened: int = 0
    idle_s: float = 0.5

    def open(self) -> MemoryBroker:
        self._ask()
        self.opened += 1
        return self

    def take(self) -> Sequence[Posted]:
        self._ask()
        taken = [self.waiting.popleft() for _ in range(min(self.prefetch, len(self.waiting)))]
        self.held += taken
        return taken

    def done(self, posted: Iterable[Posted]) -> None:
        self._end(self.settled, posted)

    def refuse(self, posted: Iterable[Posted]) -> None:
        self._end(self.dead, posted)

    def close(self) -> None:
        self.waiting.extendleft(reversed(self.held))
        self.held.clear()

    def _end(self, place: list[Posted], posted: Iterable[Posted]) -> None:
        for one in posted:
            self._ask()
            self.held.remove(one)
            place.append(one)

    def _ask(self) -> None:
        if self.down:
            self.down -= 1
            raise QueueUnavailable("the broker is away")


@dataclass
class Server:
    """A broker's process; `restart` kills it and starts it again with what it had on disk."""

    port: int
    command: list[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Listens afterwards."""
        self.process = subprocess.Popen(
            self.command,
            env={**os.environ, **self.environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        _wait_for(self.port, self.process)

    def kill(self) -> None:
        if self.process is None:
            return
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None
        while _listens(self.port):
            time.sleep(0.05)

    def restart(self) -> None:
        self.kill()
        self.start()


@pytest.fixture(scope="session")
def redis_broker() -> Iterator[Server]:
    """One Redis for all tests, each of which uses lists of its own."""
    with redis_server() as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq_broker() -> Iterator[Server]:
    """One RabbitMQ for all tests, because it takes seconds to start."""
    with rabbitmq_server() as server:
        yield server


@contextmanager
def redis_server() -> Iterator[Server]:
    """A Redis that writes each command down before it answers. Skips the test without the binary."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("no redis-server on this machine")
    with _folder("sv-redis-") as folder:
        port = free_port()
        options = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", ""]
        durable = ["--appendonly", "yes", "--appendfsync", "always"]
        with _running(Server(port=port, command=[binary, *options, *durable], environment={})) as server:
            yield server


@contextmanager
def rabbitmq_server() -> Iterator[Server]:
    """A node with an epmd of its own. Skips the test without the binaries."""
    binary, epmd = Path("/usr/lib/rabbitmq/bin/rabbitmq-server"), shutil.which("epmd")
    if not binary.exists() or epmd is None:
        pytest.skip("no rabbitmq-server on this machine")
    with _folder("sv-rabbit-") as folder:
        ports = {name: free_port() for name in ("amqp", "node", "names")}
        (folder / "plugins").write_text("[].\n")
        (folder / "rabbit.conf").write_text(
            f"listeners.tcp.local = 127.0.0.1:{ports['amqp']}\nlog.file.level = error\n"
        )
        names = Server(
            port=ports["names"],
            command=[epmd, "-address", "127.0.0.1", "-port", str(ports["names"])],
            environment={},
        )
        environment = _rabbit(folder, ports)
        node = Server(port=ports["amqp"], command=[str(binary)], environment=environment)
        with _running(names), _running(node):
            yield node


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _rabbit(folder: Path, ports: dict[str, int]) -> dict[str, str]:
    return {
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"sv{ports['amqp']}@localhost",
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbit.conf"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "config"),
        "RABBITMQ_DIST_PORT": str(ports["node"]),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1",
        "ERL_EPMD_PORT": str(ports["names"]),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
    }


@contextmanager
def _folder(prefix: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
    finally:
        server.kill()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _UP_WITHIN_S
    while process.poll() is None and time.monotonic() < end:
        if _listens(port):
            return
        time.sleep(0.1)
    raise RuntimeError("the broker did not start")


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
