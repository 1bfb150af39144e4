"""`sottovoce witness`: vouch for other people's ledgers, on a machine of one's own. It needs no workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sottovoce.cli.output import AsJson, answer, facts, say
from sottovoce.wiring.witness import create_witness, open_witness, trust_log

app = typer.Typer(no_args_is_help=True, help="A witness for ledgers (C2SP tlog-witness), best in other hands.")

Folder = Annotated[Path, typer.Argument(help="The witness's folder: its key, whom it trusts, what it saw.")]


@app.command()
def init(
    folder: Folder,
    *,
    name: Annotated[str, typer.Option(help="Its name, such as witness.example/w1: no spaces, no plus.")],
    as_json: AsJson = False,
) -> None:
    """Make a witness: its key, under its name. What is printed is public; those who rely on the witness need it."""
    key = create_witness(folder, name=name)
    if as_json:
        answer({"folder": str(folder), "key": key})
        return
    facts("Witness", {"folder": folder, "key": key})
    say(f"Next: tell it whose ledger to watch (sottovoce witness trust {folder} VKEY), then serve it.")


@app.command()
def trust(
    folder: Folder,
    vkey: Annotated[str, typer.Argument(help="The ledger's public key: what `sottovoce ledger keys` prints.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Let the witness cosign for a ledger. After a change of log keys, trust the new one as well."""
    logs = trust_log(folder, vkey)
    if as_json:
        answer({"logs": list(logs)})
    else:
        facts("Trusted", {"logs": logs})


@app.command()
def serve(
    folder: Folder,
    *,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8792,
    as_json: AsJson = False,
) -> None:
    """Answer until interrupted. Put it behind a proxy that speaks TLS where others can reach it."""
    import uvicorn

    from sottovoce.service.witness import SqliteWitnessMemory, WitnessApp

    witness = open_witness(folder, memory=SqliteWitnessMemory)
    keys = [str(each.key) for each in witness.cosigners]
    told = {"url": f"http://{host}:{port}", "key": keys, "logs": list(witness.logs)}
    answer(told) if as_json else facts("The witness is serving; Ctrl-C ends it", told)
    uvicorn.run(WitnessApp(witness), host=host, port=port, log_level="warning", access_log=False)
