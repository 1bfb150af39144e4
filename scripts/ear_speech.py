"""Make the second ear's training speech: synthesized numbers and sentences, and recorded words cut and spliced.

    ear_speech.py DIGITS_DIR OUT.npz [--prompts DIR] [--minutes 150]

DIGITS_DIR holds `words.json` with Free Spoken Digit Dataset, Speech Commands and AN4 recordings. `--prompts` may name
unpacked telephone prompts (Asterisk core sounds): folders `digits`, `letters` and `phonetic`, and sentences. Needs
espeak-ng's library and flite on the machine, and pocketsphinx to place AN4's words in time. The outcome holds 8 kHz
sound with the words' times: `*` is speech that is no number, `#` a teen or ten, `?` a word that sounds like a digit.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

DIGITS = ("zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TENS = (
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
    "hundred",
    "thousand",
)
HOMOPHONES = {"to", "too", "for", "fore", "won", "ate", "o", "owe", "ho", "tu", "sics", "nein", "tree", "wan"}
SENTENCES = (
    "thank you for calling how may I help you today",
    "could you please read me the long number on the front of your card",
    "and the expiry date please",
    "what is the security code on the back",
    "I would like to pay my bill but the website would not let me",
    "my name is sarah and I live in the old house by the river",
    "can you hold on for a moment please while I look that up",
    "your payment went through and you will get an email",
    "is there anything else that I can do for you",
    "I called last week and somebody told me that it would be fixed by monday",
    "no that is not right I never ordered that",
    "could you spell your last name for me",
    "sure it is on the letter you sent me",
    "let me just find my glasses",
    "the engineer will be with you between lunch and tea time",
    "I am afraid we are very busy at the moment",
    "we may record this call for training and quality",
    "yes please go ahead",
    "okay great thanks very much bye",
    "it has been raining all day and the dog will not go out",
    "they went up the hill to look for the sheep",
    "he said that nobody had seen the captain since the storm",
    "there was a long silence and then she began to laugh",
)
PROMPTS = (
    "my card number is",
    "the number is",
    "it's",
    "okay so",
    "the code is",
    "sure",
    "account number",
    "that's",
    "call me on",
    "expires",
    "yes",
    "um",
    "and then",
    "my reference is",
)
TAILS = ("thank you", "got that", "is that right", "okay", "please", "I think", "that's it", "")

Item = tuple[np.ndarray, list[tuple[str, float, float]]]


def label(word: str) -> str:
    w = re.sub(r"[^a-z']", "", word.lower())
    if w in DIGITS:
        return w
    if w in TENS:
        return "#"
    return "?" if w in HOMOPHONES else "*"


def at_8k(sound: np.ndarray, rate: int) -> np.ndarray:
    mono = sound if sound.ndim == 1 else sound.mean(axis=1)
    out = soxr.resample(mono.astype(np.float32), rate, 8000) if rate != 8000 else mono.astype(np.float32)
    return out / max(0.05, float(np.abs(out).max())) * 0.7


def sounding(sound: np.ndarray, floor_db: float = 32.0) -> tuple[float, float]:
    """Where an isolated word begins and ends, by its energy."""
    n = len(sound) // 80
    if n < 4:
        return 0.0, len(sound) / 8000
    level = np.convolve(np.square(sound[: n * 80]).reshape(n, 80).mean(axis=1), np.ones(3) / 3, "same")
    above = np.flatnonzero(10 * np.log10(level + 1e-9) > 10 * np.log10(level.max() + 1e-9) - floor_db)
    noise = np.percentile(level, 10)
    above = above[level[above] > 3 * noise] if (level > 3 * noise).sum() > 8 else above
    return above[0] * 0.01, (above[-1] + 1) * 0.01


# What is said


def sentence(rng: random.Random, words: list[str], texts: list[str]) -> list[str]:
    kind = rng.random()
    if kind < 0.35:
        return [rng.choice(words) for _ in range(rng.randint(5, 14))]
    return (rng.choice(SENTENCES) if kind < 0.55 else rng.choice(texts)).split()[:20]


def number(rng: random.Random) -> list[str]:
    """Digits as people say them: in groups, with pauses, sometimes teens, tens and doubles."""
    count = rng.choice((3, 4, 4, 6, 8, 10, 13, 15, 16, 16, 19))
    out: list[str] = []
    group = rng.choice((1, 2, 3, 4, 4, 99))
    tens = rng.random() < 0.15
    while len(out) < count:
        if tens and rng.random() < 0.4:
            out.append(rng.choice(TENS[:18]))
        elif rng.random() < 0.05:
            out += ["double", rng.choice(DIGITS)]
        else:
            out.append(rng.choice(DIGITS))
        if len(out) % group == 0 and group > 1 and rng.random() < 0.8:
            out[-1] += ","
    return out


def spoken(rng: random.Random, words: list[str], texts: list[str]) -> list[str]:
    kind = rng.random()
    if kind < 0.5:
        return sentence(rng, words, texts)
    digits = number(rng)
    if kind < 0.65:
        digits = [*rng.choice(PROMPTS).split(), *digits, *rng.choice(TAILS).split()]
    return digits


# Synthesis


class Espeak:
    """espeak-ng's library, for its word events."""

    class Event(ctypes.Structure):
        _fields_ = [
            ("type", ctypes.c_int),
            ("unique", ctypes.c_uint),
            ("text_at", ctypes.c_int),
            ("length", ctypes.c_int),
            ("ms", ctypes.c_int),
            ("sample", ctypes.c_int),
            ("user", ctypes.c_void_p),
            ("id", ctypes.c_char * 8),
        ]

    def __init__(self) -> None:
        self.lib = ctypes.CDLL("libespeak-ng.so.1")
        self.rate = self.lib.espeak_Initialize(2, 500, None, 0)
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(self.Event))
        self.callback = kind(self._hear)
        self.lib.espeak_SetSynthCallback(self.callback)

    def _hear(self, wav, count, events):
        if wav and count:
            self.parts.append(np.ctypeslib.as_array(wav, (count,)).copy())
        at = 0
        while events[at].type:
            if events[at].type == 1:
                self.words.append((events[at].text_at, events[at].ms / 1000))
            at += 1
        return 0

    def say(self, rng: random.Random, words: list[str]) -> Item:
        accent = rng.choice(
            (
                "en-us",
                "en-us",
                "en-us",
                "en-gb",
                "en-gb-scotland",
                "en-gb-x-rp",
                "en-gb-x-gbclan",
                "en-gb-x-gbcwmd",
                "en-029",
                "en-us-nyc",
            )
        )
        variant = rng.choice(("", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6", "+m7", "+f1", "+f2", "+f3", "+f4", "+f5"))
        self.lib.espeak_SetVoiceByName((accent + variant).encode())
        for parameter, value in (
            (1, rng.randint(110, 230)),
            (3, rng.randint(20, 80)),
            (4, rng.randint(20, 80)),
            (7, rng.choice((0, 0, 0, 2, 5, 12))),
        ):
            self.lib.espeak_SetParameter(parameter, value, 0)
        text = " ".join(words).encode()
        self.parts, self.words = [], []
        self.lib.espeak_Synth(text, len(text) + 1, 0, 1, 0, 1, None, None)
        sound = np.concatenate(self.parts).astype(np.float32) / 32768
        starts = {at - 1: s for at, s in self.words}
        times, at = [], 0
        for word in words:
            if at in starts:
                times.append((word, starts[at]))
            at += len(word) + 1
        ends = [s for _, s in times[1:]] + [len(sound) / self.rate]
        return at_8k(sound, self.rate), [(label(w), s, e) for (w, s), e in zip(times, ends, strict=True)]


PHONES: dict[tuple[str, str], int] = {}


def flite(rng: random.Random, words: list[str]) -> Item | None:
    """flite tells phones with their ends; words are counted off by the phones each has alone."""
    voice = rng.choice(("awb", "rms", "slt", "kal16", "kal"))
    text = " ".join(words)
    with tempfile.NamedTemporaryFile(suffix=".wav") as out:
        told = subprocess.run(
            ["flite", "-voice", voice, "--setf", f"duration_stretch={rng.uniform(0.75, 1.35):.2f}",
             "--setf", f"int_f0_target_mean={rng.randint(80, 200)}", "-psdur", "-t", text, out.name],
            capture_output=True, text=True, check=True).stdout  # fmt: skip
        sound, rate = sf.read(out.name, dtype="float32")
    phones = [(p.split(":")[0], float(p.split(":")[1])) for p in told.split()]
    times, at = [], 0
    for word in words:
        bare = re.sub(r"[^a-z']", "", word.lower())
        if (voice, bare) not in PHONES:
            alone = subprocess.run(
                ["flite", "-voice", voice, "-ps", "-t", bare, "none"], capture_output=True, text=True, check=True
            )
            PHONES[voice, bare] = sum(p != "pau" for p in alone.stdout.split())
        while at < len(phones) and phones[at][0] == "pau":
            at += 1
        start = phones[at - 1][1] if at else 0.0
        at += PHONES[voice, bare]
        if (
            PHONES[voice, bare] == 0
            or at > len(phones)
            or any(p == "pau" for p, _ in phones[at - PHONES[voice, bare] : at])
        ):
            return None
        times.append((label(word), start, phones[at - 1][1]))
    return at_8k(sound, rate), times


# Recorded speech


def recorded(folder: Path, align: bool) -> Iterator[tuple[str, str, Item]]:
    for entry in json.loads((folder / "words.json").read_text()):
        sound, rate = sf.read(folder / entry["file"], dtype="float32")
        words = entry["words"].lower().split()
        if entry["file"].startswith("an4/"):
            if align and (times := aligned(sound, words)):
                yield "utterance", entry["speaker"], (at_8k(sound, rate), times)
            continue
        eight = at_8k(sound, rate)
        start, end = sounding(eight)
        yield "word", entry["speaker"], (eight, [(label(words[0]), start, end)])


_ALIGNER = None


def aligned(sound: np.ndarray, words: list[str]) -> list[tuple[str, float, float]]:
    global _ALIGNER  # noqa: PLW0603 - one decoder for the whole run
    from pocketsphinx import Decoder

    if _ALIGNER is None:
        _ALIGNER = Decoder(lm=None, loglevel="FATAL")
    try:
        _ALIGNER.set_align_text(" ".join(words))
        _ALIGNER.start_utt()
        _ALIGNER.process_raw((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
        _ALIGNER.end_utt()
    except RuntimeError:
        return []
    if not _ALIGNER.hyp():
        return []
    return [
        (label(re.sub(r"\(\d+\)", "", s.word)), s.start_frame / 100, (s.end_frame + 1) / 100)
        for s in _ALIGNER.seg()
        if not s.word.startswith(("<", "["))
    ]


def prompts(folder: Path) -> Iterator[tuple[str, str, Item]]:
    for path in sorted(folder.rglob("*.wav")):
        kind, voice = path.parent.name, path.parent.parent.name
        sound, rate = sf.read(path, dtype="float32")
        if len(sound) < 0.25 * rate or kind == "silence":
            continue
        eight = at_8k(sound, rate)
        english = "en_US" in str(path)
        if kind == "digits":
            spelled = DIGITS[0:1] + DIGITS[2:]
            if english and path.stem.isdigit():
                value = int(path.stem)
                word = spelled[value] if value < 10 else "ten"
                yield "word", voice, (eight, [(label(word), *sounding(eight))])
            continue
        single = kind in {"letters", "phonetic"} and english
        if path.stem in {"letter_o", "o"}:
            continue
        start, end = sounding(eight)
        yield ("word" if single else "utterance"), voice if single else path.parts[-2], (eight, [("*", start, end)])


# Together


def texts_of(machine: Path) -> list[str]:
    """Sentences of prose that every Debian machine has."""
    found = []
    for path in sorted(machine.glob("*")):
        prose = " ".join(path.read_text(errors="ignore").split())
        found += [re.sub(r"[^A-Za-z' ]", " ", s).strip() for s in re.split(r"[.;:]", prose)]
    return [s for s in found if 6 <= len(s.split()) <= 25]


def vocabulary() -> list[str]:
    from pocketsphinx import get_model_path

    lines = (Path(get_model_path()) / "en-us" / "cmudict-en-us.dict").read_text().splitlines()
    words = [line.split()[0] for line in lines]
    return [w for w in words if w.isalpha() and 2 <= len(w) <= 10 and label(w) == "*"]


def synthesized(minutes: float, seed: int) -> Iterator[tuple[str, str, Item]]:
    rng = random.Random(seed)
    words, texts = vocabulary(), texts_of(Path("/usr/share/common-licenses"))
    espeak, left = Espeak(), minutes * 60
    while left > 0:
        said = spoken(rng, words, texts)
        item = espeak.say(rng, said) if rng.random() < 0.7 else flite(rng, said)
        if item is not None and len(item[0]) < 8000 * 20:
            left -= len(item[0]) / 8000
            yield "utterance", "synthetic", item


def main() -> None:
    asks = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asks.add_argument("digits", type=Path)
    asks.add_argument("out", type=Path)
    asks.add_argument("--prompts", type=Path)
    asks.add_argument("--minutes", type=float, default=150)
    asks.add_argument("--seed", type=int, default=1)
    a = asks.parse_args()
    items = list(recorded(a.digits, align=True))
    print("recorded", len(items), file=sys.stderr)
    if a.prompts:
        items += prompts(a.prompts)
        print("with prompts", len(items), file=sys.stderr)
    items += synthesized(a.minutes, a.seed)
    sounds = [(np.clip(i[0], -1, 1) * 32767).astype(np.int16) for _, _, i in items]
    times = [(n, *w) for n, (_, _, i) in enumerate(items) for w in i[1]]
    np.savez(
        a.out,
        sound=np.concatenate(sounds),
        lengths=np.array([len(s) for s in sounds]),
        kinds=np.array([k for k, _, _ in items]),
        speakers=np.array([s for _, s, _ in items]),
        word_item=np.array([t[0] for t in times]),
        word=np.array([t[1] for t in times]),
        word_s=np.array([t[2:] for t in times], np.float32),
    )
    print(len(items), "items,", round(sum(map(len, sounds)) / 8000 / 60), "minutes", file=sys.stderr)


if __name__ == "__main__":
    main()
