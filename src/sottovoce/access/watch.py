"""Is this reader reading far more than it ever did? Distinct recordings in sliding windows, against its own past.

A reader is judged over ten windows at once, from ten seconds to a day: fast readers show in the short ones within
seconds, slow ones in the long ones within the floor's few recordings. What was normal is the highest count of each
window, fading over months. It is learned only from days that are over, and grows by a quarter a day at most, so
that nobody teaches it. Reading the same recording again within a day counts once.

A stated plan (a training job's recordings a minute) takes the place of a past that is too short, and caps one that
is not. Nothing here knows a database; `bulk.py` feeds it. Parameters: `benchmarks/access.py`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

WINDOWS_S: Final = (10, 30, 60, 120, 300, 600, 1800, 3600, 14_400, 86_400)
TIMES: Final = 100
"""How far above normal a reader is whom the watch must find within 25 recordings or a minute."""

TELLING: Final = 24
TELLING_SHARE: Final = 1.2
SPARE: Final = 1.3
"""Chance spreads recordings out: a window this much longer than on average it takes."""

WORKING_S: Final = 8 * 3600
HOUR_S: Final = 3600
DAY_S: Final = 86_400
GROWTH_A_DAY: Final = 1.25
FADING_A_DAY: Final = 0.5 ** (1 / 30)
MEAN_SHARE: Final = 1 / 30
FORGOTTEN_DAYS: Final = 90
WORKING_DAYS: Final = 5 / 7
PLAN_SHARE: Final = 0.25
"""No past lowers a stated plan below this share of it: epochs begin with a burst."""

PRIOR_BURST: Final = 12
PRIOR_AN_HOUR: Final = 80
"""What is taken to be normal of somebody new: a session of twelve, eighty an hour, for eight hours."""

RARE: Final = 3
_PRIOR_HOURS: Final = 8
_TRIM: Final = 4096


class Breach(StrEnum):
    """Why a reader is stopped."""

    RATE = "RATE"
    """Far above its own past."""
    PLAN = "PLAN"
    """More than its grant said it would read."""
    CEILING = "CEILING"
    """More than anybody may."""
    CANARY = "CANARY"
    """A recording that no plan reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One breach: so many distinct recordings in so many seconds, where so many are allowed."""

    breach: Breach
    window_s: int
    count: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How strictly one reader is judged. Ceilings are None for those who read by plan."""

    floor: int = 20
    factor: float = 2.0
    per_hour: int | None = 300
    per_day: int | None = 1000


