"""Train the second ear on what `ear_speech.py` made, and write its weights for `sottovoce.detect.acoustic`.

    train_ear.py SPEECH.npz OUT.npz [--minutes 13]

Needs torch, in an environment of its own: the product does not. One core; the time given is what it takes. The weights
that come with the product took ten minutes, on 180 minutes of synthesized and 165 of recorded speech. Every example is
spoiled afresh: speed, room, line, noise, other voices, level, µ-law, Opus.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
import time
from pathlib import Path

import numpy as np
import soundfile as sf
import torch
from scipy import signal

from sottovoce.detect import acoustic

STEPS = 240
LENGTH = STEPS * acoustic.STEP
IGNORE = -1
WIDTH = 128
DILATIONS = (1, 2, 4, 8, 4)


def parts_of(word: str) -> int:
    return acoustic.FIRST_DIGIT + acoustic.PARTS * acoustic.DIGITS.index(word)


class Speech:
    """The corpus: whole utterances, and a bank of single words to splice."""

    def __init__(self, path: Path, rng: np.random.Generator) -> None:
        held = np.load(path)
        self.rng = rng
        edges = np.r_[0, np.cumsum(held["lengths"])]
        sound, kinds, speakers = held["sound"], held["kinds"], held["speakers"]
        words: list[list[tuple[str, float, float]]] = [[] for _ in kinds]
        for n, word, (start, end) in zip(held["word_item"], held["word"], held["word_s"], strict=True):
            words[n].append((str(word), float(start), float(end)))
        items = [(sound[a:b], w) for a, b, w in zip(edges[:-1], edges[1:], words, strict=True)]
        self.synthetic = [i for i, k, s in zip(items, kinds, speakers, strict=True) if s == "synthetic"]
        self.recorded = [
            i for i, k, s in zip(items, kinds, speakers, strict=True) if s != "synthetic" and k == "utterance"
        ]
        voices: dict[tuple[str, bool], list[np.ndarray]] = {}
        for (x, w), k, s in zip(items, kinds, speakers, strict=True):
            an4 = str(s).startswith("an4")
            if k != "word" and not an4:
                continue
            for word, start, end in w:
                if word == "?" or end - start < 0.08:
                    continue
                cut = x[max(0, int((start - 0.02) * 8000)) : int((end + 0.02) * 8000)]
                group = str(s) if str(s).startswith("fsdd") or an4 else str(s).split("-")[0]
                voices.setdefault((group, word in acoustic.DIGITS), []).append((word, cut))
        self.voices = voices

    def splice(self) -> tuple[np.ndarray, list[tuple[str, float, float]]]:
        """Single words one after another, as a caller says digits; sometimes other words at the same pace."""
        rng = self.rng
        kind = rng.random()
        groups = sorted({g for g, _ in self.voices})
        fsdd = [g for g in groups if g.startswith("fsdd")]
        an4 = [g for g in groups if g.startswith("an4")]
        other = [g for g in groups if g not in fsdd and g not in an4]
        digit_group = rng.choice(rng.choice(np.array([fsdd, an4, other], dtype=object)))
        word_group = rng.choice(an4 if rng.random() < 0.3 else other)
        out, words, at = [], [], 0
        pace = rng.uniform(0.0, 0.5)
        while at < LENGTH * 1.3:
            digit = kind < 0.5 or (kind < 0.7 and rng.random() < 0.5)
            pool = self.voices.get((digit_group if digit else word_group, digit))
            if not pool:
                digit_group, word_group = rng.choice(fsdd), rng.choice(other)
                continue
            word, cut = pool[rng.integers(len(pool))]
            gap = int(8000 * (rng.uniform(0, 0.08) + rng.exponential(pace)))
            sound = cut.astype(np.float32) / 32768 * 10 ** (rng.uniform(-4, 4) / 20)
            out += [np.zeros(gap, np.float32), sound]
            at += gap
            words.append((word, at / 8000 + 0.02, (at + len(sound)) / 8000 - 0.02))
            at += len(sound)
        return np.concatenate(out), words

    def whole(self, pool: list) -> tuple[np.ndarray, list[tuple[str, float, float]]]:
        out, words, at = [], [], 0
        while at < LENGTH * 1.3:
            x, w = pool[self.rng.integers(len(pool))]
            gap = int(8000 * self.rng.exponential(0.3))
            out += [np.zeros(gap, np.float32), x.astype(np.float32) / 32768]
            at += gap
            words += [(word, s + at / 8000, e + at / 8000) for word, s, e in w]
            at += len(x)
        return np.concatenate(out), words

    def draw(self) -> tuple[np.ndarray, list[tuple[str, float, float]]]:
        kind = self.rng.random()
        if kind < 0.4:
            return self.splice()
        return self.whole(self.synthetic if kind < 0.72 else self.recorded)

    def example(self) -> tuple[np.ndarray, np.ndarray]:
        """(sound spoiled, labels) of STEPS steps."""
        sound, words = self.draw()
        rate = float(np.clip(self.rng.normal(1, 0.09), 0.78, 1.25))
        sound = np.interp(np.arange(0, len(sound) - 1, rate), np.arange(len(sound)), sound).astype(np.float32)
        start = int(self.rng.integers(0, max(1, len(sound) - LENGTH)))
        sound = np.pad(sound[start : start + LENGTH], (0, max(0, LENGTH - len(sound[start:]))))
        words = [(w, s / rate - start / 8000, e / rate - start / 8000) for w, s, e in words]
        return spoil(sound, self), labels(sound, words)


def labels(sound: np.ndarray, words: list[tuple[str, float, float]]) -> np.ndarray:
    """For each step what is said: thirds of digits, other words, silence; IGNORE where nobody can say."""
    level = np.sqrt(np.convolve(np.square(sound), np.ones(240) / 240, "same")[:: acoustic.STEP] + 1e-10)
    loud = level > max(0.003, 0.03 * level.max())
    out = np.where(loud, IGNORE, acoustic.SILENCE)
    for word, s, e in words:
        a, b = max(0, round(s * 50)), min(STEPS, round(e * 50))
        if b <= a:
            continue
        here = np.flatnonzero(loud[a:b]) + a
        if word in acoustic.DIGITS:
            if len(here) < 3 or s < -0.02 or e > STEPS / 50 + 0.02:
                out[a:b] = np.where(loud[a:b], IGNORE, acoustic.SILENCE)
                continue
            first, last = here[0], here[-1] + 1
            third = np.minimum((np.arange(last - first) * acoustic.PARTS) // (last - first), acoustic.PARTS - 1)
            out[first:last] = parts_of(word) + third
        else:
            out[here] = {"*": acoustic.OTHER, "#": acoustic.TENS}.get(word, IGNORE)
    return out


def spoil(sound: np.ndarray, speech: Speech) -> np.ndarray:
    rng = speech.rng
    if rng.random() < 0.35:
        room = rng.normal(0, 1, 2400) * np.exp(-np.arange(2400) / (8000 * rng.uniform(0.02, 0.09)))
        room[0] = rng.uniform(1, 6) * np.abs(room).max()
        sound = signal.fftconvolve(sound, room / np.linalg.norm(room))[:LENGTH]
    if rng.random() < 0.7:
        sound = line(sound, rng)
    loud = np.sqrt(np.mean(np.square(sound[np.abs(sound) > 0.01]))) if np.any(np.abs(sound) > 0.01) else 0.05
    if rng.random() < 0.75:
        hiss = rng.normal(0, 1, LENGTH)
        if rng.random() < 0.6:
            hiss = signal.lfilter([1], [1, -rng.uniform(0.3, 0.97)], hiss)
        sound = sound + hiss / hiss.std() * loud * 10 ** (-rng.uniform(8, 45) / 20)
    if rng.random() < 0.12:
        talk, _ = speech.whole(speech.recorded)
        sound = sound + talk[:LENGTH] * 10 ** (-rng.uniform(12, 30) / 20)
    sound = sound / (loud + 1e-9) * 10 ** (rng.uniform(-42, -10) / 20)
    if rng.random() < 0.5:
        sound = mu_law(sound)
    elif rng.random() < 0.12:
        sound = opus(sound)
    return np.clip(sound, -1, 1).astype(np.float32)


def line(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random telephone line: band edges, tilt, one resonance."""
    hz = np.fft.rfftfreq(2 * LENGTH, 1 / 8000)
    low, high = rng.uniform(80, 400), rng.uniform(2800, 4000)
    gain = 1 / np.sqrt((1 + (low / (hz + 1)) ** 6) * (1 + (hz / high) ** 16))
    gain *= 10 ** (rng.uniform(-8, 8) * np.log2((hz + 200) / 1000) / 3 / 20)
    gain *= 10 ** (rng.uniform(-6, 6) * np.exp(-(((hz - rng.uniform(300, 3000)) / 400) ** 2)) / 20)
    return np.fft.irfft(np.fft.rfft(sound, 2 * LENGTH) * gain)[:LENGTH]


