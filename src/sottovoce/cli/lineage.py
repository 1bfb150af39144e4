"""`sottovoce lineage`: where a conversation went, and which conversations are in the corpus."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, facts, say, table
from sottovoce.custody.lineage import RecordingLineage, corpus_members, lineage_of, lineage_of_recording

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
