"""The public kit: the project's own sample calls with their truth in the documented layout.

The calls are synthetic, so the kit may be given to anyone. Their truth knows passages and not digits, so a
passage is cut into slices of at most half a second, each a unit: one digit left standing is found. What was
said is not written.
"""

from __future__ import annotations

import json
import math
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from sottovoce.conformance.truth import TRUTH_FILE, load_truth
from sottovoce.errors import TruthInvalid

_SLICE_S: Final = 0.5
_BLEEDING: Final = "crosstalk"


def make_kit(calls: Path, folder: Path) -> int:
    """Copies every sample call of `calls` to a new or empty `folder` with truth.json; how many there are.

    `calls` holds calls.json as docs/sample-calls.md describes it. Raises TruthInvalid.
    """
    if folder.exists() and any(folder.iterdir()):
        raise TruthInvalid("the folder for the kit is not empty", hint="name a new one")
    try:
        known = json.loads((calls / "calls.json").read_text(encoding="utf-8"))["calls"]
    except (OSError, json.JSONDecodeError, KeyError, TypeError):
        raise TruthInvalid("there are no sample calls there", hint="the folder must hold calls.json") from None
    folder.mkdir(parents=True, exist_ok=True)
    for call in known:
        shutil.copyfile(calls / call["file"], folder / call["file"])
    truth = [_call(call) for call in known]
    (folder / TRUTH_FILE).write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return len(load_truth(folder))


def _call(call: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": Path(call["file"]).stem,
        "file": call["file"],
        "flavour": "bleed" if call["scenario"] == _BLEEDING else call["scenario"],
        "duration_s": call["duration_s"],
        "entities": [_entity(passage) for passage in call["truth"]],
        "keep": [],
        "carriers": [{"channel": c, "start_s": 0.0, "end_s": call["duration_s"]} for c in range(call["channels"])],
    }


def _entity(passage: dict[str, Any]) -> dict[str, Any]:
    start, end = passage["start_s"], passage["end_s"]
    count = math.ceil((end - start) / _SLICE_S)
    edges = [round(start + (end - start) * k / count, 4) for k in range(count + 1)]
    return {
        "type": passage["entity"],
        "channel": passage["channel"],
        "start_s": start,
        "end_s": end,
        "units": [{"start_s": a, "end_s": b} for a, b in pairwise(edges)],
    }
