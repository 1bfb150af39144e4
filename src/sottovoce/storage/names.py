"""Names that every store can keep and that lead nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")


def checked(name: str) -> str:
    """The name; ValueError for one that a store could not keep, or that leads out of it."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise ValueError("an object's name is parts of letters, digits, `_`, `-` and `.`, joined by `/`")
    return name


def in_portions(names: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """All of them in order, at most `size` at a time."""
    return (names[start : start + size] for start in range(0, len(names), size))
