"""`sottovoce retention`: how long everything is kept and why, what is due, and what a legal hold keeps."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from sottovoce.cli.at_source import show_kept
from sottovoce.cli.batch import write_whole
from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, facts, say, table
from sottovoce.custody.artefacts import rules_of
from sottovoce.custody.duties import ARTICLES
from sottovoce.custody.lifecycle import Provider, lifecycle
from sottovoce.custody.retention import Conflict, Plan, Resolution
from sottovoce.custody.subject import ByConversation, ByCustomer, ByKeys, Subject
from sottovoce.errors import RetentionConflict, WorkspaceError
from sottovoce.sources.protocol import customer_token
from sottovoce.wiring.house import House

app = typer.Typer(no_args_is_help=True, help="How long things are kept, and what keeps them.")
app.command("source")(show_kept)

By = Annotated[
    str | None, typer.Option(help="Who: a pseudonymous id, such as counsel-1. By default whoever is signed in.")
]
Matter = Annotated[str, typer.Argument(help="The matter's code, such as case-2026-4.")]


@app.command()
def plan(
    workspace: InWorkspace = HERE,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every artefact, not only counts and conflicts.")] = False,
    as_json: AsJson = False,
) -> None:
    """What becomes of everything that is kept, and why; nothing is changed. Exit code 8 when duties conflict."""
    house = house_at(workspace)
    resolved = house.custody.sweeper.plan()
    conflicts = [each for each in resolved if isinstance(each, Conflict)]
    if as_json:
        answer({"artefacts": [_resolution(each) for each in resolved], "conflicts": len(conflicts)})
    else:
        _counts(resolved)
        if every:
            _every(resolved)
        _conflicts(conflicts)
        _reasons(resolved)
    if conflicts:
        hint = "each conflict says what would resolve it; until then these are left alone"
        raise RetentionConflict(f"{len(conflicts)} artefacts have no lawful plan", hint=hint)


@app.command()
def sweep(workspace: InWorkspace = HERE, *, by: By = None, as_json: AsJson = False) -> None:
    """Destroy what is due. Again is safe. Exit code 1 when something could not be reached."""
    house = house_at(workspace)
    report = house.custody.sweeper.sweep(by=by or house.actor)
    house.custody.sources.pursue(by=by or house.actor)
    house.custody.protections.settle(by=by or house.actor)
    house.custody.source_sweeps.pursue(by=by or house.actor)
    house.ledger.checkpoint()
    house.custody.tell_quietly()
    shown = {
        "sweep": report.id,
        "recordings": len(report.recordings),
        "objects": report.objects,
        "kept": report.kept,
        "frozen": report.frozen,
        "conflicts": len(report.conflicts),
        "out_of_reach": [{"node": each.node, "code": each.code} for each in report.unreached],
    }
    if as_json:
        answer({**shown, "certificate": report.certificate})
    else:
        facts("Swept", {**shown, "out_of_reach": len(report.unreached)})
        _conflicts(report.conflicts)
    if not report.complete:
        raise typer.Exit(1)


@app.command("sweeps")
def sweeps_(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Every sweep there was, oldest first."""
    rows = [
        {"sweep": s.id, "at": s.started_at.isoformat(timespec="minutes"), "by": s.by, **s.counts}
        for s in house_at(workspace).custody.sweeper.sweeps()
    ]
    if as_json:
        answer(rows)
        return
    if not rows:
        say("Nothing was swept yet; `sottovoce retention sweep` does.")
    table("Sweeps", tuple(rows[0]) if rows else (), [tuple(row.values()) for row in rows])


