"""What somebody has to hear: a reader was suspended, or the house's own work is not as it should be.

Both hold codes, counts and opaque ids, and tell themselves to every channel in the same ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from sottovoce.access.watch import Alarm

EVENT: Final = "access.bulk_found"


class Told(Protocol):
    """What a channel needs of an alert."""

    @property
    def id(self) -> str: ...

    @property
    def at(self) -> datetime: ...

    @property
    def title(self) -> str:
        """A mail's subject."""
        ...

    @property
    def words(self) -> str:
        """A few lines for a person."""
        ...

    @property
    def metric(self) -> tuple[str, Mapping[str, str]]:
        """Name and dimensions of what is counted."""
        ...

    def as_json(self) -> dict[str, Any]:
        """`type`, `timestamp` and `data`, as Standard Webhooks advises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Somebody was suspended, and why."""

    id: str
    principal: str
    purpose: str
    alarm: Alarm
    at: datetime

    @property
    def title(self) -> str:
        return f"{self.alarm.breach.value}, access suspended"

    @property
    def words(self) -> str:
        alarm = self.alarm
        why = f"{alarm.breach.value}: {alarm.count} distinct recordings in {alarm.window_s} s, limit {alarm.limit}"
        return (
            f"{self.principal} was suspended at {self.at.isoformat()}.\n"
            f"Why: {why}.\n"
            f"Purpose: {self.purpose}.\n\n"
            "`sottovoce access list` shows who it is; `sottovoce access resume` lets it in again.\n"
        )

    @property
    def metric(self) -> tuple[str, Mapping[str, str]]:
        return "BulkAccessSuspensions", {"Breach": self.alarm.breach.value}

    def as_json(self) -> dict[str, Any]:
        return {
            "type": EVENT,
            "timestamp": self.at.isoformat(),
            "data": {
                "id": self.id,
                "principal": self.principal,
                "purpose": self.purpose,
                "breach": self.alarm.breach.value,
                "recordings": self.alarm.count,
                "limit": self.alarm.limit,
                "window_s": self.alarm.window_s,
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A line is late, a paper ends soon: `kind` is a code such as `analytics.lag_over_objective`, `subject` whose."""

    id: str
    kind: str
    subject: str
    at: datetime
    facts: Mapping[str, str | int | float] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"{self.kind} ({self.subject})"

    @property
    def words(self) -> str:
        figures = "".join(f"{name}: {value}\n" for name, value in self.facts.items())
        return f"{self.kind}, {self.subject}, at {self.at.isoformat()}.\n{figures}"

    @property
    def metric(self) -> tuple[str, Mapping[str, str]]:
        return "Notices", {"Kind": self.kind, "Subject": self.subject}

    def as_json(self) -> dict[str, Any]:
        data = {"id": self.id, "subject": self.subject, **self.facts}
        return {"type": self.kind, "timestamp": self.at.isoformat(), "data": data}
