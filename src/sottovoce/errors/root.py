"""The root of the tree, and what belongs to no branch of it."""

from __future__ import annotations

from typing import ClassVar


class SottovoceError(Exception):
    """The root of the tree."""

    code: ClassVar[str] = "E_SOTTOVOCE"
    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class PolicyError(SottovoceError):
    code = "E_POLICY"
    exit_code = 3

    def __init__(self, message: str, *, hint: str = "", line: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.line = line


class WorkspaceError(SottovoceError):
    code = "E_WORKSPACE"
    exit_code = 4


class TruthInvalid(SottovoceError):
    code = "E_TRUTH"
    exit_code = 12


class BreakerOpen(SottovoceError):
    code = "E_BREAKER_OPEN"
    retryable = True
