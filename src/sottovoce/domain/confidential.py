"""A value that must not leave memory in the clear: speech, words, names, numbers, keys.

`Confidential` prints as `‹confidential›`, formats as the same, and refuses JSON and pickle, so that a
log line, an exception, an engine table or a debugger dump cannot carry it out by accident. The one way
to the value is `.reveal()`, which is easy to search for.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any, Generic, NoReturn, TypeVar

T = TypeVar("T")
U = TypeVar("U")

MASK = "‹confidential›"


class Confidential(Generic[T]):
    """Holds one value; says nothing about it."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """The value itself. Keep it in memory, and for as short as possible."""
        return self._value

    def map(self, change: Callable[[T], U]) -> Confidential[U]:
        """The changed value, still confidential."""
        return Confidential(change(self._value))

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Confidential):
            return NotImplemented
        mine, theirs = self._value, other._value
        if isinstance(mine, bytes) and isinstance(theirs, bytes):
            return hmac.compare_digest(mine, theirs)
        return bool(mine == theirs)

    def __hash__(self) -> int:
        return hash((Confidential, self._value))

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a Confidential value is never pickled")

    def __iter__(self) -> NoReturn:
        raise TypeError("a Confidential value is not iterable; reveal it first")
