"""What replacing stretches of a long call costs: ours beside pydub's slice, tone and concatenation, in one run.

    python benchmarks/fills.py [--spans 100] [--seconds 600] [--times 2]

The call is made here: ten minutes, 8 kHz, two channels, µ-law, with a hundred stretches of one second to go on
one channel. Each way runs in processes of its own, one thread, the best of two; memory is how far the peak
of the process rises while it works (`getrusage`), beside the whole peak. Ours is given three ways: the cutting alone,
which is what pydub is asked for too; the same from decoded samples; and all that `sottovoce redact` does once the plan
stands, with both inspections and the file read back. pydub 0.25.1 is handed decoded PCM, because it reads µ-law only
through ffmpeg; it cuts every channel, and what it writes is at 44.1 kHz. What each way changed is counted.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Fill, Finding, PlannedSpan, RedactionPlan
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.redact.fills import tone
from sottovoce.redact.media import patched, rewrite
from sottovoce.redact.sound import apply_plan
from sottovoce.redact.verify import inspect
from sottovoce.speech.codec import MediaCodec

RATE: Final = 8000
STRETCH_S: Final = 1.0
TARGETS: Final = "goal: at least 500 times less CPU, at most 1/15 of the memory"


def call(seconds: int) -> bytes:
    """Noise that swells like speech, as a µ-law WAV. The same bytes every time."""
    rng = np.random.default_rng(3)
    out = io.BytesIO()
    with soundfile.SoundFile(out, "w", samplerate=RATE, channels=2, format="WAV", subtype="ULAW") as target:
        for second in range(seconds):
            swell = 0.05 * (1.1 + np.sin(2 * np.pi * (second + np.arange(RATE) / RATE) / 3))
            target.write((rng.standard_normal((RATE, 2)) * swell[:, np.newaxis]).astype(np.float32))
    return out.getvalue()


def plan_of(spans: int, seconds: int) -> RedactionPlan:
    """Evenly strewn stretches on the second channel."""
    starts = np.linspace(1, seconds - 1 - STRETCH_S, spans) * RATE
    planned = [Span(int(s), int(s + STRETCH_S * RATE)) for s in starts]
    found = [Finding(entity=Entity.PHONE, channel=1, span=s, detector="benchmark", score=1.0) for s in planned]
    return RedactionPlan(
        spans=tuple(
            PlannedSpan(channel=1, span=f.span, findings=(f,), label=f"PHONE_{k}") for k, f in enumerate(found, 1)
        ),
        fill=Fill.TONE,
        rate=RATE,
        frames=seconds * RATE,
        margin_ms=0,
    )


def cut_alone(raw: bytes, plan: RedactionPlan) -> bytes:
    """The file's bytes patched."""
    return patched(raw, plan.spans, lambda p: tone(p.span.length, rate=plan.rate))


def from_samples(raw: bytes, plan: RedactionPlan) -> bytes:
    """Decoded to float32, replaced there, encoded again."""
    codec = MediaCodec()
    samples, shape = codec.read(Confidential(raw))
    sound = Sound(samples=samples, rate=shape.rate, roles=(Role.AGENT, Role.CUSTOMER))
    return codec.write(apply_plan(sound, plan, noise=np.random.default_rng()), shape).reveal()


def whole_step(raw: bytes, plan: RedactionPlan) -> bytes:
    """Everything the product does from the plan to the checked file."""
    codec = MediaCodec()
    samples, shape = codec.read(Confidential(raw))
    sound = Sound(samples=samples, rate=shape.rate, roles=(Role.AGENT, Role.CUSTOMER))
    redacted = apply_plan(sound, plan, noise=np.random.default_rng())
    if not inspect(sound, redacted, plan).passes:
        raise SystemExit("the inspection fails")
    return rewrite(Confidential(raw), sound, redacted, plan, shape=shape, codec=codec).reveal()


