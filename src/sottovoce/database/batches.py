"""Many keys at once, in statements that every database takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

BATCH: Final = 500
"""Far below SQLite's 32,766 variables a statement (SQLITE_MAX_VARIABLE_NUMBER), and few statements all the same."""


def batches(all_: Sequence[T]) -> Iterator[Sequence[T]]:
    """All of it in order, at most `BATCH` at a time."""
    return (all_[start : start + BATCH] for start in range(0, len(all_), BATCH))
