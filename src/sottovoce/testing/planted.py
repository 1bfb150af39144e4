"""Looking for what the sample calls' scripts say, in every shape it might have been written down in.

The packaged calls belong to nobody, so what is sensitive in them is known: it must be found nowhere outside a sealed
object, whatever happened to the recording.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

from sottovoce.sandbox.catalog import PACKAGED

SHORTEST = 8
"""Shorter phrases occur by chance."""


def phrases() -> list[str]:
    """Everything sensitive that a sample call's script says and that is rare enough to be looked for."""
    calls = json.loads((PACKAGED / "calls.json").read_text(encoding="utf-8"))["calls"]
    said = {truth["text"] for call in calls for truth in call["truth"]}
    return sorted(text for text in said if len(text.replace(" ", "")) >= SHORTEST)


def disguises(phrase: str) -> Iterator[bytes]:
    """The phrase as it might lie on disk: cases, without spaces, UTF-16, Base64 at any offset."""
    for text in {phrase, phrase.lower(), phrase.upper(), phrase.title(), phrase.replace(" ", "")}:
        raw = text.encode()
        yield raw
        yield text.encode("utf-16-le")
        for shift in range(3):
            yield base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4]


def everything(root: Path) -> Iterator[tuple[Path, bytes]]:
    for path in sorted(root.rglob("*")):
        if path.is_file():
            yield path, path.read_bytes()


def found_in(root: Path, extra: bytes = b"") -> list[str]:
    """Where any planted phrase occurs; names of files only."""
    needles = {needle for phrase in phrases() for needle in disguises(phrase) if len(needle) >= SHORTEST}
    hits = [path.name for path, data in everything(root) if any(needle in data for needle in needles)]
    return hits + (["output"] if any(needle in extra for needle in needles) else [])