class Baseline:
    """What was normal for one reader and purpose: the highest count of each window, and the mean of a day."""

    def __init__(self, *, learning_days: int = 7) -> None:
        self._learning_days = learning_days
        self._highest = [0.0] * len(WINDOWS_S)
        self._today = [0] * len(WINDOWS_S)
        self._read_today = 0
        self._mean = 0.0
        self._day: int | None = None
        self._first: int | None = None
        self.days = 0
        """Days that are over on which something was read."""

    @property
    def known(self) -> bool:
        """Whether enough days are over for its past to speak for itself; of somebody rare, three times as many."""
        if self._first is None or self._day is None:
            return False
        return self.days >= self._learning_days or self._day - self._first >= RARE * self._learning_days

    def highest(self, window: int) -> float:
        """The highest count that was normal."""
        return self._highest[window]

    def telling_window(self) -> int:
        """The first window in which a hundred times the average of a working day comes to the floor's recordings."""
        rate = self._mean / WORKING_DAYS / WORKING_S
        span = SPARE * TELLING / (TIMES * rate) if rate else WINDOWS_S[-1]
        return min(bisect_left(WINDOWS_S, span), len(WINDOWS_S) - 1)

    def learn(self, counts: list[int], at_s: float) -> None:
        """Takes note of counts that were judged to be normal; they matter from tomorrow on."""
        self.turn(at_s)
        self._read_today += 1
        self._today = [max(pair) for pair in zip(self._today, counts, strict=True)]

    def turn(self, at_s: float) -> None:
        """Closes the days that are over. A clock that went backward closes none."""
        day = int(at_s // DAY_S)
        if self._day is None:
            self._day = self._first = day
        if day <= self._day:
            return
        self.days += bool(self._read_today)
        for number in range(min(day - self._day, FORGOTTEN_DAYS)):
            read = self._read_today if number == 0 else 0
            self._mean += max(1 / (self._day - (self._first or 0) + number + 1), MEAN_SHARE) * (read - self._mean)
        fade = FADING_A_DAY ** (day - self._day)
        self._highest = [self._merged(old, new, fade) for old, new in zip(self._highest, self._today, strict=True)]
        self._today, self._read_today, self._day = [0] * len(WINDOWS_S), 0, day

    def as_json(self) -> dict[str, Any]:
        """Everything, to be kept."""
        return {
            "v": 1,
            "day": self._day,
            "first": self._first,
            "days": self.days,
            "mean": self._mean,
            "highest": self._highest,
            "today": self._today,
            "read_today": self._read_today,
        }

    @classmethod
    def of_json(cls, kept: Mapping[str, Any], *, learning_days: int = 7) -> Baseline:
        """The same again."""
        made = cls(learning_days=learning_days)
        made._day, made._first, made.days = kept["day"], kept["first"], kept["days"]
        made._mean, made._read_today = kept["mean"], kept["read_today"]
        made._highest, made._today = list(kept["highest"]), list(kept["today"])
        return made

    def _merged(self, old: float, new: float, fade: float) -> float:
        """While it is new it takes what comes (the limits are then those of anybody new), later it grows slowly."""
        return max(old * fade, min(new, old * GROWTH_A_DAY) if old and self.known else new)


class Stream:
    """The reads of one reader for one purpose, as they come."""

    def __init__(self, *, limits: Limits, baseline: Baseline) -> None:
        self._limits = limits
        self.baseline = baseline
        self._seen: dict[str, float] = {}
        self._seconds: list[int] = []
        self._totals: list[int] = []
        self._total = 0

    def observe(self, recording: str, at_s: float, *, per_minute: int | None = None) -> Alarm | None:
        """Counts one read. The alarm it raises, if any; what raises one is not learned as normal."""
        if not self._is_new(recording, at_s):
            return None
        self._count(int(at_s))
        counts = self._counts(int(at_s))
        self.baseline.turn(at_s)
        alarm = self._judge(counts, per_minute)
        if alarm is None:
            self.baseline.learn(counts, at_s)
        return alarm

    def replay(self, recording: str, at_s: float) -> None:
        """Counts a read that was judged before; it is learned from no second time."""
        if self._is_new(recording, at_s):
            self._count(int(at_s))

    def limit(self, window: int, per_minute: int | None = None) -> int:
        """How many distinct recordings the window may hold."""
        return self._limit(window, per_minute)[0]

    def _judge(self, counts: list[int], per_minute: int | None) -> Alarm | None:
        for window, count in enumerate(counts):
            if count <= self._limits.floor:
                continue
            limit, breach = self._limit(window, per_minute)
            if count > limit:
                return Alarm(breach=breach, window_s=WINDOWS_S[window], count=count, limit=limit)
        return None

    def _limit(self, window: int, per_minute: int | None) -> tuple[int, Breach]:
        learned = self._allowed(window)
        known = self.baseline.known
        if per_minute is not None:
            planned = per_minute * max(1.0, WINDOWS_S[window] / 60)
            own = max(learned, PLAN_SHARE * planned) if known else planned
            limit, breach = (own, Breach.RATE) if own < planned else (planned, Breach.PLAN)
        else:
            limit = learned if known else max(learned, self._limits.factor * _prior(window))
            breach = Breach.RATE
        ceiling = self._ceiling(window)
        if ceiling is not None and ceiling < limit:
            limit, breach = ceiling, Breach.CEILING
        return max(self._limits.floor, int(limit)), breach

    def _allowed(self, window: int) -> float:
        """By its own past. Beyond the window in which a hundred times its average shows, only much more is strange:
        a full day is no theft.
        """
        highest = self.baseline.highest(window)
        telling = self.baseline.telling_window()
        if window > telling:
            return 2 * self._limits.factor * highest + self._limits.floor
        if window == telling:
            return min(self._limits.factor * highest, max(TELLING, TELLING_SHARE * highest))
        return self._limits.factor * highest

    def _ceiling(self, window: int) -> int | None:
        span = WINDOWS_S[window]
        return self._limits.per_hour if span <= HOUR_S else self._limits.per_day

    def _is_new(self, recording: str, at_s: float) -> bool:
        before = self._seen.get(recording)
        if before is not None and at_s < before + DAY_S:
            return False
        self._seen.pop(recording, None)
        self._seen[recording] = at_s
        if len(self._seen) % _TRIM == 0:
            self._trim(at_s)
        return True

    def _trim(self, at_s: float) -> None:
        """Forgets what is older than a day; both are in order of time."""
        for recording, since in list(self._seen.items()):
            if since + DAY_S > at_s:
                break
            del self._seen[recording]
        old = bisect_right(self._seconds, int(at_s) - DAY_S - 1)
        if old > 1:
            del self._seconds[: old - 1], self._totals[: old - 1]

    def _count(self, second: int) -> None:
        self._total += 1
        if self._seconds and self._seconds[-1] >= second:
            self._totals[-1] = self._total
        else:
            self._seconds.append(second)
            self._totals.append(self._total)

    def _counts(self, second: int) -> list[int]:
        return [self._total - self._before(second - span) for span in WINDOWS_S]

    def _before(self, second: int) -> int:
        """How many were counted up to and with that second."""
        at = bisect_right(self._seconds, second)
        return self._totals[at - 1] if at else 0


def _prior(window: int) -> float:
    hours = min(WINDOWS_S[window] / HOUR_S, _PRIOR_HOURS)
    return PRIOR_BURST + PRIOR_AN_HOUR * hours
