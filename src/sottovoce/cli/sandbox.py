"""`sottovoce sandbox`: Genesys Cloud's API over HTTP on this machine, with sample calls and faults."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sottovoce.cli.output import facts

if TYPE_CHECKING:
    from sottovoce.sandbox.serve import Sandbox


def sandbox(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port of the API on loopback.")] = 8790,
    media_port: Annotated[int, typer.Option(min=1, max=65535, help="The port media are served from.")] = 8791,
    *,
    calls: Annotated[Path | None, typer.Option(help="A folder of calls instead of the packaged ones.")] = None,
) -> None:
    """Serve the sandbox until interrupted; it prints where it is and what credentials it takes."""
    from sottovoce.sandbox.serve import Sandbox, serve_forever

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    serve_forever(Sandbox(calls, port=port, media_port=media_port), on_ready=_introduce, stop=stop)


def _introduce(sandbox: Sandbox) -> None:
    facts(
        "Sandbox",
        {
            "api_url": sandbox.api_url,
            "media_hosts": sandbox.media_host,
            "client id": sandbox.client_id,
            "client secret": sandbox.client_secret,
            "faults": f"POST {sandbox.api_url}/sandbox/faults",
        },
    )
