"""Media in and out: every format of SPEC 3.4, and the hostile ones of SPEC 16."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile

from sottovoce.domain import wav
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.sound import Media, MediaFormat, Role, Sound
from sottovoce.errors import MediaTooLarge, TruncatedMedia, UnreadableMedia
from sottovoce.speech.assemble import assemble
from sottovoce.speech.caps import Caps
from sottovoce.speech.codec import MediaCodec
from sottovoce.speech.decode import decode
from sottovoce.speech.encode import encode
from sottovoce.speech.resample import resample


def tone(*, channels: int = 2, rate: int = 8000, frames: int = 12_345) -> Sound:
    t = np.arange(frames) / rate
    samples = np.stack([0.2 * np.sin(2 * np.pi * (300 + 50 * c) * t) for c in range(channels)])
    return Sound(samples=samples.astype(np.float32), rate=rate, roles=(Role.BOTH,) * channels)


def wav_bytes(sound: Sound, codec: str = "PCM_16") -> bytes:
    return encode(sound, container="WAV", codec=codec).reveal()


FORMATS = [
    *(("WAV", codec, 8000) for codec in sorted(wav.CODECS)),
    ("FLAC", "PCM_16", 8000),
    ("FLAC", "PCM_24", 16000),
    ("OGG", "VORBIS", 16000),
    ("OGG", "OPUS", 48000),
    ("OGG", "OPUS", 8000),
    ("MP3", "MPEG_LAYER_III", 16000),
    ("WEBM", "OPUS", 48000),
]


@pytest.mark.parametrize(("container", "codec", "rate"), FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
def test_every_format_keeps_rate_channels_and_exact_length(container, codec, rate, channels):
    """What is written is read back as many frames long, in the same format, sounding the same."""
    sound = tone(channels=channels, rate=rate, frames=rate + 345)
    samples, shape = decode(encode(sound, container=container, codec=codec), caps=Caps())
    assert shape == MediaFormat(container=container, codec=codec, rate=rate, channels=channels)
    assert samples.shape == sound.samples.shape
    assert samples.dtype == np.float32
    middle = slice(rate // 4, -rate // 4)
    assert np.corrcoef(samples[0, middle], sound.samples[0, middle])[0, 1] > 0.99


def test_wav_carries_no_metadata_chunk():
    """A float WAV has no PEAK chunk, whose timestamp would say when it was made."""
    raw = wav_bytes(tone(), "FLOAT")
    assert b"PEAK" not in raw
    assert b"LIST" not in raw


def test_long_vorbis_is_written_in_blocks():
    """Ten minutes of Vorbis do not end the process."""
    sound = tone(channels=1, rate=8000, frames=8000 * 600)
    samples, _ = decode(encode(sound, container="OGG", codec="VORBIS"), caps=Caps())
    assert samples.shape == (1, 8000 * 600)


def forged_flac(total: int) -> bytes:
    """A real FLAC whose STREAMINFO claims `total` samples (36 bits at byte 21 of the file)."""
    out = io.BytesIO()
    soundfile.write(out, np.zeros((8000, 1)), 8000, format="FLAC", subtype="PCM_16")
    raw = bytearray(out.getvalue())
    packed = int.from_bytes(raw[18:26], "big") >> 36 << 36 | total
    raw[18:26] = packed.to_bytes(8, "big")
    return bytes(raw)


def wav_header(
    *, channels: int = 1, rate: int = 8000, bits: int = 16, tag: int = 1, data: bytes = b"\0" * 160
) -> bytes:
    align = channels * bits // 8
    fmt = struct.pack("<HHIIHH", tag, channels, rate, rate * align & 0xFFFFFFFF, align & 0xFFFF, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def with_declared_data(raw: bytes, size: int) -> bytes:
    at = raw.index(b"data") + 4
    return raw[:at] + struct.pack("<I", size) + raw[at + 4 :]


def float_wav(value: float) -> bytes:
    samples = np.zeros((1, 800), np.float32)
    samples[0, 400] = value
    return wav_bytes(Sound(samples=samples, rate=8000, roles=(Role.BOTH,)), "FLOAT")


OGG = encode(tone(channels=1), container="OGG", codec="VORBIS").reveal()
FLAC = encode(tone(channels=1), container="FLAC", codec="PCM_16").reveal()
WEBM = encode(tone(channels=1, rate=48000, frames=96000), container="WEBM", codec="OPUS").reveal()

HOSTILE = {
    "empty": (b"", UnreadableMedia),
    "text": (b"hello, I am a recording", UnreadableMedia),
    "playlist": (b"#EXTM3U\nfile:///etc/passwd\n", UnreadableMedia),
    "concat script": (b"ffconcat version 1.0\nfile secret\n", UnreadableMedia),
    "only a magic": (b"RIFF\0\0\0\0WAVE", UnreadableMedia),
    "broken flac": (b"fLaC" + b"\xff" * 100, UnreadableMedia),
    "broken webm": (b"\x1aE\xdf\xa3" + b"\x00" * 100, UnreadableMedia),
    "broken mp3": (b"\xff\xfb" + b"\x00" * 100, UnreadableMedia),
    "id3 and nothing": (b"ID3\x04\0\0\0\0\0\x0a" + b"\0" * 10, UnreadableMedia),
    "65,535 channels": (wav_header(channels=65535, bits=8, data=b"\0" * 65535), MediaTooLarge),
    "1,024 channels": (wav_header(channels=1024, bits=8, data=b"\0" * 1024), MediaTooLarge),
    "no channels": (wav_header(channels=0), UnreadableMedia),
    "rate 0": (wav_header(rate=0), UnreadableMedia),
    "rate 4 GHz": (wav_header(rate=4_000_000_000), MediaTooLarge),
    "0 bits": (wav_header(bits=0), UnreadableMedia),
    "adpcm": (wav_header(tag=2, bits=4), UnreadableMedia),
    "4 GB declared": (with_declared_data(wav_header(), 0xFFFFFFF0), TruncatedMedia),
    "half a frame": (wav_header(data=b"\0" * 161), TruncatedMedia),
    "no sound": (wav_header(data=b""), UnreadableMedia),
    "forged total": (forged_flac(68_719_476_735), MediaTooLarge),
    "forged total within caps": (forged_flac(8000 * 600), UnreadableMedia),
    "truncated flac": (FLAC[: len(FLAC) // 2], UnreadableMedia),
    "truncated ogg": (OGG[: len(OGG) // 2], TruncatedMedia),
    "truncated webm": (WEBM[: len(WEBM) // 2], UnreadableMedia),
    "nan": (float_wav(float("nan")), UnreadableMedia),
    "infinity": (float_wav(float("inf")), UnreadableMedia),
    "integers as floats": (float_wav(20000.0), UnreadableMedia),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_media_is_a_named_error_with_a_hint(name):
    """Each bad file of SPEC 16 is refused by name, and says how to mend it."""
    raw, error = HOSTILE[name]
    with pytest.raises(error) as caught:
        decode(Confidential(raw), caps=Caps())
    assert caught.value.__cause__ is None


def test_caps_hold_for_bytes_seconds_and_samples():
    """A file beyond any cap is refused, declared or delivered."""
    data = encode(tone(), container="WAV", codec="PCM_16")
    for caps in (Caps(max_bytes=100), Caps(max_seconds=1.0), Caps(max_samples=1000), Caps(max_rate=4000)):
        with pytest.raises(MediaTooLarge):
            decode(data, caps=caps)
    with pytest.raises(MediaTooLarge):
        decode(Confidential(WEBM), caps=Caps(max_seconds=1.0))


def test_two_data_chunks_are_both_sound():
    """Nothing hides in a second data chunk, nor behind odd padding."""
    layout = wav.layout_for(codec="PCM_U8", channels=1, rate=8000)
    chunk = b"data" + struct.pack("<I", 801) + b"\x90" * 801 + b"\0"
    info = b"LIST" + struct.pack("<I", 4) + b"INFO"
    body = b"WAVEfmt " + struct.pack("<I", 16) + layout.fmt + chunk + info + chunk
    samples, _ = decode(Confidential(b"RIFF" + struct.pack("<I", len(body)) + body), caps=Caps())
    assert samples.shape == (1, 1602)
    assert (samples == samples[0, 0]).all()


def test_extensible_wav_is_read():
    """WAVE_FORMAT_EXTENSIBLE is PCM by another name; other extensions are refused."""
    out = io.BytesIO()
    soundfile.write(out, tone().samples.T, 8000, format="WAVEX", subtype="PCM_24")
    samples, shape = decode(Confidential(out.getvalue()), caps=Caps())
    assert shape.codec == "PCM_24"
    assert samples.shape == (2, 12_345)
    broken = out.getvalue().replace(bytes.fromhex("800000aa00389b71"), b"\0" * 8)
    with pytest.raises(UnreadableMedia):
        decode(Confidential(broken), caps=Caps())


def test_mp3_behind_id3_is_read():
    """An ID3 tag is skipped, not read."""
    raw = encode(tone(), container="MP3", codec="MPEG_LAYER_III").reveal()
    tag = b"ID3\x04\0\0" + bytes([0, 0, 1, 0]) + b"\0" * 128
    samples, _ = decode(Confidential(tag + raw), caps=Caps())
    assert samples.shape[0] == 2


def part(sound: Sound) -> Confidential[bytes]:
    return encode(sound, container="WAV", codec="ULAW")


def test_channel_files_are_joined_in_the_order_of_their_keys():
    """Mono files a few frames apart become one sound with a role a channel."""
    media = Media(
        parts={"1": part(tone(channels=1, frames=8010)), "0": part(tone(channels=1, frames=8000))},
        roles={"0": (Role.AGENT,), "1": (Role.CUSTOMER,)},
    )
    sound, shape = assemble(media, caps=Caps())
    assert sound.roles == (Role.AGENT, Role.CUSTOMER)
    assert sound.samples.shape == (2, 8010)
    assert not sound.samples[0, 8000:].any()
    assert shape == MediaFormat(container="WAV", codec="ULAW", rate=8000, channels=2)


def test_channels_of_two_calls_are_refused():
    """Channel files of other rates or more than half a second apart are not one call."""
    for other in (tone(channels=1, frames=20_000), tone(channels=1, rate=16000, frames=16_000)):
        media = Media(parts={"0": part(tone(channels=1, frames=8000)), "1": part(other)}, roles={})
        with pytest.raises(UnreadableMedia):
            assemble(media, caps=Caps())
    with pytest.raises(UnreadableMedia):
        assemble(Media(parts={}, roles={}), caps=Caps())


def test_roles_that_do_not_fit_make_every_channel_both():
    """A mono file configured as two channels is searched for everything."""
    media = Media(parts={"S": part(tone(channels=1))}, roles={"S": (Role.AGENT, Role.CUSTOMER)})
    sound, _ = assemble(media, caps=Caps())
    assert sound.roles == (Role.BOTH,)


def test_unknown_targets_are_refused():
    """What cannot be written says so."""
    for container, codec, rate in (("WAV", "IMA_ADPCM", 8000), ("OGG", "OPUS", 44100), ("WEBM", "OPUS", 8000)):
        with pytest.raises(UnreadableMedia):
            encode(tone(rate=rate), container=container, codec=codec)


def test_resampling_gives_the_documented_length():
    """ceil(frames * to / from) frames, for any pair."""
    for frames, source, target in ((12_345, 8000, 16000), (12_345, 44100, 16000), (7, 48000, 16000)):
        out = resample(np.zeros((2, frames), np.float32), from_rate=source, to_rate=target)
        assert out.shape == (2, -(-frames * target // source))
        assert out.flags.c_contiguous


def test_the_codec_reads_what_it_writes():
    """One collaborator reads and writes media for rooms that may not import this one."""
    codec = MediaCodec()
    shape = MediaFormat(container="FLAC", codec="PCM_16", rate=8000, channels=2)
    samples, again = codec.read(codec.write(tone(), shape))
    assert again == shape
    assert samples.shape == (2, 12_345)
