"""What can be recovered from features: words by inverting them, speakers by comparing them, in one run.

    python benchmarks/features.py [--voices FOLDER] [--words N] [--seed 1]

FOLDER holds `speakers.json` and recordings (by default the shared voices). *Words*: each feature set is inverted
(bands to spectrum by the pseudo-inverse, phases by Griffin and Lim, 1984, 32 rounds; the envelope drives noise in its
bands) and the packaged recogniser listens; at 100 % of words wrong nothing of the speech is left. *Speakers*: each
speaker's utterances are parted in two, each half is described by mean, spread and movement of its features, and halves
are matched by the nearest neighbour; chance is one in the number of speakers. Both are small attackers: what they find
is there, what they do not find may be.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from sottovoce.domain.sound import Role, Sound
from sottovoce.errors import HearingError
from sottovoce.speech.resample import resample
from sottovoce.speech.whisper import WhisperTranscriber
from sottovoce.uploads.features import (
    COEFFICIENTS,
    ENVELOPE_BANDS,
    ENVELOPE_HOPS,
    FFT,
    HOP,
    MELS,
    RATE,
    WINDOW,
    FeatureSet,
    extract,
    grade,
    mel_filters,
)

SHARED: Final = Path(os.environ.get("SOTTOVOCE_SHARED", Path(__file__).resolve().parents[2] / "shared"))
ROUNDS: Final = 32

Samples = NDArray[np.float32]


def main() -> None:
    options = _options()
    if not (options.voices / "speakers.json").is_file():
        print("skipped: no speakers.json; name a folder of voices with --voices")
        return
    rows = [row for row in json.loads((options.voices / "speakers.json").read_text()) if row.get("text")]
    rng = np.random.default_rng(options.seed)
    chosen = [rows[int(at)] for at in rng.choice(len(rows), size=min(options.words, len(rows)), replace=False)]
    sounds = {row["file"]: load(options.voices / row["file"]) for row in rows}
    hears = WhisperTranscriber(model="tiny.en", threads=1)
    original = errors(hears, chosen, lambda samples: samples, sounds)
    print(f"{len(chosen)} utterances heard; {len({row['speaker'] for row in rows})} speakers compared")
    print(f"{'':10s}{'words wrong':>14s}{'speaker found':>16s}   grade")
    print(f"{'original':10s}{original:13.1%}{'':16s}")
    for each in FeatureSet:
        wrong = errors(hears, chosen, lambda samples, each=each: invert(extract(samples, each), each, rng), sounds)
        found, chance = matched(rows, sounds, each)
        print(f"{each.value:10s}{wrong:13.1%}{found:15.1%}    {grade(each)} (chance {chance:.1%})")


def load(path: Path) -> Samples:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return resample(samples.T[:1], from_rate=rate, to_rate=RATE)[0]


def errors(hears: WhisperTranscriber, rows: list[dict[str, Any]], treat: Any, sounds: dict[str, Samples]) -> float:
    """Word errors over all utterances, in parts of the words that were said."""
    wrong = total = 0
    for row in rows:
        said = words(row["text"])
        treated = np.ascontiguousarray(treat(sounds[row["file"]]), dtype=np.float32)[np.newaxis]
        sound = Sound(samples=treated, rate=RATE, roles=(Role.BOTH,))
        heard = understood(hears, sound)
        wrong += distance(said, heard)
        total += len(said)
    return wrong / total


def understood(hears: WhisperTranscriber, sound: Sound) -> list[str]:
    """What the recogniser makes of it; nothing where it says itself that it understood too little."""
    try:
        transcript = hears.transcribe(sound, language="en")
    except HearingError:
        return []
    return words(" ".join(word.text.reveal() for c in transcript.channels for word in c.words))


def words(text: str) -> list[str]:
    return "".join(c if c.isalnum() or c == "'" else " " for c in text.casefold()).split()


def distance(one: list[str], other: list[str]) -> int:
    """Levenshtein's."""
    row = list(range(len(other) + 1))
    for i, word in enumerate(one, start=1):
        last, row[0] = row[0], i
        for j, against in enumerate(other, start=1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (word != against))
    return row[-1]


