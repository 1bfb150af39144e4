"""What each law and standard asks of how long, with its article (SECURITY.md 6).

A duty sets a least or a most for some artefacts; the solver (`retention.py`) brings them together. Years are
counted from the recording itself for duties to keep, because that is the record; schedules count from sealing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, datetime
from typing import Final

from sottovoce.custody.kinds import ArtefactKind

SCHEDULE: Final = "SCHEDULE"
"""The policy's own days; binding law for personal data where GDPR is among the duties."""

LEGAL_HOLD: Final = "LEGAL_HOLD"

REDACTED_STANDS: Final = "REDACTED_STANDS_FOR_ORIGINAL"
"""Sensitive authentication data may not be kept, not even encrypted; the redacted recording is kept in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """One duty of the policy. `years` is what was chosen, within what the duty allows."""

    name: str
    years: int
    queue_categories: tuple[str, ...] = ()

    def covers(self, queue_category: str | None) -> bool:
        """True for recordings of the queue categories named; for every recording where none is."""
        return not self.queue_categories or queue_category in self.queue_categories


LEAST_YEARS: Final = {"MIFID_II": 5, "FINRA": 6, "SEC_17A4": 3, "HIPAA": 6, "PCI_DSS": 0, "GDPR": 0}
"""Where policy chooses nothing."""

ARTICLES: Final = {
    "PCI_DSS": "PCI DSS 4.0.1, 3.3.1: no sensitive authentication data after authorisation, not even encrypted",
    "GDPR": "GDPR Article 5(1)(e): no longer than the purpose needs, as the schedule says",
    "MIFID_II": "MiFID II Article 16(7), Delegated Regulation 2017/565 Article 76: recordings for 5 to 7 years",
    "FINRA": "FINRA Rule 4511(b): six years where no other term is given",
    "SEC_17A4": "SEC Rule 17a-4(b)(4): three years, the first two in an easily accessible place",
    "HIPAA": "45 CFR 164.316(b)(2)(i): documentation for six years",
    LEGAL_HOLD: "a legal hold: nothing it covers is destroyed while it stands",
    SCHEDULE: "the policy's own schedule",
    REDACTED_STANDS: "the redacted recording is kept in the original's place",
}
"""What stands behind each code of a plan."""

KEEPS_ORIGINAL: Final = frozenset({"MIFID_II", "FINRA", "SEC_17A4"})
KEEPS_DOCUMENTS: Final = frozenset({"HIPAA"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A date a duty sets: keep until, or delete by."""

    duty: str
    at: datetime


def years_after(at: datetime, years: int) -> datetime:
    """The same day, years later; 28 February for a 29th there is not. Far dates stop at the calendar's end."""
    year = min(at.year + years, MAXYEAR)
    try:
        return at.replace(year=year)
    except ValueError:
        return at.replace(year=year, day=28)


def minima(
    kind: ArtefactKind, *, recorded_at: datetime, made_at: datetime, queue_category: str | None, duties: Sequence[Duty]
) -> tuple[Bound, ...]:
    """Until when duties ask an artefact of this kind to be kept."""
    found = []
    for duty in duties:
        if duty.name in KEEPS_ORIGINAL and kind is ArtefactKind.ORIGINAL and duty.covers(queue_category):
            found.append(Bound(duty=duty.name, at=years_after(recorded_at, duty.years)))
        if duty.name in KEEPS_DOCUMENTS and kind is ArtefactKind.DOCUMENT:
            found.append(Bound(duty=duty.name, at=years_after(made_at, duty.years)))
    return tuple(found)
