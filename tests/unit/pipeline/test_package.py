"""What is sealed of a recording: samples by channel, the redacted transcript, the map."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from sottovoce.domain.sound import Role, Sound
from sottovoce.pipeline.package import MAP, SAMPLE, TRANSCRIPT, Packer
from sottovoce.policy.model import Corpus, Redaction
from sottovoce.redact.maps import redaction_map
from sottovoce.redact.redactor import Redactor
from sottovoce.redact.rules import rules_for
from sottovoce.speech.encode import encode
from sottovoce.speech.resample import resample
from sottovoce.testing.house import Deaf, OneSecond, OneWord
from sottovoce.wiring.rooms import noise_source

STEREO = (Role.AGENT, Role.CUSTOMER)


def anonymized(*, roles=STEREO, rate=8000):
    """As much of an anonymized recording as is packed: redacted sound and transcript, and its plan."""
    samples = np.random.default_rng(1).uniform(-0.1, 0.1, (len(roles), 3 * rate)).astype(np.float32)
    sound = Sound(samples=samples, rate=rate, roles=roles)
    redactor = Redactor(transcriber=OneWord(), finder=OneSecond(), ears=(Deaf(),), noise_source=noise_source)
    treated = redactor.treat(sound, rules_for(Redaction()), language="en").value
    verified = SimpleNamespace(transcript=treated.transcript, plan=treated.plan)
    return SimpleNamespace(sound=treated.sound, verified=verified)


def packed(recording, **corpus):
    packer = Packer(corpus=Corpus(**corpus), encode=encode, resample=resample, describe_plan=redaction_map)
    return packer.pack(recording)


def samples_of(parts):
    return {
        channel: soundfile.read(io.BytesIO(parts[kind, channel].reveal())) for kind, channel in parts if kind == SAMPLE
    }


@pytest.mark.parametrize(
    ("channels", "roles", "expected"),
    [
        ("separate", STEREO, {0, 1}),
        ("mix", STEREO, {None}),
        ("customer", STEREO, {1}),
        ("agent", STEREO, {0}),
        ("customer", (Role.CUSTOMER, Role.AGENT), {0}),
        ("separate", (Role.BOTH,), {0}),
        ("mix", (Role.BOTH,), {None}),
        ("customer", (Role.BOTH,), {0}),
        ("agent", (Role.BOTH,), {0}),
        ("customer", (Role.BOTH, Role.BOTH), {0, 1}),
    ],
)
def test_the_policy_says_which_channels(channels, roles, expected):
    """Separate, mixed, or one side; a channel that carries both voices is never left out."""
    parts = packed(anonymized(roles=roles), channels=channels)
    assert set(samples_of(parts)) == expected
    assert {(TRANSCRIPT, None), (MAP, None)} < set(parts)


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("form", ["wav", "flac"])
def test_samples_have_the_corpus_rate_and_the_calls_length(rate, form):
    """Every sample is one mono file at the corpus's rate, as long as the call."""
    for sound, at in samples_of(packed(anonymized(), rate=rate, format=form)).values():
        assert (at, sound.ndim, len(sound)) == (rate, 1, 3 * rate)


def test_a_mix_is_the_mean():
    """A mixed sample cannot clip: it is the mean of the channels."""
    recording = anonymized()
    (mixed, _), *_ = samples_of(packed(recording, channels="mix", rate=8000, format="wav")).values()
    assert np.allclose(mixed, recording.sound.samples.mean(axis=0), atol=1e-4)


def test_transcript_and_map_are_json_of_their_own():
    """The transcript is the redacted one, with times in seconds; the map says where and why, never what."""
    parts = packed(anonymized())
    transcript = json.loads(parts[TRANSCRIPT, None].reveal())
    assert (transcript["engine"], transcript["language"], len(transcript["channels"])) == ("one-word", "en", 2)
    spoken = transcript["channels"][0]["words"]
    assert [(w["text"], w["start_s"], w["end_s"]) for w in spoken] == [("word", 0.0, 3.0)]
    assert all(w["text"].startswith("[") for w in transcript["channels"][1]["words"])
    plan = json.loads(parts[MAP, None].reveal())
    assert plan["spans"][0]["findings"][0]["entity"] == "CREDIT_DEBIT_NUMBER"
    assert "word" not in json.dumps(plan)
