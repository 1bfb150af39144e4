"""Many files at once: one process a core, each with its own warm models; only outcomes come back.

Inputs are files or folders; folders keep their relative paths below the output. A file that fails is
reported by name and reason, and the others go on.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sottovoce.cli.output import bar
from sottovoce.errors import MediaError

AUDIO = frozenset({".wav", ".wave", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".webm"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One file to treat: where it is, and where its result belongs."""

    source: Path
    target: Path
    relative: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one file; `reason` is None when it went well. Facts hold no words."""

    source: str
    target: str
    reason: str | None
    facts: dict[str, Any]


def items(inputs: Sequence[Path], output: Path) -> list[Item]:
    """Every audio file of the inputs with its place below `output`, or `output` itself for one file.

    Raises MediaError when there is nothing to do, or two inputs would share a place.
    """
    one_file = len(inputs) == 1 and inputs[0].is_file() and not output.is_dir()
    if one_file:
        return [Item(source=inputs[0], target=output, relative=Path(inputs[0].name))]
    found = [Item(source=p, target=output / r, relative=r) for given in inputs for p, r in _files(given)]
    if not found:
        raise MediaError("there are no audio files there", hint=f"known are {' '.join(sorted(AUDIO))}")
    if len({item.target for item in found}) < len(found):
        raise MediaError("two files have the same name", hint="give the folder above them")
    return found


def _files(given: Path) -> Iterator[tuple[Path, Path]]:
    if given.is_file():
        yield given, Path(given.name)
        return
    for path in sorted(given.rglob("*")):
        if path.suffix.lower() in AUDIO and path.is_file():
            yield path, path.relative_to(given)


def treat_all(
    work: Callable[[Item], Result],
    todo: Sequence[Item],
    *,
    prepare: Callable[..., None],
    settings: tuple[Any, ...],
    workers: int | None,
    title: str,
    quiet: bool,
) -> list[Result]:
    """Every item treated, in the order given. `prepare(*settings)` runs once in each process."""
    count = min(workers or os.cpu_count() or 1, len(todo))
    with bar(quiet=quiet) as progress:
        task = progress.add_task(title, total=len(todo))
        if count == 1:
            prepare(*settings)
            results = []
            for item in todo:
                results.append(work(item))
                progress.advance(task)
            return results
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ.setdefault(name, "1")  # read when a process starts: each has a core of its own
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(count, mp_context=context, initializer=prepare, initargs=settings) as pool:
            return _collected(pool, work, todo, lambda: progress.advance(task))


def _collected(
    pool: Executor, work: Callable[[Item], Result], todo: Sequence[Item], advance: Callable[[], None]
) -> list[Result]:
    futures = {pool.submit(work, item): number for number, item in enumerate(todo)}
    results: dict[int, Result] = {}
    for future in as_completed(futures):
        results[futures[future]] = future.result()
        advance()
    return [results[number] for number in range(len(todo))]


def write_whole(target: Path, data: bytes) -> None:
    """The file whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
