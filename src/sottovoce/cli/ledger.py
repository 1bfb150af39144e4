"""`sottovoce ledger`: verify it, prove an entry, sign and anchor it, export it for those who check themselves."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from sottovoce.cli.batch import write_whole
from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, facts, note, say
from sottovoce.errors import LedgerTampered, LedgerUnsigned, PolicyError
from sottovoce.ledger.checkpoint import Checkpoint
from sottovoce.ledger.note import note_text
from sottovoce.ledger.verifier import Found
from sottovoce.wiring.house import House
from sottovoce.wiring.ledger import cadence, rotate_log_key, tell_unsigned

app = typer.Typer(no_args_is_help=True, help="The tamper-evident ledger: what was done, by whom, and the proof of it.")

VERIFIER: Final = "python -m sottovoce.ledger.verifier"

Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write it here instead of to standard output.")]


@app.command()
def verify(
    workspace: InWorkspace = HERE,
    *,
    anchor: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="A checkpoint kept elsewhere; may be given often."),
    ] = None,
    unsigned_ok: Annotated[
        bool, typer.Option("--unsigned-ok", help="Entries that no checkpoint covers yet are in order.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read every entry and say whether the ledger is what was signed and anchored.

    Exit code 0 when it is, 17 when it is but entries at its end are not signed yet, 8 when it is not.
    """
    house = house_at(workspace)
    verdict = house.ledger.verify(anchors=[path.read_text(encoding="utf-8") for path in anchor or []])
    shown = {"verdict": verdict.found.value, "entries": verdict.size, "signed": verdict.signed, "entry": verdict.leaf}
    if verdict.leaf is None and not as_json:
        del shown["entry"]
    if as_json:
        answer(shown)
    else:
        facts("Ledger", {**shown, "key": house.ledger.vkey})
    if verdict.found is Found.UNSIGNED_TAIL and not unsigned_ok:
        raise LedgerUnsigned(
            f"{verdict.size - verdict.signed} entries at the end are not signed yet",
            hint="run `sottovoce ledger checkpoint`, or say --unsigned-ok where that is expected",
        )
    if verdict.found not in {Found.OK, Found.UNSIGNED_TAIL}:
        raise LedgerTampered(
            "the ledger is not what was signed", hint="compare with an export or an anchored checkpoint"
        )


@app.command()
def prove(
    seq: Annotated[int, typer.Argument(min=0, help="The entry's number.")],
    workspace: InWorkspace = HERE,
    *,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """A proof of one entry (C2SP tlog-proof): the entry, its path in the tree, and the signed checkpoint.

    Whoever has it needs only the published key to check it, offline. It is the receipt for an erasure or an export.
    """
    house = house_at(workspace)
    proof = house.ledger.prove(seq)
    if as_json:
        answer({"entry": seq, "proof": proof, "key": house.ledger.vkey})
    _write(proof, output, f"proof of entry {seq}", house, quiet=as_json)


@app.command()
def consistency(
    before: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A checkpoint that was kept.")],
    workspace: InWorkspace = HERE,
    *,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """A proof that the ledger only grew since a checkpoint that somebody kept (the body of a C2SP add-checkpoint)."""
    house = house_at(workspace)
    proof = house.ledger.prove_growth(before.read_text(encoding="utf-8"))
    if as_json:
        answer({"proof": proof, "key": house.ledger.vkey})
    _write(proof, output, "proof of growth", house, quiet=as_json, also=f" --anchor {before}")


def _write(proof: str, output: Path | None, what: str, house: House, *, quiet: bool, also: str = "") -> None:
    if output is not None:
        write_whole(output, proof.encode())
    if quiet:
        return
    if output is None:
        typer.echo(proof, nl=False)
    else:
        say(f"{what}: {output}")
        say(f"Check it offline: {VERIFIER} {output} {_keys(house.ledger.vkeys)}{also}")


def _keys(vkeys: Sequence[str]) -> str:
    return " ".join(f"--key '{vkey}'" for vkey in vkeys)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="A folder to write to; an earlier export there is continued.")],
    workspace: InWorkspace = HERE,
    *,
    as_json: AsJson = False,
) -> None:
    """The whole ledger as static files (C2SP tlog-tiles), with the key that checks them.

    Auditors and witnesses read and verify it without the database; `--help` of the verifier says how.
    """
    house = house_at(workspace)
    signed = house.ledger.export(folder)
    shown = {"folder": str(folder), "entries": _size(signed), "key": house.ledger.vkey}
    if as_json:
        answer({**shown, "keys": list(house.ledger.vkeys), "checkpoint": signed})
        return
    facts("Exported", shown)
    say(f"Check it offline: {VERIFIER} {folder} {_keys(house.ledger.vkeys)}")


@app.command()
def checkpoint(
    workspace: InWorkspace = HERE,
    *,
    output: Output = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep signing as often as `ledger` in the policy says, until interrupted.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Sign the ledger as it is now: prove that it only grew, have it cosigned, hand it to the anchors.

    Keep the checkpoint that is printed somewhere of your own: with it you will know if the ledger is ever rewritten.
    """
    house = house_at(workspace)
    signed = house.ledger.checkpoint()
    if output is not None:
        write_whole(output, signed.encode())
    if as_json:
        answer({"entries": _size(signed), "checkpoint": signed, "key": house.ledger.vkey})
    elif output is None:
        typer.echo(signed, nl=False)
    else:
        say(f"checkpoint of {_size(signed)} entries: {output}")
    if watch:
        _watch(house)


def _watch(house: House) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    wanted = house.policy.ledger
    note(f"signing every {wanted.checkpoint_entries} entries or {wanted.checkpoint_seconds:g} s; Ctrl-C ends it")
    with cadence(house.ledger, house.policy).keeping(on_failure=tell_unsigned):
        stop.wait()


@app.command()
def anchor(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Sign, hand the checkpoint to every anchor of the policy, and show what each of them keeps."""
    house = house_at(workspace)
    wanted = house.policy.ledger.anchors
    if not wanted:
        raise PolicyError("the policy names no anchor", hint="add `anchors` under `ledger`: see docs/ledger.md")
    signed = house.ledger.checkpoint()
    sizes = [_size(kept) for kept in house.ledger.anchored()]
    shown = {"entries": _size(signed), "anchors": [each.kind for each in wanted], "anchored": sizes}
    if as_json:
        answer(shown)
    else:
        facts("Anchored", shown)


@app.command()
def keys(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """The ledger's public keys, the current one first. Publish them; auditors check everything with them."""
    vkeys = house_at(workspace).ledger.vkeys
    if as_json:
        answer({"current": vkeys[0], "retired": list(vkeys[1:])})
    else:
        typer.echo("\n".join(vkeys))


@app.command("rotate-key")
def rotate_key(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Replace the log key. The ledger says so, the old key and the new one sign that, and the old one is destroyed.

    Stop workers first: one that still holds the old key can sign nothing more. Interrupted, do it again. Publish the
    new key beside the old one, under which everything signed so far keeps verifying.
    """
    house = house_at(workspace)
    old, new = rotate_log_key(house.ledger, workspace=house.workspace, actor=house.actor)
    if as_json:
        answer({"retired": old, "current": new})
    else:
        facts("Log key replaced", {"retired": old, "current": new})
        say("Publish the current key beside the retired one, and take a new backup of log.key and log.vkeys.")


def _size(signed: str) -> int:
    return Checkpoint.parse(note_text(signed)).size
