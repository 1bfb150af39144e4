"""Make the sample calls that the sandbox serves, with the truth about what was said in them.

    python scripts/make_calls.py [--out FOLDER]

Needs flite and espeak-ng on the PATH, and the packages of the project. Same script, same synthesizers,
same bytes: ids are derived from names, noise and pauses from the call's number, and the serial numbers of
Ogg streams are fixed. Every phrase is spoken on its own, so the times in `calls.json` are exact.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from calls.line import RATE, carried, tones
from calls.ogg import with_serial
from calls.script import CALLS, QUEUES, Call
from calls.voices import AGENTS, CUSTOMERS, Voice
from numpy.typing import NDArray

OUT = Path(__file__).parent.parent / "src" / "sottovoce" / "sandbox" / "calls"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://sottovoce.invalid/sample-calls")
MAIN_NUMBER, TEST_NUMBER = "tel:+12025550100", "tel:+12025550199"
MARK = re.compile(r"\[\[(\w+)\|(.+?)\]\]")
EXTENSION = {"WAV": "wav", "FLAC": "flac", "OGG": "ogg"}
COMPRESSION = {"FLAC": 1.0, "OGG": 0.96}
"""As libsndfile counts: 1 is smallest. For Opus it sets the bit rate; above 0.96 the channels leak into
each other."""
AGENT, CUSTOMER = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """Words said in one breath, and what they are when they are sensitive."""

    text: str
    entity: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A phrase on the time line, in samples."""

    phrase: Phrase
    channel: int
    start: int
    sound: NDArray[np.float64]

    @property
    def end(self) -> int:
        return self.start + len(self.sound)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--out", type=Path, default=OUT)
    folder: Path = options.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    listed = [make(call, number, folder) for number, call in enumerate(CALLS, start=1)]
    index = {"version": 1, "queues": queues(), "agents": agents(), "calls": listed}
    (folder / "calls.json").write_text(json.dumps(index, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in folder.glob("call-*"))
    print(f"{len(listed)} calls, {sum(c['duration_s'] for c in listed):.0f} s, {size / 1e6:.2f} MB")


def make(call: Call, number: int, folder: Path) -> dict[str, Any]:
    """Speak one call, write its file, and return its entry for the index."""
    placed = conversation(call, seed=number)
    sound = recorded(call, placed, seed=number)
    container, codec = call.media.split("/")
    name = f"call-{number:02}.{EXTENSION[container]}"
    (folder / name).write_bytes(encoded(sound, container, codec, serial=number))
    return entry(call, name, placed, frames=len(sound))


def conversation(call: Call, *, seed: int) -> list[Placed]:
    """Turns one after another, with a pause between them that differs from turn to turn."""
    rng = np.random.default_rng(1000 + seed)
    at, placed = int(0.5 * RATE), []
    for speaker, words in call.turns:
        channel = AGENT if speaker == "A" else CUSTOMER
        voice = AGENTS[call.agent] if speaker == "A" else CUSTOMERS[call.customer]
        for phrase in phrases(words):
            placed.append(Placed(phrase=phrase, channel=channel, start=at, sound=spoken(phrase, voice)))
            at = placed[-1].end + int(rng.uniform(0.14, 0.24) * RATE)
        at += int(rng.uniform(0.35, 0.75) * RATE)
    return placed


def phrases(words: str) -> list[Phrase]:
    """Split at the marks; what is only punctuation is not a phrase."""
    parts, at = [], 0
    for mark in MARK.finditer(words):
        parts += [Phrase(text=words[at : mark.start()], entity=None), Phrase(text=mark[2], entity=mark[1])]
        at = mark.end()
    parts.append(Phrase(text=words[at:], entity=None))
    return [p for p in parts if re.search(r"\w", p.text)]


def spoken(phrase: Phrase, voice: Voice) -> NDArray[np.float64]:
    keyed = phrase.text.removeprefix("dtmf:")
    return tones(keyed) if keyed != phrase.text else voice.say(phrase.text.strip(" ,."))


def recorded(call: Call, placed: list[Placed], *, seed: int) -> NDArray[np.float64]:
    """(frames, channels): both speakers over the line, mixed when the recorder was mono."""
    sound = np.zeros((placed[-1].end + int(0.6 * RATE), 2))
    for part in placed:
        sound[part.start : part.end, part.channel] += part.sound
    if call.mono:
        sound = sound.sum(axis=1, keepdims=True)
    return carried(sound, noise_db=call.noise_db, crosstalk_db=call.crosstalk_db, seed=seed)


def encoded(sound: NDArray[np.float64], container: str, codec: str, *, serial: int) -> bytes:
    out = io.BytesIO()
    with soundfile.SoundFile(
        out,
        "w",
        samplerate=RATE,
        channels=sound.shape[1],
        format=container,
        subtype=codec,
        compression_level=COMPRESSION.get(container),
    ) as file:
        file.write(sound)
    return with_serial(out.getvalue(), serial) if container == "OGG" else out.getvalue()


def entry(call: Call, name: str, placed: list[Placed], *, frames: int) -> dict[str, Any]:
    container, codec = call.media.split("/")
    return {
        "id": made_id("conversation", call.scenario),
        "recording_id": made_id("recording", call.scenario),
        "file": name,
        "container": container,
        "codec": codec,
        "rate": RATE,
        "channels": 1 if call.mono else 2,
        "customer_channel": 0 if call.mono else CUSTOMER,
        "agent_channel": AGENT,
        "started_at": call.started_at,
        "duration_s": round(frames / RATE, 4),
        "queue": made_id("queue", call.queue),
        "agent": made_id("agent", call.agent),
        "ani": f"tel:+120255501{call.ani:02}",
        "dnis": TEST_NUMBER if call.test_number else MAIN_NUMBER,
        "direction": "inbound",
        "language": "en-US",
        "media_subtype": "Trunk",
        "file_state": "AVAILABLE",
        "accent_region": call.accent_region,
        "device": call.device,
        "participants": participants(call),
        "wrapup": call.wrapup,
        "scenario": call.scenario,
        "expected": {"corpus": "excluded" if call.reason else "sealed", "reason": call.reason},
        "truth": [truth(part, mono=call.mono) for part in placed if part.phrase.entity],
    }


def participants(call: Call) -> list[dict[str, Any]]:
    customer = {**call.customer_attributes, "accentRegion": call.accent_region}
    return [
        {"purpose": "customer", "attributes": customer},
        {"purpose": "ivr", "attributes": call.ivr_attributes},
        {"purpose": "agent", "attributes": {}},
    ]


def truth(part: Placed, *, mono: bool) -> dict[str, Any]:
    return {
        "entity": part.phrase.entity,
        "channel": 0 if mono else part.channel,
        "start_s": round(part.start / RATE, 4),
        "end_s": round(part.end / RATE, 4),
        "text": part.phrase.text.removeprefix("dtmf:").strip(" ,."),
    }


def queues() -> list[dict[str, str]]:
    return [{"id": made_id("queue", n), "name": n, "category": c} for n, c in QUEUES.items()]


def agents() -> list[dict[str, str]]:
    return [{"id": made_id("agent", name), "name": name} for name in AGENTS]


def made_id(kind: str, name: str) -> str:
    return str(uuid.uuid5(NAMESPACE, f"{kind}:{name}"))


if __name__ == "__main__":
    main()
