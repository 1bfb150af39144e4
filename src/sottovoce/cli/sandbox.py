"""`sottovoce sandbox`: Genesys Cloud's API over HTTP on this machine, with sample calls and faults."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping, Sequence
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
    copies: Annotated[
        int, typer.Option(min=1, max=1000, help="How often each call is there, under ids of its own.")
    ] = 1,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="NAME=COUNT, for one call NAME=COUNT@CONVERSATION; again for more. See docs/sandbox.md."),
    ] = None,
    rate_limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="API requests a minute and token.")] = 300,
    as_json: AsJson = False,
) -> None:
    """Serve the sandbox until interrupted; it prints where it is and what credentials it takes."""
    from sottovoce.sandbox.serve import Sandbox, serve_forever

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    tell = answer if as_json else _introduce
    opened = Sandbox(calls, copies=copies, port=port, media_port=media_port, rate_limit=rate_limit)
    _break(opened, fault or [])
    serve_forever(opened, on_ready=lambda ready: tell(_described(ready)), stop=stop)


def _break(sandbox: Sandbox, wanted: Sequence[str]) -> None:
    """Sets the faults that were asked for. Raises BadParameter for what is not one, or not a call's."""
    from sottovoce.sandbox.control import set_known

    for text in wanted:
        name, _, rest = text.partition("=")
        count, _, call = rest.partition("@")
        if not (count.isascii() and count.isdigit()):
            raise typer.BadParameter(f"{text} is not NAME=COUNT", param_hint="--fault")
        faults = {name: int(count)}
        try:
            set_known(sandbox.store, {"calls": {call: faults}} if call else faults)
        except ValueError as error:
            raise typer.BadParameter(f"{text}: {error}", param_hint="--fault") from None


def _described(sandbox: Sandbox) -> dict[str, str]:
    return {
        "api_url": sandbox.api_url,
        "media_hosts": sandbox.media_host,
        "client_id": sandbox.client_id,
        "client_secret": sandbox.client_secret,
        "page": f"{sandbox.api_url}/sandbox",
        "faults": f"POST {sandbox.api_url}/sandbox/faults",
    }


def _introduce(described: Mapping[str, str]) -> None:
    facts("The sandbox is serving; Ctrl-C ends it", described)
