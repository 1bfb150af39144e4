"""The second ear, on small synthesized clips (`scripts/ear_clips.py`) and on what redaction puts in."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import soxr

from sottovoce.detect import acoustic, second_ear
from sottovoce.detect.acoustic import CLASSES, FIRST_DIGIT, PARTS, Ear
from sottovoce.detect.acoustic_words import SpokenDigit, digits_in
from sottovoce.detect.second_ear import SecondEar
from sottovoce.domain.entities import Entity
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.spans import Span, covered
from sottovoce.errors import DetectionError, ModelError

CLIPS = Path(__file__).parents[2] / "data" / "second_ear"
WORDS = json.loads((CLIPS / "words.json").read_text())
SHARED = Path(os.environ.get("SOTTOVOCE_SHARED", Path(__file__).parents[3].parent / "shared")) / "data"
CARDS = [name for name in WORDS if name.startswith("card")]
HARMLESS = [name for name in WORDS if name.startswith(("talk", "one-digit"))]


@pytest.fixture(scope="module")
def ear():
    return SecondEar()


def clip(name):
    samples, rate = sf.read(CLIPS / name, dtype="float32")
    assert rate == 8000
    return np.concatenate([np.zeros(4000, np.float32), samples, np.zeros(4000, np.float32)])


def mono(samples, rate=8000):
    return Sound(samples=np.ascontiguousarray(samples, np.float32)[None], rate=rate, roles=(Role.BOTH,))


def spoken(name, rate=8000):
    """Where each digit of the clip is, in samples."""
    return [Span.of_seconds(s + 0.5, e + 0.5, rate=rate) for _, s, e in WORDS[name]]


def share_touched(findings, digits):
    return sum(any(f.span.overlaps(d) for f in findings) for d in digits) / len(digits)


@pytest.mark.parametrize("name", CARDS)
def test_a_card_number_is_found_from_its_first_digit_to_its_last(ear, name):
    """Sixteen digits in a row are a card number, whoever says them."""
    found = ear.find(mono(clip(name)))
    assert found[0].entity is Entity.CREDIT_DEBIT_NUMBER
    assert found[0].detector == "second_ear"
    assert 0.5 < found[0].score <= 1
    assert share_touched(found, spoken(name)[:16]) == 1.0


@pytest.mark.parametrize("name", CARDS)
def test_what_is_found_is_little_more_than_the_number(ear, name):
    """The talk before a number stays outside its span."""
    found = ear.find(mono(clip(name)))
    digits = spoken(name)
    assert found[0].span.start >= digits[0].start - 4000
    assert covered(f.span for f in found) <= digits[-1].end - digits[0].start + 8000


def test_three_digits_after_a_card_number_are_its_code(ear):
    """A CVV is three digits: too few on their own, enough right after a card number."""
    name = "card-then-code-espeak.opus"
    found = ear.find(mono(clip(name)))
    assert [f.entity for f in found][-1] is Entity.CREDIT_DEBIT_CVV
    assert share_touched(found[-1:], spoken(name)[16:]) == 1.0


@pytest.mark.parametrize("name", [n for n in WORDS if n.startswith("four")])
def test_four_digits_are_a_run(ear, name):
    """Four digits in a row are reported, as an account number."""
    (found,) = ear.find(mono(clip(name)))
    assert found.entity is Entity.ACCOUNT_NUMBER


@pytest.mark.parametrize("name", HARMLESS)
def test_talk_with_a_digit_in_it_is_left_alone(ear, name):
    """Single digits are never reported."""
    assert ear.find(mono(clip(name))) == ()


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_spans_are_samples_of_the_recordings_own_rate(ear, rate):
    """At any rate the same number is found at the same time."""
    name = "card-slow-espeak.opus"
    found = ear.find(mono(soxr.resample(clip(name), 8000, rate), rate))
    assert share_touched(found, spoken(name, rate)) == 1.0
    assert all(f.span.end <= len(clip(name)) * rate / 8000 + 1 for f in found)


@pytest.mark.parametrize("gain_db", [-30, -12, 3])
def test_the_gain_of_the_line_does_not_matter(ear, gain_db):
    """A quiet caller's number is found like a loud one's."""
    name = "card-slow-flite.opus"
    found = ear.find(mono(clip(name) * 10 ** (gain_db / 20)))
    assert share_touched(found, spoken(name)) == 1.0


def test_each_channel_is_heard_on_its_own(ear):
    """A number on the customer's channel is found there and nowhere else."""
    number = clip("card-slow-flite.opus")
    samples = np.stack([np.resize(clip(HARMLESS[0]), len(number)), number])
    sound = Sound(samples=samples, rate=8000, roles=(Role.AGENT, Role.CUSTOMER))
    assert {f.channel for f in ear.find(sound)} == {1}


