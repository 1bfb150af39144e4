"""Dual tones in a sound: which key, from when to when.

The sixteen dual tones of ITU-T Q.23, accepted within what ITU-T Q.24 Table A-1 has exchanges accept, and a little
beyond: a recording has been through codecs and mixers that no exchange's receiver sees, and a tone missed is a card
number released. Shape of the method: short spectra at 8 kHz; the strongest peak in the low and in the high group;
a tone is *sure* when the two peaks carry nearly all of the telephone band for 40 ms (speech never does), and *likely*
when each is steady and alone in its own group, which still holds with somebody talking over it. Likely tones count
when they last, or beside sure ones.

Refuses to say which key was pressed outside a `Confidential`. Does not look for a single frequency: the 1 kHz tone
that redaction puts in is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.spans import Span
from sottovoce.errors import DetectionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

RATE = 8000
LOW_HZ = np.array([697.0, 770.0, 852.0, 941.0], np.float32)
HIGH_HZ = np.array([1209.0, 1336.0, 1477.0, 1633.0], np.float32)
KEYS = "123A456B789C*0#D"
"""ITU-T Q.23 §6: row by row."""

FREQUENCY_TOLERANCE = 0.022
"""Q.24 accepts 1.8 % and must not accept 3.5 %; between the two a recorder's clock and the peak's estimate err."""
TWIST_DB = 12.0
"""Q.24's administrations accept 4 to 10 dB either way; 2 dB more for the recording path."""
FLOOR_DBFS = -55.0
"""Level of both tones together, mean square. Q.24's lowest are near -25 dBm; recordings reach -45 dBFS."""

SIZE = 256
"""32 ms: shorter than the 40 ms a tone must last (Q.24), long enough to part 697 from 770 Hz."""
HOP = 80
BIN_HZ = RATE / SIZE
BLOCK = 2048
"""Frames looked at in one go: memory stays constant however long the call."""

BAND = (6, 112)
LOW_GROUP = (20, 32)
HIGH_GROUP = (36, 55)
"""Bins of 200-3500 Hz, 625-1000 Hz and 1130-1720 Hz."""
LOBE = 2
"""Bins on either side of a peak that a Hann window spreads a steady tone over."""

SURE_SHARE = 0.80
SURE_FRAMES = 3
"""In 74 minutes of read speech, digits and letters no three frames in a row reach this share on one key."""
LIKELY_SHARE = 0.60
LIKELY_FRAMES = 3
LONE_SHARE = 0.75
LONE_FRAMES = 6
STEADY = 0.004
"""A likely tone on its own must last 80 ms and keep its frequency: voices drift more than 0.4 % in that time."""
CROWD = 3
CROWD_FRAMES = 4
"""Three likely tones of 60 ms within three seconds vouch for one another: keys in heavy noise, where no one is sure."""
BROKEN_FRAMES = 6
BESIDE = 3 * RATE

_WINDOW = np.hanning(SIZE + 1)[:-1].astype(np.float32)
_POWER = float(SIZE * (_WINDOW**2).sum() / 2)
"""Spectral energy of a sine of mean square one: Parseval, one side of the spectrum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tone:
    """One key press: where it sounds, in samples of the channel's own rate, rounded outward."""

    span: Span
    key: Confidential[str] = field(repr=False)
    level_dbfs: float
    sure: bool


def tones(channel: Floats, rate: int) -> tuple[Tone, ...]:
    """Every dual tone of 40 ms or more in mono float32 samples at `rate`, in order of time.

    A lone tone counts, and one cut by the start or the end of the recording. Two presses of the same key less than
    40 ms apart may be told as one tone. Raises DetectionError for samples that are not finite.
    """
    sound = _at_8k(channel, rate)
    looks = _look(sound)
    if looks is None:
        return ()
    return tuple(_tone(looks, run, rate, len(channel)) for run in _believed(looks))


def _at_8k(channel: Floats, rate: int) -> Floats:
    mono = np.ascontiguousarray(channel, np.float32)
    if not np.isfinite(mono).all():
        raise DetectionError("the sound holds samples that are not numbers", hint="decode the recording again")
    if rate == RATE:
        return mono
    import soxr

    resampled: Floats = soxr.resample(mono, rate, RATE, quality="MQ")
    return resampled


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looks:
    """What each frame looks like: arrays of one value a frame."""

    key: NDArray[np.int64]
    """Index into KEYS, or -1 where the peaks are off the grid, too quiet or too unlike."""
    share: Floats
    """Of the telephone band's energy, what the two peaks carry."""
    alone: Floats
    """The smaller of the two groups' shares that lie in their own peak."""
    low_hz: Floats
    high_hz: Floats
    level: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """Frames first..last that look like the same key."""

    first: int
    last: int
    key: int
    sure: bool

    @property
    def frames(self) -> int:
        return self.last - self.first + 1