def invert(found: Samples, chosen: FeatureSet, rng: np.random.Generator) -> Samples:
    """Sound from features, as well as an afternoon's work does it."""
    match chosen:
        case FeatureSet.LOG_MEL:
            power = 10.0**found
        case FeatureSet.MFCC:
            from scipy.fft import idct

            padded = np.pad(found, ((0, 0), (0, MELS - COEFFICIENTS)))
            power = np.exp(idct(padded, type=2, norm="ortho", axis=1))
        case FeatureSet.ENVELOPE:
            power = 10.0 ** np.repeat(np.repeat(found, ENVELOPE_HOPS, axis=0), MELS // ENVELOPE_BANDS, axis=1)
    spectrum = np.sqrt(np.maximum(power @ np.linalg.pinv(mel_filters()).T, 1e-10))
    return griffin_lim(spectrum, rng)


def griffin_lim(magnitude: Samples, rng: np.random.Generator) -> Samples:
    """Phases that fit the magnitudes of shape (frames, FFT/2+1)."""
    phase = np.exp(2j * np.pi * rng.random(magnitude.shape))
    sound = overlapped(magnitude * phase)
    for _ in range(ROUNDS):
        phase = np.exp(1j * np.angle(framed(sound, len(magnitude))))
        sound = overlapped(magnitude * phase)
    return np.asarray(0.5 * sound / max(float(np.abs(sound).max()), 1e-6), dtype=np.float32)


def window() -> Samples:
    made = np.zeros(FFT)
    start = (FFT - WINDOW) // 2
    made[start : start + WINDOW] = np.hanning(WINDOW + 1)[:WINDOW]
    return made


def framed(sound: Samples, frames: int) -> NDArray[np.complex128]:
    return np.fft.rfft(np.stack([sound[k * HOP : k * HOP + FFT] * window() for k in range(frames)]), axis=1)


def overlapped(spectrum: NDArray[np.complex128]) -> Samples:
    pieces, shape = np.fft.irfft(spectrum, n=FFT, axis=1), window()
    sound = np.zeros((len(pieces) - 1) * HOP + FFT)
    weight = np.full_like(sound, 1e-8)
    for k, piece in enumerate(pieces):
        sound[k * HOP : k * HOP + FFT] += piece * shape
        weight[k * HOP : k * HOP + FFT] += shape**2
    return sound / weight


def matched(rows: list[dict[str, Any]], sounds: dict[str, Samples], chosen: FeatureSet) -> tuple[float, float]:
    """How many speakers' halves find each other, and what chance would find."""
    spoken: dict[str, list[Samples]] = defaultdict(list)
    for row in rows:
        spoken[row["speaker"]].append(extract(sounds[row["file"]], chosen))
    halves = [(described(every[::2]), described(every[1::2])) for every in spoken.values() if len(every) > 1]
    first, second = (np.stack([pair[side] for pair in halves]) for side in (0, 1))
    spread = np.concatenate((first, second)).std(axis=0) + 1e-6
    far = np.linalg.norm((first[:, np.newaxis] - second) / spread, axis=2)
    return float((far.argmin(axis=1) == np.arange(len(halves))).mean()), 1 / len(halves)


def described(every: list[Samples]) -> Samples:
    """Mean, spread and movement of each dimension."""
    whole = np.concatenate(every)
    moves = np.concatenate([np.abs(np.diff(each, axis=0)) for each in every])
    return np.concatenate((whole.mean(axis=0), whole.std(axis=0), moves.mean(axis=0), moves.std(axis=0)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--voices", type=Path, default=SHARED / "data" / "voices")
    parser.add_argument("--words", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
