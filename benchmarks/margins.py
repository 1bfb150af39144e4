"""How wide must the margin be? What truth reaches beyond what is found, and what leaks at each margin.

    python benchmarks/margins.py [CALLS] [--model tiny.en] [--every N]

CALLS is a folder with `truth.json` (by default the shared calls). Each call is heard and searched once; then every
margin is planned, cut and judged by the shared score, from the sound alone. Prints two tables: how many milliseconds
spoken secrets begin before and end after the words and the findings that cover them, and what leaks and what goes
needlessly at each margin (below 200 ms the policy refuses it; here it is measured). Nothing said is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from sottovoce.detect.finder import Finder
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import Transcript
from sottovoce.policy.model import Redaction
from sottovoce.redact.plan import make_plan
from sottovoce.redact.rules import rules_for
from sottovoce.redact.sound import apply_plan
from sottovoce.speech.whisper import WhisperTranscriber

SHARED = Path(os.environ.get("SOTTOVOCE_SHARED", Path(__file__).resolve().parents[2] / "shared"))
SCORE = SHARED / "eval" / "score_redaction.py"
MARGINS_MS = (0, 50, 100, 150, 200, 250, 300)
QUANTILES = (0.5, 0.9, 0.95, 0.99, 1.0)
NEAR_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    call: dict[str, Any]
    sound: Sound
    transcript: Transcript
    findings: tuple[Finding, ...]


def main() -> None:
    options = _options()
    if not (options.calls / "truth.json").is_file():
        print("skipped: no calls with a truth.json there; name a folder that has one")
        return
    calls = json.loads((options.calls / "truth.json").read_text())[:: options.every]
    transcriber, finder = WhisperTranscriber(model=options.model, threads=1), Finder()
    heard = [_heard(call, options.calls, transcriber, finder) for call in calls]
    _print_reaches(heard)
    print(f"\n{'margin':>8} {'leaked':>8} {'of':>6} {'rate':>8} {'over-redaction':>16} {'removed s':>10}")
    for margin_ms in MARGINS_MS:
        _print_margin(margin_ms, heard, options.calls)


def _heard(call: dict[str, Any], folder: Path, transcriber: WhisperTranscriber, finder: Finder) -> Heard:
    samples, rate = soundfile.read(folder / call["file"], dtype="float32", always_2d=True)
    roles = {call["agent_channel"]: Role.AGENT, call["customer_channel"]: Role.CUSTOMER}
    sound = Sound(samples=np.ascontiguousarray(samples.T), rate=rate, roles=tuple(roles[c] for c in sorted(roles)))
    transcript = transcriber.transcribe(sound, language="en")
    return Heard(call=call, sound=sound, transcript=transcript, findings=finder.find(sound, transcript))


def _print_reaches(heard: list[Heard]) -> None:
    words = [r for h in heard for r in _reaches(h, lambda h, c: (w.span for w in h.transcript.channels[c].words))]
    found = [r for h in heard for r in _reaches(h, lambda h, c: (f.span for f in h.findings if f.channel == c))]
    print(f"{'ms beyond':>24} " + " ".join(f"{f'{q:.0%}':>6}" for q in QUANTILES))
    for name, reaches in (("the words", words), ("the findings", found)):
        for side, edge in (("start before", 0), ("end after", 1)):
            ms = np.quantile([r[edge] for r in reaches], QUANTILES)
            print(f"{side + ' ' + name:>24} " + " ".join(f"{m:6.0f}" for m in ms))


def _reaches(heard: Heard, spans: Any) -> Iterator[tuple[float, float]]:
    """For each spoken secret that any span covers: how far it begins before them and ends after them, in ms."""
    rate = heard.sound.rate
    for entity in heard.call["entities"]:
        if "DTMF" in entity["type"]:
            continue
        truth = Span.of_seconds(entity["start_s"], entity["end_s"], rate=rate)
        over = _over(truth, spans(heard, entity["channel"]), round(NEAR_S * rate))
        if over:
            before = min(s.start for s in over) - truth.start
            after = truth.end - max(s.end for s in over)
            yield max(0.0, before * 1000 / rate), max(0.0, after * 1000 / rate)


def _over(truth: Span, spans: Iterable[Span], near: int) -> list[Span]:
    """Spans of which something lies in the truth, and those just beside it."""
    return [s for s in spans if s.overlaps(truth.widened(near, near, limit=1 << 62))]


def _print_margin(margin_ms: int, heard: list[Heard], folder: Path) -> None:
    rules = replace(rules_for(Redaction()), margin_ms=margin_ms)
    removed = 0.0
    with tempfile.TemporaryDirectory() as made:
        for h in heard:
            plan = make_plan(h.findings, rules=rules, sound=h.sound)
            cut = apply_plan(h.sound, plan, noise=np.random.default_rng(0))
            removed += sum(p.span.length for p in plan.spans) / plan.rate
            soundfile.write(Path(made) / f"{h.call['id']}.wav", cut.samples.T, cut.rate, subtype="PCM_16")
        report = _scored(Path(made), [h.call for h in heard], folder)
    print(
        f"{margin_ms:5d} ms {report['units_leaked']:8d} {report['units']:6d} {report['unit_leak_rate']:8.2%}"
        f" {report['over_redaction']:16.2%} {removed:10.1f}"
    )


def _scored(redacted: Path, calls: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
    truth = redacted / "truth"
    truth.mkdir()
    (truth / "truth.json").write_text(json.dumps(calls))
    for call in calls:
        (truth / call["file"]).symlink_to((folder / call["file"]).resolve())
    command = [sys.executable, str(SCORE), str(truth), str(redacted), "--json"]
    report: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return report


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("calls", type=Path, nargs="?", default=SHARED / "data" / "calls")
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--every", type=int, default=1, help="take every n-th call only")
    return parser.parse_args()


if __name__ == "__main__":
    main()
