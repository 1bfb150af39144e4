"""How much memory redacting a file takes, by its length: the peak of a process of its own for each.

    python benchmarks/memory.py [--minutes 10 60 240] [--formats ulaw] [--transcriber scripted] [--whole]

The recordings are made here from the project's sample calls, one after another on two channels, and written in the
format's own rate. Each is redacted as `sottovoce redact` does: from a file to a file, every detector and ear, in one
process with one thread. `--transcriber scripted` replaces Whisper by words of every kind, 2.5 a second wherever
there is sound, a card number in every hundred: Whisper's own memory is then not counted, and the words are many.
`tiny.en` hears for itself. `--whole` adds how it was before recordings were treated in tiles: all in memory at once.
Peak memory is the whole process's (`getrusage`), the interpreter and every model counted.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import soundfile

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.sound import Sound
from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import ChannelTranscript, Segment, Transcript, Word

SAMPLES: Final = Path(__file__).resolve().parents[1] / "src" / "sottovoce" / "sandbox" / "calls"
FORMATS: Final = {
    "ulaw": ("wav", "WAV", "ULAW", 8000),
    "pcm": ("wav", "WAV", "PCM_16", 16_000),
    "flac": ("flac", "FLAC", "PCM_16", 8000),
    "mp3": ("mp3", "MP3", "MPEG_LAYER_III", 16_000),
    "vorbis": ("ogg", "OGG", "VORBIS", 16_000),
    "opus": ("ogg", "OGG", "OPUS", 16_000),
    "webm": ("webm", "WEBM", "OPUS", 48_000),
}
WORD_S: Final = 0.4
SCRIPT: Final = (
    "thank you for calling how can i help you today i would like to pay my bill please of course what is the name on "
    "the account it is on the letter and the street is long could you read me the card number four seven one six "
    "two three oh five one one double two nine eight seven six and the expiry is oh four twenty nine thank you "
    "that went through is there anything else no that was all have a good day goodbye"
)
WORDS: Final = tuple(SCRIPT.split())


class ScriptedTranscriber:
    """The same words over and over, as long as there is sound."""

    def __init__(self) -> None:
        self._words = cycle(WORDS)

    def transcribe(self, sound: Sound, *, language: str | None) -> Transcript:
        from sottovoce.speech.activity import active_spans

        channels = []
        for number, samples in enumerate(sound.samples):
            speech = active_spans(samples, sound.rate)
            words = tuple(word for span in speech for word in self._over(span, sound.rate))
            segments = tuple(Segment(span=w.span, words=(w,)) for w in words)
            channels.append(ChannelTranscript(channel=number, segments=segments, speech=speech))
        return Transcript(
            channels=tuple(channels),
            rate=sound.rate,
            engine="scripted",
            model_digest="0" * 64,
            language=language or "en",
        )

    def _over(self, span: Span, rate: int) -> Iterator[Word]:
        step = round(WORD_S * rate)
        for start in range(span.start, max(span.start + 1, span.end - step // 2), step):
            place = Span(start, min(span.end, start + step))
            yield Word(text=Confidential(next(self._words)), span=place, probability=0.9)


def make(path: Path, *, form: str, minutes: float) -> None:
    """Sample calls in a row, in blocks of a call."""
    import soxr

    from sottovoce.domain.sound import MediaFormat
    from sottovoce.speech.encode import writer

    _, container, codec, rate = FORMATS[form]
    calls = [p for p in sorted(SAMPLES.iterdir()) if p.suffix in {".flac", ".ogg", ".wav"}]
    sounds = [(s, r) for s, r in (soundfile.read(p, dtype="float32", always_2d=True) for p in calls) if s.shape[1] == 2]
    left = round(minutes * 60 * rate)
    with path.open("w+b") as out:
        if container == "WAV":
            with soundfile.SoundFile(out, "w", rate, 2, subtype=codec, format="WAV") as target:
                for sound, own in cycle(sounds):
                    part = soxr.resample(sound, own, rate)[:left]
                    target.write(part)
                    left -= len(part)
                    if not left:
                        return
        with writer(out, MediaFormat(container=container, codec=codec, rate=rate, channels=2)) as write:
            for sound, own in cycle(sounds):
                part = soxr.resample(sound, own, rate)[:left]
                write(part.T)
                left -= len(part)
                if not left:
                    return


def redact(path: Path, *, transcriber: str, whole: bool) -> dict[str, Any]:
    """In this process: CPU seconds, peak and what was resident before, in MB."""
    from sottovoce.domain.outcome import Passed
    from sottovoce.policy.model import Models, Redaction
    from sottovoce.redact.rules import rules_for
    from sottovoce.speech.codec import MediaCodec
    from sottovoce.speech.stored import DraftFile, EncodedFile
    from sottovoce.wiring.rooms import compose_redactor, whisper

    hears: Any = ScriptedTranscriber() if transcriber == "scripted" else whisper(Models(transcriber=transcriber))
    redactor = compose_redactor(hears)
    before, began = _resident_mb(), time.process_time()
    target = path.with_suffix(".redacted")
    rules, codec = rules_for(Redaction()), MediaCodec()
    if whole:
        redactor._tile_s = math.inf  # noqa: SLF001 - how it was
        answer = redactor.redact_media(Confidential(path.read_bytes()), rules, codec=codec, language="en")
        if isinstance(answer, Passed):
            target.write_bytes(answer.value.data.reveal())
    else:
        draft = DraftFile(target, draft=path.with_suffix(".part"))
        answer = redactor.redact_encoded(EncodedFile(path), draft, rules, codec=codec, language="en")
        if isinstance(answer, Passed):
            draft.finish()
        draft.drop()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = {"cpu": time.process_time() - began, "peak": peak, "before": before}
    if not isinstance(answer, Passed):
        return found | {"outcome": answer.reason.value, "spans": 0}
    return found | {"outcome": "redacted", "spans": len(answer.value.plan.spans)}


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def apart(path: Path, options: argparse.Namespace, *, whole: bool) -> dict[str, Any]:
    command = [sys.executable, __file__, f"--transcriber={options.transcriber}", "--one", str(path)]
    done = subprocess.run(
        [*command, *(["--whole"] if whole else [])],
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    options = _options()
    if options.one:
        print(json.dumps(redact(options.one, transcriber=options.transcriber, whole=options.whole)))
        return
    print(f"two channels of sample calls, transcriber {options.transcriber}, one process, one thread")
    print(
        f"{'format':8s} {'minutes':>8s} {'file MB':>8s} {'peak MB':>8s} {'over start':>11s} {'CPU s':>8s} {'spans':>6s}"
    )
    with tempfile.TemporaryDirectory() as made:
        for form in options.formats:
            for minutes in options.minutes:
                path = Path(made) / f"call.{FORMATS[form][0]}"
                make(path, form=form, minutes=minutes)
                for whole in (False, True) if options.whole else (False,):
                    figure = apart(path, options, whole=whole)
                    print(
                        f"{form:8s} {minutes:8.0f} {path.stat().st_size / 2**20:8.1f} {figure['peak']:8.0f} "
                        f"{figure['peak'] - figure['before']:11.0f} {figure['cpu']:8.1f} {figure['spans']:6d} "
                        f"{figure['outcome']}{', all in memory at once' if whole else ''}",
                        flush=True,
                    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, nargs="+", default=[10, 60, 240])
    parser.add_argument("--formats", choices=list(FORMATS), nargs="+", default=["ulaw"])
    parser.add_argument("--transcriber", default="scripted", help="scripted, or a model such as tiny.en")
    parser.add_argument("--whole", action="store_true", help="also as before: everything in memory at once")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
