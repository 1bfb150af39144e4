"""What the intake is handed, and what it asks of its host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A request as it came: header names in lower case, the raw body, and where it was sent."""

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    method: str = "POST"
    target: str = "/v1/events/recordings"
    """Path and query, as on the request line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message whose sender is known. `id` is the same for each copy of it."""

    sender: str
    id: str
    sent_at: datetime | None
    """None where the scheme signs no time: then only the store of what was seen stops a replay."""


class Verifier(Protocol):
    """One way of signing."""

    def claims(self, message: Message) -> bool:
        """Whether the message says it is signed this way."""
        ...

    def verify(self, message: Message, *, now: datetime) -> Delivery:
        """Who sent it. Raises SignatureRefused, which never says which of key, body or time was wrong."""
        ...


class Pseudonyms(Protocol):
    """Turns what identifies into keyed, one-way tokens; the same value always gives the same one."""

    def person(self, kind: str, value: str) -> str | None:
        """Of a `customer`'s number, an `extension` or an `email`; None where a caller withheld the number."""
        ...

    def recording(self, conversation_id: str, recording_id: str) -> str:
        """The opaque key the registry has for it."""
        ...

    def conversation(self, conversation_id: str) -> str: ...
