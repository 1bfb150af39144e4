"""`sottovoce broker`: hands keys to readers with a grant, one object at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, say

app = typer.Typer(no_args_is_help=True, help="The one place where readers get keys.")


@app.command()
def serve(
    workspace: InWorkspace = HERE,
    *,
    host: Annotated[
        str, typer.Option(help="Where to listen; beyond this machine with a certificate only.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8460,
    certificate: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="PEM, with its chain.")] = None,
    key: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="PEM, of the certificate.")] = None,
    name: Annotated[
        str | None, typer.Option(help="The address readers use, if another: https://broker.example.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Serve readers until interrupted: every read is authorised, counted, watched and in the ledger first."""
    from sottovoce.service.broker import broker_app
    from sottovoce.service.broker_server import Address, bind, server

    house = house_at(workspace)
    bound, address = bind(Address(host=host, port=port, certificate=certificate, key=key))
    origin = (name or address.origin).rstrip("/")
    house.access.grants.load_revocations()
    house.vault.epochs()
    app = broker_app(broker=house.access.broker, store=house.store, clock=house.clock, origin=origin)
    answer({"origin": origin}) if as_json else say(f"Serving readers at {origin}; Ctrl-C ends it.")
    with bound, house.signing():
        server(app, address).run(sockets=[bound])
