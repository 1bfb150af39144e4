"""Fills, application and inspection of samples (SPEC 7.2, 7.3, 7.6)."""

from __future__ import annotations

import numpy as np
import pytest

from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Fill, Finding, PlannedSpan, RedactionPlan
from sottovoce.domain.sound import Role, Sound, sound_digest
from sottovoce.domain.spans import Span
from sottovoce.errors import RedactionError
from sottovoce.redact.energy import envelope
from sottovoce.redact.fills import TONE_DBFS, fill, noise_profile, tone
from sottovoce.redact.sound import apply_plan
from sottovoce.redact.verify import inspect

RATE = 8000


def call(frames: int = 40_000, floor: float = 0.002) -> Sound:
    rng = np.random.default_rng(1)
    samples = rng.normal(0, floor, (2, frames))
    samples[:, 8000:24_000] += rng.normal(0, 0.1, (2, 16_000))
    return Sound(samples=samples.astype(np.float32), rate=RATE, roles=(Role.AGENT, Role.CUSTOMER))


def plan_of(*spans: tuple[int, int, int], fill: Fill = Fill.SILENCE, frames: int = 40_000) -> RedactionPlan:
    planned = tuple(
        PlannedSpan(
            channel=c,
            span=Span(a, b),
            findings=(Finding(entity=Entity.NAME, channel=c, span=Span(a, b), detector="t", score=1.0),),
            label=f"NAME_{k}",
        )
        for k, (c, a, b) in enumerate(spans, 1)
    )
    return RedactionPlan(spans=planned, fill=fill, rate=RATE, frames=frames, margin_ms=200)


def noise() -> np.random.Generator:
    return np.random.default_rng(42)


@pytest.mark.parametrize("fill", list(Fill))
def test_a_fill_replaces_and_changes_nothing_else(fill):
    """The stretch is gone, the rest is the same to the bit, and the length is exact."""
    sound, plan = call(), plan_of((1, 10_000, 20_000), (0, 12_000, 12_100), fill=fill)
    cut = apply_plan(sound, plan, noise=noise())
    assert inspect(sound, cut, plan).passes
    assert cut.samples.shape == sound.samples.shape
    assert np.array_equal(cut.samples[1, :10_000], sound.samples[1, :10_000])
    assert not np.array_equal(cut.samples[1, 10_000:20_000], sound.samples[1, 10_000:20_000])


def test_the_tone_has_a_fixed_level_and_soft_ends():
    """1 kHz at -20 dBFS whatever was there; the fade lies inside."""
    wave = tone(8000, rate=RATE)
    assert 20 * np.log10(np.sqrt(np.mean(wave[100:-100] ** 2))) == pytest.approx(TONE_DBFS, abs=0.05)
    assert np.abs(np.fft.rfft(wave)).argmax() == 1000
    assert wave[0] == 0.0
    assert abs(wave[-1]) < 0.01
    assert len(tone(3, rate=RATE)) == 3


def test_noise_is_the_lines_own():
    """Noise stands at the level of the call's pauses, so that voice filters do not reject the file."""
    sound, plan = call(), plan_of((1, 10_000, 20_000), fill=Fill.NOISE)
    cut = apply_plan(sound, plan, noise=noise()).samples[1, 10_000:20_000]
    assert np.sqrt(np.mean(cut**2)) == pytest.approx(0.002, rel=0.2)
    assert np.array_equal(cut, apply_plan(sound, plan, noise=noise()).samples[1, 10_000:20_000])


@pytest.mark.parametrize("planned", [(), (Span(0, 40_000),)])
def test_noise_without_a_line_is_faint(planned):
    """Where the line is digitally silent, or nothing is left of it, the noise is at -66 dBFS."""
    profile = noise_profile(np.zeros(40_000, np.float32), planned)
    assert np.sqrt((profile**2).mean() / 256) == pytest.approx(10 ** (-66 / 20))


def test_a_plan_of_another_sound_is_refused():
    """Rate, length and channels must be those the plan was made for."""
    for plan in (plan_of(frames=39_999), plan_of((2, 0, 10)), plan_of((0, 39_000, 41_000))):
        with pytest.raises(RedactionError):
            apply_plan(call(), plan, noise=noise())


@pytest.mark.parametrize("fill", list(Fill))
def test_inspection_sees_a_shifted_stretch(fill):
    """A fill a tenth of a second beside its place leaves speech in, and changes what should stay."""
    sound, plan = call(), plan_of((1, 10_000, 20_000), fill=fill)
    shifted = apply_plan(sound, plan_of((1, 10_800, 20_800), fill=fill), noise=noise())
    found = inspect(sound, shifted, plan)
    assert found.residual == 1
    assert found.changed_outside == 800 or fill is Fill.TONE
    assert not found.passes


@pytest.mark.parametrize("fill", list(Fill))
def test_inspection_hears_what_is_mixed_in(fill):
    """A tone or noise laid over the voice is no fill."""
    sound, plan = call(), plan_of((1, 10_000, 20_000), fill=fill)
    mixed = sound.samples.copy()
    mixed[1, 10_000:20_000] += apply_plan(sound, plan, noise=noise()).samples[1, 10_000:20_000]
    assert inspect(sound, Sound(samples=mixed, rate=RATE, roles=sound.roles), plan).residual == 1


def test_inspection_compares_length_and_rate():
    """Another shape passes nothing."""
    plan = plan_of((1, 10_000, 20_000))
    assert not inspect(call(), call(39_999), plan).passes
    other = Sound(samples=call().samples, rate=16_000, roles=(Role.BOTH, Role.BOTH))
    assert not inspect(call(), other, plan).passes


def test_digests_tell_sounds_apart():
    """Samples, shape and rate are all in the digest."""
    sound = call()
    same = Sound(samples=sound.samples.copy(), rate=RATE, roles=sound.roles)
    assert sound_digest(sound) == sound_digest(same)
    other = Sound(samples=sound.samples, rate=16_000, roles=sound.roles)
    mono = Sound(samples=sound.samples.reshape(1, -1), rate=RATE, roles=(Role.BOTH,))
    assert len({sound_digest(s) for s in (sound, other, mono)}) == 3


def test_audible_time_leaves_noise_out():
    """Speech counts, line noise and silence do not; a loud steady tone does."""
    sound = call()
    assert envelope(sound).audible_s(0, RATE) == pytest.approx(2.0, abs=0.1)
    steady = Sound(samples=np.full((1, RATE), 0.1, np.float32), rate=RATE, roles=(Role.BOTH,))
    assert envelope(steady).audible_s(0, RATE) == pytest.approx(1.0, abs=0.02)
    empty = Sound(samples=np.zeros((1, 0), np.float32), rate=RATE, roles=(Role.BOTH,))
    assert envelope(empty).audible_s(0, RATE) == 0.0


def test_a_line_that_is_never_quiet_gets_plain_noise():
    """Where somebody speaks all the time, the fill is not shaped like speech, and is as loud as a loud line at most."""
    speech = np.convolve(np.random.default_rng(1).normal(0, 0.2, 80_000), np.ones(12) / 12, "same").astype(np.float32)
    profile = noise_profile(speech, ())
    assert np.ptp(profile) == 0
    made = fill(Fill.NOISE, 8000, rate=8000, profile=profile, noise=np.random.default_rng(0))
    assert 10 * np.log10(np.mean(made**2)) == pytest.approx(-45, abs=0.5)
