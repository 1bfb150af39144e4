"""How every command speaks: tables and sentences for people, `--json` for programs.

Answers go to standard output, progress and complaints to standard error, so that `--json` can be piped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from sottovoce.settings import WORKSPACE_VARIABLE

_PIPED_WIDTH = 160
"""Tables that are not shown on a terminal have room for ids; COLUMNS decides where it is set."""


def _console(*, stderr: bool = False) -> Console:
    console = Console(stderr=stderr)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(stderr=stderr, width=_PIPED_WIDTH)
    return console


_ID_LENGTH = 20

out = _console()
err = _console(stderr=True)

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
    """Rows under a heading; without rows nothing is shown. Columns of ids are never cut."""
    lines = [tuple(str(cell) for cell in row) for row in rows]
    if not lines:
        return
    shown = Table(
        title=title, title_justify="left", title_style="bold", header_style="bold", box=box.SIMPLE_HEAD, show_edge=False
    )
    for number, name in enumerate(columns):
        shown.add_column(name, overflow="fold", no_wrap=all(_is_id(line[number]) for line in lines))
    for line in lines:
        shown.add_row(*map(escape, line))
    out.print(shown)
    out.print()


def facts(title: str, pairs: Mapping[str, object]) -> None:
    """What and value, a line each. Lines are never broken: values may be copied."""
    width = max((len(name) for name in pairs), default=0)
    say(f"[bold]{escape(title)}[/]")
    for name, value in pairs.items():
        say(f"  {escape(name):<{width}}  {escape(_plain(value))}")
    say("")


def span(seconds: float) -> str:
    """`8.2 s`, `3 min 20 s`, `5 h 12 min` or `353 d 22 h`"""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = timedelta(seconds=round(seconds))
    hours, minutes = divmod(whole.seconds // 60, 60)
    if whole.days:
        return f"{whole.days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {whole.seconds % 60} s"


def _plain(value: object) -> str:
    match value:
        case Mapping():
            return ", ".join(f"{name} {_plain(one)}" for name, one in value.items()) or "none"
        case list() | tuple():
            return ", ".join(map(_plain, value)) or "none"
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)


def _is_id(cell: str) -> bool:
    return len(cell) >= _ID_LENGTH and " " not in cell


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


def complain(code: str, message: str, hint: str = "") -> None:
    """An error in one line, and what mends it in another, on standard error."""
    err.print(f"[bold red]{escape(code)}[/] {escape(message)}", highlight=False, soft_wrap=True)
    if hint:
        err.print(f"  {escape(hint)}", highlight=False, soft_wrap=True)


def note(text: str) -> None:
    """One line beside the answer, on standard error."""
    err.print(text, highlight=False, soft_wrap=True)