def _look(sound: Floats) -> _Looks | None:
    """Frame i begins SIZE/2 + HOP before sample i*HOP: padding lets a tone cut by the edge be seen like any other."""
    if not len(sound):
        return None
    padded = np.pad(sound, SIZE // 2 + HOP)
    frames = np.lib.stride_tricks.sliding_window_view(padded, SIZE)[::HOP]
    blocks = [_look_at(frames[at : at + BLOCK]) for at in range(0, len(frames), BLOCK)]
    joined = [np.concatenate(parts) for parts in zip(*blocks, strict=True)]
    return _Looks(key=joined[0], share=joined[1], alone=joined[2], low_hz=joined[3], high_hz=joined[4], level=joined[5])


def _look_at(frames: Floats) -> tuple[NDArray[np.int64], Floats, Floats, Floats, Floats, Floats]:
    from scipy import fft

    spectrum = fft.rfft(frames * _WINDOW, axis=1)[:, : BAND[1]]
    power = spectrum.real**2 + spectrum.imag**2 + np.float32(1e-12)
    low_hz, low = _peak(power, LOW_GROUP)
    high_hz, high = _peak(power, HIGH_GROUP)
    both = low + high
    level = 10 * np.log10(both / _POWER)
    row, low_off = _nearest(low_hz, LOW_HZ)
    column, high_off = _nearest(high_hz, HIGH_HZ)
    fits = (low_off < FREQUENCY_TOLERANCE) & (high_off < FREQUENCY_TOLERANCE) & (level > FLOOR_DBFS)
    fits &= np.abs(10 * np.log10(high / low)) < TWIST_DB
    alone = np.minimum(low / _energy(power, LOW_GROUP), high / _energy(power, HIGH_GROUP))
    return np.where(fits, row * 4 + column, -1), both / _energy(power, BAND), alone, low_hz, high_hz, level


def _energy(power: Floats, group: tuple[int, int]) -> Floats:
    """Of a group's bins and the lobe on either side, so that a peak at the edge is not more than all of it."""
    total: Floats = power[:, max(0, group[0] - LOBE) : group[1] + LOBE + 1].sum(axis=1)
    return total


def _peak(power: Floats, group: tuple[int, int]) -> tuple[Floats, Floats]:
    """(frequency, energy) of the strongest peak; a parabola through the log spectrum places it between bins."""
    at = power[:, group[0] : group[1] + 1].argmax(axis=1) + group[0]
    rows = np.arange(len(power))[:, None]
    lobe = power[rows, at[:, None] + np.arange(-LOBE, LOBE + 1)]
    left, top, right = np.log(lobe[:, LOBE - 1 : LOBE + 2]).T
    bend = np.minimum(left - 2 * top + right, -1e-6)
    shift = np.clip((left - right) / (2 * bend), -0.5, 0.5)
    return ((at + shift) * BIN_HZ).astype(np.float32), lobe.sum(axis=1)


def _nearest(hz: Floats, grid: Floats) -> tuple[NDArray[np.int64], Floats]:
    off = np.abs(hz[:, None] / grid - 1)
    best = off.argmin(axis=1)
    return best, off[np.arange(len(hz)), best]


def _believed(looks: _Looks) -> list[_Run]:
    """Sure tones, likely ones that hold on their own or in a crowd, and likely ones beside any of these."""
    sure = [r for r in _stretches(looks.key, looks.share >= SURE_SHARE, sure=True) if r.frames >= SURE_FRAMES]
    lone = [r for r in _stretches(looks.key, looks.alone >= LONE_SHARE, sure=False) if r.frames >= CROWD_FRAMES]
    crowd = [r for r, near in zip(lone, _beside(lone, lone), strict=True) if near >= CROWD]
    anchors = sure + crowd + [r for r in lone if r.frames >= LONE_FRAMES and _steady(looks, r)]
    likely = list(_stretches(looks.key, looks.alone >= LIKELY_SHARE, sure=False))
    near = _beside(likely, anchors)
    return _united([*anchors, *(r for r, n in zip(likely, near, strict=True) if n and r.frames >= LIKELY_FRAMES)])


def _stretches(key: NDArray[np.int64], good: NDArray[np.bool_], *, sure: bool) -> Iterator[_Run]:
    """Runs of good frames with the same key."""
    code = np.where(good, key, -1)
    edges = np.flatnonzero(np.diff(code)) + 1
    for first, end in zip(np.r_[0, edges], np.r_[edges, len(code)], strict=True):
        if code[first] >= 0:
            yield _Run(first=int(first), last=int(end) - 1, key=int(code[first]), sure=sure)


def _steady(looks: _Looks, run: _Run) -> bool:
    inside = slice(run.first + 2, run.last - 1)
    wander = [float(np.ptp(hz[inside]) / hz[inside].mean()) for hz in (looks.low_hz, looks.high_hz)]
    return max(wander) < STEADY


def _beside(runs: list[_Run], anchors: list[_Run]) -> list[int]:
    """How many anchors lie within three seconds of each run; sorted, not compared in pairs, however many there are."""
    reach = BESIDE // HOP
    begun = np.searchsorted(np.sort([a.first for a in anchors]), [r.last + reach for r in runs], side="right")
    over = np.searchsorted(np.sort([a.last for a in anchors]), [r.first - reach for r in runs], side="left")
    return [int(n) for n in begun - over]


def _united(runs: Iterable[_Run]) -> list[_Run]:
    """In order of time; runs of the same key that nearly touch become one: talk over a long tone breaks it up."""
    out: list[_Run] = []
    for run in sorted(runs, key=lambda r: (r.first, r.last)):
        if out and run.key == out[-1].key and run.first <= out[-1].last + BROKEN_FRAMES:
            before = out[-1]
            out[-1] = _Run(
                first=before.first, last=max(before.last, run.last), key=run.key, sure=before.sure or run.sure
            )
        else:
            out.append(run)
    return out


def _tone(looks: _Looks, run: _Run, rate: int, frames: int) -> Tone:
    """Outward to the far edges of its frames, and further: a frame half filled, or half talked over, shows no tone."""
    slack = HOP if run.sure else 4 * HOP
    start = run.first * HOP - SIZE // 2 - HOP - slack
    end = run.last * HOP + SIZE // 2 - HOP + slack
    span = Span(max(0, start), max(0, end)).scaled(from_rate=RATE, to_rate=rate)
    return Tone(
        span=span.widened(0, 0, limit=frames),
        key=Confidential(KEYS[run.key]),
        level_dbfs=round(float(looks.level[run.first : run.last + 1].max()), 1),
        sure=run.sure,
    )
