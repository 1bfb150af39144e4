"""Files rewritten in their own format (SPEC 2.4, 3.4, 7.3)."""

from __future__ import annotations

import io
import struct
from contextlib import contextmanager

import numpy as np
import pytest
import soundfile

from sottovoce.domain import wav
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Fill, Finding, PlannedSpan, RedactionPlan
from sottovoce.domain.sound import MediaFormat, Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.errors import RedactionError
from sottovoce.redact.media import rewrite
from sottovoce.redact.sound import apply_plan
from sottovoce.speech.codec import MediaCodec

CODEC = MediaCodec()


def speech(*, rate: int, channels: int = 2, frames: int | None = None) -> Sound:
    rng = np.random.default_rng(2)
    samples = rng.normal(0, 0.1, (channels, frames or 3 * rate + 77)).clip(-0.9, 0.9)
    return Sound(samples=samples.astype(np.float32), rate=rate, roles=(Role.BOTH,) * channels)


def plan_for(sound: Sound, fill: Fill, *, channel: int | None = None) -> RedactionPlan:
    number = sound.channels - 1 if channel is None else channel
    spans = (Span(sound.rate // 2, sound.rate), Span(2 * sound.rate, 2 * sound.rate + sound.rate // 2 + 1))
    planned = tuple(
        PlannedSpan(
            channel=number,
            span=span,
            findings=(Finding(entity=Entity.NAME, channel=number, span=span, detector="t", score=1.0),),
            label="NAME_1",
        )
        for span in spans
    )
    return RedactionPlan(spans=planned, fill=fill, rate=sound.rate, frames=sound.frames, margin_ms=200)


def redacted(data: Confidential[bytes], fill: Fill) -> tuple[Confidential[bytes], Sound, RedactionPlan, MediaFormat]:
    samples, shape = CODEC.read(data)
    original = Sound(samples=samples, rate=shape.rate, roles=(Role.BOTH,) * shape.channels)
    plan = plan_for(original, fill)
    cut = apply_plan(original, plan, noise=np.random.default_rng(0))
    return rewrite(data, original, cut, plan, shape=shape, codec=CODEC), original, plan, shape


FORMATS = [
    *(("WAV", codec, 8000) for codec in sorted(wav.CODECS)),
    ("FLAC", "PCM_16", 8000),
    ("FLAC", "PCM_24", 48000),
    ("OGG", "VORBIS", 16000),
    ("OGG", "OPUS", 8000),
    ("MP3", "MPEG_LAYER_III", 8000),
    ("WEBM", "OPUS", 48000),
]


@pytest.mark.parametrize(("container", "codec", "rate"), FORMATS)
@pytest.mark.parametrize("fill", list(Fill))
def test_every_format_is_kept_to_the_frame(container, codec, rate, fill):
    """Container, codec, rate, channels and length stay; lossless files are the same outside the plan."""
    data = CODEC.write(speech(rate=rate), MediaFormat(container=container, codec=codec, rate=rate, channels=2))
    written, original, plan, shape = redacted(data, fill)
    samples, again = CODEC.read(written)
    assert again == shape
    assert samples.shape == original.samples.shape
    if container in {"WAV", "FLAC"}:
        outside = np.ones(samples.shape, bool)
        for p in plan.spans:
            outside[p.channel, p.span.start : p.span.end] = False
        assert np.array_equal(samples[outside], original.samples[outside])
        assert fill is Fill.NOISE or np.abs(samples[~outside]).max() < 0.2


@pytest.mark.parametrize("codec", sorted(wav.CODECS))
def test_wav_bytes_outside_the_plan_are_the_very_same(codec):
    """µ-law and PCM bytes are patched, not coded again: a round trip through samples would change some."""
    layout = wav.layout_for(codec=codec, channels=2, rate=8000)
    if codec in {"FLOAT", "DOUBLE"}:
        kind = np.float32 if codec == "FLOAT" else np.float64
        body = np.random.default_rng(1).uniform(-1, 1, 2 * 24_000).astype(kind).tobytes()
    else:
        body = np.random.default_rng(1).integers(0, 256, 24_000 * layout.frame_bytes, dtype=np.uint8).tobytes()
    data = Confidential(wav.compose(layout, body))
    written, _, plan, _ = redacted(data, Fill.SILENCE)
    new = wav.parse(written.reveal())
    ((start, end),) = new.data
    before = np.frombuffer(body, np.uint8).reshape(-1, 2, layout.sample_bytes)
    after = np.frombuffer(written.reveal()[start:end], np.uint8).reshape(-1, 2, layout.sample_bytes)
    same = (before == after).all(axis=2)
    for p in plan.spans:
        assert len(np.unique(after[p.span.start : p.span.end, p.channel], axis=0)) == 1
        same[p.span.start : p.span.end, p.channel] = True
    assert same.all()


def test_metadata_and_stray_bytes_do_not_survive():
    """LIST, ID3 and trailing bytes are gone; two data chunks become one; padding is right."""
    layout = wav.layout_for(codec="PCM_U8", channels=1, rate=8000)
    marker = b"MARKER-OF-A-NAME"
    half = np.random.default_rng(4).integers(0, 256, 12_001, dtype=np.uint8).tobytes()
    chunk = b"data" + struct.pack("<I", len(half)) + half + b"\0"
    info = b"LIST" + struct.pack("<I", len(marker)) + marker
    body = b"WAVE" + info + b"fmt " + struct.pack("<I", 16) + layout.fmt + chunk + info + chunk
    data = Confidential(b"RIFF" + struct.pack("<I", len(body)) + body + marker)
    written, original, _, _ = redacted(data, Fill.TONE)
    assert marker not in written.reveal()
    assert wav.parse(written.reveal()).frames == original.frames == 24_002


@pytest.mark.parametrize(("container", "codec"), [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")])
def test_tags_do_not_survive(container, codec):
    """Titles and comments of FLAC, Ogg and MP3 are gone."""
    out = io.BytesIO()
    with soundfile.SoundFile(out, "w", samplerate=8000, channels=1, format=container, subtype=codec) as target:
        target.title = "MARKER-OF-A-NAME"
        target.write(speech(rate=8000, channels=1).samples.T)
    assert b"MARKER-OF-A-NAME" in out.getvalue()
    written, _, _, _ = redacted(Confidential(out.getvalue()), Fill.SILENCE)
    assert b"MARKER-OF-A-NAME" not in written.reveal()


def test_extensible_wav_keeps_its_format_chunk():
    """WAVE_FORMAT_EXTENSIBLE is patched in place."""
    out = io.BytesIO()
    soundfile.write(out, speech(rate=8000).samples.T, 8000, format="WAVEX", subtype="PCM_24")
    written, _, _, _ = redacted(Confidential(out.getvalue()), Fill.NOISE)
    assert wav.parse(written.reveal()).fmt == wav.parse(out.getvalue()).fmt


def test_a_plan_of_another_file_is_refused():
    """Nothing is written when plan and sound do not fit."""
    data = CODEC.write(speech(rate=8000), MediaFormat(container="WAV", codec="PCM_16", rate=8000, channels=2))
    samples, shape = CODEC.read(data)
    original = Sound(samples=samples, rate=8000, roles=(Role.BOTH,) * 2)
    other = plan_for(speech(rate=8000, frames=24_000), Fill.SILENCE)
    with pytest.raises(RedactionError):
        rewrite(data, original, original, other, shape=shape, codec=CODEC)


class ShorteningCodec(MediaCodec):
    """A codec whose encoder loses frames, as one without delay compensation does."""

    @contextmanager
    def writer(self, out, shape):
        with super().writer(out, shape) as write:
            yield lambda samples: write(samples[:, :-100])


def test_a_codec_that_loses_frames_is_found_out():
    """A lossy file that would come back shorter is an error, never a shorter file."""
    data = CODEC.write(speech(rate=8000), MediaFormat(container="OGG", codec="OPUS", rate=8000, channels=2))
    samples, shape = CODEC.read(data)
    original = Sound(samples=samples, rate=8000, roles=(Role.BOTH,) * 2)
    plan = plan_for(original, Fill.SILENCE)
    cut = apply_plan(original, plan, noise=np.random.default_rng(0))
    with pytest.raises(RedactionError):
        rewrite(data, original, cut, plan, shape=shape, codec=ShorteningCodec())
