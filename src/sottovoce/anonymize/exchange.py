"""One voice's tracks for another's: its average taken out, the drawn speaker's put in.

Averages are taken over a few seconds about each frame, so that two people on one channel are each
measured by themselves as far as they take turns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sottovoce.anonymize.draw import PseudoSpeaker
from sottovoce.anonymize.grid import HOP_S
from sottovoce.anonymize.spectrum import MelCepstrum
from sottovoce.anonymize.voice import Voice

ABOUT_S: Final = 4.0
WHOLE_COUNTS: Final = 5.0
"""The whole channel's average counts as this many frames: where next to nothing is near, it stands in."""
EVEN: Final = 0.5
"""How far each coefficient's spread is brought to the ordinary one, as an exponent."""
PITCH_HZ: Final = (70.0, 320.0)
MOST_INTONATION: Final = 0.35
"""A third of an octave and a half: beyond it lie the tracker's octave errors."""
CLEARLY_VOICED: Final = 0.55
VOICED_FROM: Final = 0.42
VOICED_OVER: Final = 0.33


def exchange(voice: Voice, speaker: PseudoSpeaker, *, cepstrum: MelCepstrum) -> Voice:
    """Whoever spoke, in the words' own time, as `speaker` would. `throat` and `bend` are left to synthesis."""
    return replace(
        voice,
        level=_level(voice, speaker),
        cepstra=_cepstra(voice, speaker, cepstrum),
        pitch=_pitch(voice, speaker),
        voicing=_running(np.clip((voice.voicing - VOICED_FROM) / VOICED_OVER, 0, 1), 3),
    )


def _level(voice: Voice, speaker: PseudoSpeaker) -> NDArray[np.float32]:
    """Pauses sink to the drawn room's noise; speech stays as loud as it was."""
    if not voice.ranges:
        return voice.level
    below = min(voice.loud_db - speaker.floor_db, voice.quiet_db) - voice.quiet_db
    quietness = 1 - np.clip((voice.level - voice.quiet_db) / max(voice.loud_db - voice.quiet_db - 10, 6), 0, 1)
    return np.asarray(voice.level + below * quietness, dtype=np.float32)


def _cepstra(voice: Voice, speaker: PseudoSpeaker, cepstrum: MelCepstrum) -> NDArray[np.float32]:
    around = Around.of(voice.speech)
    centred = voice.cepstra - around.mean(voice.cepstra)
    spread = np.sqrt(around.mean(np.square(centred)))
    even = centred * (cepstrum.spread / (spread + 0.05)).astype(np.float32) ** EVEN
    spoken = even @ speaker.mixing + speaker.timbre
    paused = speaker.room + 0.5 * even
    share = voice.speech[:, None]
    return np.asarray(share * spoken + (1 - share) * paused, dtype=np.float32)


def _pitch(voice: Voice, speaker: PseudoSpeaker) -> NDArray[np.float32]:
    height = np.log(voice.pitch)
    clear = np.flatnonzero((voice.voicing > CLEARLY_VOICED) & (voice.level > voice.quiet_db + 6))
    if not len(clear):
        return np.exp(speaker.pitch)
    moved = np.clip(height[clear] - np.median(height[clear]), -MOST_INTONATION, MOST_INTONATION)
    contour = _running(np.interp(np.arange(len(height)), clear, moved), 5)
    return np.clip(np.exp(speaker.pitch + speaker.liveliness * contour), *PITCH_HZ).astype(np.float32)


def _running(track: NDArray[np.floating], width: int) -> NDArray[np.float32]:
    padded = np.pad(track, width // 2, "edge")
    return np.convolve(padded, np.full(width, 1 / width), "valid").astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """Weighted averages over the frames within `ABOUT_S` of each frame."""

    weights: NDArray[np.float32]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    @classmethod
    def of(cls, weights: NDArray[np.float32]) -> Around:
        reach, at = round(ABOUT_S / HOP_S), np.arange(len(weights))
        return cls(weights=weights, first=np.maximum(at - reach, 0), last=np.minimum(at + reach + 1, len(weights)))

    def mean(self, track: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of shape (frames, order), column by column: an hour's running sums are long in double precision."""
        weight = self._sums(self.weights)
        out = np.empty_like(track)
        for column in range(track.shape[1]):
            weighted = self.weights * track[:, column]
            whole = weighted.sum() / (self.weights.sum() + 1e-6)
            out[:, column] = (self._sums(weighted) + WHOLE_COUNTS * whole) / (weight + WHOLE_COUNTS)
        return out

    def _sums(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        running = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
        return np.asarray(running[self.last] - running[self.first])
