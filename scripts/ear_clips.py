"""Make the small clips the second ear's tests listen to: flite and espeak-ng, 8 kHz, Opus.

    ear_clips.py OUT_DIR

Beside each clip's name stand the words said in it; all numbers are made up.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import numpy as np
import soundfile as sf
from ear_speech import Espeak, flite

CARD = "four one six two, nine oh five eight, three three seven one, six zero two five"
SAID = {
    "card-slow": CARD,
    "card-after-talk": "sure my card number is " + CARD.replace(",", ""),
    "card-then-code": CARD + " . . . . and the code on the back of it is . . eight one nine",
    "four-digits": "seven two nine six",
    "one-digit": "I would like to order three of them for my mother",
    "talk": "thank you for calling how may I help you today please hold the line while I look for your letter",
}


def main() -> None:
    asks = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asks.add_argument("out", type=Path)
    out = asks.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    espeak, truth = Espeak(), {}
    for name, text in SAID.items():
        for engine, say in (("espeak", espeak.say), ("flite", flite)):
            if (made := say(random.Random(3), text.split())) is None:
                continue
            sound, words = made
            path = f"{name}-{engine}.opus"
            sf.write(out / path, np.clip(sound * 0.4, -1, 1), 8000, format="OGG", subtype="OPUS")
            truth[path] = [[w, round(s, 2), round(e, 2)] for w, s, e in words if w not in "*#?"]
    (out / "words.json").write_text(json.dumps(truth) + "\n")


if __name__ == "__main__":
    main()
