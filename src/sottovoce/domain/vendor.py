"""Sound that a vendor's service says it redacted. It is believed by nobody until our own ears have heard it."""

from __future__ import annotations

from dataclasses import dataclass

from sottovoce.domain.sound import Sound


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorRedacted:
    """Made by a service's adapter, and only from the object that the service named as redacted *sound*.

    A redacted transcript is no such thing: the sound beside it still says everything.
    """

    sound: Sound
    service: str
