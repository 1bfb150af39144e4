"""What the corridor asks of those it carries recordings between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A task's answer while it is not done: try it again after so long, or after the engine's own growing wait."""

    after_s: float | None = None


class Closes(Protocol):
    def close(self, line: str, key: str, code: str) -> str:
        """Conclude as quarantined what could not be carried, for the reason behind the code. Idempotent."""
        ...


class Task(Closes, Protocol):
    """The work of one durable step."""

    def carry(self, line: str, key: str) -> str | Again:
        """The work of a line, from door to door; answers the outcome's status, or when to be tried again. Idempotent.

        Raises StepError only; retryable when trying again at once may help.
        """
        ...


class Hearts(Protocol):
    """Who is alive, kept in the registry so that every machine can see it."""

    def beat(self, executor: str) -> None: ...

    def silent_executors(self, *, seconds: float) -> Sequence[str]:
        """Executors that have not beaten for so long."""
        ...

    def bury(self, executor: str) -> None:
        """Forget an executor whose work was taken over."""
        ...
