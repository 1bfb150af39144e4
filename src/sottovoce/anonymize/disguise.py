"""From a verified recording to an anonymized one: every channel its own pseudo-speaker (SPEC 8.1).

The only maker of `Anonymized`. A policy that leaves disguising out needs a waiver that says who and why;
the recording then goes on as it is, and is never called anonymous.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sottovoce.anonymize.protocol import Anonymizer
from sottovoce.domain.outcome import Waiver
from sottovoce.domain.recording import Anonymized, Verified
from sottovoce.domain.sound import Sound, sound_digest
from sottovoce.errors import AnonymizationError

UNDISGUISED = "none"


class Disguiser:
    """Disguises recordings. `randomness` gives a fresh generator, seeded cryptographically, for each channel."""

    def __init__(self, *, anonymizer: Anonymizer, randomness: Callable[[], np.random.Generator]) -> None:
        self._anonymizer = anonymizer
        self._randomness = randomness

    def disguise(self, verified: Verified) -> Anonymized:
        """Agent and customer apart; as long as before, to the sample."""
        sound = self.disguise_sound(verified.sound)
        return Anonymized(
            verified=verified,
            sound=sound,
            method=self._anonymizer.name,
            waiver=None,
            digest=sound_digest(sound),
            predecessor=verified.digest,
        )

    def disguise_sound(self, sound: Sound) -> Sound:
        """The same for a sound that belongs to no recording, as `sottovoce anonymize FILE` does."""
        rows = [self._one(row, sound.rate) for row in sound.samples]
        return Sound(samples=np.stack(rows), rate=sound.rate, roles=sound.roles)

    def _one(self, row: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
        out = self._anonymizer.transform(row, rate=rate, random=self._randomness())
        if out.shape != row.shape or not np.isfinite(out).all():
            hint = "report the recording's format"
            raise AnonymizationError("the disguised sound is not as long as before", hint=hint)
        return out


class Undisguised:
    """Lets voices through as they are, under a waiver."""

    def __init__(self, *, waiver: Waiver) -> None:
        self._waiver = waiver

    def disguise(self, verified: Verified) -> Anonymized:
        """The same sound, with the waiver beside it."""
        return Anonymized(
            verified=verified,
            sound=verified.sound,
            method=UNDISGUISED,
            waiver=self._waiver,
            digest=sound_digest(verified.sound),
            predecessor=verified.digest,
        )
