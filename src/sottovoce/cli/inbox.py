"""`sottovoce inbox`: what contributors send to, what came, and what became of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from sottovoce.cli.batch import write_whole
from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, bar, facts, say, table
from sottovoce.uploads.published import pin_of
from sottovoce.uploads.received import State

app = typer.Typer(help="Inboxes: what contributors send to.", no_args_is_help=True)

Name = Annotated[str | None, typer.Argument(help="The inbox's name in the policy; the only one by default.")]


@app.command("publish")
def publish(
    name: Name = None,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write it.")] = Path("inbox.json"),
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Write the signed description that contributors need: key, wording, limits."""
    house = house_at(workspace)
    inbox = house.uploads.inbox(name)
    write_whole(output, inbox.publish())
    house.ledger.checkpoint()
    key = house.uploads.keys.current(inbox.name)
    shown = {
        "inbox": inbox.id,
        "file": str(output),
        "key": key.fingerprint,
        "wording": inbox.settings.wording_version,
        "pin": pin_of(house.signer.vkey),
    }
    if as_json:
        answer(shown)
        return
    facts("Published", shown)
    say("Tell contributors the pin by another way than the file; they give it once, with --pin.")


@app.command("rotate")
def rotate(name: Name = None, *, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """Draw a new key. The one before is accepted until its overlap ends, and destroyed then."""
    house = house_at(workspace)
    inbox = house.uploads.inbox(name)
    key = inbox.rotate()
    destroyed = house.uploads.keys.destroy_ended(inbox.name)
    house.ledger.checkpoint()
    shown = {"inbox": inbox.id, "key": key.fingerprint, "keys_destroyed": destroyed}
    if as_json:
        answer(shown)
        return
    facts("Rotated", {name.replace("_", " "): value for name, value in shown.items()})
    say("Publish the inbox again, and send contributors the new file.")


@app.command("receive")
def receive(name: Name = None, *, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """Take in what is new, and end what was used. `sottovoce run` does the same before it carries recordings."""
    house = house_at(workspace)
    inbox = house.uploads.inbox(name)
    with bar(quiet=as_json) as progress:
        looking = progress.add_task("taking in", total=None)
        taken = house.uploads.receive(inbox.name, seen=lambda count: progress.update(looking, completed=count))
    swept = house.uploads.sweep()
    destroyed = house.uploads.keys.destroy_ended(inbox.name)
    house.ledger.checkpoint()
    refused = Counter(each.row.reason or "" for each in taken if each.examined is None)
    shown = {
        "accepted": sum(each.examined is not None for each in taken),
        "quarantined": sum(refused.values()),
        "destroyed": swept.destroyed,
        "archived": swept.archived,
        "expired": swept.expired,
        "keys_destroyed": destroyed,
    }
    if as_json:
        answer({**shown, "reasons": dict(refused)})
        return
    facts("Received", {name.replace("_", " "): value for name, value in shown.items()})
    table("Quarantined", ("reason", "uploads"), sorted(refused.items()))


@app.command("list")
def show(name: Name = None, *, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """Every upload with its state: opaque ids, reasons and times."""
    house = house_at(workspace)
    inbox = house.uploads.inbox(name)
    rows = house.uploads.received.standing(inbox.name, *State)
    shown = [
        {
            "contributor": row.contributor,
            "upload": row.upload,
            "recording": row.recording,
            "state": row.state.value,
            "reason": row.reason,
            "bytes": row.size,
            "received_at": row.received_at.isoformat(timespec="seconds"),
        }
        for row in rows
    ]
    if as_json:
        answer(shown)
        return
    table(
        "Uploads",
        ("contributor", "upload", "state", "reason", "received"),
        [(s["contributor"], s["upload"], s["state"], s["reason"] or "", s["received_at"]) for s in shown],
    )
    facts("Inbox", {"uploads": len(shown), "keys": len(house.uploads.keys.all(inbox.name))})
