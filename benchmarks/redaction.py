"""How much leaks, how much goes needlessly, and what it costs: ours beside the guide's way, in one run.

    python benchmarks/redaction.py [CALLS] [--shared DIR] [--calls N] [--model tiny.en] [--keep DIR]

Every way gets the same calls, one after another in a process of its own with one thread. With `--shared`
(by default where SOTTOVOCE_SHARED points, or the folder beside the repository) the calls are its scripted
ones and its own score judges, from the sound alone; without it, the project's sample calls and `sottovoce
conformance` do. CALLS is any other folder with a truth.json of the same layout; `--calls N` takes N of the
calls, evenly strewn (8 by default).

The guide's way: bare faster-whisper, the rule "sixteen number words in a row", 200 ms on either side, and
pydub's slice, tone and concatenation. It is scored twice: by the rule to the letter, and read kindly, where a numeral
counts as the words of its digits. Bare transcription: each channel alone at 16 kHz with word times, no voice filter
(`vad_filter=False`, the library's default), same weights, int8, one thread; with beam 1 and with the
library's default beam 5, each at the library's own temperatures, which hear doubtful windows again, and with beam 1
once more without those retries. CPU leaves out loading models; peak memory is the whole process's (`getrusage`).
Nothing said is printed.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
import soxr

SHARED: Final = Path(os.environ.get("SOTTOVOCE_SHARED", Path(__file__).resolve().parents[2] / "shared"))
SCORE: Final = Path("eval", "score_redaction.py")
SAMPLES: Final = Path(__file__).resolve().parents[1] / "src" / "sottovoce" / "sandbox" / "calls"
SOME: Final = 8
NUMBER: Final = frozenset({"zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"})
ROW: Final = 16
BUFFER_MS: Final = 200
HEARD_AT: Final = 16_000
WAYS: Final = ("ours", "guide", "greedy", "beam1", "beam5", "batch")
TITLES: Final = {
    "ours": "sottovoce redact",
    "guide": "guide's way (whisper + rule + pydub)",
    "kind": "guide's way, rule read kindly",
    "greedy": "bare faster-whisper, beam 1, no retries",
    "beam1": "bare faster-whisper, beam 1",
    "beam5": "bare faster-whisper, beam 5 (default)",
}

Call = dict[str, Any]


def ours(calls: Sequence[Call], folder: Path, out: Path, model: str) -> dict[str, Any]:
    """Each call redacted in its own format by the rooms `sottovoce redact` uses."""
    from sottovoce.domain.confidential import Confidential
    from sottovoce.domain.outcome import Withheld
    from sottovoce.policy.model import Models, Redaction
    from sottovoce.redact.rules import rules_for
    from sottovoce.speech.codec import MediaCodec
    from sottovoce.wiring.rooms import compose_redactor, whisper

    redaction = Redaction()
    redactor = compose_redactor(whisper(Models(transcriber=model)), keep_last_four=redaction.keep_last_four)
    codec, rules, counts = MediaCodec(), rules_for(redaction), Counter[str]()
    redactor.redact_media(Confidential(_second()), rules, codec=codec, language="en")
    began = time.process_time()
    for call in calls:
        data = Confidential((folder / call["file"]).read_bytes())
        answer = redactor.redact_media(data, rules, codec=codec, roles=_roles(call), language="en")
        if isinstance(answer, Withheld):
            counts[f"withheld: {answer.reason}"] += 1
        else:
            (out / call["file"]).write_bytes(answer.value.data.reveal())
    return {"cpu": time.process_time() - began, "counts": counts}


def guide(calls: Sequence[Call], folder: Path, out: Path, model: str) -> dict[str, Any]:
    """As the guide has it; the kinder reading is made beside it and its cutting not counted."""
    heard = _bare(model)
    cpu = 0.0
    for call in calls:
        began = time.process_time()
        words = [w for channel in _channels(folder / call["file"]) for w in heard(channel, beam_size=5)]
        _cut_by_pydub(folder / call["file"], _rows(words, kindly=False), out / f"{call['id']}.wav")
        cpu += time.process_time() - began
        kind = out.with_name("kind") / f"{call['id']}.wav"
        _cut_by_pydub(folder / call["file"], _rows(words, kindly=True), kind)
    return {"cpu": cpu, "counts": {}}


def bare(calls: Sequence[Call], folder: Path, model: str, **settings: Any) -> dict[str, Any]:
    """Transcription alone."""
    heard = _bare(model)
    began = time.process_time()
    for call in calls:
        for channel in _channels(folder / call["file"]):
            heard(channel, **settings)
    return {"cpu": time.process_time() - began, "counts": {}}


def batch(work: Path) -> dict[str, Any]:
    """`sottovoce redact FOLDER -o FOLDER` as a user runs it, start-up and model loading counted."""
    began = time.monotonic()
    command = [sys.executable, "-m", "sottovoce", "redact", str(work / "truth"), "-o", str(work / "batch"), "--json"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "cpu": used.ru_utime + used.ru_stime,
        "wall": time.monotonic() - began,
        "peak": used.ru_maxrss / 1024,
        "counts": {} if done.returncode == 0 else {"exit code": done.returncode},
    }


def _bare(model: str) -> Callable[[np.ndarray, int], list[Any]]:
    from faster_whisper import WhisperModel

    from sottovoce.speech.models import load_model

    files = dict(load_model(model).files)
    loaded = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=1, num_workers=1, files=files)

    def heard(channel: np.ndarray, **settings: Any) -> list[Any]:
        segments, _ = loaded.transcribe(channel, language="en", word_timestamps=True, vad_filter=False, **settings)
        return [word for segment in segments for word in segment.words]

    heard(np.zeros(HEARD_AT, np.float32), beam_size=1)
    return heard


def _second() -> bytes:
    """A second of silence: what is loaded with the first call is not counted, for any way."""
    out = io.BytesIO()
    soundfile.write(out, np.zeros((8000, 2)), 8000, format="WAV", subtype="PCM_16")
    return out.getvalue()


def _channels(path: Path) -> list[np.ndarray]:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return [soxr.resample(np.ascontiguousarray(channel), rate, HEARD_AT) for channel in samples.T]


def _rows(words: Sequence[Any], *, kindly: bool) -> list[tuple[int, int]]:
    """Milliseconds of every sixteen or more number words in a row, with the guide's 200 ms."""
    rows: list[list[Any]] = [[]]
    counts = [0]
    for word in words:
        count = _numbers(word.word, kindly=kindly)
        if count:
            rows[-1].append(word)
            counts[-1] += count
        elif rows[-1]:
            rows.append([])
            counts.append(0)
    long = [row for row, count in zip(rows, counts, strict=True) if count >= ROW]
    return [(max(0, int(r[0].start * 1000) - BUFFER_MS), int(r[-1].end * 1000) + BUFFER_MS) for r in long]


