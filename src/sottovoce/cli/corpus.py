"""`sottovoce corpus`: versions of the corpus, by opaque ids only."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from sottovoce.cli.batch import write_whole
from sottovoce.cli.doors import read_confidential
from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, bar, facts, say, span, table
from sottovoce.corpus.audit import audit
from sottovoce.corpus.demographics import Demographics
from sottovoce.corpus.page import page
from sottovoce.corpus.training_files import Service, training_files
from sottovoce.errors import CustodyError, LedgerTampered
from sottovoce.wiring.house import House

app = typer.Typer(no_args_is_help=True, help="Corpus versions.")

COLUMNS = {
    "corpusId": "corpus id",
    "queueCategory": "queue",
    "durationSeconds": "seconds",
    "captureYear": "year",
    "accentRegion": "accent",
    "language": "language",
    "split": "split",
}
"""What the table of samples shows of the released metadata; `--json` gives all of it."""

Version = Annotated[str | None, typer.Argument(help="A version such as corpus/v1; the latest by default.")]


@app.command()
def release(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Make the next version of everything sealed, with a signed manifest and a demographics page."""
    house = house_at(workspace)
    with bar(quiet=as_json) as progress:
        task = progress.add_task("checking samples", total=None)
        made = house.corpus.releaser.release(actor=house.actor, on_sample=lambda n: progress.update(task, completed=n))
        progress.update(task, total=len(made.manifest.entries))
    house.ledger.checkpoint()
    report = write_demographics(house, made.version)
    shown = {
        "version": made.version,
        "label": made.label.value,
        "samples": len(made.manifest.entries),
        "recordings": made.recordings,
        "hours": {split.value: round(hours, 4) for split, hours in made.hours.items()},
        "manifest_digest": made.manifest_digest,
        "demographics": str(report),
    }
    if as_json:
        answer(shown)
        return
    hours = {split.value: span(hours * 3600) for split, hours in made.hours.items()}
    facts("Released", {k.replace("_", " "): v for k, v in {**shown, "hours": hours}.items()})


