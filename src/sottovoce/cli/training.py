"""`sottovoce training`: runs over the corpus, and the models that came of them."""

from __future__ import annotations

import uuid
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, facts, say, table
from sottovoce.custody.training import Model, Reads, RunStatus, TrainingRun
from sottovoce.errors import CustodyError

app = typer.Typer(no_args_is_help=True, help="Training runs and models.")

RunId = Annotated[str, typer.Argument(help="The run's id.")]
By = Annotated[
    str | None, typer.Option(help="Who: a pseudonymous id, such as trainer-2. By default whoever is signed in.")
]


@app.command()
def register(
    version: Annotated[str, typer.Argument(help="A corpus version such as corpus/v1.")],
    workspace: InWorkspace = HERE,
    *,
    run: Annotated[str | None, typer.Option(help="The run's own id; by default one is drawn.")] = None,
    split: Annotated[
        list[str] | None, typer.Option(help="A split it reads; may be given often. Default: train.")
    ] = None,
    purpose: Annotated[str, typer.Option(help="A code.")] = "ai_training",
    framework: Annotated[str, typer.Option(help="A code, such as pytorch-2.9.")] = "unstated",
    parameters: Annotated[str | None, typer.Option(help="The digest of its settings, in hex.")] = None,
    reads: Annotated[
        Reads, typer.Option(help="`recorded` when its readers will say what they read; else all of the split.")
    ] = Reads.PRESUMED,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Register a run before it reads. Prints its id."""
    house = house_at(workspace)
    made = house.custody.training.register(
        run or str(uuid.uuid4()),
        version,
        splits=split or ("train",),
        purpose=purpose,
        framework=framework,
        parameters=parameters,
        reads=reads,
        actor=by or house.actor,
    )
    house.ledger.checkpoint()
    house.custody.tell_quietly()
    _show(made, "Registered", as_json=as_json)


@app.command()
def reads(
    run: RunId,
    samples: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Corpus ids, one a line.")],
    workspace: InWorkspace = HERE,
    *,
    manifest: Annotated[str, typer.Option(help="The digest of the readers' manifest, in hex.")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Record which samples a run read; what was presumed of it goes."""
    house = house_at(workspace)
    ids = samples.read_text(encoding="utf-8").split()
    house.custody.training.record_reads(run, ids, manifest=manifest, actor=by or house.actor)
    house.ledger.checkpoint()
    _show(house.custody.training.run(run), "Recorded", as_json=as_json)


@app.command()
def finish(
    run: RunId,
    workspace: InWorkspace = HERE,
    *,
    status: Annotated[RunStatus, typer.Option(help="How it ended.")] = RunStatus.COMPLETED,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Say that a run has ended."""
    if status is RunStatus.RUNNING:
        raise CustodyError("a run that goes on has not ended", hint="say completed, failed or aborted")
    house = house_at(workspace)
    ended = house.custody.training.finish(run, status=status, actor=by or house.actor)
    house.ledger.checkpoint()
    house.custody.tell_quietly()
    _show(ended, "Ended", as_json=as_json)


@app.command()
def model(
    name: Annotated[str, typer.Argument(help="The model's id, such as asr-7.")],
    workspace: InWorkspace = HERE,
    *,
    digest: Annotated[str, typer.Option(help="SHA-256 of its weights, in hex.")],
    run: Annotated[list[str], typer.Option(help="A run it came of; may be given often.")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Register a model and the runs it came of."""
    house = house_at(workspace)
    made = house.custody.training.record_model(name, digest=digest, runs=run, actor=by or house.actor)
    house.ledger.checkpoint()
    house.custody.tell_quietly()
    if as_json:
        answer(_model(made))
    else:
        facts("Model", _model(made))


@app.command("list")
def list_(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Every run and every model."""
    training = house_at(workspace).custody.training
    runs, models = training.runs(), training.models()
    if as_json:
        answer({"runs": [_run(each) for each in runs], "models": [_model(each) for each in models]})
        return
    if not runs:
        say("No training run was registered yet; `sottovoce training register` does.")
    columns = ("run", "version", "splits", "purpose", "framework", "samples", "status", "started", "ended", "models")
    table("Training runs", columns, [_line(each) for each in runs])
    table(
        "Models",
        ("model", "state", "made", "runs", "digest"),
        [(m.id, m.state, m.made_at.date(), ", ".join(m.runs), m.digest) for m in models],
    )


def _show(run: TrainingRun, title: str, *, as_json: bool) -> None:
    if as_json:
        answer(_run(run))
    else:
        facts(title, _run(run))


def _run(run: TrainingRun) -> dict[str, Any]:
    return {
        "run": run.id,
        "version": run.version,
        "splits": list(run.splits),
        "purpose": run.purpose,
        "framework": run.framework,
        "parameters": run.parameters,
        "samples": run.samples,
        "reads": run.reads.value,
        "status": run.status.value,
        "by": run.actor,
        "started_at": run.started_at.isoformat(),
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        "models": list(run.models),
    }


def _model(made: Model) -> dict[str, Any]:
    return {
        "model": made.id,
        "digest": made.digest,
        "state": made.state,
        "made_at": made.made_at.isoformat(),
        "runs": list(made.runs),
    }


def _line(run: TrainingRun) -> tuple[object, ...]:
    samples = f"{run.samples} {run.reads.value}"
    named = run.id, run.version, ", ".join(run.splits), run.purpose, run.framework
    return (*named, samples, run.status.value, _when(run.started_at), _when(run.ended_at), ", ".join(run.models))


def _when(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else ""
