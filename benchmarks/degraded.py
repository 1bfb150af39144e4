"""What leaks from bad lines: the shared calls through bands, codecs and noise, redacted and judged from the sound.

    python benchmarks/degraded.py [--calls 40] [--conditions clean,white5] [--processes 2] [--model tiny.en]

Each call is spoiled, redacted in its own format by the rooms `sottovoce redact` uses, and judged by `sottovoce
conformance` against the spoiled copy itself, since that is what a listener would compare with. Noise is laid on each
channel by itself, so many dB below that channel's active speech (frames within 30 dB of its loudest tenth, after
ITU-T P.56's idea of an active level). A withheld call counts as leaked in whole; what released calls leak stands
beside it. Copies lie in a temporary folder while a condition is judged. `--calls N` takes N of the calls, evenly strewn
(6 by default). Nothing said is printed.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import soundfile
from numpy.typing import NDArray

Samples = NDArray[np.float64]
"""(frames, channels)"""
Call = dict[str, Any]

SHARED: Final = Path(os.environ.get("SOTTOVOCE_SHARED", Path(__file__).resolve().parents[2] / "shared"))
BAND_HZ: Final = (300.0, 3400.0)
OPUS_BITS: Final = 12_000
CARD: Final = "CREDIT_DEBIT_NUMBER"
OURS: Final = frozenset({"withheld", "cpu"})
"""What this program notes of a call beside its truth."""


# The lines


def as_is(sound: Samples, rate: int, _: np.random.Generator) -> bytes:
    return _written(sound, rate, "WAV", "PCM_16")


def band(sound: Samples, rate: int, _: np.random.Generator) -> bytes:
    from scipy.signal import butter, sosfilt

    sos = butter(4, BAND_HZ, "bandpass", fs=rate, output="sos")
    return _written(sosfilt(sos, sound, axis=0), rate, "WAV", "PCM_16")


def mu_law(sound: Samples, rate: int, _: np.random.Generator) -> bytes:
    return _written(sound, rate, "WAV", "ULAW")


def eight_bits(sound: Samples, rate: int, _: np.random.Generator) -> bytes:
    return _written(sound, rate, "WAV", "PCM_U8")


def opus(sound: Samples, rate: int, _: np.random.Generator) -> bytes:
    """Both channels together in 12 kb/s, as a voice recorder squeezes them."""
    import av

    out = io.BytesIO()
    layout = "mono" if sound.shape[1] == 1 else "stereo"
    with av.open(out, "w", format="ogg") as target:
        stream = target.add_stream("libopus", rate=rate, layout=layout, options={"application": "voip"})
        stream.bit_rate = OPUS_BITS
        pcm = np.clip(np.round(sound * 32767), -32768, 32767).astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout=layout)
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            target.mux(packet)
    return out.getvalue()


def white(sound: Samples, rate: int, rng: np.random.Generator, *, db: float) -> bytes:
    return _noisy(sound, rate, rng.standard_normal(sound.shape), db)


def pink(sound: Samples, rate: int, rng: np.random.Generator, *, db: float) -> bytes:
    """3 dB less an octave, from 50 Hz up."""
    size = len(sound)
    hz = np.fft.rfftfreq(size, 1 / rate)
    shape = 1 / np.sqrt(np.maximum(hz, 50.0))
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(sound.shape), axis=0) * shape[:, None], size, axis=0)
    return _noisy(sound, rate, noise, db)


def _noisy(sound: Samples, rate: int, noise: Samples, db: float) -> bytes:
    """The peak is kept under full scale, by turning both down."""
    level = noise / np.sqrt(np.mean(noise**2, axis=0)) * active_level(sound, rate) * 10 ** (-db / 20)
    mixed = sound + level
    return _written(mixed / max(1.0, float(np.abs(mixed).max()) / 0.99), rate, "WAV", "PCM_16")


def active_level(sound: Samples, rate: int) -> Samples:
    """RMS of each channel where it speaks, (channels,)."""
    frame = rate // 50
    power = np.square(sound[: len(sound) // frame * frame]).reshape(-1, frame, sound.shape[1]).mean(axis=1)
    loud = np.percentile(power, 90, axis=0)
    spoken = power > loud / 1000
    return np.asarray(np.sqrt((power * spoken).sum(axis=0) / np.maximum(1, spoken.sum(axis=0))))


def _written(sound: Samples, rate: int, container: str, codec: str) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, sound, rate, format=container, subtype=codec)
    return out.getvalue()


Line = Callable[[Samples, int, np.random.Generator], bytes]
LINES: Final[dict[str, tuple[str, Line]]] = {
    "clean": ("as they are", as_is),
    "band": ("300-3400 Hz", band),
    "mulaw": ("mu-law", mu_law),
    "8bit": ("8-bit PCM", eight_bits),
    "opus12": ("Opus, 12 kb/s", opus),
    "white15": ("white noise, 15 dB", partial(white, db=15)),
    "pink15": ("pink noise, 15 dB", partial(pink, db=15)),
    "white5": ("white noise, 5 dB", partial(white, db=5)),
    "pink5": ("pink noise, 5 dB", partial(pink, db=5)),
}
SUFFIX: Final = {"opus12": "ogg"}


# One call


@cache
def _redactor(model: str) -> Any:
    """Warm: what is loaded with the first call is not counted."""
    from sottovoce.domain.sound import Role, Sound
    from sottovoce.policy.model import Models, Redaction
    from sottovoce.redact.rules import rules_for
    from sottovoce.wiring.rooms import compose_redactor, whisper

    redactor = compose_redactor(whisper(Models(transcriber=model)), keep_last_four=Redaction().keep_last_four)
    silence = Sound(samples=np.zeros((1, 8000), np.float32), rate=8000, roles=(Role.BOTH,))
    redactor.treat(silence, rules_for(Redaction()), language="en")
    return redactor


def redact_one(call: Call, folder: Path, work: Path, condition: str, model: str, language: str | None) -> Call:
    """The spoiled copy and, unless withheld, the redacted one; what it cost and why it was withheld."""
    from sottovoce.domain.confidential import Confidential
    from sottovoce.domain.outcome import Withheld
    from sottovoce.domain.sound import Role
    from sottovoce.policy.model import Redaction
    from sottovoce.redact.rules import rules_for
    from sottovoce.speech.codec import MediaCodec

    sound, rate = soundfile.read(folder / call["file"], always_2d=True)
    data = LINES[condition][1](sound, rate, np.random.default_rng(int.from_bytes(call["id"].encode(), "big")))
    file = f"{call['id']}.{SUFFIX.get(condition, 'wav')}"
    (work / "truth" / file).write_bytes(data)
    who = {call.get("agent_channel"): Role.AGENT, call.get("customer_channel"): Role.CUSTOMER}
    roles = tuple(who[c] for c in range(sound.shape[1])) if None not in who else ()
    redactor = _redactor(model)
    began = time.process_time()
    answer = redactor.redact_media(
        Confidential(data), rules_for(Redaction()), codec=MediaCodec(), roles=roles, language=language
    )
    withheld = str(answer.reason) if isinstance(answer, Withheld) else None
    if not isinstance(answer, Withheld):
        (work / "out" / file).write_bytes(answer.value.data.reveal())
    return call | {"file": file, "withheld": withheld, "cpu": time.process_time() - began}


# All of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One condition's figures; pairs are (bad, of)."""

    released: int
    reasons: dict[str, int]
    units: tuple[int, int]
    units_released: tuple[int, int]
    cards: tuple[int, int]
    cards_released: tuple[int, int]
    over_s: tuple[float, float]
    last_four: tuple[int, int]
    by_type: dict[str, int]
    cpu_per_hour: float