def fill(kind, frames):
    t = np.arange(frames) / 8000
    if kind == "tone":
        return 0.1 * np.sin(2 * np.pi * 1000 * t)
    if kind == "silence":
        return np.zeros(frames)
    rng = np.random.default_rng(5)
    shaped = np.fft.rfft(rng.normal(0, 1, frames))
    shaped *= 1 / (1 + np.fft.rfftfreq(frames, 1 / 8000) / 500)
    back = np.fft.irfft(shaped, frames)
    return back / back.std() * 0.01


@pytest.mark.parametrize("kind", ["silence", "tone", "noise"])
@pytest.mark.parametrize("name", CARDS)
def test_a_redacted_number_is_quiet(ear, name, kind):
    """Where a fill stands for the number, the verifier's ear finds nothing."""
    samples = clip(name)
    for digit in spoken(name):
        wide = digit.widened(1600, 1600, limit=len(samples))
        samples[wide.start : wide.end] = fill(kind, wide.length)
    assert ear.find(mono(samples)) == ()


@pytest.mark.parametrize("kind", ["silence", "tone", "noise"])
def test_fills_alone_are_quiet(ear, kind):
    """Half a minute of nothing but fill is no number, nor are bursts of it."""
    long = fill(kind, 240000)
    bursts = np.where(np.arange(240000) // 2000 % 2, long, 0)
    assert ear.find(mono(long)) == ear.find(mono(bursts)) == ()


def test_half_a_redaction_is_heard(ear):
    """When a fill covers only the first eight digits, the other eight are found."""
    name = "card-slow-flite.opus"
    samples, digits = clip(name), spoken(name)
    samples[: digits[7].end] = 0
    assert share_touched(ear.find(mono(samples)), digits[8:]) == 1.0


@pytest.mark.parametrize("frames", [0, 1, 79, 200, 4000])
def test_short_and_empty_sound_is_quiet(ear, frames):
    """Nothing is found in next to nothing."""
    assert ear.find(mono(np.zeros(frames))) == ()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_not_numbers_are_refused(ear, bad):
    """Doubt is never taken for silence."""
    with pytest.raises(DetectionError):
        ear.find(mono(np.full(8000, bad)))


def test_hearing_in_blocks_is_hearing_in_one_go(monkeypatch):
    """Long recordings are heard block by block with the same outcome to rounding."""
    samples = np.concatenate([clip(name) for name in CARDS])
    whole = Ear.packaged().hear(samples)
    monkeypatch.setattr(acoustic, "BLOCK", 400)
    assert np.allclose(Ear.packaged().hear(samples), whole, atol=1e-3)


def test_other_weights_are_refused(monkeypatch):
    """Weights that are not the pinned ones, or not there, stop the detector."""
    with monkeypatch.context() as changed:
        changed.setattr(acoustic, "WEIGHTS_SHA256", "0" * 64)
        acoustic._packaged.cache_clear()
        with pytest.raises(ModelError):
            SecondEar()
    with monkeypatch.context() as changed:
        changed.setattr(acoustic, "WEIGHTS", "absent.npz")
        acoustic._packaged.cache_clear()
        with pytest.raises(ModelError):
            SecondEar()
    acoustic._packaged.cache_clear()


def digits_at(*starts, score=0.9):
    return [SpokenDigit(start=s, end=s + 15, score=score) for s in starts]


def named(*words):
    return [
        (entity, run.digits) for entity, run in second_ear._named(second_ear._runs([w for ws in words for w in ws]))
    ]


def test_groups_with_pauses_between_are_one_card_number():
    """Four times four digits with five seconds between are a card number; four more are its expiry or code."""
    groups = [digits_at(*range(s, s + 80, 20)) for s in (0, 330, 660, 990, 1400)]
    assert named(*groups) == [(Entity.CREDIT_DEBIT_NUMBER, 4)] * 4 + [(Entity.CREDIT_DEBIT_CVV, 4)]


def test_doubtful_digits_do_not_make_a_run():
    """Words that may be digits and may not are no number."""
    assert named(digits_at(*range(0, 320, 20), score=0.5)) == []
    assert named(digits_at(*range(0, 320, 20), score=0.3)) == []


def test_brisk_digits_need_less_belief_than_slow_ones():
    """What is mistaken for digits is mostly slow reading: five doubtful words at three a second are a number."""
    assert named(digits_at(0, 17, 34, 51, 68, score=0.6)) == [(Entity.ACCOUNT_NUMBER, 5)]
    assert named(digits_at(0, 40, 80, 120, 160, score=0.6)) == []


def test_three_digits_without_a_card_number_are_not_reported():
    """A flight, a bus or a room number stays."""
    assert named(digits_at(0, 20, 40)) == []
    assert named(digits_at(*range(0, 320, 20)), digits_at(5000, 5020, 5040)) == [(Entity.CREDIT_DEBIT_NUMBER, 16)]


def test_a_digit_said_twice_is_two_digits():
    """The path through thirds tells "four four" from one long "four"."""
    four = FIRST_DIGIT + PARTS * 5
    twice = (
        [0] * 30
        + [four] * 5
        + [four + 1] * 5
        + [four + 2] * 5
        + [four] * 5
        + [four + 1] * 5
        + [four + 2] * 5
        + [0] * 30
    )
    once = [0] * 30 + [four] * 10 + [four + 1] * 10 + [four + 2] * 10 + [0] * 30
    prior = np.full(CLASSES, 1 / CLASSES, np.float32)
    for said, count in ((twice, 2), (once, 1)):
        logs = np.log(np.where(np.eye(CLASSES)[said], 0.9, 0.1 / (CLASSES - 1))).astype(np.float32)
        assert [(w.start, w.end) for w in digits_in(logs, prior)] == [
            (30 + k * 30 // count, 60 - (count - 1 - k) * 15) for k in range(count)
        ]


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="no shared speech")
def test_card_numbers_in_calls_are_found(ear):
    """Of the card numbers, expiry dates and codes in composed calls of real digits, 95 of 100 are touched."""
    hits = of = 0
    for call in json.loads((SHARED / "calls" / "truth.json").read_text()):
        samples, rate = sf.read(SHARED / "calls" / call["file"], dtype="float32", always_2d=True)
        sound = Sound(samples=np.ascontiguousarray(samples.T), rate=rate, roles=(Role.AGENT, Role.CUSTOMER))
        found = ear.find(sound)
        for entity in call["entities"]:
            if entity["type"].startswith("CREDIT") and "DTMF" not in entity["type"]:
                span = Span.of_seconds(entity["start_s"], entity["end_s"], rate=rate)
                hits += any(f.channel == entity["channel"] and f.span.overlaps(span) for f in found)
                of += 1
    assert of > 10
    assert hits / of >= 0.95


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="no shared speech")
def test_read_sentences_are_left_alone(ear):
    """Less than one second in a hundred of harmless speech is flagged."""
    flagged = total = 0.0
    for path in sorted((SHARED / "voices").rglob("*.flac")):
        samples, rate = sf.read(path, dtype="float32")
        flagged += covered(f.span for f in ear.find(mono(samples, rate))) / rate
        total += len(samples) / rate
    assert flagged / total <= 0.01
