"""What an evidence pack is made of: the workspace's own figures, gathered once, so that checks are pure.

Counts, dates, codes and digests. Nothing here names a person, a call or a recording.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sottovoce.policy.model import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFacts:
    """`verdict` is the verifier's word. `odd` counts entries that do not decode; `refusals` those of access."""

    verdict: str
    size: int
    signed: int
    first_at: datetime | None
    last_at: datetime | None
    actions: Mapping[str, int]
    latest: Mapping[str, int]
    """The number of the latest entry of each action: what proofs are made of."""
    backwards: int
    """Entries dated more than a minute before one that stands before them."""
    anchored: bool
    vkey: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFacts:
    """`revived` are erased recordings whose key opens; `unkeyed` are sealed ones whose key does not."""

    provider: str
    epochs: int
    current_epoch_days: int | None
    oldest_carrying_days: int | None
    erased: int
    revived: int
    unkeyed: int
    held: int
    held_unfrozen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFacts:
    """A drawn sample of sealed objects, fetched: whether each is there and is the one that was recorded."""

    scheme: str
    present: int
    looked_at: int
    missing: int
    changed: int
    in_the_clear: int
    """Objects that begin as sound files do, and not as sealed ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionFacts:
    kept: int
    overdue: int
    conflicts: int
    frozen: int
    sweeps: int
    last_sweep_days: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureFacts:
    """`slowest_days` from the request to the certificate, or until now where there is none."""

    erasures: int
    recordings: int
    refused: int
    unfinished: int
    slowest_days: int | None
    bad_certificates: int
    notices: int
    notices_overdue: int
    decisions: int
    decisions_open: int
    decisions_overdue: int
    restored: bool
    """True when a restored backup brought erased recordings back and nobody replayed the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFacts:
    """`unadmitted` were sealed without a decision that admits them, `unverified` without a second detector's word."""

    known: int
    sealed: int
    withheld: int
    unexplained: int
    """Withheld without a reason."""
    unadmitted: int
    unverified: int
    undisguised: int
    removed_ms: Mapping[str, int]
    originals_with_authentication_data: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusFacts:
    versions: int
    samples: int
    erased_samples: int
    labels: Mapping[str, int]
    attacked: int
    """Versions released with a re-identification attack that they withstood."""
    runs: int
    runs_presumed: int
    models: int
    forbidden_metadata: int
    """Samples whose released facts say more than SPEC 11.1 lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessFacts:
    """None of it where the workspace keeps no principals."""

    principals: int
    reads: int
    refusals: int
    alarms: int
    last_review_days: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementFacts:
    """What policy needs on file with destinations. `strangers` were given recordings, and policy does not name them."""

    destinations: int
    strangers: int
    papers: int
    """Every one that was ever recorded."""
    needed: Mapping[str, int]
    """By class of data; `transfer` for borders, `required` for what policy asks beyond the law."""
    wanting: Mapping[str, int]
    expiring: int
    waived: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformanceFacts:
    """The latest report of `sottovoce conformance score --json` in the workspace's `reports`."""

    calls: int
    conforms: bool
    unit_leak_rate: float | None
    over_redaction: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything, as of one moment."""

    at: datetime
    tenant: str
    policy: Policy
    policy_digest: str
    ledger: LedgerFacts
    keys: KeyFacts
    store: StoreFacts
    retention: RetentionFacts
    erasure: ErasureFacts
    recordings: RecordingFacts
    corpus: CorpusFacts
    access: AccessFacts
    agreements: AgreementFacts
    conformance: ConformanceFacts | None = field(default=None)
