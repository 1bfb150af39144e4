"""What an evidence pack needs of the rooms whose word it takes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sottovoce.custody.impact import Impact
from sottovoce.custody.notices import Notice
from sottovoce.custody.retention import Resolution
from sottovoce.custody.sweep import SweepRow
from sottovoce.evidence.facts import AgreementFacts


class Keys(Protocol):
    """The vault's keys, by what an auditor asks of them."""

    @property
    def provider(self) -> str:
        """The provider's mark, as receipts have it."""
        ...

    def epochs(self) -> Sequence[EpochFacts]: ...

    def opens(self, recording: str) -> bool:
        """True when the recording has a key that is not destroyed."""
        ...

    def frozen(self, recording: str) -> bool:
        """True when there is no key that could be destroyed by mistake."""
        ...


class EpochFacts(Protocol):
    """One epoch of the key store."""

    @property
    def recordings(self) -> int: ...

    @property
    def created_ms(self) -> int: ...


class Objects(Protocol):
    """The object store, read only."""

    @property
    def scheme(self) -> str: ...

    def get(self, name: str) -> bytes:
        """Raises ObjectMissing, StorageError."""
        ...


class Keeping(Protocol):
    """What custody itself says it has to do."""

    def plan(self) -> Sequence[Resolution]: ...

    def sweeps(self) -> Sequence[SweepRow]: ...

    def unfinished(self) -> Sequence[str]:
        """Recordings whose erasure began and is not done."""
        ...

    def restored(self) -> bool:
        """True when a backup brought erased recordings back."""
        ...

    def notices(self) -> Sequence[Notice]: ...

    def impacts(self) -> Sequence[Impact]: ...


class Papers(Protocol):
    """What is on file with destinations, and what is wanting."""

    def facts(self) -> AgreementFacts: ...


class Clock(Protocol):
    def __call__(self) -> datetime: ...
