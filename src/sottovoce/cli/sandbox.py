"""`sottovoce sandbox`: Genesys Cloud's API over HTTP on this machine, with sample calls and faults."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sottovoce.cli.output import AsJson, answer, facts

if TYPE_CHECKING:
    from sottovoce.sandbox.serve import Sandbox


def sandbox(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port of the API on loopback.")] = 8790,
    media_port: Annotated[int, typer.Option(min=1, max=65535, help="The port media are served from.")] = 8791,
    *,
    calls: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A folder of calls instead of the packaged ones.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Serve the sandbox until interrupted; it prints where it is and what credentials it takes."""
    from sottovoce.sandbox.serve import Sandbox, serve_forever

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    tell = answer if as_json else _introduce
    serve_forever(
        Sandbox(calls, port=port, media_port=media_port), on_ready=lambda ready: tell(_described(ready)), stop=stop
    )


def _described(sandbox: Sandbox) -> dict[str, str]:
    return {
        "api_url": sandbox.api_url,
        "media_hosts": sandbox.media_host,
        "client_id": sandbox.client_id,
        "client_secret": sandbox.client_secret,
        "faults": f"POST {sandbox.api_url}/sandbox/faults",
    }


def _introduce(described: Mapping[str, str]) -> None:
    facts("The sandbox is serving; Ctrl-C ends it", described)
