"""`sottovoce evidence`: a dated pack for an auditor, control by control, with proofs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, facts, say, table
from sottovoce.errors import WorkspaceError
from sottovoce.evidence.frameworks import Framework
from sottovoce.evidence.pack import as_data
from sottovoce.wiring.evidence import write_evidence


def evidence(
    framework: Annotated[Framework, typer.Argument(help="For whom.")],
    workspace: InWorkspace = HERE,
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A new or empty folder for the pack.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check every control against this workspace, and write the pack. Exit code 1 when a control is not met."""
    house = house_at(workspace)
    folder = output or house.workspace.reports / "evidence" / f"{framework.value}-{house.clock():%Y-%m-%dT%H%M%S}"
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WorkspaceError(f"{folder.name} is not an empty folder", hint="packs are never written over")
    pack = write_evidence(house, framework, folder)
    if as_json:
        answer({**as_data(pack), "folder": str(folder)})
    else:
        table(
            f"{pack.title}, {pack.facts.at:%Y-%m-%d}",
            ("control", "what it asks", "result"),
            [(each.control.number, each.control.title, each.result.value) for each in pack.controls],
        )
        for each in pack.failed:
            for found in (found for found in each.findings if found.result is each.result):
                say(f"[bold red]{each.control.number}[/] {found.said}")
        facts("Pack", {**pack.counts, "folder": folder, "proofs": len(pack.shown_by)})
    if pack.failed:
        raise typer.Exit(1)
