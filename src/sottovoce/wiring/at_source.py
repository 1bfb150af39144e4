"""What custody asks of the sources: to let go of recordings, to protect conversations, to keep nothing too long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sottovoce.domain.at_source import JobLook, SourceAnswer, Way
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import SourceError
from sottovoce.policy.model import GenesysSource as GenesysPolicy
from sottovoce.policy.model import Policy
from sottovoce.sources.genesys.client import GenesysClient
from sottovoce.sources.genesys.deletion import GenesysEraser
from sottovoce.sources.genesys.holds import BATCH, protect, protected
from sottovoce.sources.genesys.keeping import GenesysKeeper
from sottovoce.sources.genesys.source import GenesysSource, located

if TYPE_CHECKING:
    from sottovoce.wiring.house import House


def ways_of(policy: Policy) -> Mapping[str, Way]:
    """By source, how an erasure asks it; sources that are not asked are left out."""
    named = {name: one for name, one in policy.sources.items() if isinstance(one, GenesysPolicy)}
    return {name: Way(one.erase_at_source) for name, one in named.items() if one.erase_at_source != "none"}


def protecting(policy: Policy) -> frozenset[str]:
    """The sources at which legal holds are placed too."""
    named = {name: one for name, one in policy.sources.items() if isinstance(one, GenesysPolicy)}
    return frozenset(name for name, one in named.items() if one.protect_at_source)


def source_days(policy: Policy) -> Mapping[str, int]:
    """By source, how many days it may keep recordings itself."""
    named = {name: one for name, one in policy.sources.items() if isinstance(one, GenesysPolicy)}
    return {name: one.source_days for name, one in named.items() if one.source_days is not None}


def client_of(house: House, source: str) -> GenesysClient:
    """The client of one of the house's sources. Raises SourceError where that source cannot be asked."""
    found = house.sources.get(source)
    if not isinstance(found, GenesysSource):
        raise SourceError("a source cannot be asked any more", hint="it is no longer in the policy, or of another kind")
    return found.client


@dataclass(frozen=True, slots=True, kw_only=True)
class GenesysAsker:
    """Custody's `Asker` and `Keeper` over one Genesys client."""

    client: GenesysClient

    def ask(self, locator: Confidential[str], way: Way) -> SourceAnswer:
        conversation_id, recording_id = located(locator)
        eraser = GenesysEraser(client=self.client)
        match way:
            case Way.RECORDINGS:
                return eraser.delete_recording(conversation_id, recording_id)
            case Way.GDPR_REQUEST:
                return eraser.request_deletion(conversation_id)

    def look(self, reference: str) -> SourceAnswer:
        return GenesysEraser(client=self.client).look_at_request(reference)

    def protected(self, conversations: Sequence[str]) -> frozenset[str]:
        """Those that are protected, asked for a hundred at a time."""
        return frozenset(i for some in _hundreds(conversations) for i in protected(self.client.once, some))

    def protect(self, conversations: Sequence[str], *, lift: bool = False) -> frozenset[str]:
        """Protects, or lifts it; those that were not changed."""
        return frozenset(i for some in _hundreds(conversations) for i in protect(self.client.once, some, lift=lift))

    def kept_too_long(self, days: int) -> int:
        return GenesysKeeper(client=self.client).kept_too_long(days)

    def submit(self, before: datetime) -> str:
        return GenesysKeeper(client=self.client).submit(before)

    def look_at(self, job: str) -> JobLook:
        return GenesysKeeper(client=self.client).look(job)

    def execute(self, job: str) -> None:
        GenesysKeeper(client=self.client).execute(job)

    def cancel(self, job: str) -> None:
        GenesysKeeper(client=self.client).cancel(job)


def _hundreds(ids: Sequence[str]) -> list[list[str]]:
    return [list(ids[start : start + BATCH]) for start in range(0, len(ids), BATCH)]