def _numbers(said: str, *, kindly: bool) -> int:
    bare_word = re.sub(r"[^\w]", "", said).lower()
    if bare_word in NUMBER:
        return 1
    return len(bare_word) if kindly and bare_word.isdigit() else 0


def _cut_by_pydub(path: Path, spans: Sequence[tuple[int, int]], target: Path) -> None:
    """On every channel at once, for pydub knows no other way."""
    warnings.simplefilter("ignore")  # pydub looks for ffmpeg, which nothing here needs
    from pydub import AudioSegment
    from pydub.generators import Sine

    samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
    audio = AudioSegment(samples.tobytes(), sample_width=2, frame_rate=rate, channels=samples.shape[1])
    for start, end in sorted(spans, reverse=True):
        audio = audio[:start] + Sine(1000).to_audio_segment(duration=end - start).apply_gain(-20) + audio[end:]
    audio.export(target, format="wav").close()


def _roles(call: Call) -> tuple[Any, ...]:
    from sottovoce.domain.sound import Role

    if call.get("customer_channel") is None or call.get("agent_channel") is None:
        return ()
    roles = {call["agent_channel"]: Role.AGENT, call["customer_channel"]: Role.CUSTOMER}
    return tuple(roles[c] for c in sorted(roles))


def one_way(way: str, work: Path, model: str) -> dict[str, Any]:
    """In this process."""
    if way == "batch":
        return batch(work)
    job = json.loads((work / "job.json").read_text())
    calls, folder, out = job["calls"], Path(job["folder"]), work / way
    match way:
        case "ours":
            figures = ours(calls, folder, out, model)
        case "guide":
            figures = guide(calls, folder, out, model)
        case "greedy":
            figures = bare(calls, folder, model, beam_size=1, temperature=0.0)
        case _:
            figures = bare(calls, folder, model, beam_size=int(way.removeprefix("beam")))
    return figures | {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main() -> None:
    options = _options()
    if options.way:
        print(json.dumps(one_way(options.way, options.work, options.model)))
        return
    with tempfile.TemporaryDirectory() as made:
        work = options.keep or Path(made)
        judged_by_shared = _prepare(options, work)
        figures = {way: _apart(way, work, options.model) for way in WAYS}
        figures["kind"] = figures["guide"]
        _report(json.loads((work / "job.json").read_text())["calls"], figures, work, options, judged_by_shared)


def _prepare(options: argparse.Namespace, work: Path) -> bool:
    """`truth/` with the chosen calls, a folder for each way, and the job; whether the shared score judges."""
    shared = (options.shared / SCORE).is_file()
    folder = options.folder or (options.shared / "data" / "calls" if shared else _samples(work / "samples"))
    every = json.loads((folder / "truth.json").read_text())
    count = SOME if options.calls is None else options.calls
    calls = [every[k] for k in sorted({int(k) for k in np.linspace(0, len(every) - 1, min(count, len(every)))})]
    for name in ("truth", "ours", "guide", "kind"):
        (work / name).mkdir(parents=True, exist_ok=True)
    (work / "truth" / "truth.json").write_text(json.dumps(calls))
    for call in calls:
        (work / "truth" / call["file"]).symlink_to((folder / call["file"]).resolve())
    (work / "job.json").write_text(json.dumps({"calls": calls, "folder": str(folder.resolve())}))
    return shared


def _samples(folder: Path) -> Path:
    """The project's own calls, with their truth; which channel is whose is told as for the others."""
    from sottovoce.conformance.kit import make_kit

    make_kit(SAMPLES, folder)
    known = {c["file"]: c for c in json.loads((SAMPLES / "calls.json").read_text())["calls"]}
    calls = json.loads((folder / "truth.json").read_text())
    for call in calls:
        call |= {name: known[call["file"]].get(name) for name in ("agent_channel", "customer_channel")}
    (folder / "truth.json").write_text(json.dumps([c for c in calls if c["customer_channel"] is not None]))
    return folder


def _apart(way: str, work: Path, model: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__, f"--model={model}", f"--way={way}", f"--work={work}"],
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _judged(work: Path, way: str, options: argparse.Namespace, *, shared: bool) -> dict[str, Any]:
    truth, redacted = work / "truth", work / way
    if shared:
        command = [sys.executable, str(options.shared / SCORE), str(truth), str(redacted), "--json"]
        return dict(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout))
    from sottovoce.conformance.report import report
    from sottovoce.conformance.score import score_folder
    from sottovoce.speech.codec import MediaCodec

    return report(score_folder(truth, redacted, codec=MediaCodec())).data()


