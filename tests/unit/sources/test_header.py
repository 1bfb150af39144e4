"""What a header claims, read without believing it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from sottovoce.domain.sound import Role
from sottovoce.sandbox.sound import encoded
from sottovoce.sources.header import channels_of, read_header, roles_for
from sottovoce.testing.calls import write_tone


@pytest.mark.parametrize("form", ["WAV", "WAV_ULAW", "OGG_VORBIS", "OGG_OPUS", "MP3", "WEBM"])
@pytest.mark.parametrize("channel", [None, 0])
def test_channels_and_length_of_every_format(tmp_path: Path, form: str, channel: int | None) -> None:
    """Every format the platform transcodes to tells its channels and its length."""
    data = encoded(write_tone(tmp_path / "call.wav"), form, channel)
    header = read_header(io.BytesIO(data))
    assert header is not None
    assert header.format.channels == (2 if channel is None else 1)
    assert header.duration_s == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("data", [b"", b"RIFF", b"not audio at all", b"\x1a\x45\xdf\xa3junk", bytes(200)])
def test_what_is_not_audio_has_no_header(data: bytes) -> None:
    """Bytes that are no audio give nothing, and no error either: the decoder refuses them later."""
    assert read_header(io.BytesIO(data)) is None
    assert channels_of(data) is None


def test_two_channels_follow_the_configuration() -> None:
    """Which channel is the customer's is said by the policy; other counts belong to both."""
    assert roles_for(2, customer_channel="1") == (Role.AGENT, Role.CUSTOMER)
    assert roles_for(2, customer_channel="0") == (Role.CUSTOMER, Role.AGENT)
    assert roles_for(1, customer_channel="1") == (Role.BOTH,)
    assert roles_for(None, customer_channel="1") == (Role.BOTH,)
    assert roles_for(3, customer_channel="1") == (Role.BOTH,) * 3
