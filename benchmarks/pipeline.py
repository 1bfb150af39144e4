"""CPU for an hour of audio: the whole analytics line beside the same model transcribing alone, in one run.

    python benchmarks/pipeline.py [--calls 8]

Whole: admission, decoding, hearing, finding, redaction, verification, sealing, delivery to a folder, receipt. The
reference is faster-whisper as it comes, with word times, beam 1 and no retries, on each channel: what any redactor has
to do at the least. Both on one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import soundfile
import soxr

from sottovoce.domain.confidential import Confidential
from sottovoce.pipeline.lines import ANALYTICS
from sottovoce.sandbox.catalog import PACKAGED
from sottovoce.settings import Workspace
from sottovoce.testing.analytics_line import put_papers
from sottovoce.testing.house import PASSPHRASE
from sottovoce.wiring.house import House
from sottovoce.wiring.workspace import build_workspace

POLICY = """\
sources:
  calls: {kind: folder, path: calls, customer_channel: "1"}
lawful_basis: {basis: consent}
consent: {wordings: [{version: w1, effective: 2025-01-01}]}
keys: {passphrase: "file:passphrase"}
analytics:
  lawful_basis: {basis: contract}
  exclusions: {min_seconds: 1, queue_categories: []}
  anonymization: {method: none, waiver_who: bench, waiver_why: measured without}
  destinations: [vendor]
delivery:
  destinations:
    vendor: {kind: bucket, url: "file:drop"}
agreements:
  destinations:
    vendor: {zones: [eu]}
residency:
  sources: {calls: eu}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=8, help="how many of the two-channel sample calls")
    chosen = parser.parse_args()
    known = json.loads((PACKAGED / "calls.json").read_text())["calls"]
    calls = [call for call in known if call["channels"] == 2][: chosen.calls]
    sounds = [soundfile.read(str(PACKAGED / call["file"]), dtype="float32", always_2d=True) for call in calls]
    hours = sum(len(samples) / rate for samples, rate in sounds) / 3600
    alone = transcription(sounds)
    whole, delivered = line(calls, sounds)
    print(f"{len(calls)} calls, {hours * 60:.1f} minutes of two channels; {delivered} delivered")
    print(f"transcription alone  {alone / hours:6.0f} CPU-s/h")
    print(f"the whole line       {whole / hours:6.0f} CPU-s/h")
    print(f"ratio {whole / alone:.2f}")


def transcription(sounds: list[tuple[np.ndarray, int]]) -> float:
    """Bare faster-whisper, as in benchmarks/redaction.py."""
    from faster_whisper import WhisperModel

    from sottovoce.speech.models import load_model

    files = dict(load_model("tiny.en").files)
    model = WhisperModel("tiny.en", device="cpu", compute_type="int8", cpu_threads=1, num_workers=1, files=files)
    began = time.process_time()
    for samples, rate in sounds:
        for channel in samples.T:
            wide = soxr.resample(channel, rate, 16_000)
            heard, _ = model.transcribe(wide, language="en", beam_size=1, word_timestamps=True, temperature=0.0)
            list(heard)
    return time.process_time() - began


def line(calls: list[dict[str, object]], sounds: list[tuple[np.ndarray, int]]) -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "w"
        workspace = build(root, calls, sounds)
        house = House(workspace, line=ANALYTICS)
        surveyor = house.surveyor()
        keys = surveyor.settle(surveyor.look())
        house.warm()
        task = house.analytics.task()
        task.carry("analytics", keys[0])  # models are loaded by the first
        began = time.process_time()
        for key in keys[1:]:
            task.carry("analytics", key)
        spent = (time.process_time() - began) * len(keys) / max(1, len(keys) - 1)
        delivered = len(house.deliveries.book.receipts("analytics"))
        house.close()
        return spent, delivered


def build(root: Path, calls: list[dict[str, object]], sounds: list[tuple[np.ndarray, int]]) -> Workspace:
    root.mkdir()
    (root / "passphrase").write_text(PASSPHRASE)
    folder = root / "calls"
    folder.mkdir()
    for call, (samples, rate) in zip(calls, sounds, strict=True):
        name = Path(str(call["file"])).stem
        soundfile.write(str(folder / f"{name}.wav"), samples, rate, subtype="PCM_16")
        told = {key: call[key] for key in ("started_at", "language")}
        told |= {"conversation_id": call["id"], "recording_id": call["recording_id"], "queue": "orders"}
        told |= {"duration_s": len(samples) / rate, "queue_category": "retail", "participants": []}
        (folder / f"{name}.json").write_text(json.dumps(told))
    workspace = build_workspace(root, policy=POLICY, passphrase=Confidential(PASSPHRASE))
    put_papers(workspace, ("vendor",))
    return workspace


if __name__ == "__main__":
    main()
