"""What a release may draw from: every sample of every recording that a line sealed and nobody erased.

What the pipeline says of a sealed recording comes as facts: `verified` (a second detector found nothing),
`method` (how the voice was disguised) and `roles` (who speaks on which channel, joined by `+`). A fact
that is missing is taken at its worst: not verified, not disguised, everybody on every channel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sottovoce.corpus.audio import Heard
from sottovoce.corpus.protocol import VersionStore
from sottovoce.corpus.splits import speakers_of
from sottovoce.custody.rows import StoredObject
from sottovoce.domain.outcome import Evidence, OutcomeStatus
from sottovoce.domain.recording import RecordingMetadata
from sottovoce.domain.sound import Role
from sottovoce.errors import RecordingErased

SAMPLE = "sample"
"""The kind of the objects that a corpus is made of."""

UNDISGUISED = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One sealed sample, with what is known of its recording."""

    metadata: RecordingMetadata = field(repr=False)
    held: StoredObject
    facts: Evidence

    @property
    def verified(self) -> bool:
        return self.facts.get("verified") is True

    @property
    def disguised(self) -> bool:
        return str(self.facts.get("method", UNDISGUISED)) != UNDISGUISED

    @property
    def role(self) -> Role:
        """Who speaks in it; both, unless the facts say otherwise of its channel."""
        roles = str(self.facts.get("roles", "")).split("+")
        channel = self.held.channel
        if channel is None or not 0 <= channel < len(roles) or roles[channel] not in set(Role):
            return Role.BOTH
        return Role(roles[channel])

    @property
    def speakers(self) -> frozenset[str]:
        return speakers_of(self.metadata, self.role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A candidate whose object was fetched, matched its digest, was opened and decoded."""

    candidate: Candidate
    heard: Heard

    @property
    def held(self) -> StoredObject:
        return self.candidate.held


def candidates(store: VersionStore, line: str) -> Iterator[Candidate]:
    """Every sample in the registry's order; recordings that were erased are not there any more."""
    for outcome in store.outcomes(line):
        if outcome.status is not OutcomeStatus.SEALED:
            continue
        try:
            _, metadata = store.recall(outcome.recording)
        except RecordingErased:
            continue
        for held in store.objects(outcome.recording):
            if held.kind == SAMPLE and held.line == line and not held.deleted:
                yield Candidate(metadata=metadata, held=held, facts=outcome.facts)
