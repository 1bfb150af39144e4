"""How every command speaks: tables and sentences for people, `--json` for programs.

Answers go to standard output, progress and complaints to standard error, so that `--json` can be piped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from sottovoce.settings import WORKSPACE_VARIABLE

out = Console()
err = Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON on standard output.")]
InWorkspace = Annotated[
    Path,
    typer.Option("--workspace", "-w", envvar=WORKSPACE_VARIABLE, help="The workspace folder."),
]
HERE = Path()


def answer(data: Any) -> None:
    """JSON on standard output, stable key order."""
    typer.echo(json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    shown = Table(title=title, title_justify="left", header_style="bold")
    for name in columns:
        shown.add_column(name, overflow="fold")
    for row in rows:
        shown.add_row(*(str(cell) for cell in row))
    out.print(shown)


def facts(title: str, pairs: Mapping[str, object]) -> None:
    """A two-column table."""
    table(title, ("what", "value"), [(k, v) for k, v in pairs.items()])


def say(text: str) -> None:
    """One line, never broken: it may be copied into a shell."""
    out.print(text, highlight=False, soft_wrap=True)


def bar(*, quiet: bool = False) -> Progress:
    """A progress bar with count, elapsed time and time remaining, on standard error."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
        disable=quiet,
        transient=False,
    )
