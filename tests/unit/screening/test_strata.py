"""What a recording is like, in words coarse enough to count (SPEC 4.4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sottovoce.domain.sound import MediaFormat
from sottovoce.screening.strata import canonical, label, strata_of, value_of

ULAW = MediaFormat(container="WAV", codec="ULAW", rate=8000, channels=2)


@pytest.mark.parametrize(
    ("facts", "dimension", "value"),
    [
        ({}, "queue_category", "billing"),
        ({"queue_category": None, "queue": "q"}, "queue_category", "mapped"),
        ({"queue_category": None, "queue": None}, "queue_category", "unknown"),
        ({}, "season", "summer"),
        ({"started_at": datetime(2025, 12, 31, tzinfo=UTC)}, "season", "winter"),
        ({"started_at": datetime(2025, 2, 1, tzinfo=UTC)}, "season", "winter"),
        ({"started_at": datetime(2025, 3, 1, tzinfo=UTC)}, "season", "spring"),
        ({"started_at": datetime(2025, 11, 30, tzinfo=UTC)}, "season", "autumn"),
        ({"started_at": None}, "season", "unknown"),
        ({}, "year", "2025"),
        ({"started_at": datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))}, "year", "2025"),
        ({"started_at": None}, "year", "unknown"),
        ({}, "language", "en"),
        ({"language": None}, "language", "unknown"),
        ({"codec": "G.711"}, "codec", "g711"),
        ({"codec": "pcma"}, "codec", "g711"),
        ({"codec": "OPUS"}, "codec", "opus"),
        ({"format": ULAW}, "codec", "g711"),
        ({}, "codec", "unknown"),
        ({"duration_s": 29.9}, "duration_band", "0-30"),
        ({"duration_s": 30.0}, "duration_band", "30-60"),
        ({}, "duration_band", "60-120"),
        ({"duration_s": 300.0}, "duration_band", "300+"),
        ({"duration_s": None}, "duration_band", "unknown"),
        ({"audio_quality": "8kHz"}, "audio_quality", "8khz"),
        ({"audio_quality": "  "}, "audio_quality", "unknown"),
        ({"device": "Speaker Phone"}, "device", "speaker-phone"),
        ({"accent_region": "Scotland"}, "accent_region", "scotland"),
        ({"accent_region": "call +13175550100"}, "accent_region", "other"),
    ],
)
def test_values(call, policy, facts, dimension, value):
    """Every dimension has a value for every recording; what is not known is a stratum of its own."""
    mapped = policy(corpus={"queue_categories": {"q": "mapped"}})
    assert value_of(call(**facts), dimension, mapped) == value


def test_only_the_dimensions_that_policy_names(call, policy):
    """A stratum holds what the policy stratifies by or asks a share of, and nothing more."""
    share = {"dimension": "codec", "value": "G.711", "share": 0.3}
    chosen = policy(selection={"stratify_by": ["year"], "minimum_shares": [share]})
    assert strata_of(call(), chosen) == {"codec": "unknown", "year": "2025"}


def test_names_for_people():
    """A stratum's label lists its dimensions in the policy's order."""
    assert label({"year": "2025", "codec": "g711"}, ("codec", "season")) == "codec:g711/season:unknown"
    assert canonical("codec", "g-711") == canonical("codec", "PCMU") == "g711"
