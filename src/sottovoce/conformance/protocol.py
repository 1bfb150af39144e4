"""What judging needs of other rooms."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.sound import MediaFormat, Sound


class Codec(Protocol):
    """Encoded media to float32 samples of shape (channels, frames), and back in the same format.

    `read` raises MediaError for what is no sound it can read safely.
    """

    def read(self, data: Confidential[bytes]) -> tuple[NDArray[np.float32], MediaFormat]: ...

    def write(self, sound: Sound, shape: MediaFormat) -> Confidential[bytes]: ...
