"""One paper on file with a destination, and on which days it holds.

The paper itself stays where contracts are kept; here are its SHA-256, its dates and what it covers. Days are those
of UTC. A paper holds from the latest of the days it was signed, took effect and was recorded here, that day
included, through the day it expires, that day included: what expired yesterday does not hold today. It never holds
before it was on file, so a clock that was set back finds less on file, not more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, timedelta

from sottovoce.agreements.paper import Paper


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement(Paper):
    """A paper as it is on file. `recorded_by` is a pseudonymous id."""

    id: str
    recorded_by: str
    recorded_at: datetime
    superseded_by: str | None = None
    superseded_on: date | None = None
    """The first day of the one that renewed it; this one holds until the day before."""
    withdrawn_at: datetime | None = None

    @property
    def first_day(self) -> date:
        """The first day it holds."""
        return max(self.signed, self.effective, self.recorded_at.astimezone(UTC).date())

    @property
    def last_day(self) -> date | None:
        """The last day it holds, renewed or expired; None where there is no end."""
        ends = [] if self.expires is None else [self.expires]
        if self.superseded_on is not None:
            ends.append(self.superseded_on - timedelta(days=1))
        return min(ends, default=None)


def year_after(day: date) -> date:
    """The same day, a year later; 28 February for a 29th there is not. It stops at the calendar's end."""
    year = min(day.year + 1, MAXYEAR)
    try:
        return day.replace(year=year)
    except ValueError:
        return day.replace(year=year, day=28)