def _report(
    calls: Sequence[Call], figures: dict[str, dict[str, Any]], work: Path, options: argparse.Namespace, shared: bool
) -> None:
    seconds = sum(call["duration_s"] for call in calls)
    judge = "the shared score" if shared else "sottovoce conformance (sample calls)"
    print(f"{len(calls)} calls, {seconds:.0f} s, model {options.model}, int8, one thread; judged by {judge}")
    print(
        f"{'':38s} {'leaked units':>14s} {'card units':>12s} {'over':>7s} {'last four':>9s} "
        f"{'CPU-s/h':>8s} {'peak MB':>8s}"
    )
    for way in ("ours", "guide", "kind"):
        found = _judged(work, way, options, shared=shared)
        cards = [v for name, v in found["by_type"].items() if name.startswith("CREDIT_DEBIT_NUMBER")]
        card = f"{sum(c['units_leaked'] for c in cards)}/{sum(c['units'] for c in cards)}"
        leaked = f"{found['units_leaked']}/{found['units']} {found['units_leaked'] / max(1, found['units']):.1%}"
        kept = f"{found['last4_lost']}/{found['last4']}"
        print(
            f"{TITLES[way]:38s} {leaked:>14s} {card:>12s} {found['over_redaction']:7.2%} {kept:>9s} "
            f"{_hourly(figures[way], seconds):8.0f} {figures[way]['peak']:8.0f}"
        )
        if way == "ours":
            left = {k: f"{v['units_leaked']}/{v['units']}" for k, v in found["by_type"].items() if v["units_leaked"]}
            print(f"{'':38s} leaked by type: {left or 'none'}; {dict(figures[way]['counts']) or 'none withheld'}")
    for way in ("greedy", "beam1", "beam5"):
        ratio = figures["ours"]["cpu"] / figures[way]["cpu"]
        print(
            f"{TITLES[way]:38s} {_hourly(figures[way], seconds):53.0f} {figures[way]['peak']:8.0f}"
            f"   ours costs {ratio:.2f} of it (goal: at most 1.25)"
        )
    many, files = figures["batch"], len(calls)
    print(
        f"sottovoce redact on the folder: {files} files, {min(files, len(os.sched_getaffinity(0)))} processes, "
        f"{many['wall']:.1f} s, {many['cpu']:.1f} CPU-s with start-up ({many['cpu'] / many['wall']:.2f} cores busy), "
        f"{many['peak']:.0f} MB at most in a process {many['counts'] or ''}"
    )
    print("CPU-s/h: CPU seconds for an hour of calls, both channels; word times on, voice filter off")


def _hourly(figure: dict[str, Any], seconds: float) -> float:
    return float(figure["cpu"] / seconds * 3600)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=SHARED, help="the folder with the outside judge and calls")
    parser.add_argument("folder", type=Path, nargs="?", help="other calls with a truth.json of the same layout")
    parser.add_argument("--calls", type=int, help=f"how many calls, evenly strewn; {SOME} if not said")
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--keep", type=Path, help="leave the redacted calls in this new folder")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
