"""What a destination was given, as it is shown and counted: receipts, and how long after the call they came (SPEC
10.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sottovoce.delivery.protocol import How
from sottovoce.domain.outcome import Fact, Reason
from sottovoce.domain.percentiles import percentiles


class ParcelState(StrEnum):
    """Where an errand stands. Kept in the book; append only."""

    PLACING = "placing"
    """Begun: it may have arrived, and is looked for before it is sent again."""
    DELIVERED = "delivered"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One delivery, confirmed. `correlation` is our name for it there, `reference` the destination's own."""

    id: str
    line: str
    recording: str
    destination: str
    correlation: str
    reference: str | None
    digest: str
    """SHA-256 of the sound that was delivered."""
    bytes: int
    """Of everything that was delivered."""
    items: int
    format: str
    active_permille: int
    is_quiet: bool
    """Less of it is speech than the vendor expects."""
    confirmed: How
    at: datetime
    lag_s: float | None
    """From the end of the call; None where that is not known."""

    def facts(self) -> dict[str, Fact]:
        """For ledgers: digests, counts and codes."""
        known = {} if self.lag_s is None else {"lag_ms": round(self.lag_s * 1000)}
        return {
            "destination": self.destination,
            "delivery": self.id,
            "receipt": self.correlation,
            "digest": self.digest,
            "bytes": self.bytes,
            "items": self.items,
            "format": self.format,
            "active_permille": self.active_permille,
            "quiet": self.is_quiet,
            "confirmed": self.confirmed.value,
            **known,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelRow:
    """How one errand stands, for people: `receipt` once it is delivered, `reason` once it is withheld."""

    id: str
    line: str
    recording: str
    destination: str
    correlation: str
    state: ParcelState
    attempts: int
    began_at: datetime
    reason: Reason | None
    error: str | None
    receipt: Receipt | None


def lag_summary(receipts: Iterable[Receipt]) -> Mapping[str, float]:
    """P50 and P95 of the lag in seconds; empty where no call's end is known."""
    return percentiles(each.lag_s for each in receipts if each.lag_s is not None)
