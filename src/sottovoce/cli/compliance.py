"""`sottovoce compliance`: judge what was taken in, and write back; `sottovoce rules`: try rules on a call."""

from __future__ import annotations

import logging
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, facts, say, table
from sottovoce.cli.stopping import stopping
from sottovoce.compliance.verdict import Found
from sottovoce.domain.percentiles import percentiles
from sottovoce.errors import SottovoceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sottovoce.compliance.dispatch import Dispatcher
    from sottovoce.compliance.docket import VerdictRow
    from sottovoce.compliance.progressive import Progress
    from sottovoce.compliance.rules import Rule
    from sottovoce.pipeline.supervisor import Supervisor
    from sottovoce.wiring.house import House

app = typer.Typer(no_args_is_help=True, help="Judge recordings by rules, and act on verdicts.")
_log = logging.getLogger(__name__)
rules_app = typer.Typer(no_args_is_help=True, help="Check rules, and try them on a call.")

TICK_S = 0.25
TEND_S = 2.0


@app.command("run")
def run(
    workspace: InWorkspace = HERE,
    *,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes that judge, on this machine.")] = 1,
    once: Annotated[bool, typer.Option("--once", help="End when nothing is due any more.")] = False,
    as_json: AsJson = False,
) -> None:
    """Judge what is due and do what follows, until interrupted. Start `sottovoce intake serve` beside it."""
    house = house_at(workspace, actor="compliance")
    with house.signing():
        drive(house, workers=workers, once=once, stop=stopping())
    house.ledger.checkpoint()
    _waiting_told(house, as_json=as_json)


def drive(house: House, *, workers: int, once: bool, stop: threading.Event) -> None:
    """Workers of this machine and what they need, until told to stop or, `once`, until nothing is due."""
    from sottovoce.compliance.docket import LINE
    from sottovoce.compliance.task import QUEUE
    from sottovoce.pipeline.supervisor import Supervisor

    house.compliance.remediator  # noqa: B018 - a policy that does not fit is said here, before workers die of it
    queue = house.queue(QUEUE, line=LINE)
    supervisor = Supervisor(
        command=lambda slot: _worker_command(house, slot), slots=workers, logs=house.workspace.logs / QUEUE
    )
    try:
        dispatcher = house.compliance.dispatcher(queue)
        dispatcher.begin()
        with supervisor.working():
            _feed(house, dispatcher, supervisor, once=once, stop=stop)
    finally:
        queue.close()


def _feed(house: House, dispatcher: Dispatcher, supervisor: Supervisor, *, once: bool, stop: threading.Event) -> None:
    """A database that is away is waited for: what came in stays in the outbox."""
    tended = time.monotonic()
    while not stop.is_set():
        supervisor.mend()
        try:
            handed = dispatcher.hand_on()
            if once and not handed and dispatcher.is_idle():
                return
            if time.monotonic() - tended >= TEND_S:
                tended = time.monotonic()
                dispatcher.tend()
                house.desk.forget()
        except SottovoceError as error:
            if not error.retryable:
                raise
            _log.warning("nothing can be handed on now: %s", error.code)
        stop.wait(TICK_S)


def _worker_command(house: House, slot: int) -> list[str]:
    root = str(house.workspace.root)
    return [sys.executable, "-m", "sottovoce", "worker", "-w", root, "--line", "compliance", "--slot", str(slot)]


