"""The lines as data: which doors a recording goes through, and for what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sottovoce.domain.consent import Purpose

RECORDINGS: Final = "recordings"
ANALYTICS_QUEUE: Final = "analytics"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line's name is half of each recording's once-ever id; never rename one.

    `queue` is the engine's; `kinds` are what it seals: a recording on two lines has one key, and neither line's
    objects are taken back because the other withheld it.
    """

    name: str
    purpose: Purpose
    queue: str
    kinds: frozenset[str]


CORPUS = Line(
    name="corpus",
    purpose=Purpose.AI_TRAINING,
    queue=RECORDINGS,
    kinds=frozenset({"sample", "features", "transcript", "map"}),
)
ANALYTICS = Line(
    name="analytics",
    purpose=Purpose.ANALYTICS,
    queue=ANALYTICS_QUEUE,
    kinds=frozenset({"redacted", "transcript-analytics", "map-analytics"}),
)

LINES = {line.name: line for line in (CORPUS, ANALYTICS)}
