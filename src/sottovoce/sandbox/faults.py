"""Faults on demand: what goes wrong next, and how often.

Set when the sandbox is made, on its page, or through `POST /sandbox/faults`, for everything or for one call;
each count is used up one by one, so a client that persists gets through in the end. Names say what the client
meets.
"""

from __future__ import annotations

import threading
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Count = Annotated[int, Field(ge=0, le=100_000, strict=True)]


class Faults(BaseModel):
    """All zero: nothing goes wrong."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
    transcoding_polls: Count = 0
    """How often each recording answers 202 before it is ready. Not used up."""
    too_many: Count = 0
    """API requests answered 429."""
    retry_after_s: Annotated[int, Field(ge=0, le=3600, strict=True)] = 1
    """What `Retry-After` says then. Not used up."""
    server_errors: Count = 0
    """API requests answered with an error of the server."""
    server_error_status: Literal[500, 502, 503, 504] = 503
    """Which error that is. Not used up."""
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
    resets: Count = 0
    """Media whose connection is reset halfway."""
    wrong_lengths: Count = 0
    """Media whose Content-Length is half of what it should be: whole by HTTP's account, and half the sound."""
    trickle_bytes_s: Annotated[int, Field(ge=0, le=100_000_000, strict=True)] = 0
    """How many bytes of a medium come a second; 0 is as fast as they go. Not used up."""
    empty_media: Count = 0
    """Media of no bytes at all."""
    empty_ogg: Count = 0
    """Media that are a valid Ogg file of 27 bytes without sound, as real exports hold."""
    wrong_media: Count = 0
    """Media that are another call's."""
    playlists: Count = 0
    """Media that are a playlist naming another address."""
    duplicate_events: Count = 0
    """Events that are sent twice."""


class Changes(Faults):
    """What may be set at once: faults of everything and, by conversation id, of single calls."""

    calls: dict[str, Faults] = Field(default_factory=dict)


CALLS: Final = "calls"


class FaultBox:
    """The faults that are left, shared by both servers. What is set for one call goes before what is set for all."""

    def __init__(self, *, faults: Faults) -> None:
        self._left = faults.model_dump()
        self._of: dict[str, dict[str, int]] = {}
        self._lock = threading.Lock()

    def level(self, name: str, *, call: str = "") -> int:
        """A setting that is not used up."""
        with self._lock:
            return int(self._of.get(call, {}).get(name, self._left[name]))

    def take(self, name: str, *, call: str = "") -> bool:
        """Whether this fault happens now; one fewer is left then."""
        with self._lock:
            for counts in (self._of.get(call, {}), self._left):
                if counts.get(name, 0) > 0:
                    counts[name] -= 1
                    return True
            return False

    def set(self, changes: Any) -> dict[str, int]:
        """Sets the named faults and leaves the others; under `calls`, those of single calls.

        Raises ValueError for anything unknown, and changes nothing then.
        """
        named = _read(changes)
        with self._lock:
            self._left.update(named.model_dump(exclude_unset=True, exclude={CALLS}))
            for call, faults in named.calls.items():
                self._of.setdefault(call, {}).update(faults.model_dump(exclude_unset=True))
            return dict(self._left)

    def left(self) -> dict[str, int]:
        """Those of everything."""
        with self._lock:
            return dict(self._left)

    def of(self, call: str) -> dict[str, int]:
        """Those of one call that were set."""
        with self._lock:
            return dict(self._of.get(call, {}))

    def shown(self) -> dict[str, Any]:
        """All of them, in the shape they are set in."""
        with self._lock:
            return {**self._left, CALLS: {call: dict(faults) for call, faults in self._of.items()}}

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._left = Faults().model_dump()
            self._of.clear()


def _read(changes: Any) -> Changes:
    try:
        return Changes.model_validate(changes)
    except ValidationError as error:
        raise ValueError(str(error.errors()[0]["msg"])) from None
