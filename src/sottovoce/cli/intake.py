"""`sottovoce intake`: events about recordings, taken in over HTTP and kept exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, facts, say

if TYPE_CHECKING:
    from sottovoce.service.intake import IntakeApp
    from sottovoce.wiring.house import House

app = typer.Typer(no_args_is_help=True, help="Take in events about recordings.")


@app.command("serve")
def serve(
    workspace: InWorkspace = HERE,
    *,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Another port than the policy's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Serve POST /v1/events/recordings until interrupted; put TLS in front of it."""
    from sottovoce.service.intake_server import configured
    from sottovoce.service.intake_server import serve as served

    house = house_at(workspace, actor="intake")
    settings = house.policy.intake
    app = _app(house)
    at = port or settings.port
    url = f"http://{settings.host}:{at}/v1/events/recordings"
    answer({"url": url}) if as_json else say(f"Taking events at {url}; Ctrl-C ends it.")
    served(configured(app, host=settings.host, port=at))


@app.command("status")
def status(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Say how many jobs wait, are ready, taken, done or dead."""
    counts = house_at(workspace, actor="intake").desk.counts()
    if as_json:
        answer(counts)
        return
    facts("Events taken in", {name: str(count) for name, count in sorted(counts.items())} or {"jobs": "none"})


@app.command("replay")
def replay(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Bring every dead letter back to be tried again."""
    brought = house_at(workspace, actor="intake").desk.replay()
    if as_json:
        answer({"replayed": brought})
    else:
        say(f"{brought} dead letters are due again.")


def _app(house: House) -> IntakeApp:
    from sottovoce.intake.clerk import Clerk
    from sottovoce.service.intake import IntakeApp

    return IntakeApp(door=house.door, clerk=Clerk(desk=house.desk), ready=house.desk.counts)
