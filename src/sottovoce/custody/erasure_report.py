"""What an erasure did, refused, and could not reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sottovoce.custody.deliveries import Recipient
from sottovoce.custody.impact import Impact
from sottovoce.domain.at_source import SourceState
from sottovoce.domain.confidential import Confidential


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A recording that is kept, why, and since when that reason stands."""

    recording: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreached:
    """A node of a recording's lineage that could not be erased, and the code that says why."""

    recording: str
    node: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureReport:
    """What an erasure did. Asked for again when all is done, it finds nothing and certifies nothing.

    `at_source` counts what sources were asked to let go of, by how far that was then.

    `copies` are refused recordings of which the corpus copy went all the same. `recipients` were given
    recordings and are owed a notice; `impacts` are runs and models that saw them and wait for a decision.
    `certified` numbers the ledger entry that holds the certificate's digest. `opening` lets the subject show
    that the certificate is theirs; it is kept nowhere. `remains` says, in codes, what copies live on for a
    while whatever was done here.
    """

    id: str
    at: datetime
    recordings: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()
    copies: tuple[str, ...] = ()
    unreached: tuple[Unreached, ...] = ()
    remains: tuple[str, ...] = ()
    objects_deleted: int = 0
    samples_erased: int = 0
    versions: tuple[str, ...] = ()
    recipients: tuple[Recipient, ...] = ()
    impacts: tuple[Impact, ...] = ()
    at_source: Mapping[str, int] = field(default_factory=dict)
    ledger: tuple[int, ...] = ()
    certified: int | None = None
    traces_gone: bool = True
    certificate: str | None = None
    opening: Confidential[bytes] | None = field(default=None, repr=False)

    @property
    def complete(self) -> bool:
        """True when nothing was refused and nothing was out of reach; what a source was asked for is under way."""
        stuck = {SourceState.PENDING, SourceState.REFUSED} & self.at_source.keys()
        return not self.refused and not self.unreached and not stuck
