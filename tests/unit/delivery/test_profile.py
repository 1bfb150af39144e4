"""Profiles are data: strict, complete, and without an address."""

from __future__ import annotations

from pathlib import Path

import pytest

from sottovoce.delivery.profile import load_profile, profile_names, read_profile
from sottovoce.delivery.sidecar import write_sidecar
from sottovoce.errors import PolicyError

VENDORS = Path(__file__).parents[3] / "src" / "sottovoce" / "delivery" / "vendors"


def test_the_vendors_of_the_guide_are_there() -> None:
    """One profile for each, and a generic one."""
    assert set(profile_names()) == {"generic", "verint", "nice-nexidia", "callminer", "amazon-connect"}


@pytest.mark.parametrize("name", profile_names())
def test_every_packaged_profile_reads_and_names_no_address(name: str) -> None:
    """Endpoints are the customer's."""
    profile = load_profile(name, base=Path())
    text = (VENDORS / f"{name}.yaml").read_text()
    assert "://" not in text
    assert profile.sidecar is not None
    assert write_sidecar(profile.sidecar, {"id": "x"})


def test_a_profile_of_ones_own_lies_below_the_workspace(tmp_path: Path) -> None:
    """`file:` and a path."""
    (tmp_path / "mine.yaml").write_text((VENDORS / "generic.yaml").read_text().replace("{id}.wav", "call-{id}.wav"))
    assert load_profile("file:mine.yaml", base=tmp_path).audio.name == "call-{id}.wav"


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("audio:", "sound:", "audio"),
        ("codec: pcm_16", "codec: mp3", "audio.codec"),
        ('"{id}.wav"', '"../{id}.wav"', "audio.name"),
        ('"{id}.wav"', '"call.wav"', "audio.name"),
        ("startedAt: started_at", "startedAt: conversation_id", "sidecar.fields.startedAt"),
        ("fill: noise", "fill: music", "fill"),
    ],
)
def test_a_slip_is_named(old: str, new: str, where: str) -> None:
    """What a profile cannot say is an error with its place; there is no word for an id of the source's."""
    with pytest.raises(PolicyError) as slip:
        read_profile((VENDORS / "generic.yaml").read_text().replace(old, new), name="mine")
    assert where in str(slip.value)


@pytest.mark.parametrize("name", ["nobody", "file:missing.yaml"])
def test_a_profile_there_is_not(name: str, tmp_path: Path) -> None:
    """It is said, with what there is."""
    with pytest.raises(PolicyError) as missing:
        load_profile(name, base=tmp_path)
    assert missing.value.hint


def test_what_is_no_yaml() -> None:
    """It is said without a word of it."""
    with pytest.raises(PolicyError):
        read_profile("a: [", name="mine")


@pytest.mark.parametrize(("rate", "wanted"), [(8000, 8000), (11_025, 16_000), (44_100, 16_000)])
def test_a_rate_that_is_not_taken_becomes_the_next_above(rate: int, wanted: int) -> None:
    """Or the highest there is."""
    assert load_profile("verint", base=Path()).audio.rate_for(rate) == wanted
