"""`sottovoce lineage`: where a conversation went, which recordings are in the corpus, and when they were used."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, facts, say, table
from sottovoce.custody.lineage import RecordingLineage, corpus_members, lineage_of, lineage_of_recording
from sottovoce.custody.usage import UsedSample, usage_of
from sottovoce.errors import PolicyError

app = typer.Typer(no_args_is_help=True, help="Where recordings went.")


@app.command()
def show(
    conversation: Annotated[str, typer.Argument(help="A conversation id, or a recording's opaque key.")],
    workspace: InWorkspace = HERE,
    *,
    as_json: AsJson = False,
) -> None:
    """Every recording of a conversation: decisions, objects, samples, versions, ledger entries."""
    house = house_at(workspace)
    found = lineage_of(house.registry.engine, conversation)
    if not found.recordings:
        found = lineage_of_recording(house.registry.engine, conversation)
    shown = [_recording(recording) for recording in found.recordings]
    if as_json:
        answer({"recordings": shown})
        return
    if not shown:
        say("Nothing is known of it. An erased conversation leaves only its recordings' opaque keys.")
    for recording in shown:
        samples = recording.pop("samples")
        told = {k.replace("_", " "): v for k, v in recording.items() if v not in (None, [])}
        facts(f"Recording {told.pop('recording')}", told)
        table(
            "Samples",
            ("corpus id", "version", "split", "channel", "erased"),
            [(*list(s.values())[:-1], "yes" if s["erased"] else "") for s in samples],
        )


@app.command()
def members(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Which customer recordings are in the corpus. For the role that may know."""
    house = house_at(workspace)
    rows = [
        {"conversation": m.conversation_id, "recording": m.recording, "corpus_id": m.corpus_id, "version": m.version}
        for m in corpus_members(house.registry.engine)
    ]
    if as_json:
        answer(rows)
        return
    table("In the corpus", ("conversation", "recording", "corpus id", "version"), [tuple(r.values()) for r in rows])


@app.command()
def used(
    workspace: InWorkspace = HERE,
    *,
    conversation: Annotated[str | None, typer.Option(help="One conversation only.")] = None,
    version: Annotated[str | None, typer.Option(help="One corpus version only.")] = None,
    run: Annotated[str | None, typer.Option(help="What one training run read.")] = None,
    without_conversations: Annotated[
        bool, typer.Option("--without-conversations", help="Leave out whose recordings these are.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Which customer recordings are in the corpus, and when were they used. For the role that may know."""
    house = house_at(workspace)
    usage = usage_of(house.registry.engine, conversation_id=conversation, version=version, run=run)
    usage = usage.without_conversations() if without_conversations else usage
    if as_json:
        answer({"samples": [_used(each) for each in usage.samples], "erased": usage.erased})
        return
    table(
        "In the corpus, and when it was used",
        ("conversation", "corpus id", "version", "split", "training runs", "models", "opened", "last used"),
        [_row(each) for each in usage.samples],
    )
    erased = f"; {usage.erased} more were erased" if usage.erased else ""
    used_ = sum(each.last_used_at is not None for each in usage.samples)
    conversations = len({each.recording for each in usage.samples})
    say(f"{len(usage.samples)} samples of {conversations} recordings, {used_} of them used{erased}.")


@app.command()
def tell(
    workspace: InWorkspace = HERE,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the events as JSON lines, and send nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell the OpenLineage collector that policy names what it has not heard yet."""
    custody = house_at(workspace).custody
    if dry_run:
        for event in custody.event_teller().pending():
            typer.echo(event)
        return
    if custody.teller is None:
        raise PolicyError("policy names no collector", hint="set `openlineage.url`, or look with --dry-run")
    events = custody.teller.tell()
    if as_json:
        answer({"events": events})
    else:
        say(f"{events} events told.")


def _used(each: UsedSample) -> dict[str, Any]:
    return {
        **({} if each.conversation_id is None else {"conversation": each.conversation_id}),
        "recording": each.recording,
        "corpus_id": each.corpus_id,
        "version": each.version,
        "split": each.split,
        "released_at": each.released_at.isoformat(),
        "consent": dict(each.consent),
        "treatment": dict(each.treatment),
        "trainingRunIds": list(each.training_run_ids),
        "models": list(each.models),
        "runs": [
            {
                "run": run.run,
                "purpose": run.purpose,
                "started_at": run.started_at.isoformat(),
                "ended_at": run.ended_at.isoformat() if run.ended_at else None,
                "status": run.status,
                "presumed": run.presumed,
            }
            for run in each.runs
        ],
        "openings": [
            {"at": opened.at.isoformat(), "actor": opened.actor, "purpose": opened.purpose, "entry": opened.ledger}
            for opened in each.openings
        ],
        "last_used_at": each.last_used_at.isoformat() if each.last_used_at else None,
    }


def _row(each: UsedSample) -> tuple[object, ...]:
    runs = ", ".join(f"{run.run}{' (presumed)' if run.presumed else ''}" for run in each.runs)
    last = f"{each.last_used_at:%Y-%m-%d %H:%M}" if each.last_used_at else "never"
    who = each.conversation_id if each.conversation_id is not None else each.recording
    return who, each.corpus_id, each.version, each.split, runs, ", ".join(each.models), len(each.openings) or "", last


def _recording(recording: RecordingLineage) -> dict[str, Any]:
    return {
        "recording": recording.recording,
        "source": recording.source,
        "first_seen": recording.first_seen_at.isoformat(),
        "held_since": recording.held_since.isoformat() if recording.held_since else None,
        "erased_at": recording.erased_at.isoformat() if recording.erased_at else None,
        "decisions": [f"{d.line}: {'admitted' if d.admitted else d.reason}" for d in recording.decisions],
        "outcomes": [f"{o.line}: {o.reason or o.status}" for o in recording.outcomes],
        "objects": [
            f"{o.kind}{'' if o.channel is None else o.channel} {'deleted' if o.deleted else 'present'}"
            for o in recording.objects
        ],
        "ledger_entries": list(recording.ledger),
        "samples": [
            {"corpus_id": s.corpus_id, "version": s.version, "split": s.split, "channel": s.channel, "erased": s.erased}
            for s in recording.samples
        ],
    }