@app.command()
def hold(
    matter: Matter,
    workspace: InWorkspace = HERE,
    *,
    conversation: Annotated[str | None, typer.Option(help="A conversation id.")] = None,
    customer: Annotated[
        Path | None, typer.Option(help="A file that holds the customer's number; `-` is stdin.")
    ] = None,
    recording: Annotated[list[str] | None, typer.Option(help="A recording's opaque key; may be given often.")] = None,
    why: Annotated[str, typer.Option(help="A code.")] = "LITIGATION",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Place a legal hold: nothing of it is destroyed, its keys are frozen. Exit code 1 when not all of it was done."""
    if sum(map(bool, (conversation, customer, recording))) != 1:
        raise typer.BadParameter("say what to hold: --conversation, --customer or --recording, one of them")
    house = house_at(workspace)
    placed = house.custody.holds.place(
        _subject(house, conversation, customer, recording), matter=matter, why=why, by=by or house.actor
    )
    house.ledger.checkpoint()
    shown = {"matter": matter, "recordings": list(placed.recordings), "newly": len(placed.fresh)}
    shown |= {"keys_not_frozen": list(placed.unfrozen), "not_protected_at_source": list(placed.unprotected)}
    _answer("Held", shown, as_json=as_json)
    if placed.unfrozen or placed.unprotected:
        raise typer.Exit(1)


@app.command()
def release(matter: Matter, workspace: InWorkspace = HERE, *, by: By = None, as_json: AsJson = False) -> None:
    """Lift a matter's holds, and carry out the erasures they had put off."""
    house = house_at(workspace)
    lifted = house.custody.holds.lift(matter, by=by or house.actor)
    erased = 0
    if lifted.deferred:
        subject = ByKeys(keys=lifted.deferred, label="deferred")
        erased = len(house.eraser.erase(subject, requested_by=by or house.actor, why="HOLD_LIFTED").recordings)
    house.ledger.checkpoint()
    shown = {"matter": matter, "recordings": len(lifted.recordings), "free": len(lifted.free)}
    shown |= {"erasures_put_off": len(lifted.deferred), "erased_now": erased}
    shown |= {"keys_not_thawed": list(lifted.frozen), "still_protected_at_source": list(lifted.protected)}
    _answer("Lifted", shown, as_json=as_json)
    if lifted.frozen or lifted.protected or erased < len(lifted.deferred):
        raise typer.Exit(1)


@app.command("holds")
def holds_(
    workspace: InWorkspace = HERE,
    *,
    every: Annotated[bool, typer.Option("--all", help="Those that were lifted too.")] = False,
    as_json: AsJson = False,
) -> None:
    """The holds that stand, by matter and recording."""
    rows = [
        {
            "matter": each.matter,
            "recording": each.recording,
            "why": each.why,
            "since": each.placed_at.date().isoformat(),
            "by": each.placed_by,
            "lifted": each.released_at.date().isoformat() if each.released_at else "",
        }
        for each in house_at(workspace).custody.holds.list(all_=every)
    ]
    if as_json:
        answer(rows)
        return
    if not rows:
        say("Nothing is held.")
    table("Legal holds", tuple(rows[0]) if rows else (), [tuple(row.values()) for row in rows])


@app.command("lifecycle")
def lifecycle_(
    workspace: InWorkspace = HERE,
    *,
    provider: Annotated[Provider | None, typer.Option(help="By default the one of storage.url, else s3.")] = None,
    container: Annotated[str, typer.Option(help="Azure: the container's name.")] = "",
    no_expiry: Annotated[bool, typer.Option("--no-expiry", help="Tier to the archive, and delete nothing.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the document here.")] = None,
    as_json: AsJson = False,
) -> None:
    """The bucket's own lifecycle rules, as its provider takes them (JSON): the second lock behind the sweep."""
    house = house_at(workspace)
    if not no_expiry and house.custody.holds.list():
        hint = "use --no-expiry while a hold stands, and lift it before the bucket expires anything by itself"
        raise RetentionConflict("a bucket knows nothing of legal holds, and there are some", hint=hint)
    chosen = provider or _provider(house.policy.storage.url)
    document = lifecycle(chosen, rules_of(house.policy.retention), expire=not no_expiry, container=container)
    text = json.dumps(document, indent=2)
    if output is None:
        typer.echo(text)
    else:
        write_whole(output, f"{text}\n".encode())
        told = {"provider": chosen.value, "written": str(output)}
        answer(told) if as_json else say(f"lifecycle rules for {chosen.value}: {output}")


def _provider(url: str) -> Provider:
    scheme = urlsplit(url).scheme
    return {"gs": Provider.GCS, "az": Provider.AZURE, "azure": Provider.AZURE}.get(scheme, Provider.S3)


def _subject(house: House, conversation: str | None, customer: Path | None, recording: list[str] | None) -> Subject:
    """A number never stands on the command line."""
    if conversation is not None:
        return ByConversation(conversation_id=conversation)
    if recording:
        return ByKeys(keys=tuple(recording), label="held")
    assert customer is not None  # noqa: S101 - one of the three is given
    said = sys.stdin.buffer.read() if str(customer) == "-" else customer.read_bytes()
    token = customer_token(house.tokenizer, said.decode("utf-8-sig", errors="replace").strip())
    if token is None:
        raise WorkspaceError("that is no customer's number", hint="the file holds one number or reference")
    return ByCustomer(token=token)


def _answer(title: str, shown: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        answer(shown)
    else:
        facts(title, {name.replace("_", " "): value for name, value in shown.items()})


def _resolution(each: Resolution) -> dict[str, Any]:
    artefact = {"artefact": each.artefact.id, "kind": each.artefact.kind.value, "recording": each.artefact.recording}
    if isinstance(each, Conflict):
        return {**artefact, "step": "conflict", "duties": list(each.duties), "hint": each.hint}
    dates = {"keep_until": each.keep_until, "archive_at": each.archive_at, "delete_at": each.delete_at}
    said = {name: at.isoformat() if at else None for name, at in dates.items()}
    return {**artefact, "step": each.step.value, **said, "because": list(each.because)}


def _counts(resolved: tuple[Resolution, ...]) -> None:
    found: Counter[tuple[str, str, str]] = Counter()
    for each in resolved:
        step = "conflict" if isinstance(each, Conflict) else each.step.value
        why = each.duties if isinstance(each, Conflict) else each.because
        found[each.artefact.kind.value, step, ", ".join(why)] += 1
    if not found:
        say("Nothing is kept yet.")
    table("Kept", ("kind", "step", "because", "artefacts"), [(*key, n) for key, n in sorted(found.items())])


def _every(resolved: tuple[Resolution, ...]) -> None:
    plans = [each for each in resolved if isinstance(each, Plan)]
    table(
        "Artefacts",
        ("artefact", "kind", "step", "keep until", "archive", "delete", "because"),
        [
            (
                each.artefact.id,
                each.artefact.kind.value,
                each.step.value,
                *(f"{at:%Y-%m-%d}" if at else "" for at in (each.keep_until, each.archive_at, each.delete_at)),
                ", ".join(each.because),
            )
            for each in plans
        ],
    )


def _conflicts(conflicts: tuple[Conflict, ...] | list[Conflict]) -> None:
    table(
        "No lawful plan",
        ("artefact", "kind", "duties", "what would resolve it"),
        [(c.artefact.id, c.artefact.kind.value, " against ".join(c.duties), c.hint) for c in conflicts],
    )


def _reasons(resolved: tuple[Resolution, ...]) -> None:
    codes = {code for each in resolved for code in (each.duties if isinstance(each, Conflict) else each.because)}
    for code in sorted(codes & ARTICLES.keys()):
        say(f"{code}: {ARTICLES[code]}.")
