"""Papers in memory, for tests of the gate; and a policy with one destination for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sottovoce.agreements.agreement import Agreement
from sottovoce.agreements.need import Need
from sottovoce.domain.agreement import AgreementKind, SccModule
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import RecordingMetadata, RecordingRef
from sottovoce.policy.load import parse_policy
from sottovoce.policy.model import Policy

DESTINATION = "verint"
TODAY = date(2026, 3, 1)
LONG_AGO = TODAY - timedelta(days=100)


POLICY = """\
sources: {calls: {kind: folder, path: calls}}
lawful_basis: {basis: consent}
consent: {wordings: [{version: w1, effective: 2025-01-01}]}
"""


def a_policy(sections: str = "agreements: {destinations: {verint: {zones: [us]}}}") -> Policy:
    """One folder of calls, and what else is said in YAML."""
    return parse_policy(f"{POLICY}{sections}\n").policy


def a_call(**changes: Any) -> RecordingMetadata:
    """A call of which next to nothing is known."""
    stated: dict[str, Any] = {
        "ref": RecordingRef(source="calls", key="ab" * 16, locator=Confidential("locator")),
        "conversation_id": "conversation-1",
        "recording_id": "recording-1",
        "started_at": datetime(2026, 2, 1, tzinfo=UTC),
        "duration_s": 90.0,
    }
    return RecordingMetadata(**stated | changes)


@dataclass
class MemoryPapers:
    """What is on file, as the register would answer. `asked` counts how often it was read."""

    papers: Sequence[Agreement] = ()
    asked: int = 0

    def on_file(self, destination: str) -> Sequence[Agreement]:
        self.asked += 1
        return [each for each in self.papers if each.destination == destination and each.withdrawn_at is None]


def a_paper(kind: AgreementKind, id_: str = "a-1", **changes: Any) -> Agreement:
    """A paper that was signed and recorded long before TODAY, and has no end."""
    stated: dict[str, Any] = {
        "id": id_,
        "destination": DESTINATION,
        "kind": kind,
        "reference": "REF-1",
        "digest": "ab" * 32,
        "signed": LONG_AGO,
        "effective": LONG_AGO,
        "recorded_by": "officer-1",
        "recorded_at": datetime(LONG_AGO.year, LONG_AGO.month, LONG_AGO.day, tzinfo=UTC),
    }
    return Agreement(**stated | changes)


def paper_for(need: Need, id_: str = "a-1", *, kind: AgreementKind | None = None, **changes: Any) -> Agreement:
    """The least paper that meets a need: of its first kind, and saying no more than it must."""
    chosen = kind or need.kinds[0]
    stated: dict[str, Any] = {
        "classes": frozenset({need.data_class}) if need.names_class else frozenset(),
        "module": SccModule.CONTROLLER_TO_PROCESSOR if chosen is AgreementKind.SCC else None,
        "from_zones": frozenset({need.move.origin}) if need.move else frozenset(),
        "to_zones": frozenset({need.move.target}) if need.move else frozenset(),
        "retention_years": need.years,
    }
    return a_paper(chosen, id_, **stated | changes)
