"""What the engine is asked to do, by names that it may store."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

_ID: Final = re.compile(r"(?P<line>[a-z]+):(?P<key>[A-Za-z0-9_-]+):g(?P<generation>\d+)(?::t(?P<attempt>\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One recording on one line.

    `generation` rises when a person asks for it to be tried again, `attempt` when its own task does.
    """

    line: str
    key: str
    generation: int = 1
    attempt: int = 1

    @property
    def id(self) -> str:
        first = f"{self.line}:{self.key}:g{self.generation}"
        return first if self.attempt == 1 else f"{first}:t{self.attempt}"

    @property
    def next(self) -> Job:
        return replace(self, attempt=self.attempt + 1)

    @classmethod
    def of_id(cls, text: str) -> Job | None:
        found = _ID.fullmatch(text)
        if found is None:
            return None
        return cls(
            line=found["line"],
            key=found["key"],
            generation=int(found["generation"]),
            attempt=int(found["attempt"] or 1),
        )
