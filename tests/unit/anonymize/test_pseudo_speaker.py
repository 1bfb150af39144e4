"""The pseudo-speaker: another voice, at the same times, as long as before."""

from __future__ import annotations

import numpy as np
import pytest

from sottovoce.anonymize.draw import draw
from sottovoce.anonymize.grid import Grid
from sottovoce.anonymize.pitch import pitch
from sottovoce.anonymize.pseudo_speaker import PseudoSpeakerAnonymizer
from sottovoce.anonymize.spectrum import MelCepstrum
from sottovoce.errors import AnonymizationError

RATES = (8_000, 11_025, 16_000, 22_050, 44_100, 48_000)


def disguised(samples, *, rate=16_000, seed=1):
    return PseudoSpeakerAnonymizer().transform(samples, rate=rate, random=np.random.default_rng(seed))


def level_track(samples, rate):
    """RMS in 5 ms steps over 20 ms."""
    step = round(rate * 0.005)
    power = np.square(samples[: len(samples) // step * step]).reshape(-1, step).mean(axis=1)
    return np.sqrt(np.convolve(power, np.full(4, 0.25), "same"))


def long_term(samples):
    """Mean log spectrum of the louder frames in dB, level apart."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, 512)[::128] * np.hanning(512)
    frames = frames[np.square(frames).sum(axis=1) > 1e-2]
    spectrum = np.log10(np.square(np.abs(np.fft.rfft(frames))).mean(axis=0) + 1e-9)[4:200]
    smooth = 10 * np.convolve(spectrum, np.full(9, 1 / 9), "valid")
    return smooth - smooth.mean()


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("frames", [0, 1, 2, 100, 127, 128, 129, 4_001, 20_000])
def test_as_long_as_before(voice, rate, frames):
    """Every length at every rate comes back to the sample, finite and in range."""
    samples = voice(seconds=2.6, rate=rate)[:frames]
    out = disguised(samples, rate=rate)
    assert (out.shape, out.dtype) == (samples.shape, np.float32)
    assert np.isfinite(out).all()
    assert np.abs(out).max(initial=0) < 1


@pytest.mark.parametrize("constant", [1.0, -1.0, 0.25, 1e-6])
def test_what_does_not_move_is_survived(constant):
    """A stuck line is no error, and makes nothing loud."""
    out = disguised(np.full(16_000, constant, dtype=np.float32))
    assert np.isfinite(out).all()
    assert np.abs(out).max() < 1


def test_overdriven_sound_does_not_clip(voice):
    """However hot the line, no sample reaches full scale."""
    out = disguised(np.clip(voice() * 40, -1, 1))
    assert 0.5 < np.abs(out).max() < 1


def test_sound_beyond_full_scale_is_survived(voice):
    """Float files may hold more than full scale."""
    assert np.abs(disguised(voice() * 100)).max() < 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused(voice, bad):
    """Nothing is guessed in their place."""
    samples = voice()
    samples[1_000] = bad
    with pytest.raises(AnonymizationError, match="finite"):
        disguised(samples)


def test_more_than_one_channel_is_refused(voice):
    """Agent and customer are never disguised as one."""
    with pytest.raises(AnonymizationError, match="channel"):
        disguised(np.stack([voice(), voice()]))


def test_a_rate_of_nothing_is_refused(voice):
    """Without a rate there is no time."""
    with pytest.raises(AnonymizationError, match="rate"):
        disguised(voice(), rate=0)


def test_the_original_is_left_alone(voice):
    """The caller's samples may be read-only, and stay as they are."""
    samples = voice()
    before = samples.copy()
    samples.setflags(write=False)
    disguised(samples)
    assert (samples == before).all()


def test_never_alike_twice(voice):
    """The same speaker comes out as two people."""
    one, two = disguised(voice(), seed=1), disguised(voice(), seed=2)
    assert np.abs(long_term(one) - long_term(two)).mean() > 1
    assert np.corrcoef(one, two)[0, 1] < 0.3


def test_one_generator_state_gives_one_voice(voice):
    """All that is drawn is drawn from the generator that was passed in."""
    assert (disguised(voice(), seed=5) == disguised(voice(), seed=5)).all()


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_digital_silence_stays_digital_silence(voice, rate):
    """A stretch redacted to zeros is zeros afterwards, to the sample."""
    samples = voice(rate=rate)
    start, end = rate // 2, rate
    samples[start:end] = 0
    out = disguised(samples, rate=rate)
    assert not out[start:end].any()
    assert np.square(out[:start]).mean() > 1e-5


def test_all_silence_is_all_silence():
    """Silence alone makes no sound."""
    assert not disguised(np.zeros(16_000, dtype=np.float32)).any()


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_the_tone_of_a_redaction_stays_a_tone(voice, rate):
    """It does not turn into a hum that sounds like speech."""
    samples = voice(rate=rate)
    samples[rate : 2 * rate] = 0.14 * np.sin(2 * np.pi * 1000 / rate * np.arange(rate))
    inside = slice(rate + rate // 30, 2 * rate - rate // 30)
    out = disguised(samples, rate=rate)
    assert np.abs(out[inside] - samples[inside]).max() < 1e-6
    assert np.abs(out[:rate] - samples[:rate]).max() > 0.05


def test_noise_stays_noise():
    """A stretch redacted to noise has no pitch afterwards, and no syllables."""
    noise = (0.02 * np.random.default_rng(3).standard_normal(32_000)).astype(np.float32)
    out = disguised(noise)
    _, periodic = pitch(out, rate=16_000, count=250)
    track = level_track(out, 16_000)
    assert np.median(periodic) < 0.6
    assert np.mean(periodic > 0.7) < 0.15
    assert np.percentile(track, 90) < 3 * np.percentile(track, 10)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 48_000])
def test_words_keep_their_times(voice, rate):
    """Loudness rises and falls when it did, within 20 ms, so that aligned words stay aligned."""
    samples = voice(rate=rate)
    before, after = level_track(samples, rate), level_track(disguised(samples, rate=rate), rate)
    before, after = before - before.mean(), after - after.mean()
    match = np.correlate(after, before, "full")
    assert abs(int(match.argmax()) - (len(before) - 1)) * 5 <= 20
    assert np.corrcoef(before, after)[0, 1] > 0.8


def test_pitch_moves_and_flattens():
    """The speaker's own contour is mostly gone, and its height is another's."""
    rate, length = 16_000, 48_000
    height = 150 * np.exp(0.25 * np.sin(2 * np.pi * 1.3 * np.arange(length) / rate))
    pulses = np.diff(np.floor(np.cumsum(height / rate)), prepend=0.0)
    samples = np.asarray(0.3 * np.convolve(pulses, np.exp(-np.arange(80) / 12), "same"), dtype=np.float32)
    own, _ = pitch(samples, rate=rate, count=370)
    heights = []
    for seed in range(6):
        new, periodic = pitch(disguised(samples, seed=seed), rate=rate, count=370)
        heights.append(float(np.median(np.log(new[periodic > 0.6]))))
        assert np.corrcoef(np.log(own), np.log(new))[0, 1] < 0.9
    assert np.ptp(heights) > 0.2


def test_long_term_spectra_of_two_speakers_come_closer(voice):
    """A dark and a bright voice are further apart before than after, on average over draws."""
    dark, bright = voice(tilt=0.97, throat=0.88, height=100), voice(tilt=0.3, throat=1.15, height=210)
    before = np.abs(long_term(dark) - long_term(bright)).mean()

    def average(samples):
        return np.mean([long_term(disguised(samples, seed=seed)) for seed in range(8)], axis=0)

    after = np.abs(average(dark) - average(bright)).mean()
    assert after < 0.6 * before


def test_as_loud_as_before(voice):
    """Speech keeps its level within 2 dB."""
    samples = voice()
    change = 20 * np.log10(disguised(samples).std() / samples.std())
    assert abs(change) < 2


def test_blocks_do_not_show(voice):
    """A long call is worked on in blocks of 16 s; loudness has no step where they meet."""
    samples = np.tile(voice(seconds=3.0), 12)
    track = level_track(disguised(samples), 16_000)
    expected = level_track(samples, 16_000)
    meet = round(2048 * 0.008 / 0.005)
    about = slice(meet - 40, meet + 40)
    assert np.corrcoef(track[about], expected[about])[0, 1] > 0.8


def test_its_name_is_stable():
    """Ledgers and corpora carry it."""
    assert PseudoSpeakerAnonymizer().name == "pseudo-speaker-1"


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_a_cepstrum_gives_back_a_smooth_envelope(rate):
    """Analysis and synthesis are each other's inverse for what they mean to keep."""
    grid = Grid(rate=rate, samples=rate)
    cepstrum = MelCepstrum.of(grid)
    drawn = (0.3 * np.random.default_rng(2).standard_normal((5, cepstrum.order)) * cepstrum.spread).astype(np.float32)
    power = np.exp(2 * drawn @ cepstrum.basis(grid.frequencies)).astype(np.float32)
    found = cepstrum.analyse(power)
    assert np.corrcoef(found[:, :8].ravel(), drawn[:, :8].ravel())[0, 1] > 0.9


def test_pitch_is_found(voice):
    """Within a semitone and a half, where it is clear."""
    for height in (90.0, 140.0, 230.0):
        found, periodic = pitch(voice(height=height), rate=16_000, count=370)
        clear = found[periodic > 0.8]
        assert abs(12 * np.log2(np.median(clear) / height)) < 1.5


def test_what_is_drawn_is_never_printed():
    """Neither a log nor a traceback can carry what would undo the disguise."""
    cepstrum = MelCepstrum.of(Grid(rate=8_000, samples=800))
    speaker = draw(np.random.default_rng(1), count=12, cepstrum=cepstrum)
    assert str(speaker.bend) not in repr(speaker)
    assert "array" not in repr(speaker)
