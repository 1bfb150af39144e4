"""Opaque names, and the only nine things said of a sample (SPEC 11.1)."""

from __future__ import annotations

import os

import pytest

from sottovoce.corpus.identity import is_corpus_id, new_corpus_id
from sottovoce.corpus.sample import Sample, Split, format_name
from sottovoce.domain.sound import MediaFormat
from sottovoce.errors import ReleaseRefused

ID = "0" * 32


def sample(**changes):
    plain = {
        "corpus_id": ID,
        "queue_category": "Billing",
        "duration_s": 41.26,
        "audio_format": "flac_16khz_mono",
        "capture_year": 2025,
        "accent_region": "Scotland",
        "audio_quality": "8khz",
        "language": "en",
        "split": Split.TRAIN,
    }
    return Sample(**(plain | changes))


def test_the_released_keys():
    """Released metadata holds these keys and no others, and no length finer than a tenth of a second."""
    assert sample().released() == {
        "corpusId": ID,
        "queueCategory": "billing",
        "durationSeconds": 41.3,
        "audioFormat": "flac_16khz_mono",
        "captureYear": 2025,
        "accentRegion": "scotland",
        "audioQuality": "8khz",
        "language": "en",
        "split": "train",
    }


def test_free_text_is_not_released():
    """A source that writes names or numbers where a category belongs releases neither."""
    released = sample(queue_category="Ms Jane Doe, urgent", accent_region="+13175550100").released()
    assert (released["queueCategory"], released["accentRegion"]) == ("other", "other")


def test_released_metadata_reads_back():
    """A sample of its own metadata says the same again."""
    released = sample().released()
    assert Sample.of_released(released).released() == released


@pytest.mark.parametrize(
    "change",
    [
        {"conversationId": "c"},
        {"corpusId": "recording-1"},
        {"split": "dev"},
        {"durationSeconds": "long"},
        {"captureYear": "MMXXV"},
    ],
)
def test_other_metadata_is_refused(change):
    """One key more, or a value that is none, is not a released sample."""
    with pytest.raises(ReleaseRefused):
        Sample.of_released(sample().released() | change)


def test_a_missing_key_is_refused():
    """One key fewer is not a released sample either."""
    released = sample().released()
    del released["split"]
    with pytest.raises(ReleaseRefused):
        Sample.of_released(released)


def test_names_are_random():
    """A corpus id is 128 random bits; the same recording gets another one another time."""
    one, two = new_corpus_id(os.urandom), new_corpus_id(os.urandom)
    assert one != two
    assert is_corpus_id(one)
    assert not is_corpus_id(f"{one}0")
    with pytest.raises(ValueError, match="too little"):
        new_corpus_id(lambda n: b"\0" * (n - 1))


@pytest.mark.parametrize(
    ("rate", "channels", "name"),
    [(16000, 1, "flac_16khz_mono"), (8000, 2, "flac_8khz_stereo"), (44100, 3, "flac_44.1khz_3ch")],
)
def test_formats_have_names(rate, channels, name):
    """Container, rate and channels in one word."""
    made = MediaFormat(container="FLAC", codec="PCM_16", rate=rate, channels=channels)
    assert format_name(made) == name
