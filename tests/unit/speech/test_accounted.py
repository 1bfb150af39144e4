"""Whichever engine hears, what it skips is heard again or counts as unheard (SPEC 5.3)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import ChannelTranscript, Segment, Transcript, Word
from sottovoce.errors import HearingError
from sottovoce.speech.accounted import Accounted
from sottovoce.speech.denoise import denoised

RATE = 8000


def spoken(*bursts: tuple[float, float], seconds: float = 10.0, floor: float = 0.001) -> np.ndarray:
    """A line with a voiced sound in the given stretches."""
    rng = np.random.default_rng(7)
    samples = rng.normal(0, floor, int(seconds * RATE))
    for start, end in bursts:
        time = np.arange(int((end - start) * RATE)) / RATE
        vowel = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(2, 12))
        samples[int(start * RATE) : int(start * RATE) + len(time)] += 0.05 * vowel
    return samples.astype(np.float32)


def mono(samples: np.ndarray) -> Sound:
    return Sound(samples=samples[np.newaxis], rate=RATE, roles=(Role.BOTH,))


@dataclass
class Skipping:
    """An engine that writes words for given stretches of whole recordings, and one for each shorter sound it gets."""

    hears: tuple[tuple[float, float], ...]
    again: bool
    probability: float = 0.9
    got: list[Sound] = field(default_factory=list)

    def transcribe(self, sound: Sound, *, language: str | None) -> Transcript:
        self.got.append(sound)
        whole = sound.duration_s >= 10
        spans = self.hears if whole else ((1.0, sound.duration_s - 1.0),) * self.again
        words = tuple(
            Word(text=Confidential("word"), span=Span.of_seconds(*s, rate=RATE), probability=self.probability)
            for s in spans
        )
        segments = tuple(Segment(span=w.span, words=(w,)) for w in words)
        return Transcript(
            channels=(ChannelTranscript(channel=0, segments=segments, speech=()),),
            rate=RATE,
            engine="skipping",
            model_digest="0",
            language=language or "en",
        )


def test_what_an_engine_skips_is_given_to_it_again():
    """A skipped stretch is heard on its own, and its words get their place in the recording."""
    engine = Skipping(hears=((2, 2.8),), again=True)
    heard = Accounted(transcriber=engine).transcribe(mono(spoken((2, 2.8), (6, 6.8))), language="en")
    words = heard.channels[0].words
    assert len(engine.got) == 2
    assert [w.span.overlaps(Span(6 * RATE, 7 * RATE)) for w in words] == [False, True]
    assert not heard.channels[0].unheard


def test_what_stays_without_words_is_unheard():
    """An engine that skips a stretch twice does not keep it in the released sound."""
    engine = Skipping(hears=((2, 2.8),), again=False)
    heard = Accounted(transcriber=engine).transcribe(mono(spoken((2, 2.8), (6, 6.8))), language="en")
    assert any(u.overlaps(Span(6 * RATE, 7 * RATE)) for u in heard.channels[0].unheard)


def test_the_account_names_the_engine_and_its_languages():
    """What is heard again changes neither who heard it nor in which language."""
    ears = Accounted(transcriber=Skipping(hears=((2, 2.8),), again=False))
    heard = ears.transcribe(mono(spoken((2, 2.8))), language=None)
    assert (heard.engine, heard.language, ears.languages) == ("skipping", "en", frozenset({"en"}))


def test_an_engine_that_leaves_a_channel_out_is_refused():
    """A channel nobody heard is never taken for a silent one."""
    two = Sound(samples=np.stack([spoken((2, 3))] * 2), rate=RATE, roles=(Role.AGENT, Role.CUSTOMER))
    with pytest.raises(HearingError):
        Accounted(transcriber=Skipping(hears=((2, 3),), again=False)).transcribe(two, language="en")


def test_a_recording_of_which_little_was_understood_is_refused():
    """On a clear line inventions over half of the speech are no basis for a release."""
    engine = Skipping(hears=((1, 9),), again=True, probability=0.2)
    with pytest.raises(HearingError):
        Accounted(transcriber=engine).transcribe(mono(spoken((1, 9))), language="en")


def test_a_noisy_line_is_heard_with_its_noise_taken_down():
    """The engine gets the cleaned sound; a clear line it gets as it is."""
    noisy, clear = spoken((2, 4), (6, 8), floor=0.04), spoken((2, 4), (6, 8))
    engine = Skipping(hears=((2, 4), (6, 8)), again=True)
    for samples in (noisy, clear):
        Accounted(transcriber=engine).transcribe(mono(samples), language="en")
    whole = [s.samples[0] for s in engine.got if s.duration_s >= 10]
    assert np.std(whole[0][:8000]) < 0.3 * np.std(noisy[:8000])
    assert np.array_equal(whole[1], clear)


@pytest.mark.parametrize("seconds", [0, 0.01, 0.5, 40])
def test_taking_noise_down_keeps_length_and_place(seconds):
    """As many samples as before; speech stays where it was, and steady noise sinks."""
    samples = spoken(*([(20, 22)] if seconds > 30 else []), seconds=seconds, floor=0.02)
    clean = denoised(samples, RATE)
    assert clean.shape == samples.shape
    if seconds > 30:
        voice = slice(20 * RATE, 22 * RATE)
        assert np.corrcoef(clean[voice], samples[voice])[0, 1] > 0.8
        assert np.std(clean[: 15 * RATE]) < 0.2 * np.std(samples[: 15 * RATE])