def mu_law(sound: np.ndarray) -> np.ndarray:
    """ITU-T G.711 in its continuous form, to 8 bits and back."""
    squeezed = np.sign(sound) * np.log1p(255 * np.minimum(np.abs(sound), 1)) / math.log(256)
    squeezed = np.round(squeezed * 127) / 127
    return np.sign(squeezed) * np.expm1(np.abs(squeezed) * math.log(256)) / 255


def opus(sound: np.ndarray) -> np.ndarray:
    held = io.BytesIO()
    sf.write(held, np.clip(sound, -1, 1), 8000, format="OGG", subtype="OPUS")
    held.seek(0)
    return sf.read(held, dtype="float32")[0][:LENGTH]


class Ear(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv1d(acoustic.BANDS, WIDTH, 5, stride=acoustic.STRIDE, padding=2, bias=False)
        self.first_norm = torch.nn.BatchNorm1d(WIDTH)
        self.blocks = torch.nn.ModuleList(
            torch.nn.Conv1d(WIDTH, WIDTH, 3, dilation=d, padding=d, bias=False) for d in DILATIONS
        )
        self.norms = torch.nn.ModuleList(torch.nn.BatchNorm1d(WIDTH) for _ in DILATIONS)
        self.last = torch.nn.Conv1d(WIDTH, acoustic.CLASSES, 1)
        self.drop = torch.nn.Dropout(0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.first_norm(self.first(x)))
        for block, norm in zip(self.blocks, self.norms, strict=True):
            x = x + self.drop(torch.relu(norm(block(x))))
        return self.last(x)

    def weights(self) -> dict[str, np.ndarray]:
        """Half floats, normalisation folded in; kernels as (taps * inputs, outputs)."""
        out = {}
        convs = [("first", self.first, self.first_norm)]
        convs += [(f"block{n}", b, m) for n, (b, m) in enumerate(zip(self.blocks, self.norms, strict=True))]
        for name, conv, norm in convs:
            scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            kernel = conv.weight * scale[:, None, None]
            out[f"{name}_kernel"] = flat(kernel)
            out[f"{name}_bias"] = (norm.bias - norm.running_mean * scale).detach().numpy().astype(np.float32)
        out["last_kernel"] = flat(self.last.weight)
        out["last_bias"] = self.last.bias.detach().numpy().astype(np.float32)
        out["dilations"] = np.array(DILATIONS)
        return out


def flat(kernel: torch.Tensor) -> np.ndarray:
    k = kernel.detach().numpy()
    return k.transpose(2, 1, 0).reshape(-1, k.shape[0]).astype(np.float16)


def train(speech: Speech, minutes: float, batch: int = 24) -> tuple[Ear, np.ndarray]:
    ear = Ear()
    steps = torch.optim.AdamW(ear.parameters(), lr=3e-3, weight_decay=0.01)
    seen = np.ones(acoustic.CLASSES)
    began, n, heard, right, judged = time.monotonic(), 0, 0.0, 0, 0
    while (done := (time.monotonic() - began) / 60 / minutes) < 1:
        for group in steps.param_groups:
            group["lr"] = 3e-3 * min(1, n / 200) * (0.5 + 0.5 * math.cos(math.pi * done)) + 1e-5
        pairs = [speech.example() for _ in range(batch)]
        x = torch.from_numpy(np.stack([acoustic.features(s) for s, _ in pairs])).transpose(1, 2)
        y = torch.from_numpy(np.stack([label for _, label in pairs]).astype(np.int64))
        seen += np.bincount(y[y >= 0].numpy(), minlength=acoustic.CLASSES)
        told = ear(x)
        loss = torch.nn.functional.cross_entropy(told, y, ignore_index=IGNORE, label_smoothing=0.03)
        steps.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(ear.parameters(), 1.0)
        steps.step()
        n, heard = n + 1, 0.98 * heard + 0.02 * float(loss.detach())
        right += int((told.argmax(1) == y)[y >= 0].sum())
        judged += int((y >= 0).sum())
        if n % 100 == 0:
            print(
                f"{done:.2f} {n} loss {heard / (1 - 0.98**n):.3f} frames right {right / judged:.3f}",
                file=sys.stderr,
                flush=True,
            )
            right = judged = 0
    ear.eval()
    return ear, seen / seen.sum()


def main() -> None:
    asks = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asks.add_argument("speech", type=Path)
    asks.add_argument("out", type=Path)
    asks.add_argument("--minutes", type=float, default=13)
    asks.add_argument("--seed", type=int, default=1)
    a = asks.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    ear, prior = train(Speech(a.speech, np.random.default_rng(a.seed)), a.minutes)
    with torch.no_grad():
        np.savez_compressed(a.out, **ear.weights(), prior=prior.astype(np.float32))


if __name__ == "__main__":
    main()
