"""Many files at once: one process a core, each with its own warm models; only outcomes come back.

Inputs are files or folders; folders keep their relative paths below the output. A file that fails is
reported by name and reason, and the others go on, also when it takes its process down with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sottovoce.errors import MediaError

AUDIO = frozenset({".wav", ".wave", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".webm"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One file to treat: where it is, and where its result belongs."""

    source: Path
    target: Path
    relative: Path
    map_target: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one file; `reason` is None when it went well. Facts hold no words."""

    source: str
    target: str
    reason: str | None
    facts: dict[str, Any] = field(default_factory=dict)


def items(inputs: Sequence[Path], output: Path | None) -> list[Item]:
    """Every audio file of the inputs with its place: `output` itself for one file, else below `output`.

    Without an output nothing is to be written, and targets are meaningless. Raises MediaError when there
    is nothing to do, two results would share a place, or a result would take the place of a recording.
    """
    if output is not None and _is_one_file(inputs, output):
        found = [Item(source=inputs[0], target=output, relative=Path(inputs[0].name))]
    else:
        below = output or Path()
        _check_folder(inputs, below)
        found = [Item(source=p, target=below / r, relative=r) for given in inputs for p, r in _files(given, output)]
    if not found:
        raise MediaError("there are no audio files there", hint=f"known are {' '.join(sorted(AUDIO))}")
    if output is not None:
        _check_places(found)
    return found


def left_out(inputs: Sequence[Path], output: Path | None) -> int:
    """How many files of the folders are not audio by their names, and so are not treated."""
    folders = (given for given in inputs if given.is_dir())
    return sum(1 for folder in folders for path in _walk(folder, output) if path.suffix.lower() not in AUDIO)


def map_places(todo: Sequence[Item], maps: Path, *, many: bool) -> dict[Path, Path]:
    """Where each source's redaction map goes: `maps` itself for one file, else below it.

    Raises MediaError when a map would take the place of a recording, a result, or another map.
    """
    below = many or maps.is_dir()
    if many and maps.exists() and not maps.is_dir():
        raise MediaError(f"{maps.name} is a file", hint="for many files --map names a folder")
    places = {item.source: maps / f"{item.relative}.json" if below else maps for item in todo}
    taken = {path.resolve() for item in todo for path in (item.source, item.target)}
    for place in places.values():
        if place.resolve() in taken:
            raise MediaError(f"{place.name} would be overwritten", hint="name another place with --map")
        taken.add(place.resolve())
    return places


def _check_folder(inputs: Sequence[Path], output: Path) -> None:
    """Many files go into a folder, which is not called like a file of sound."""
    if len(inputs) > 1 and output.suffix.lower() in AUDIO and not output.is_dir():
        raise MediaError(f"{output.name} is called like one file", hint="for many inputs -o names a folder")


def _is_one_file(inputs: Sequence[Path], output: Path) -> bool:
    """One file goes to a file; to a folder where that is one already, or has no ending to be a file's."""
    if len(inputs) != 1 or not inputs[0].is_file() or output.is_dir():
        return False
    if output.suffix.lower() == inputs[0].suffix.lower():
        return True
    if output.suffix:
        raise MediaError(
            f"{output.name} would not be what its name says", hint=f"the format is kept: end it in {inputs[0].suffix}"
        )
    return not inputs[0].suffix


def _files(given: Path, output: Path | None) -> Iterator[tuple[Path, Path]]:
    if given.is_file():
        yield given, Path(given.name)
        return
    for path in _walk(given, output):
        if path.suffix.lower() in AUDIO:
            yield path, path.relative_to(given)


def _walk(folder: Path, output: Path | None) -> Iterator[Path]:
    """Its files in order, without what an earlier call wrote into it. Links to nothing count, and cannot be read."""
    written = output.resolve() if output is not None and output.is_dir() else None
    inside = written is not None and written != folder.resolve() and written.is_relative_to(folder.resolve())
    for path in sorted(folder.rglob("*")):
        is_lost = path.is_symlink() and not path.exists()
        if (path.is_file() or is_lost) and not (inside and written and path.resolve().is_relative_to(written)):
            yield path


def _check_places(found: Sequence[Item]) -> None:
    taken: set[Path] = set()
    for item in found:
        if item.target in taken:
            raise MediaError(f"two files are called {item.relative}", hint="give the folder above them")
        taken.add(item.target)
        if item.target.exists() and item.target.samefile(item.source):
            raise MediaError(f"{item.source.name} would be overwritten", hint="name another place with -o")


def write_whole(target: Path, data: bytes) -> None:
    """The file whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_of(target)
    try:
        partial.write_bytes(data)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def partial_of(target: Path) -> Path:
    """Where a result is until it is whole."""
    return target.with_name(f".{target.name}.partial")


def workers_for(wanted: int | None, todo: int) -> int:
    """One process a core, or as many as are wanted; never more than there are files."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(wanted or cores, todo))


Work = Callable[[Item], Result]
