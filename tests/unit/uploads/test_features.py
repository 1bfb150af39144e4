"""Features: their shapes, their grades, and that nothing else is kept."""

from __future__ import annotations

import numpy as np
import pytest

from sottovoce.testing.house import carry_all, settle_all
from sottovoce.testing.uploads import clip, inbox_house, sender
from sottovoce.uploads.features import (
    FEATURES,
    GRADES,
    RATE,
    FeatureSet,
    extract,
    grade,
    mel_filters,
    open_features,
    pack_features,
)

RANDOM = np.random.default_rng(1)


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(int(RATE * seconds)) / RATE).astype(np.float32)


@pytest.mark.parametrize(
    ("chosen", "shape"),
    [(FeatureSet.LOG_MEL, (101, 80)), (FeatureSet.MFCC, (101, 20)), (FeatureSet.ENVELOPE, (11, 4))],
)
def test_shapes_follow_from_length(chosen, shape):
    """A frame every 10 ms, the envelope's every 100."""
    assert extract(tone(440), chosen).shape == shape
    assert extract(np.zeros(1, dtype=np.float32), chosen).shape[0] >= 1


def test_a_tone_stands_in_its_own_band():
    """The band that covers a tone's frequency is the loudest, at every pitch."""
    centres = np.argmax(mel_filters(), axis=1) * RATE / 512
    for hertz in (300, 1000, 3000, 6000):
        loudest = int(extract(tone(hertz), FeatureSet.LOG_MEL).mean(axis=0).argmax())
        assert abs(centres[loudest] - hertz) < 0.06 * hertz + 30


def test_the_envelope_keeps_rhythm_and_no_spectrum():
    """Every band is around zero with a spread of one: nothing of a voice's or a line's own colour is left."""
    noise = RANDOM.standard_normal(RATE * 5).astype(np.float32) * (1 + np.sin(np.arange(RATE * 5) / 3000)).astype("f4")
    for sound in (noise, np.convolve(noise, [1, 0.9], mode="same").astype(np.float32)):
        found = extract(sound, FeatureSet.ENVELOPE)
        np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(found.std(axis=0), 1, atol=1e-3)


def test_every_set_says_what_can_be_recovered():
    """A mel spectrogram is not de-identified, and says so."""
    assert set(GRADES) == set(FeatureSet)
    assert grade(FeatureSet.LOG_MEL) == "speech+speaker"
    assert grade(FeatureSet.ENVELOPE) == "speaker"


def test_a_file_of_features_comes_back_without_pickles():
    """Arrays and their description; whose voice it is stands there too."""
    packed = pack_features(tone(440), tuple(FeatureSet), disguised=False)
    opened = open_features(packed)
    assert set(opened.arrays) == set(FeatureSet)
    assert opened.meta["recoverable"] == {"log_mel": "speech+speaker", "mfcc": "speech+speaker", "envelope": "speaker"}
    assert opened.meta["speaker"] == "as recorded"
    np.testing.assert_array_equal(opened.arrays[FeatureSet.MFCC], extract(tone(440), FeatureSet.MFCC))


def test_an_inbox_that_keeps_features_seals_no_sound(tmp_path):
    """Features take the place of every sample, and what was sent is destroyed."""
    house = inbox_house(tmp_path / "w", more="    keep: features\n    features: [mfcc, envelope]")
    one = sender(house, tmp_path / "home")
    (tmp_path / "a.wav").write_bytes(clip(seconds=2.0, channels=2))
    one.send(tmp_path / "a.wav")
    (key,) = settle_all(house)
    assert carry_all(house, [key]) == {key: "sealed"}
    held = house.registry.objects(key)
    assert sorted((each.kind, each.channel) for each in held) == [
        (FEATURES, 0),
        (FEATURES, 1),
        ("map", None),
        ("transcript", None),
    ]
    each = next(each for each in held if each.kind == FEATURES)
    opened = open_features(house.vault.open(each, house.vault.fetch(each)))
    assert set(opened.arrays) == {FeatureSet.MFCC, FeatureSet.ENVELOPE}
    assert opened.arrays[FeatureSet.MFCC].shape == (201, 20)
    assert opened.meta["speaker"] == "disguised"
    assert house.uploads.sweep().destroyed == 1
    house.close()
