"""What an anonymizer is: sound in, as many samples out, another voice in between."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Anonymizer(Protocol):
    """Disguises one channel at a time.

    Parameters are drawn from `random` for each call and never stored: the same speaker never sounds alike
    twice, and nobody can undo it later. Silence stays silence where it was.
    """

    @property
    def name(self) -> str:
        """Short, stable and versioned: written to ledgers and released with the corpus."""
        ...

    def transform(self, samples: NDArray[np.float32], *, rate: int, random: np.random.Generator) -> NDArray[np.float32]:
        """Mono float32 of shape (frames,) at `rate`, to the same shape.

        Raises AnonymizationError when the length cannot be kept or a sample is not finite.
        """
        ...
