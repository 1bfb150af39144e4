"""Serving the sandbox: API and media on two loopback ports, each in its own thread.

with Sandbox() as sandbox:
    GenesysClient(hosts=Hosts.of(api_url=sandbox.api_url, media_hosts=(sandbox.media_host,)), …)
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from sottovoce.errors import SourceUnavailable
from sottovoce.sandbox.abort import AbortableProtocol
from sottovoce.sandbox.app import api_app
from sottovoce.sandbox.catalog import Catalog
from sottovoce.sandbox.faults import FaultBox, Faults
from sottovoce.sandbox.media import media_app
from sottovoce.sandbox.store import ALL_PERMISSIONS, Client, Settings, Store

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"  # noqa: S105 - opens sample calls on loopback, nothing else
_START_S = 20.0


class Sandbox:
    """Both servers, from `with` to its end. `calls` defaults to the packaged sample calls.

    `port` and `media_port` are free ones unless given; the address is always loopback. With `copies`, each call
    is there so many times, under ids of its own.
    """

    def __init__(
        self,
        calls: Path | None = None,
        *,
        copies: int = 1,
        faults: Faults | None = None,
        port: int = 0,
        media_port: int = 0,
        client_id: str = CLIENT_ID,
        client_secret: str = CLIENT_SECRET,
        permissions: frozenset[str] = ALL_PERMISSIONS,
        token_lifetime_s: int = 86_399,
        url_lifetime_s: int = 3600,
        rate_limit: int = 300,
        redacts_sensitive: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.catalog = Catalog(folder=calls, copies=copies)
        self.client_id = client_id
        self.client_secret = client_secret
        settings = Settings(
            token_lifetime_s=token_lifetime_s,
            url_lifetime_s=url_lifetime_s,
            rate_limit=rate_limit,
            redacts_sensitive=redacts_sensitive,
        )
        self.faults = FaultBox(faults=faults or Faults())
        self.store = Store(catalog=self.catalog, settings=settings, faults=self.faults, now=now)
        self.store.memory.clients[client_id] = Client(id=client_id, secret=client_secret, permissions=permissions)
        self._wanted = (port, media_port)
        self._served: list[Served] = []

    @property
    def api_url(self) -> str:
        """`http://127.0.0.1:PORT`, for the API and for tokens."""
        return f"http://{self._served[0].authority}"

    @property
    def media_host(self) -> str:
        """`127.0.0.1:PORT`, to be allowed as a host of media."""
        return self._served[1].authority

    def __enter__(self) -> Self:
        apps: tuple[ASGIApp, ASGIApp] = (api_app(self.store), media_app(self.store))
        try:
            for app, port in zip(apps, self._wanted, strict=True):
                self._served.append(Served(app, port=port))
        except BaseException:
            self.close()
            raise
        self.store.media_url = f"http://{self.media_host}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stops both servers and waits for their threads."""
        for served in self._served:
            served.ask_to_stop()
        while self._served:
            self._served.pop().stop()


def serve_forever(sandbox: Sandbox, *, on_ready: Callable[[Sandbox], None], stop: threading.Event) -> None:
    """Serves until `stop` is set or the process is interrupted; `on_ready` may print where."""
    with sandbox:
        on_ready(sandbox)
        while not stop.wait(timeout=0.5):
            continue


class Served:
    """One uvicorn server on loopback, in a thread, on a socket bound beforehand: a free port unless one is given."""

    def __init__(self, app: ASGIApp, *, port: int = 0) -> None:
        self._socket = _bound(port)
        host, number = self._socket.getsockname()[:2]
        self.authority = f"{host}:{number}"
        config = uvicorn.Config(
            app,
            http=AbortableProtocol,
            log_level="critical",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()
        self._await_start()

    def ask_to_stop(self) -> None:
        self._server.should_exit = self._server.force_exit = True

    def stop(self) -> None:
        self.ask_to_stop()
        self._thread.join(timeout=10)
        self._socket.close()

    def _await_start(self) -> None:
        until = time.monotonic() + _START_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                self.stop()
                raise SourceUnavailable("the sandbox does not start")
            time.sleep(0.01)


def _bound(port: int) -> socket.socket:
    """Named as TCP: asyncio turns Nagle's delay (40 ms an answer) off only on sockets that say so."""
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(("127.0.0.1", port))
    except OSError:
        found.close()
        raise SourceUnavailable("the sandbox's port is taken", hint=f"choose another than {port}") from None
    return found