@app.command("list")
def list_(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Every version, oldest first."""
    versions = house_at(workspace).corpus.versions.list()
    rows = [{"version": v.version, "created": v.created_at.date().isoformat(), "root": v.root} for v in versions]
    if as_json:
        answer(rows)
        return
    if not rows:
        say("No corpus version was released yet; `sottovoce corpus release` makes one.")
    table("Corpus versions", ("version", "created", "root"), [tuple(r.values()) for r in rows])


@app.command()
def show(version: Version = None, workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """A version's samples, as those who train see them."""
    house = house_at(workspace)
    shown = house.corpus.versions.show(_named(house, version))
    samples = [{**s.released, "corpusId": s.corpus_id, "split": s.split, "erased": s.erased} for s in shown.samples]
    if as_json:
        answer({"version": shown.version.version, "samples": samples})
        return
    rows = [(*(s.get(c, "") for c in COLUMNS), "erased" if s["erased"] else "") for s in samples]
    table(f"{shown.version.version}: {len(shown.samples)} samples", (*COLUMNS.values(), ""), rows)


@app.command()
def verify(version: Version = None, workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Check signature, root and every sample: there, unchanged, opens, as long as released. Exit code 8 if not."""
    house = house_at(workspace)
    with bar(quiet=as_json) as progress:
        task = progress.add_task("reading samples", total=None)
        verdict = house.corpus.versions.verify(
            _named(house, version), on_sample=lambda n, total: progress.update(task, completed=n, total=total)
        )
    counts = {condition.value: n for condition, n in verdict.counts.items()}
    if as_json:
        answer({"version": verdict.version, "ok": verdict.ok, "manifest": verdict.manifest or "ok", "samples": counts})
    else:
        facts(verdict.version, {"manifest": verdict.manifest or "signed and whole", **counts})
    if not verdict.ok:
        raise LedgerTampered(
            f"{verdict.version} is not what was released", hint="restore the objects, or release again"
        )


@app.command()
def diff(
    before: Annotated[str, typer.Argument(help="A version such as corpus/v1.")],
    after: Annotated[str, typer.Argument(help="Another version.")],
    workspace: InWorkspace = HERE,
    *,
    as_json: AsJson = False,
) -> None:
    """What became of each sample between two versions."""
    found = house_at(workspace).corpus.versions.diff(before, after)
    counts = {"added": found.added, "removed": found.removed, "moved": found.moved, "changed": found.changed}
    if as_json:
        answer({name: list(ids) for name, ids in counts.items()})
        return
    facts(f"{before} → {after}", {name: len(ids) for name, ids in counts.items()})


@app.command()
def manifest(
    version: Annotated[str, typer.Argument(help="A version such as corpus/v1.")],
    service: Annotated[Service, typer.Option("--for", help="Who trains.")],
    staging: Annotated[str, typer.Option(help="Where the ciphertext is staged, such as s3://bucket/prefix.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write to.")],
    workspace: InWorkspace = HERE,
    *,
    as_json: AsJson = False,
) -> None:
    """Write the files a training service reads: where each sample's ciphertext lies, and what was released of it."""
    house = house_at(workspace)
    shown = house.corpus.versions.show(version)
    erased = frozenset(sample.corpus_id for sample in shown.samples if sample.erased)
    digest = shown.version.manifest_digest
    files = training_files(
        house.corpus.versions.manifest(version), service, staging=staging, digest=digest, erased=erased
    )
    for name, text in files.items():
        write_whole(output / name, text.encode())
    if as_json:
        answer(sorted(files))
        return
    say(f"{len(files)} files in {output}. They point at ciphertext; README.md says who opens it.")


@app.command()
def stage(
    version: Annotated[str, typer.Argument(help="A version such as corpus/v1.")],
    to: Annotated[str, typer.Option(help="Where a training service reads it, such as s3://bucket/prefix.")],
    workspace: InWorkspace = HERE,
    *,
    as_json: AsJson = False,
) -> None:
    """Put a version's ciphertext where its training files say it lies, and take away what was erased since."""
    house = house_at(workspace)
    with bar(quiet=as_json) as progress:
        task = progress.add_task("staging samples", total=None)
        made = house.corpus.stage(
            version, to, on_sample=lambda n, total: progress.update(task, completed=n, total=total)
        )
    house.ledger.checkpoint()
    shown = {"put": made.put, "there already": made.there, "taken away": made.removed}
    if as_json:
        answer({name.replace(" ", "_"): count for name, count in shown.items()})
    else:
        facts(f"Staged {version}", shown)


@app.command("demographics")
def demographics_(version: Version = None, workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Count who is in a version, and write the page."""
    house = house_at(workspace)
    name = _named(house, version)
    if as_json:
        answer(counted(house, name).as_json())
        return
    say(f"demographics of {name}: {write_demographics(house, name)}")


@app.command("open")
def open_(
    corpus_id: Annotated[str, typer.Argument(help="A sample's opaque id.")],
    workspace: InWorkspace = HERE,
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the sample here, in the clear.")] = None,
    purpose: Annotated[str, typer.Option(help="Why: a code that goes into the ledger.")] = "listening",
    justification: Annotated[
        Path | None,
        typer.Option(help="A file that says why in words, kept sealed; `-` reads standard input."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Decrypt one sample to standard output (pipe it to a player), or to a file. The read is ledgered."""
    if output is None and as_json:
        raise typer.BadParameter("sound is no JSON: give --output FILE with --json")
    if output is None and sys.stdout.isatty():
        raise CustodyError("a sample is not printed on a terminal", hint="pipe it to a player, or give --output FILE")
    house = house_at(workspace)
    why = read_confidential(justification) if justification else None
    data = house.corpus.opener.open(corpus_id, actor=house.actor, purpose=purpose, justification=why).reveal()
    house.ledger.checkpoint()
    if output is None:
        sys.stdout.buffer.write(data)
    else:
        write_whole(output, data)
        shown = {"corpus_id": corpus_id, "output": str(output), "bytes": len(data)}
        answer(shown) if as_json else say(f"{corpus_id}: {output}, {len(data)} bytes. The read is in the ledger.")


def counted(house: House, version: str) -> Demographics:
    """Who is in a version, counted."""
    return audit(version, versions=house.corpus.versions, store=house.registry, policy=house.policy)


def write_demographics(house: House, version: str) -> Path:
    """The page of a version in the workspace's reports."""
    house.workspace.reports.mkdir(exist_ok=True)
    path = house.workspace.reports / f"demographics-{version.replace('/', '-')}.html"
    path.write_text(page(counted(house, version)), encoding="utf-8")
    return path


def _named(house: House, version: str | None) -> str:
    if version is not None:
        return version
    latest = house.corpus.versions.latest()
    if latest is None:
        raise CustodyError("no corpus version was released yet", hint="run `sottovoce corpus release`")
    return latest.version
