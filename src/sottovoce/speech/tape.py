"""A recording that is played from its start as often as asked, a block at a time (SPEC 5.1)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sottovoce.domain.encoded import Encoded
from sottovoce.domain.sound import MediaFormat, Role
from sottovoce.speech.caps import Caps
from sottovoce.speech.decode import opened


class MediaTape:
    """Decodes anew each time it is played, and keeps nothing. Roles that do not fit the channels count as none."""

    def __init__(self, source: Encoded, *, caps: Caps, roles: tuple[Role, ...] = ()) -> None:
        """Raises UnreadableMedia, TruncatedMedia or MediaTooLarge, as playing does."""
        self._source = source
        self._caps = caps
        with opened(source, caps=caps) as (shape, _):
            self.format: MediaFormat = shape
        self.roles = roles if len(roles) == shape.channels else (Role.BOTH,) * shape.channels

    @property
    def rate(self) -> int:
        return self.format.rate

    def play(self) -> Iterator[NDArray[np.float32]]:
        """Float32 of shape (channels, any), all of it in order."""
        with opened(self._source, caps=self._caps) as (_, blocks):
            for block in blocks:
                yield np.ascontiguousarray(block.T)
