"""What is handed over, and the paper that goes with it.

A parcel holds sound and exists in memory only. Its waybill says of each item its name, digests and size, and nothing of
what is in it: it is written down before the first byte leaves, so that whoever comes after a crash can ask the
destination for exactly that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.sound import Role

_MARK_DIGITS: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One recording of one line for one destination: delivered once, however often it is asked for."""

    line: str
    recording: str
    destination: str

    @property
    def id(self) -> str:
        """The delivery's own idempotency key here."""
        return f"{self.line}:{self.recording}:{self.destination}"

    @property
    def mark(self) -> str:
        """What the destination knows it by: the same whenever it is tried, and no use to any other destination."""
        return hashlib.sha256(f"sottovoce delivery\x00{self.id}".encode()).hexdigest()[:_MARK_DIGITS]

    def pseudonym(self, token: str | None) -> str | None:
        """A person's token as this destination may see it."""
        if token is None:
            return None
        return hashlib.sha256(f"{self.destination}\x00{token}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """What the pipeline knows of the call beside its sound; a profile's mapping says which of it goes along.

    `roles` has one entry a channel of the sealed sound, in its order.
    """

    roles: tuple[Role, ...]
    started_at: datetime | None = None
    ended_at: datetime | None = None
    language: str | None = None
    direction: str | None = None
    queue_category: str | None = None
    agent_token: str | None = field(default=None, repr=False)
    customer_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One file of a parcel."""

    part: str
    """`audio`, `sidecar` or `transcript`."""
    name: str
    content_type: str
    data: Confidential[bytes] = field(repr=False)

    @property
    def label(self) -> Label:
        data = self.data.reveal()
        return Label(
            part=self.part,
            name=self.name,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            md5=hashlib.md5(data, usedforsecurity=False).hexdigest(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What an item is known by once it is out of our hands. MD5 is for vendors that keep nothing better."""

    part: str
    name: str
    size: int
    sha256: str
    md5: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waybill:
    """What a parcel holds, without holding it. The sound comes first."""

    mark: str
    labels: tuple[Label, ...]
    format: str
    """Container, codec, rate and channels, such as `wav/pcm_16/8000/2`."""
    active_permille: int
    """How much of the sound is speech after redaction, in thousandths."""
    is_quiet: bool
    """It is less than the profile's minimum: the vendor may leave the call out."""

    @property
    def audio(self) -> Label:
        return self.labels[0]

    @property
    def bytes(self) -> int:
        return sum(label.size for label in self.labels)

    def as_json(self) -> dict[str, Any]:
        """For the book."""
        labels = [
            {"part": each.part, "name": each.name, "size": each.size, "sha256": each.sha256, "md5": each.md5}
            for each in self.labels
        ]
        said = {"mark": self.mark, "format": self.format, "active": self.active_permille, "quiet": self.is_quiet}
        return {**said, "labels": labels}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Waybill:
        return cls(
            mark=kept["mark"],
            labels=tuple(Label(**each) for each in kept["labels"]),
            format=kept["format"],
            active_permille=kept["active"],
            is_quiet=kept["quiet"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """Verified sound in the destination's form, with what goes beside it. `packing` alone makes one."""

    waybill: Waybill
    items: tuple[Item, ...] = field(repr=False)
