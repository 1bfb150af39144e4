"""Make the Spanish call that the tests redact: a card number, asked for and given.

    python scripts/make_spanish_clip.py [--out FILE]

Needs espeak-ng on the PATH. The words are the project's own. When each turn is spoken is printed,
for `tests/cli/test_languages.py`.
"""

from __future__ import annotations

import argparse
import io
import subprocess
from pathlib import Path

import numpy as np
import soundfile
import soxr
from calls.ogg import with_serial

OUT = Path(__file__).parent.parent / "tests" / "data" / "spanish" / "payment.ogg"
RATE = 8000
AGENT, CUSTOMER = 0, 1
VOICES = {AGENT: ("es+f2", 50), CUSTOMER: ("es+m3", 35)}
TURNS = (
    (AGENT, "¿Me puede decir el número de su tarjeta, por favor?"),
    (CUSTOMER, "Cuatro siete uno seis, dos dos uno cero, cinco uno ocho ocho, seis seis cuatro tres."),
    (AGENT, "Muchas gracias."),
)
PAUSE_S, LINE = 0.4, 0.0004
SMALL = 0.96
"""As libsndfile counts, where 1 is smallest: about 32 kb/s. Smaller, and each channel holds the other."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT)
    out = parser.parse_args().out
    at, placed = round(PAUSE_S * RATE), []
    for channel, text in TURNS:
        sound = spoken(channel, text)
        placed.append((channel, at, sound))
        print(channel, round(at / RATE, 2), round((at + len(sound)) / RATE, 2))
        at += len(sound) + round(PAUSE_S * RATE)
    call = np.random.default_rng(1).normal(0, LINE, (at, 2))
    for channel, start, sound in placed:
        call[start : start + len(sound), channel] += sound
    written = io.BytesIO()
    soundfile.write(written, call, RATE, format="OGG", subtype="OPUS", compression_level=SMALL)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(with_serial(written.getvalue(), 1))


def spoken(channel: int, text: str) -> np.ndarray:
    voice, pitch = VOICES[channel]
    command = ["espeak-ng", "-v", voice, "-s", "135", "-p", str(pitch), "--stdout", text]
    raw = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    sound, rate = soundfile.read(io.BytesIO(raw), dtype="float64")
    return 0.6 * soxr.resample(sound, rate, RATE)


if __name__ == "__main__":
    main()
