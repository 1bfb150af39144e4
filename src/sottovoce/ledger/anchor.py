"""Where signed checkpoints are kept out of the ledger's own reach (SECURITY.md 3.3).

Whoever can rewrite the database can cut its tail together with the checkpoints over it; a copy kept
elsewhere is what betrays that. A folder on another disk or account is the simplest such place; an S3
bucket with Object Lock (s3_anchor.py) one that nobody can empty.

With several anchors `needed` of them must answer and keep: fewer, and no checkpoint is signed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from sottovoce.errors import LedgerUnavailable

T = TypeVar("T")


class Anchor(Protocol):
    """Keeps checkpoints: each size once, for ever."""

    def publish(self, size: int, note: str) -> None:
        """Keeps the note; afterwards it can be neither replaced nor removed by the ledger's operator.

        Raises LedgerUnavailable when it cannot be kept, or another note of that size is kept already.
        """
        ...

    def latest(self) -> str | None:
        """The note of the largest size kept, or None. Raises LedgerUnavailable when it cannot be read."""
        ...


class FolderAnchor:
    """Checkpoints as files named by size, each created once and never opened for writing again."""

    def __init__(self, *, folder: Path) -> None:
        self._folder = folder

    def publish(self, size: int, note: str) -> None:
        """Raises LedgerUnavailable when the folder cannot be written, or holds another note of that size."""
        path = self._folder / name_of(size)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(note)
        except FileExistsError:
            if not same_checkpoint(path.read_text(encoding="utf-8"), note):
                raise LedgerUnavailable("the anchor holds another checkpoint of this size") from None
        except OSError as failure:
            raise LedgerUnavailable(f"the anchor cannot be written ({failure.strerror})") from None

    def latest(self) -> str | None:
        """A folder that is not there yet keeps nothing; one that cannot be read raises LedgerUnavailable."""
        try:
            newest = max(self._folder.glob("[0-9]*"), default=None) if self._folder.is_dir() else None
            return newest.read_text(encoding="utf-8") if newest else None
        except (OSError, UnicodeDecodeError):
            raise LedgerUnavailable("the anchor cannot be read", hint="check the folder and its rights") from None


class Anchors:
    """Several anchors, of which `needed` must answer: all of them unless said otherwise."""

    def __init__(self, *, of: Sequence[Anchor] = (), needed: int | None = None) -> None:
        self._anchors = tuple(of)
        self._needed = len(self._anchors) if needed is None else min(needed, len(self._anchors))

    def publish(self, size: int, note: str) -> None:
        """Every anchor is asked to keep the note. Raises LedgerUnavailable when fewer than needed do."""
        self._answers(lambda anchor: anchor.publish(size, note))

    def latest(self) -> tuple[str, ...]:
        """The newest note of each anchor that answers and keeps any. Raises LedgerUnavailable when too few answer."""
        return tuple(note for note in self._answers(lambda anchor: anchor.latest()) if note is not None)

    def _answers(self, ask: Callable[[Anchor], T]) -> list[T]:
        answers, failed = [], None
        for anchor in self._anchors:
            try:
                answers.append(ask(anchor))
            except LedgerUnavailable as failure:
                failed = failure
        if failed is not None and len(answers) < self._needed:
            raise LedgerUnavailable(
                f"{len(answers)} of {len(self._anchors)} anchors answered, and {self._needed} must: {failed}",
                hint=failed.hint or "mend the anchor; nothing is signed meanwhile",
            ) from None
        return answers


def same_checkpoint(one: str, other: str) -> bool:
    """True for notes of the same text, whoever signed them since."""
    return text_of(one) == text_of(other)


def text_of(note: str) -> str:
    """What stands before the signatures."""
    return note.rpartition("\n\n")[0] or note


def name_of(size: int) -> str:
    """The size in twenty digits, so that names sort as sizes do."""
    return f"{size:020d}"
