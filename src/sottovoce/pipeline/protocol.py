"""What the corridor asks of those it carries recordings between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Closes(Protocol):
    def close(self, line: str, key: str, code: str) -> str:
        """Conclude as quarantined what could not be carried, for the reason behind the code. Idempotent."""
        ...


class Task(Closes, Protocol):
    """The work of one durable step."""

    def carry(self, line: str, key: str) -> str:
        """From admission to seal; answers the outcome's status. Idempotent.

        Raises StepError only; retryable when trying again may help.
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
