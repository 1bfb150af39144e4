"""The lines as data: which doors a recording goes through, and for what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sottovoce.domain.consent import Purpose

RECORDINGS: Final = "recordings"
"""The engine's queue of what is carried from admission to seal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line's name is half of each recording's once-ever id; never rename one."""

    name: str
    purpose: Purpose


CORPUS = Line(name="corpus", purpose=Purpose.AI_TRAINING)

LINES = {line.name: line for line in (CORPUS,)}
