"""`sottovoce destinations`: who is given redacted recordings, and whether a delivery would work."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape

from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, say, table
from sottovoce.delivery.protocol import Check
from sottovoce.policy.destinations import Destination
from sottovoce.wiring.delivery import Deliveries
from sottovoce.wiring.house import House

app = typer.Typer(no_args_is_help=True, help="Who is given redacted recordings.")


@app.command("list")
def list_(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """The destinations of the policy, with their profiles; addresses and keys are not shown."""
    deliveries = house_at(workspace).deliveries
    rows = [_described(deliveries, name, given) for name, given in deliveries.settings.items()]
    if as_json:
        answer(rows)
        return
    if not rows:
        say("No destination is named in the policy.")
    columns = ("name", "kind", "profile", "audio", "metadata", "transcript", "confirmed by")
    table("Destinations", columns, [tuple(row[name] for name in _SHOWN) for row in rows])


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="A destination of the policy.")],
    workspace: InWorkspace = HERE,
    *,
    as_json: AsJson = False,
) -> None:
    """Try everything a delivery needs, with a canary where it leaves nothing behind. Exit code 1 if any of it fails."""
    checks = checks_of(house_at(workspace), name)
    if as_json:
        answer([{"check": c.name, "ok": c.ok, "says": c.says, "mend": c.mend} for c in checks])
    else:
        table(
            f"Destination {name}", ("check", "", "says"), [(c.name, "ok" if c.ok else "NOT OK", c.says) for c in checks]
        )
        for mend in dict.fromkeys(c.mend for c in checks if c.mend):
            say(escape(f"• {mend}"))
    if not all(c.ok for c in checks):
        raise typer.Exit(1)


def checks_of(house: House, name: str) -> list[Check]:
    """What can be tried there, and the papers. PolicyError where there is none of that name."""
    return [*house.deliveries.check(name), house.agreements.check(name)]


_SHOWN = ("name", "kind", "profile", "audio", "metadata", "transcript", "confirmed_by")


def _described(deliveries: Deliveries, name: str, given: Destination) -> dict[str, Any]:
    profile = deliveries.profile(name)
    confirm = given.confirm.kind if given.kind == "https" else "digest"
    return {
        "name": name,
        "kind": given.kind,
        "profile": given.profile,
        "audio": f"{profile.audio.container}/{profile.audio.codec}",
        "metadata": profile.sidecar.format if profile.sidecar else None,
        "transcript": given.transcript,
        "confirmed_by": confirm,
    }
