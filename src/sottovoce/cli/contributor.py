"""`sottovoce contributor`: who may send, for how long, and how they leave."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from sottovoce.cli.erase import describe
from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, facts, say, table
from sottovoce.uploads.credential import write_credential

app = typer.Typer(help="Contributors: pseudonymous ids that may send to an inbox.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="The contributor's id.")]
InInbox = Annotated[str | None, typer.Option("--inbox", help="The inbox's name; the only one by default.")]


@app.command("add")
def add(inbox: InInbox = None, *, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """A new contributor. Keep who it is elsewhere: here it is an id."""
    house = house_at(workspace)
    made = house.uploads.contributors.add(house.uploads.inbox(inbox).name)
    house.ledger.checkpoint()
    if as_json:
        answer({"contributor": made.id, "inbox": made.inbox})
        return
    facts("A new contributor", {"contributor": made.id, "inbox": made.inbox})
    say(f"Next: `sottovoce contributor credential {made.id} -o credential.json`")


@app.command("list")
def show(inbox: InInbox = None, *, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """Who there is, how they stand, and how many credentials they hold now."""
    house = house_at(workspace)
    now = house.clock()
    rows = []
    for each in house.uploads.contributors.all(inbox):
        held = house.uploads.contributors.credentials(each.id)
        live = sum(one.revoked_at is None and one.expires_at > now for one in held)
        sent = len(house.uploads.received.of_contributor(each.inbox, each.id))
        rows.append((each.id, each.inbox, each.standing.value, live, sent))
    columns = ("contributor", "inbox", "standing", "credentials", "uploads")
    if as_json:
        answer([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        table("Contributors", columns, rows)


@app.command("credential")
def credential(
    contributor: Id,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="A new file for it: it is a secret of theirs.")],
    minutes: Annotated[int, typer.Option(min=1, max=60, help="How long it holds.")] = 60,
    slots: Annotated[
        int, typer.Option(min=1, max=500, help="How many uploads it is signed for, where it must be.")
    ] = 25,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Let a contributor send for an hour at most, below their own prefix; they can read nothing."""
    house = house_at(workspace)
    found = house.uploads.contributors.find(contributor)
    inbox = house.uploads.inbox(found.inbox if found else None)
    made = inbox.credential(contributor, ttl=timedelta(minutes=minutes), slots=slots)
    with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(write_credential(made).reveal())
    house.ledger.checkpoint()
    shown = {
        "credential": made.id,
        "contributor": contributor,
        "form": made.way.form.value,
        "expires_at": made.expires_at.isoformat(),
        "file": str(output),
    }
    if as_json:
        answer(shown)
        return
    facts("A credential", {name.replace("_", " "): value for name, value in shown.items()})
    say("Give it to its contributor by a way of their own; whoever holds it may send in their name.")


@app.command("revoke")
def revoke(contributor: Id, *, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """Take nothing more from them, from now on. What was taken stays."""
    house = house_at(workspace)
    house.uploads.contributors.revoke(contributor)
    house.ledger.checkpoint()
    if as_json:
        answer({"contributor": contributor, "standing": "revoked"})
    else:
        say(f"{contributor} is revoked: every credential has ended, and what it sends is quarantined.")


@app.command("withdraw")
def withdraw(
    contributor: Id,
    *,
    by: Annotated[str, typer.Option(help="Who asks: a pseudonymous id, such as dpo-1.")] = "operator",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """They took their consent back: erase all they sent and all that was made of it. Asking again is safe."""
    house = house_at(workspace)
    report = house.uploads.withdraw(contributor, requested_by=by)
    house.ledger.checkpoint()
    if as_json:
        answer(describe(report))
    else:
        facts(
            "Withdrawn",
            {
                "recordings erased": len(report.recordings),
                "objects deleted": report.objects_deleted,
                "kept by law": len(report.refused),
                "out of reach": len(report.unreached),
                "certificate": "kept in the registry",
            },
        )
    if not report.complete:
        raise typer.Exit(1)