def judged(calls: Sequence[Call], work: Path) -> Row:
    from sottovoce.conformance.findings import Failure
    from sottovoce.conformance.score import score_folder
    from sottovoce.speech.codec import MediaCodec

    (work / "truth" / "truth.json").write_text(json.dumps([{k: c[k] for k in c if k not in OURS} for c in calls]))
    scores = score_folder(work / "truth", work / "out", codec=MediaCodec())
    there = [s for s in scores if not s.fails(Failure.MISSING)]

    def pair(of: Sequence[Any], name: str = "") -> tuple[int, int]:
        passages = [p for s in of for p in s.passages if p.type.startswith(name)]
        return sum(p.leaked for p in passages), sum(p.units for p in passages)

    leaks = Counter[str]()
    for passage in (p for s in there for p in s.passages):
        leaks[passage.type] += passage.leaked
    return Row(
        released=len(there),
        reasons=dict(Counter(c["withheld"] for c in calls if c["withheld"])),
        units=pair(scores),
        units_released=pair(there),
        cards=pair(scores, CARD),
        cards_released=pair(there, CARD),
        over_s=(sum(s.removed_s for s in there), sum(s.judged_s for s in there)),
        last_four=(sum(s.keep_lost for s in there), sum(s.keep_units for s in there)),
        by_type={name: n for name, n in sorted(leaks.items()) if n},
        cpu_per_hour=sum(c["cpu"] for c in calls) / sum(c["duration_s"] for c in calls) * 3600,
    )


