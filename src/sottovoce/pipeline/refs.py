"""What the durable engine may be told: opaque references and codes, never prose.

The engine stores inputs, outputs and exceptions of every step in its own tables. A value that is not
a short reference, a number, a boolean, or a small flat container of those is refused, which fails the
step and so withholds the recording.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from sottovoce.errors import SottovoceError

REFERENCE = re.compile(r"[A-Za-z0-9_.:@/+=-]{0,128}")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
"""A code, or the name of a type."""
MAX_ITEMS = 32
MAX_DEPTH = 4


class StepError(Exception):
    """The only exception a step raises: a code, and whether trying again may help."""

    def __init__(self, code: str, *, retryable: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.retryable = retryable


def code_of(error: BaseException) -> str:
    """The same short code for an error seen live and seen again on replay.

    An engine error that wraps the last of several attempts (`.errors`) answers for its cause. Only our
    own codes are believed: a library's `code` may be any text, an address or a word that was said.
    """
    causes = getattr(error, "errors", None)
    if isinstance(causes, list) and causes and isinstance(causes[-1], BaseException):
        return code_of(causes[-1])
    code = error.code if isinstance(error, StepError | SottovoceError) else type(error).__name__
    return code if NAME.fullmatch(code) else "E_UNNAMED"


def as_step_error(error: Exception) -> StepError:
    """What a step may raise instead: the code, and whether trying again may help."""
    if isinstance(error, StepError):
        return error
    return StepError(code_of(error), retryable=isinstance(error, SottovoceError) and error.retryable)


def is_reference(value: Any, *, depth: int = 0) -> bool:
    """Whether the engine may store this."""
    if value is None or isinstance(value, bool | int):
        return True
    if isinstance(value, str):
        return REFERENCE.fullmatch(value) is not None
    if depth >= MAX_DEPTH:
        return False
    if isinstance(value, list | tuple):
        return len(value) <= MAX_ITEMS and all(is_reference(v, depth=depth + 1) for v in value)
    if isinstance(value, Mapping):
        return len(value) <= MAX_ITEMS and all(
            isinstance(k, str) and is_reference(k) and is_reference(v, depth=depth + 1) for k, v in value.items()
        )
    return False


def dump(value: Any) -> str:
    """JSON of a reference; an exception becomes its code; anything else is StepError(E_ENGINE_PAYLOAD)."""
    if isinstance(value, BaseException):
        value = {"__error__": code_of(value)}
    if not is_reference(value):
        raise StepError("E_ENGINE_PAYLOAD")
    return json.dumps(value, separators=(",", ":"))


def load(text: str) -> Any:
    """The reverse of `dump`; a stored error comes back as StepError."""
    value = json.loads(text)
    if isinstance(value, dict) and "__error__" in value:
        return StepError(value["__error__"])
    return value
