"""What the vault is told of a sealed object by whoever remembers it."""

from __future__ import annotations

from typing import Protocol


class Held(Protocol):
    """A sealed object as a registry remembers it, with the recording it belongs to."""

    @property
    def recording(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def channel(self) -> int | None: ...

    @property
    def rev(self) -> int: ...

    @property
    def location(self) -> str: ...
