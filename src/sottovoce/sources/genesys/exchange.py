"""How one request of the API is carried through: waits, refusals and retries, without any I/O.

A generator yields what to do next (`Send` or `Wait`) and receives answers, so that every wait can be
tested in no time. 429 is waited out as `Retry-After` says; 500, 502, 503, 504 and lost connections are tried
again with growing waits; everything else is the caller's to judge.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from sottovoce.errors import SourceUnavailable

TRIES = 6
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
LONGEST_RETRY_AFTER_S = 180.0
"""The official command line gives up beyond it (GENESYS.md 7)."""
_PASSING = frozenset({500, 502, 503, 504})
_CODE = re.compile(r"[a-z][a-z.]{0,79}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    method: str
    path: str
    params: Mapping[str, str | int] | None = None
    json: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A status, the decoded body (None where empty) and what the headers said about waiting."""

    status: int
    body: Any = None
    retry_after_s: float | None = None

    @property
    def code(self) -> str:
        """The ErrorBody's code, or nothing."""
        code = self.body.get("code") if isinstance(self.body, dict) else None
        return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


LOST = Answer(status=0)
"""No answer came: the connection failed or timed out."""

Steps = Generator[Send | Wait, Answer, Answer]


def persist(send: Send, *, tries: int = TRIES) -> Steps:
    """Carries one request through. Raises SourceUnavailable when patience ends."""
    for attempt in range(tries):
        answer = yield send
        if answer.status == 429:
            yield Wait(seconds=_asked_for(answer, attempt))
        elif answer is LOST or answer.status in _PASSING:
            yield Wait(seconds=backoff_s(attempt))
        else:
            return answer
    raise SourceUnavailable("Genesys Cloud does not answer", hint=f"it was asked {tries} times; try again later")


def backoff_s(attempt: int) -> float:
    """1, 2, 4 … seconds, never beyond the cap."""
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0**attempt)


def _asked_for(answer: Answer, attempt: int) -> float:
    wait = answer.retry_after_s if answer.retry_after_s is not None else backoff_s(attempt)
    if wait > LONGEST_RETRY_AFTER_S:
        raise SourceUnavailable("Genesys Cloud asks to wait too long", hint=f"try again in {int(wait)} seconds")
    return wait
