"""`sottovoce intake`: events about recordings, taken in over HTTP or from queues, and kept exactly once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Annotated

import typer

from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, facts, say
from sottovoce.cli.stopping import stopping
from sottovoce.errors import PolicyError

if TYPE_CHECKING:
    from sottovoce.intake.queue_consumer import QueueConsumer
    from sottovoce.service.intake import IntakeApp
    from sottovoce.service.verdicts import EngineApp
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


@app.command("consume")
def consume(
    workspace: InWorkspace = HERE,
    *,
    queue: Annotated[str | None, typer.Option(help="Only this queue of the policy's.")] = None,
    once: Annotated[bool, typer.Option("--once", help="End when the queues are empty.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take events from the policy's queues until interrupted; the batch in hand is finished first."""
    from sottovoce.service.queues import consume_all

    stop = stopping()
    consumers = _consumers(house_at(workspace, actor="intake"), stop, queue)
    if not (once or as_json):
        say(f"Taking events from {', '.join(one.name for one in consumers)}; Ctrl-C ends it.")
    consume_all(consumers, stop=stop, once=once)
    told = {one.name: dict(sorted(one.tally.items())) for one in consumers}
    answer(told) if as_json else facts("Events taken from queues", told)


@app.command("status")
def status(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Say how many jobs wait, are ready, handed on, done or dead."""
    counts = house_at(workspace, actor="intake").desk.counts()
    if as_json:
        answer(counts)
        return
    facts("Events taken in", {name: str(count) for name, count in sorted(counts.items())} or {"jobs": "none"})


@app.command("replay")
def replay(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Bring every dead letter back to be tried again."""
    brought = house_at(workspace, actor="intake").outbox.replay()
    if as_json:
        answer({"replayed": brought})
    else:
        say(f"{brought} dead letters are due again.")


def _consumers(house: House, stop: threading.Event, wanted: str | None) -> list[QueueConsumer]:
    """Raises PolicyError where there is no queue, or none of that name."""
    names = [queue.name for queue in house.policy.intake.queues]
    if not names:
        raise PolicyError("intake.queues is empty", hint="name a queue that events come from")
    if wanted is not None and wanted not in names:
        raise PolicyError(f"intake.queues has no {wanted}", hint="one of: " + ", ".join(names))
    chosen = [queue for queue in house.queues if wanted in (None, queue.settings.name)]
    return [queue.consumer(house.desk, stop) for queue in chosen]


def _app(house: House) -> IntakeApp | EngineApp:
    from sottovoce.intake.clerk import Clerk
    from sottovoce.service.intake import IntakeApp
    from sottovoce.service.verdicts import engine_app

    app = IntakeApp(door=house.door, clerk=Clerk(desk=house.desk), ready=house.desk.counts)
    rooms = house.compliance.engine
    return app if rooms is None else engine_app(app, rooms, clock=house.clock)