@app.command("verdicts")
def verdicts(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """List every verdict, with the time it took from the media being there."""
    found = house_at(workspace, actor="compliance").compliance.docket.verdicts()
    if as_json:
        answer([_shown(row) for row in found])
        return
    rows = [
        (row.subject[:12], row.found.value, row.type, _at(row.offset_ms), row.count, f"{row.seconds_to_verdict:.1f} s")
        for row in found
    ]
    table("Verdicts", ("recording", "verdict", "type", "at", "times", "took"), rows)
    took = percentiles(row.seconds_to_verdict for row in found if row.found is not Found.DOUBT)
    if took:
        say(f"{len(found)} verdicts; time to verdict P50 {took['p50']:.1f} s, P95 {took['p95']:.1f} s.")


@app.command("status")
def status(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Say what waits: events, jobs, steps that follow."""
    _waiting_told(house_at(workspace, actor="compliance"), as_json=as_json)


@app.command("replay")
def replay(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Bring dead letters back: jobs and steps that were given up. Callbacks that may have been made stay."""
    house = house_at(workspace, actor="compliance")
    told = {"jobs": house.outbox.replay(), "steps": house.compliance.remediator.replay()}
    if as_json:
        answer(told)
    else:
        say(f"{told['jobs']} jobs and {told['steps']} steps are due again.")


def subscribe(
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write to.")],
    workspace: InWorkspace = HERE,
    *,
    as_json: AsJson = False,
) -> None:
    """Write what your tenant applies so that events reach the intake: files to review; nothing is sent."""
    from sottovoce.cloud.subscribe import write_files
    from sottovoce.wiring.compliance import needed_permissions

    settings = house_at(workspace, actor="compliance").policy.compliance
    written = write_files(output, permissions=needed_permissions(settings))
    if as_json:
        answer([path.name for path in written])
        return
    say(f"{len(written)} files in {output}: read README.md first, put your ids where it says REPLACE, then apply them.")


@rules_app.command("check")
def check(
    path: Annotated[Path | None, typer.Argument(help="A rules file; the packaged rules without one.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say whether a rules file is right, and what it holds."""
    from sottovoce.compliance.rules import default_rules, load_rules

    loaded = default_rules() if path is None else load_rules(path)
    rows = [(rule.id, rule.kind, rule.type, ", ".join(rule.queues) or "all") for rule in loaded.rules.rules]
    if as_json:
        answer({"digest": loaded.digest, "rules": [rule.id for rule in loaded.rules.rules]})
        return
    table("Rules", ("id", "kind", "violation", "queues"), rows)
    say(f"digest {loaded.digest[:16]}")


@rules_app.command("show")
def show(*, as_json: AsJson = False) -> None:
    """Print the packaged rules, to start a file of your own from."""
    from importlib import resources

    from sottovoce.compliance.rules import default_rules

    if as_json:
        answer(default_rules().rules.model_dump(mode="json"))
        return
    typer.echo(resources.files("sottovoce.compliance").joinpath("rules.yaml").read_text(encoding="utf-8"), nl=False)


@rules_app.command("test")
def test(
    call: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A recording.")],
    rules: Annotated[Path | None, typer.Option("--rules", help="A rules file; the packaged rules without one.")] = None,
    *,
    language: Annotated[str | None, typer.Option(help="The language spoken, such as en-US.")] = None,
    customer: Annotated[str, typer.Option(help="Which channel is the customer's: 0 or 1.")] = "1",
    consent: Annotated[
        bool | None, typer.Option("--consent/--no-consent", help="The consent flag to judge by.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge one recording window by window: what was broken, where, how surely. Prints no words."""
    from sottovoce.compliance.rules import default_rules, load_rules

    loaded = default_rules() if rules is None else load_rules(rules)
    found = []
    began = time.monotonic()
    for progress in _listen(call, loaded.rules.rules, language=language, customer=customer, consent=consent):
        took = time.monotonic() - began
        found += [(violation, progress, took) for violation in progress.violations]
    told = [
        {
            "rule": violation.rule,
            "type": violation.type,
            "channel": violation.channel,
            "timestampOffsetMs": violation.span.start * 1000 // progress.tape.rate,
            "confidenceScore": violation.confidence,
            "heardUntilS": round(progress.until_s, 1),
            "claimedAfterS": round(took, 1),
        }
        for violation, progress, took in found
    ]
    if as_json:
        answer(told)
        return
    columns = ("rule", "type", "channel", "timestampOffsetMs", "confidenceScore", "claimedAfterS")
    table(f"Violations in {call.name}", columns, [tuple(row[name] for name in columns) for row in told])
    if not told:
        say("No rule is broken.")


def _listen(
    call: Path, rules: Sequence[Rule], *, language: str | None, customer: str, consent: bool | None
) -> Iterator[Progress]:
    from sottovoce.compliance.progressive import LiveCall
    from sottovoce.compliance.reading import reading_of
    from sottovoce.sources.growing import Growing
    from sottovoce.sources.header import channels_of, roles_for
    from sottovoce.wiring.compliance import compose_listener
    from sottovoce.wiring.rooms import whisper

    data = call.read_bytes()
    growing = Growing(size=len(data))
    growing.add(data)
    growing.end()
    roles = roles_for(channels_of(data), customer_channel=customer)
    with reading_of({"S": growing}, {"S": roles}) as reading:
        live = LiveCall(
            blocks=reading.blocks, rate=reading.rate, roles=reading.roles, language=language, consent_flag=consent
        )
        yield from compose_listener(whisper()).listen(live, rules)


def _waiting_told(house: House, *, as_json: bool) -> None:
    """How many jobs and steps are in each state."""
    told = {"jobs": house.desk.counts(), "steps": dict(house.compliance.remediator.counts())}
    if as_json:
        answer(told)
        return
    for name, counts in told.items():
        facts(name, {state: str(count) for state, count in sorted(counts.items())} or {"none": "0"})


def _shown(row: VerdictRow) -> dict[str, object]:
    return {
        "id": row.id,
        "recording": row.subject,
        "verdict": row.found.value,
        "rule": row.rule,
        "violationType": row.type,
        "confidenceScore": row.confidence,
        "timestampOffsetMs": row.offset_ms,
        "count": row.count,
        "evidenceSnippet": row.evidence,
        "recommendedAction": row.action,
        "secondsToVerdict": row.seconds_to_verdict,
    }


def _at(offset_ms: int | None) -> str:
    return "" if offset_ms is None else f"{offset_ms / 1000:.1f} s"
