"""Measure the second ear, and pocketsphinx beside it, on calls with known numbers and on speech without.

    second_ear.py [--skip-pocketsphinx] [--calls N]

Reads `data/calls` and `data/voices` under SOTTOVOCE_SHARED (or ../shared). Prints, for each ear: of every kind of
number, units (digits, or phrases) touched by a finding and numbers touched at all; seconds flagged an hour of harmless
speech; seconds of sound heard in a second of one core. Never prints what was said.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from sottovoce.detect.second_ear import SecondEar
from sottovoce.domain.sound import Role, Sound

DATA = Path(os.environ.get("SOTTOVOCE_SHARED", Path(__file__).parents[1].parent / "shared")) / "data"
DIGITS = ["zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
Spans = list[tuple[float, float]]
Finder = Callable[[np.ndarray, int], Spans]
"""Mono float32 and its rate, to seconds found."""


@dataclass
class Score:
    units: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    numbers: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    flagged: dict[str, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0]))
    heard_s: float = 0.0
    cpu_s: float = 0.0


def second_ear() -> Finder:
    ear = SecondEar()

    def find(mono: np.ndarray, rate: int) -> Spans:
        found = ear.find(Sound(samples=mono[None], rate=rate, roles=(Role.BOTH,)))
        return [f.span.seconds(rate) for f in found]

    return find


def pocketsphinx() -> Finder:
    """Digits against phones in a loop, packaged en-US model: of the settings tried, the one with fewest alarms."""
    from pocketsphinx import Config, Decoder, get_model_path

    model = Path(get_model_path()) / "en-us"
    lines = (model / "cmudict-en-us.dict").read_text().splitlines()
    phones = sorted({p for line in lines for p in line.split()[1:]} - {"SIL"})
    kept = [line for line in lines if line.split()[0].split("(")[0] in DIGITS]
    with tempfile.TemporaryDirectory() as folder:
        words, grammar = Path(folder) / "words.dict", Path(folder) / "loop.gram"
        words.write_text("\n".join([*kept, *(f"g{p.lower()} {p}" for p in phones)]) + "\n")
        choices = "|".join([f"/1.0/ {d}" for d in DIGITS] + [f"/0.1/ g{p.lower()}" for p in phones])
        grammar.write_text(f"#JSGF V1.0;\ngrammar loop;\npublic <s> = ( <w> )*;\n<w> = {choices};\n")
        decoder = Decoder(
            Config(
                hmm=str(model / "en-us"), dict=str(words), jsgf=str(grammar), lw=5.0, bestpath=False, loglevel="FATAL"
            )
        )

    def find(mono: np.ndarray, rate: int) -> Spans:
        loud = (np.clip(soxr.resample(mono, rate, 16000), -1, 1) * 32767).astype("<i2")
        decoder.start_utt()
        decoder.process_raw(loud.tobytes(), full_utt=True)
        decoder.end_utt()
        said = decoder.seg() if decoder.hyp() else []
        return runs([(s.start_frame / 100, s.end_frame / 100) for s in said if s.word.split("(")[0] in DIGITS])

    return find


def runs(digits: Spans) -> Spans:
    """Four digits or more with less than 1.2 s between."""
    grouped: list[Spans] = []
    for digit in digits:
        if grouped and digit[0] - grouped[-1][-1][1] < 1.2:
            grouped[-1].append(digit)
        else:
            grouped.append([digit])
    return [(g[0][0], g[-1][1]) for g in grouped if len(g) >= 4]


def touched(spans: Spans, start: float, end: float) -> bool:
    return any(s < end and start < e for s, e in spans)


def overlap(spans: Spans, start: float, end: float) -> float:
    return sum(max(0.0, min(e, end) - max(s, start)) for s, e in spans)


def timed(score: Score, find: Finder, mono: np.ndarray, rate: int) -> Spans:
    began = time.process_time()
    spans = find(np.ascontiguousarray(mono), rate)
    score.cpu_s += time.process_time() - began
    score.heard_s += len(mono) / rate
    return spans


def on_calls(score: Score, find: Finder, calls: list[dict]) -> None:
    for call in calls:
        sound, rate = sf.read(DATA / "calls" / call["file"], dtype="float32", always_2d=True)
        for channel in range(sound.shape[1]):
            spans = timed(score, find, sound[:, channel], rate)
            for entity in (e for e in call["entities"] if e["channel"] == channel and "DTMF" not in e["type"]):
                hits = [touched(spans, u["start_s"], u["end_s"]) for u in entity["units"]]
                tally(score.units[entity["type"]], sum(hits), len(hits))
                tally(score.numbers[entity["type"]], any(hits), 1)
            for carrier in (c for c in call["carriers"] if c["channel"] == channel):
                span = carrier["start_s"], carrier["end_s"]
                tally(score.flagged["carriers"], overlap(spans, *span), span[1] - span[0])


def on_voices(score: Score, find: Finder) -> None:
    for path in sorted((DATA / "voices").rglob("*.flac")):
        sound, rate = sf.read(path, dtype="float32")
        spans = timed(score, find, sound, rate)
        tally(
            score.flagged[f"voices/{path.relative_to(DATA / 'voices').parts[0]}"],
            overlap(spans, 0, 1e9),
            len(sound) / rate,
        )


def tally(pair: list, got: float, of: float) -> None:
    pair[0] += got
    pair[1] += of


def lines(score: Score) -> Iterator[str]:
    for entity in sorted(score.units):
        (u, of_u), (n, of_n) = score.units[entity], score.numbers[entity]
        yield f"  {entity:<30} units {u:>4}/{of_u:<4} {u / of_u:>6.1%}   numbers {n:>3}/{of_n:<3} {n / of_n:>6.1%}"
    for where, (bad, of) in sorted(score.flagged.items()):
        yield f"  {where:<30} flagged {bad:6.1f} s of {of:6.0f} s  {bad / of:>6.2%}   {3600 * bad / of:6.0f} s an hour"
    yield f"  {score.heard_s / score.cpu_s:.0f} x real time on one core ({score.heard_s:.0f} s heard)"


def main() -> None:
    asks = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asks.add_argument("--skip-pocketsphinx", action="store_true")
    asks.add_argument("--calls", type=int, default=None, help="only the first N calls")
    a = asks.parse_args()
    if not (DATA / "calls" / "truth.json").is_file():
        print("skipped: no calls with a truth; name the folder that holds data/calls in SOTTOVOCE_SHARED")
        return
    calls = json.loads((DATA / "calls" / "truth.json").read_text())[: a.calls]
    ears = {"second ear": second_ear} | ({} if a.skip_pocketsphinx else {"pocketsphinx": pocketsphinx})
    for name, make in ears.items():
        score, find = Score(), make()
        on_calls(score, find, calls)
        on_voices(score, find)
        print(name, *lines(score), sep="\n")


if __name__ == "__main__":
    main()
