"""How much leaks, how much goes needlessly, and what it costs: `Redactor` on scripted calls with a truth.

    python benchmarks/redaction.py [CALLS] [--model tiny.en] [--only 10] [--keep DIR]

CALLS is a folder with `truth.json` (by default the shared calls). Every call is redacted in its own
format into a temporary folder with one thread, then judged by the shared score from the sound alone.
Nothing is cached and nothing said is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from sottovoce.detect.finder import Finder
from sottovoce.detect.second_ear import SecondEar
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import Withheld
from sottovoce.domain.sound import Role
from sottovoce.policy.model import Redaction
from sottovoce.redact.redactor import RedactedMedia, Redactor
from sottovoce.redact.rules import rules_for
from sottovoce.speech.codec import MediaCodec
from sottovoce.speech.whisper import WhisperTranscriber

SHARED = Path(os.environ.get("SOTTOVOCE_SHARED", Path(__file__).resolve().parents[2] / "shared"))
SCORE = SHARED / "eval" / "score_redaction.py"


def main() -> None:
    options = _options()
    redactor = Redactor(
        transcriber=WhisperTranscriber(model=options.model, threads=1),
        finder=Finder(),
        ears=(SecondEar(),),
        noise_source=np.random.default_rng,
    )
    calls = json.loads((options.calls / "truth.json").read_text())[:: options.every]
    with tempfile.TemporaryDirectory() as made:
        out = options.keep or Path(made)
        out.mkdir(parents=True, exist_ok=True)
        _report(calls, _redacted(redactor, calls, options.calls, out))
        truth = out / "truth"
        truth.mkdir(exist_ok=True)
        (truth / "truth.json").write_text(json.dumps(calls))
        for call in calls:
            if not (truth / call["file"]).exists():
                (truth / call["file"]).symlink_to((options.calls / call["file"]).resolve())
        subprocess.run([sys.executable, str(SCORE), str(truth), str(out / "redacted")], check=True)


def _redacted(redactor: Redactor, calls: list[dict[str, Any]], folder: Path, out: Path) -> tuple[float, Counter[str]]:
    """CPU seconds, and counts of reasons, rounds and redacted time."""
    (out / "redacted").mkdir(exist_ok=True)
    codec, rules, counts = MediaCodec(), rules_for(Redaction()), Counter[str]()
    before = time.process_time()
    for call in calls:
        data = Confidential((folder / call["file"]).read_bytes())
        answer = redactor.redact_media(data, rules, codec=codec, roles=_roles(call), language="en")
        if isinstance(answer, Withheld):
            counts[f"withheld {answer.reason} {answer.evidence.get('code', '')}"] += 1
            continue
        counts[f"passed in round {answer.evidence['rounds']}"] += 1
        counts.update({key: int(value) for key, value in answer.evidence.items() if key.startswith("ms_")})
        _save(answer.value, out / "redacted" / call["file"])
    return time.process_time() - before, counts


def _roles(call: dict[str, Any]) -> tuple[Role, ...]:
    roles = {call["agent_channel"]: Role.AGENT, call["customer_channel"]: Role.CUSTOMER}
    return tuple(roles[c] for c in sorted(roles))


def _save(media: RedactedMedia, path: Path) -> None:
    path.write_bytes(media.data.reveal())


def _report(calls: list[dict[str, Any]], measured: tuple[float, Counter[str]]) -> None:
    cpu, counts = measured
    seconds = sum(call["duration_s"] for call in calls)
    for name, count in sorted(counts.items()):
        print(f"{name:40s} {count}")
    print(f"{len(calls)} calls, {seconds:.0f} s, {cpu:.0f} CPU-s: {cpu / seconds * 3600:.0f} CPU-s per hour of calls")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("calls", type=Path, nargs="?", default=SHARED / "data" / "calls")
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--every", type=int, default=1, help="take every n-th call only")
    parser.add_argument("--keep", type=Path, help="leave the redacted calls here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