def main() -> None:
    options = _options()
    if not (options.folder / "truth.json").is_file():
        print("skipped: no calls with a truth; name the folder that holds data/calls in SOTTOVOCE_SHARED")
        return
    every = json.loads((options.folder / "truth.json").read_text())
    chosen = sorted({int(k) for k in np.linspace(0, len(every) - 1, min(options.calls, len(every)))})
    calls = [every[k] for k in chosen]
    print(f"{len(calls)} calls, {sum(c['duration_s'] for c in calls):.0f} s, model {options.model}; leaked / units")
    print(
        f"{'':20s} {'released':>8s} {'withheld':>8s} {'all':>9s} {'released':>9s} {'cards':>8s} {'released':>9s} "
        f"{'over':>7s} {'last four':>9s} {'CPU-s/h':>8s}"
    )
    with ProcessPoolExecutor(max_workers=options.processes) as pool:
        for condition in options.conditions:
            with tempfile.TemporaryDirectory() as made:
                _print(condition, _one_condition(condition, calls, Path(made), pool, options))
    print(
        "withheld calls count as leaked under 'all' and 'cards', and not at all beside them; over: harmless speech gone"
    )


def _one_condition(
    condition: str, calls: Sequence[Call], work: Path, pool: ProcessPoolExecutor, options: argparse.Namespace
) -> Row:
    for name in ("truth", "out"):
        (work / name).mkdir()
    one = partial(
        redact_one,
        folder=options.folder,
        work=work,
        condition=condition,
        model=options.model,
        language=options.language or None,
    )
    return judged(list(pool.map(one, calls)), work)


def _print(condition: str, row: Row) -> None:
    def of(pair: tuple[int, int]) -> str:
        return f"{pair[0]}/{pair[1]}"

    over = row.over_s[0] / row.over_s[1] if row.over_s[1] else 0.0
    print(
        f"{LINES[condition][0]:20s} {row.released:8d} {sum(row.reasons.values()):8d} {of(row.units):>9s} "
        f"{of(row.units_released):>9s} {of(row.cards):>8s} {of(row.cards_released):>9s} {over:7.2%} "
        f"{of(row.last_four):>9s} {row.cpu_per_hour:8.0f}"
    )
    if row.reasons or row.by_type:
        print(f"{'':20s} withheld {row.reasons or 'none'}; leaked in released calls {row.by_type or 'nothing'}")
    sys.stdout.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=SHARED / "data" / "calls", help="calls with truth.json")
    parser.add_argument("--calls", type=int, default=6, help="how many, evenly strewn; 40 are all of the shared ones")
    parser.add_argument("--conditions", type=_conditions, default=tuple(LINES), help=f"of {', '.join(LINES)}")
    parser.add_argument("--processes", type=int, choices=(1, 2), default=min(2, len(os.sched_getaffinity(0))))
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--language", default="en", help="as stated with the calls; empty to have it detected")
    return parser.parse_args()


def _conditions(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if not set(names) <= set(LINES):
        raise argparse.ArgumentTypeError(f"choose of {', '.join(LINES)}")
    return names


if __name__ == "__main__":
    main()
