"""Tiny calls for the sandbox: tone bursts, one second long, in the format of `calls.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np

QUEUE = "11111111-1111-4111-8111-111111111111"
AGENT = "22222222-2222-4222-8222-222222222222"
RATE = 8000


def tone(*, channels: int = 2, seconds: float = 1.0, rate: int = RATE) -> np.ndarray[Any, np.dtype[np.float32]]:
    """(frames, channels): another pitch on each channel, so that they can be told apart."""
    time = np.arange(int(seconds * rate)) / rate
    return np.stack([0.3 * np.sin(2 * np.pi * 300 * (n + 1) * time) for n in range(channels)], axis=1).astype("f4")


def write_tone(path: Path, *, channels: int = 2, seconds: float = 1.0, codec: str = "PCM_16") -> Path:
    import soundfile

    soundfile.write(str(path), tone(channels=channels, seconds=seconds), RATE, subtype=codec)
    return path


def call_entry(number: int, *, started_at: str = "2026-10-05T10:00:00Z", **changes: Any) -> dict[str, Any]:
    """One entry of `calls.json`; the ids follow from the number."""
    entry = {
        "id": str(uuid5(NAMESPACE_URL, f"conversation/{number}")),
        "recording_id": str(uuid5(NAMESPACE_URL, f"recording/{number}")),
        "file": f"call-{number}.wav",
        "started_at": started_at,
        "duration_s": 1.0,
        "queue": QUEUE,
        "agent": AGENT,
        "ani": f"tel:+1202555{number:04d}",
        "dnis": "tel:+12025550199",
        "participants": [
            {"purpose": "customer", "attributes": {"aiTrainingConsent": "true", "caseNumber": "C-1"}},
            {"purpose": "agent", "attributes": {}},
        ],
    }
    return entry | changes


def write_calls(folder: Path, entries: list[dict[str, Any]], *, channels: int = 2) -> Path:
    """`calls.json` and the audio of each entry; gives back the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        write_tone(folder / entry["file"], channels=channels)
    whole = {
        "version": 1,
        "queues": [{"id": QUEUE, "name": "Orders", "category": "retail"}],
        "agents": [{"id": AGENT, "name": "Robin Example"}],
        "calls": entries,
    }
    (folder / "calls.json").write_text(json.dumps(whole))
    return folder
