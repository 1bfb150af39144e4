"""How well voices are hidden, what it costs the words, and how fast: ours beside two others, in one run.

    python benchmarks/voices.py [--voices FOLDER] [--every N] [--wer MODEL_DIR] [--only ours,pitch,mcadams]

FOLDER holds `speakers.json` and recordings (by default the shared voices). Attackers hold GE2E speaker
embeddings: *ignorant* enrols originals, *lazy* enrols what the same method made, *trained* moreover
learns a space (LDA) from what it made of other speakers: half of the speakers teach, the other half are
attacked, and the other way round. 50 % is perfect anonymity. The shared score's own functions
embed, pair and judge.

The others are the customary pitch shift of up to two semitones by phase vocoder, drawn per file, and the
VoicePrivacy baseline B2 with its coefficient drawn per file (Patino and others, arXiv 2011.01130).
Absolute rates are kinder than a larger attacker's: compare within one run only.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sottovoce.anonymize.pseudo_speaker import PseudoSpeakerAnonymizer

SHARED: Final = Path(os.environ.get("SOTTOVOCE_SHARED", Path(__file__).resolve().parents[2] / "shared"))
NEEDED: Final = {"resemblyzer": "resemblyzer webrtcvad-wheels", "sklearn": "scikit-learn", "soundfile": "soundfile"}
RATE: Final = 16_000
SPLITS: Final = 5

Samples = NDArray[np.float32]
Method = Callable[[Samples, np.random.Generator], Samples]
Row = dict[str, Any]


def main() -> None:
    options = _options()
    missing = [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        print(f"skipped: the attack needs other packages: pip install torch {' '.join(missing)} 'setuptools<81'")
        return
    if not (options.voices / "speakers.json").is_file():
        print("skipped: no speakers.json; name a folder of voices with --voices")
        return
    score = _score()
    rows = _rows(options)
    originals = {row["file"]: score.load16(options.voices / row["file"]) for row in rows}
    attack = Attack(score, rows, originals)
    print(f"{len(rows)} utterances of {len({row['speaker'] for row in rows})} speakers")
    print(f"{'':12s}{'ignorant':>10s}{'lazy':>10s}{'trained':>10s}{'WER':>10s}{'xRT':>10s}")
    heard = Hearing(options.wer, score, rows[:: options.wer_every])
    print(_line("original", attack.rates(originals), heard.error(originals), None))
    for name in options.only.split(","):
        made, speed = _made(METHODS[name], originals, options.seed)
        print(_line(name, attack.rates(made), heard.error(made), speed), flush=True)


class Attack:
    """Three attackers on one set of voices."""

    def __init__(self, score: ModuleType, rows: list[Row], originals: dict[str, Samples]) -> None:
        from resemblyzer import VoiceEncoder

        self._score, self._rows = score, rows
        self._encoder = VoiceEncoder("cpu", verbose=False)
        self._originals = self._embedded(originals)

    def rates(self, made: dict[str, Samples]) -> tuple[float, float, float]:
        """Equal error rates: ignorant, lazy, trained."""
        found = self._embedded(made)
        ignorant = self._score.eer(*self._score.trials(self._rows, self._originals, found))
        lazy = self._score.eer(*self._score.trials(self._rows, found, found))
        return ignorant, lazy, self._trained(found)

    def _embedded(self, sounds: dict[str, Samples]) -> dict[str, Samples]:
        from resemblyzer import preprocess_wav

        return {
            name: self._encoder.embed_utterance(preprocess_wav(sound, source_sr=RATE)) for name, sound in sounds.items()
        }

    def _trained(self, found: dict[str, Samples]) -> float:
        same, other = [], []
        for split in range(SPLITS):
            teachers = self._teachers(np.random.default_rng(split))
            for attacked in (True, False):
                learn = [row for row in self._rows if (row["speaker"] in teachers) is attacked]
                tested = [row for row in self._rows if (row["speaker"] in teachers) is not attacked]
                one, two = self._score.trials(tested, *[_learned(learn, tested, found)] * 2)
                same.append(one)
                other.append(two)
        return float(self._score.eer(np.concatenate(same), np.concatenate(other)))

    def _teachers(self, random: np.random.Generator) -> set[str]:
        """Half of the speakers of each gender."""
        half: set[str] = set()
        for gender in sorted({row["gender"] for row in self._rows}):
            speakers = sorted({row["speaker"] for row in self._rows if row["gender"] == gender})
            half |= set(random.permutation(speakers)[: len(speakers) // 2].tolist())
        return half


def _learned(learn: list[Row], tested: list[Row], found: dict[str, Samples]) -> dict[str, Samples]:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    speakers = [row["speaker"] for row in learn]
    space = LinearDiscriminantAnalysis(
        n_components=min(32, len(set(speakers)) - 1), solver="eigen", shrinkage="auto"
    ).fit(np.stack([found[row["file"]] for row in learn]), speakers)
    return {row["file"]: space.transform(found[row["file"]][None])[0] for row in tested}


class Hearing:
    """Word error rate by a Whisper model in CTranslate2's format; nothing without one."""

    def __init__(self, folder: Path | None, score: ModuleType, rows: list[Row]) -> None:
        self._score, self._rows, self._model = score, rows, None
        if folder is not None:
            from faster_whisper import WhisperModel

            self._model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)

    def error(self, sounds: dict[str, Samples]) -> float | None:
        if self._model is None:
            return None
        wrong = said = 0
        for row in self._rows:
            segments, _ = self._model.transcribe(
                sounds[row["file"]], language="en", beam_size=1, condition_on_previous_text=False
            )
            words = self._score.norm(row["text"])
            wrong += self._score.edits(words, self._score.norm(" ".join(segment.text for segment in segments)))
            said += len(words)
        return wrong / said


