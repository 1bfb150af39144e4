"""Faults on demand: what goes wrong next, and how often.

Set when the sandbox is made or through `POST /sandbox/faults`; each count is used up one by one, so a
client that persists gets through in the end. Names say what the client meets.
"""

from __future__ import annotations

import threading
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Count = Annotated[int, Field(ge=0, le=100_000, strict=True)]


class Faults(BaseModel):
    """All zero: nothing goes wrong."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    transcoding_polls: Count = 0
    """How often each recording answers 202 before it is ready. Not used up."""
    too_many: Count = 0
    """API requests answered 429."""
    retry_after_s: Annotated[int, Field(ge=0, le=3600, strict=True)] = 1
    server_errors: Count = 0
    """API requests answered 503."""
    slow_ms: Annotated[int, Field(ge=0, le=60_000, strict=True)] = 0
    """How long each API request waits before its answer. Not used up."""
    not_there_yet: Count = 0
    """Recording requests answered 404, as just after a call."""
    empty_lists: Count = 0
    """Recording lists answered `[]`, as just after a call."""
    forgotten_tokens: Count = 0
    """API requests answered 401 although the token is good; the token is dropped."""
    expired_urls: Count = 0
    """Media addresses that have expired when they are given out."""
    media_errors: Count = 0
    """Media requests answered 503."""
    truncated: Count = 0
    """Media that end halfway."""
    corrupt: Count = 0
    """Media whose bytes are overwritten."""


class FaultBox:
    """The faults that are left, shared by both servers."""

    def __init__(self, *, faults: Faults) -> None:
        self._left = faults.model_dump()
        self._lock = threading.Lock()

    def level(self, name: str) -> int:
        """A setting that is not used up."""
        with self._lock:
            return int(self._left[name])

    def take(self, name: str) -> bool:
        """Whether this fault happens now; one fewer is left then."""
        with self._lock:
            happens = bool(self._left[name] > 0)
            self._left[name] -= happens
            return happens

    def set(self, changes: Any) -> dict[str, int]:
        """Sets the named faults and leaves the others. Raises ValueError for anything unknown."""
        try:
            named = Faults.model_validate(changes).model_dump(exclude_unset=True)
        except ValidationError as error:
            raise ValueError(str(error.errors()[0]["msg"])) from None
        with self._lock:
            self._left.update(named)
            return dict(self._left)

    def left(self) -> dict[str, int]:
        with self._lock:
            return dict(self._left)
