"""Another voice for every call, by signal processing alone: no weights, nothing learned, nothing kept (SPEC 8.1).

A vocoder in four steps: `listen` keeps level, pitch and envelope of each frame; `draw` makes up a
speaker; `exchange` takes the real speaker's averages out and puts the drawn one's in; `speak` makes
sound of it with an excitation of its own. Each step takes away something that identifies (long-term spectrum,
pitch, glottis, room), and together they hide more than any alone (Patino and others, Interspeech 2021,
for the baseline of a single warp).

Refuses samples that are not mono or not finite. Sound above 8 kHz is not kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sottovoce.anonymize.draw import draw
from sottovoce.anonymize.exchange import exchange
from sottovoce.anonymize.grid import Grid, working_rate
from sottovoce.anonymize.spectrum import MelCepstrum
from sottovoce.anonymize.stillness import kept
from sottovoce.anonymize.synthesis import speak
from sottovoce.anonymize.voice import listen
from sottovoce.errors import AnonymizationError

LIMIT_FROM = 0.9
"""Louder samples are bent below full scale, so that none clips."""


class PseudoSpeakerAnonymizer:
    """Speaks with the throat of somebody who does not exist."""

    @property
    def name(self) -> str:
        """Written to ledgers and released with the corpus."""
        return "pseudo-speaker-1"

    def transform(self, samples: NDArray[np.float32], *, rate: int, random: np.random.Generator) -> NDArray[np.float32]:
        """Mono float32 of shape (frames,) at `rate` Hz, to the same shape; `samples` are left alone.

        Every sample lies within -1..1, and digital silence is digital silence. Raises AnonymizationError when
        `samples` are not mono or not finite, or the rate is not positive.
        """
        _refuse(samples, rate)
        if not samples.any():
            return np.zeros_like(samples)
        inner = working_rate(rate)
        worked = _resampled(np.clip(samples, -1, 1), rate, inner, -(-len(samples) * inner // rate))
        grid = Grid(rate=inner, samples=len(worked))
        cepstrum = MelCepstrum.of(grid)
        voice = listen(worked, grid=grid, cepstrum=cepstrum)
        speaker = draw(random, count=grid.count, cepstrum=cepstrum)
        other = exchange(voice, speaker, cepstrum=cepstrum)
        spoken = speak(other, speaker, grid=grid, cepstrum=cepstrum, random=random)
        disguised = _limited(_resampled(spoken, inner, rate, len(samples)))
        kept(samples, disguised, voice.tonal, rate=rate)
        return disguised


def _refuse(samples: NDArray[np.float32], rate: int) -> None:
    if samples.ndim != 1:
        raise AnonymizationError("one channel is disguised at a time", hint="split the channels first")
    if rate <= 0:
        raise AnonymizationError("the sample rate is not positive", hint="decode the recording again")
    if not np.isfinite(samples).all():
        raise AnonymizationError("the sound holds samples that are not finite", hint="decode the recording again")


def _resampled(samples: NDArray[np.float32], rate: int, to_rate: int, length: int) -> NDArray[np.float32]:
    """Exactly `length` long: soxr's own count can differ by one."""
    import soxr

    if rate == to_rate:
        return samples
    out = np.zeros(length, dtype=np.float32)
    made = soxr.resample(samples, rate, to_rate)[:length]
    out[: len(made)] = made
    return out


def _limited(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """A copy with peaks rounded off."""
    loud = np.abs(samples) > LIMIT_FROM
    over = (np.abs(samples[loud]) - LIMIT_FROM) / (1 - LIMIT_FROM)
    out = samples.copy()
    out[loud] = np.sign(samples[loud]) * (LIMIT_FROM + (1 - LIMIT_FROM) * 0.999 * np.tanh(over))
    return out