def _made(method: Method, originals: dict[str, Samples], seed: int) -> tuple[dict[str, Samples], float]:
    """And how many seconds of sound a second of processor time makes."""
    random, before = np.random.default_rng(seed), time.process_time()
    made = {name: method(sound, random) for name, sound in originals.items()}
    return made, sum(map(len, originals.values())) / RATE / (time.process_time() - before)


def _ours(samples: Samples, random: np.random.Generator) -> Samples:
    return PseudoSpeakerAnonymizer().transform(samples, rate=RATE, random=random)


def _pitch_shifted(samples: Samples, random: np.random.Generator) -> Samples:
    """A phase vocoder stretches, resampling shrinks back."""
    import soxr

    factor = 2 ** (random.uniform(-2, 2) / 12)
    size, hop = 1024, 256
    window = np.hanning(size + 1)[:-1]
    padded = np.pad(samples, (size, 2 * size))
    spectra = np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, size)[::hop] * window)
    expected = 2 * np.pi * hop * np.arange(size // 2 + 1) / size
    at = np.arange(0, len(spectra) - 2, 1 / factor)
    first, part = at.astype(int), (at % 1)[:, None]
    turn = np.angle(spectra[first + 1]) - np.angle(spectra[first]) - expected
    turn = expected + (turn + np.pi) % (2 * np.pi) - np.pi
    phase = np.angle(spectra[0]) + np.concatenate([np.zeros((1, turn.shape[1])), np.cumsum(turn[:-1], axis=0)])
    level = (1 - part) * np.abs(spectra[first]) + part * np.abs(spectra[first + 1])
    stretched = np.zeros(len(at) * hop + size)
    for index, frame in enumerate(np.fft.irfft(level * np.exp(1j * phase)) * window / 1.5):
        stretched[index * hop : index * hop + size] += frame
    back = soxr.resample(stretched.astype(np.float32), RATE * factor, RATE)[size:]
    return np.clip(np.pad(back, (0, max(0, len(samples) - len(back))))[: len(samples)], -1, 1)


def _mcadams(samples: Samples, random: np.random.Generator) -> Samples:
    """Poles' angles to a power drawn from 0.5 to 0.9: 20 ms frames, order 20."""
    from scipy.linalg import solve_toeplitz
    from scipy.signal import lfilter

    power, size, order = random.uniform(0.5, 0.9), 320, 20
    hop, window = size // 2, np.hanning(size + 1)[:-1]
    padded = np.pad(samples.astype(float), (hop, size))
    out = np.zeros(len(padded))
    for start in range(0, len(padded) - size + 1, hop):
        frame = padded[start : start + size] * np.sqrt(window)
        own = np.correlate(frame, frame, "full")[size - 1 : size + order]
        if own[0] < 1e-8:
            continue
        poly = np.concatenate([[1], -solve_toeplitz(own[:-1] * (1 + 1e-6 * (np.arange(order) == 0)), own[1:])])
        moved = np.poly(_powered(np.roots(poly), power)).real
        out[start : start + size] += lfilter([1], moved, lfilter(poly, [1], frame)) * np.sqrt(window)
    out = out[hop : hop + len(samples)]
    return np.asarray(out / max(1.0, float(np.abs(out).max())), dtype=np.float32)


def _powered(poles: NDArray[np.complex128], power: float) -> NDArray[np.complex128]:
    angle = np.abs(np.angle(poles))
    turned = np.where(np.abs(poles.imag) > 1e-9, angle**power, angle)
    return np.asarray(np.minimum(np.abs(poles), 0.999) * np.exp(1j * np.sign(poles.imag) * np.minimum(turned, np.pi)))


METHODS: Final[dict[str, Method]] = {"ours": _ours, "pitch": _pitch_shifted, "mcadams": _mcadams}


def _score() -> ModuleType:
    spec = importlib.util.spec_from_file_location("score_voices", SHARED / "eval" / "score_voices.py")
    if spec is None or spec.loader is None or not (SHARED / "eval" / "score_voices.py").is_file():
        sys.exit("needs the shared folder's eval/score_voices.py (SOTTOVOCE_SHARED)")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _rows(options: argparse.Namespace) -> list[Row]:
    """Every n-th speaker, with all of their utterances."""
    rows: list[Row] = json.loads((options.voices / "speakers.json").read_text())
    speakers = sorted({(row["gender"], row["speaker"]) for row in rows})[:: options.every]
    return [row for row in rows if (row["gender"], row["speaker"]) in speakers]


def _line(name: str, rates: tuple[float, float, float], error: float | None, speed: float | None) -> str:
    shares = "".join(f"{100 * rate:9.1f}%" for rate in rates)
    words = f"{100 * error:9.1f}%" if error is not None else f"{'-':>10s}"
    return f"{name:12s}{shares}{words}" + (f"{speed:10.0f}" if speed is not None else f"{'-':>10s}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voices", type=Path, default=SHARED / "data" / "voices")
    parser.add_argument("--every", type=int, default=1, help="every N-th speaker only")
    parser.add_argument("--wer", type=Path, help="a Whisper model's folder")
    parser.add_argument("--wer-every", type=int, default=4, help="every N-th utterance is transcribed")
    parser.add_argument("--only", default=",".join(METHODS))
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