def pydub_way(raw: bytes, plan: RedactionPlan) -> bytes:
    """Slice, tone, concatenate: once for every stretch, from the last to the first."""
    from pydub import AudioSegment
    from pydub.generators import Sine

    samples, rate = soundfile.read(io.BytesIO(raw), dtype="int16", always_2d=True)
    audio = AudioSegment(samples.tobytes(), sample_width=2, frame_rate=rate, channels=samples.shape[1])
    for p in reversed(plan.spans):
        start, end = (round(at * 1000 / plan.rate) for at in (p.span.start, p.span.end))
        audio = audio[:start] + Sine(1000).to_audio_segment(duration=end - start).apply_gain(-20) + audio[end:]
    out = io.BytesIO()
    audio.export(out, format="wav")
    return out.getvalue()


WAYS: Final[dict[str, Callable[[bytes, RedactionPlan], bytes]]] = {
    "pydub": pydub_way,
    "cutting": cut_alone,
    "samples": from_samples,
    "checked": whole_step,
}
TITLES: Final = {
    "pydub": "pydub: slice + tone + concat",
    "cutting": "ours: cutting",
    "samples": "ours: decoded, cut, encoded",
    "checked": "ours: cut, inspected, read back",
}


def measured(way: str, path: Path, spans: int, seconds: int) -> dict[str, Any]:
    """In this process: CPU seconds, and the rise of the peak in MB, the file's own bytes counted."""
    warnings.simplefilter("ignore")  # pydub looks for ffmpeg, which nothing here needs
    WAYS[way](call(2), _tiny())  # what is loaded once is not counted
    plan, before = plan_of(spans, seconds), _resident_mb()
    raw, began = path.read_bytes(), time.process_time()
    written = WAYS[way](raw, plan)
    cpu, peak = time.process_time() - began, _peak_mb()
    return {"cpu": cpu, "rise": peak - before, "peak": peak} | _changes(raw, written, plan)


def _tiny() -> RedactionPlan:
    return RedactionPlan(spans=(), fill=Fill.TONE, rate=RATE, frames=2 * RATE, margin_ms=0)


def _changes(raw: bytes, written: bytes, plan: RedactionPlan) -> dict[str, Any]:
    """The rate it leaves with, and how many samples outside the plan are other than they were."""
    before, _ = soundfile.read(io.BytesIO(raw), dtype="int16", always_2d=True)
    after, rate = soundfile.read(io.BytesIO(written), dtype="int16", always_2d=True)
    if rate != plan.rate or before.shape != after.shape:
        return {"rate": rate, "changed": None}
    differs = before != after
    for p in plan.spans:
        differs[p.span.start : p.span.end, p.channel] = False
    return {"rate": rate, "changed": int(differs.sum())}


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def best(way: str, path: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The least CPU and memory of several processes."""
    runs = []
    for _ in range(options.times):
        done = subprocess.run(
            [sys.executable, __file__, f"--spans={options.spans}", f"--seconds={options.seconds}", way, str(path)],
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        runs.append(json.loads(done.stdout))
    return runs[0] | {key: min(run[key] for run in runs) for key in ("cpu", "rise", "peak")}


def main() -> None:
    options = _options()
    if options.way:
        print(json.dumps(measured(options.way, options.path, options.spans, options.seconds)))
        return
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "call.wav"
        path.write_bytes(call(options.seconds))
        figures = {way: best(way, path, options) for way in WAYS}
    reference = figures["pydub"]
    print(
        f"{options.spans} stretches of {STRETCH_S:.0f} s in {options.seconds} s of two-channel 8 kHz µ-law; {TARGETS}"
    )
    for way, figure in figures.items():
        changed = "every sample moved" if figure["changed"] is None else f"{figure['changed']} changed outside"
        print(
            f"{TITLES[way]:32s} {figure['cpu'] * 1000:9.1f} CPU-ms ({reference['cpu'] / figure['cpu']:6.0f}x)  "
            f"+{figure['rise']:6.1f} MB (1/{reference['rise'] / max(figure['rise'], 0.1):.1f})  "
            f"whole peak {figure['peak']:5.0f} MB  {figure['rate']} Hz, {changed}"
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--times", type=int, default=2, help="processes of each way; the best counts")
    parser.add_argument("way", choices=list(WAYS), nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("path", type=Path, nargs="?", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
