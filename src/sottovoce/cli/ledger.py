"""`sottovoce ledger`: verify it, prove an entry, export it for those who would rather check themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sottovoce.cli.batch import write_whole
from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, facts, say
from sottovoce.errors import LedgerTampered
from sottovoce.ledger.verifier import Found

app = typer.Typer(no_args_is_help=True, help="The tamper-evident ledger.")


@app.command()
def verify(
    workspace: InWorkspace = HERE,
    *,
    anchor: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="A checkpoint kept elsewhere; may be given often."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read every entry and say whether the ledger is what was signed. Exit code 8 when it is not."""
    house = house_at(workspace)
    verdict = house.ledger.verify(anchors=[path.read_text(encoding="utf-8") for path in anchor or []])
    shown = {"verdict": verdict.found.value, "entries": verdict.size, "signed": verdict.signed, "entry": verdict.leaf}
    if verdict.leaf is None and not as_json:
        del shown["entry"]
    if as_json:
        answer(shown)
    else:
        facts("Ledger", {**shown, "key": house.ledger.vkey})
    if verdict.found not in {Found.OK, Found.UNSIGNED_TAIL}:
        raise LedgerTampered(
            "the ledger is not what was signed", hint="compare with an export or an anchored checkpoint"
        )


@app.command()
def prove(
    seq: Annotated[int, typer.Argument(min=0, help="The entry's number.")],
    workspace: InWorkspace = HERE,
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the proof here.")] = None,
    as_json: AsJson = False,
) -> None:
    """A C2SP tlog-proof of one entry, to be checked offline with `python -m sottovoce.ledger.verifier`."""
    house = house_at(workspace)
    proof = house.ledger.prove(seq)
    if output is not None:
        write_whole(output, proof.encode())
    if as_json:
        answer({"entry": seq, "proof": proof, "key": house.ledger.vkey})
    elif output is None:
        typer.echo(proof, nl=False)
    else:
        say(f"proof of entry {seq}: {output}")
        say(f"Check it offline: python -m sottovoce.ledger.verifier {output} --vkey '{house.ledger.vkey}'")


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="A folder to write to.")],
    workspace: InWorkspace = HERE,
    *,
    as_json: AsJson = False,
) -> None:
    """The whole ledger as tiles and checkpoints, with the key that checks them."""
    house = house_at(workspace)
    note = house.ledger.export(folder)
    shown = {"folder": str(folder), "entries": house.ledger.size(), "key": house.ledger.vkey}
    if as_json:
        answer({**shown, "checkpoint": note})
        return
    facts("Exported", shown)
    say(f"Check it offline: python -m sottovoce.ledger.verifier {folder} --vkey '{house.ledger.vkey}'")
