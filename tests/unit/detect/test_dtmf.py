"""Keyed digits, made here with numpy as ITU-T Q.23 says, then spoiled as recordings are."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import soxr

from sottovoce.detect.acoustic_tones import HIGH_HZ, KEYS, LOW_HZ
from sottovoce.detect.dtmf import DtmfDetector, tones
from sottovoce.domain.entities import Entity
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.errors import DetectionError

SHARED = Path(os.environ.get("SOTTOVOCE_SHARED", Path(__file__).parents[3].parent / "shared")) / "data"
RATES = (8000, 16000, 44100, 48000)


@dataclass(frozen=True)
class Call:
    sound: Sound


def key_tone(key, seconds, rate, *, dbfs=-12.0, twist_db=0.0, off=0.0):
    row, column = divmod(KEYS.index(key), 4)
    t = np.arange(round(seconds * rate)) / rate
    low = 10 ** (-twist_db / 40) * np.sin(2 * np.pi * LOW_HZ[row] * (1 + off) * t + 0.3)
    high = 10 ** (twist_db / 40) * np.sin(2 * np.pi * HIGH_HZ[column] * (1 + off) * t + 1.1)
    both = low + high
    return both / np.sqrt(np.mean(both**2)) * 10 ** (dbfs / 20)


def keyed(keys, rate, *, on=0.05, off_s=0.05, lead=0.3, **tone):
    """(sound, where each tone is)."""
    sound, spans = [np.zeros(int(lead * rate))], []
    for key in keys:
        start = sum(map(len, sound))
        sound += [key_tone(key, on, rate, **tone), np.zeros(int(off_s * rate))]
        spans.append(Span(start, start + len(sound[-2])))
    return np.concatenate([*sound, np.zeros(int(lead * rate))]).astype(np.float32), spans


def coded(sound, rate, *, container, codec):
    held = io.BytesIO()
    sf.write(held, sound, rate, format=container, subtype=codec)
    held.seek(0)
    return sf.read(held, dtype="float32")


def found_keys(sound, rate, spans):
    """The key found over each span; a span that no tone covers whole is a dot."""
    found = tones(sound, rate)
    return "".join(next((t.key.reveal() for t in found if t.span.contains(s)), ".") for s in spans)


def noise(frames, dbfs, seed=7):
    return np.random.default_rng(seed).normal(0, 10 ** (dbfs / 20), frames).astype(np.float32)


def babble(frames, seed=3):
    """Something like a voice: a pulse train with gliding pitch through moving resonances."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / 8000
    pitch = 120 + 25 * np.sin(2 * np.pi * 1.7 * t) + 10 * np.sin(2 * np.pi * 5 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / 8000
    formant = 600 + 250 * np.sin(2 * np.pi * 2.3 * t)
    out = sum(
        np.exp(-(((k * pitch - formant) / 250) ** 2)) * np.sin(k * phase)
        + 0.4 * np.exp(-(((k * pitch - 1500) / 300) ** 2)) * np.sin(k * phase)
        for k in range(1, 24)
    )
    out = out * (0.5 + 0.5 * np.sin(2 * np.pi * 3 * t)) + rng.normal(0, 0.01, frames)
    return (0.1 * out / np.sqrt(np.mean(out**2))).astype(np.float32)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("dbfs", [-3.0, -20.0, -45.0])
def test_all_sixteen_keys_are_found_whole_at_every_rate_down_to_40_ms(rate, dbfs):
    """A tone of 40 ms at -45 dBFS is found, whole, with its key, at 8, 16, 44.1 and 48 kHz."""
    sound, spans = keyed(KEYS, rate, on=0.04, dbfs=dbfs)
    assert found_keys(sound, rate, spans) == KEYS


@pytest.mark.parametrize("twist_db", [-10.0, -8.0, 4.0, 8.0, 10.0])
def test_twist_within_what_q24_lets_administrations_accept_is_accepted(twist_db):
    """One group may be 10 dB stronger than the other."""
    sound, spans = keyed(KEYS, 8000, twist_db=twist_db)
    assert found_keys(sound, 8000, spans) == KEYS


@pytest.mark.parametrize("off", [-0.018, 0.018])
def test_a_frequency_1_8_percent_off_is_accepted(off):
    """Q.24's operating tolerance."""
    sound, spans = keyed(KEYS, 8000, on=0.06, off=off)
    assert found_keys(sound, 8000, spans) == KEYS


@pytest.mark.parametrize("off", [-0.035, 0.035])
def test_a_frequency_3_5_percent_off_is_no_key(off):
    """Q.24's non-operating tolerance."""
    assert tones(keyed(KEYS, 8000, off=off)[0], 8000) == ()


@pytest.mark.parametrize("container_codec", [("WAV", "ULAW"), ("WAV", "ALAW"), ("OGG", "OPUS")])
@pytest.mark.parametrize("dbfs", [-12.0, -45.0])
def test_tones_are_found_after_telephone_and_opus_coding(container_codec, dbfs):
    """µ-law, A-law and Opus leave tones findable."""
    container, codec = container_codec
    sound, spans = keyed(KEYS, 8000, dbfs=dbfs)
    decoded, rate = coded(sound, 8000, container=container, codec=codec)
    assert found_keys(decoded, rate, spans) == KEYS


@pytest.mark.parametrize("snr_db", [20, 10, 5, 0])
def test_tones_are_found_in_noise(snr_db):
    """White noise as strong as the tones does not hide them."""
    sound, spans = keyed(KEYS, 8000, on=0.08, dbfs=-20.0)
    assert found_keys(sound + noise(len(sound), -20.0 - snr_db), 8000, spans) == KEYS


def test_tones_are_found_under_talk():
    """Somebody as loud as the tones talks over them; the run is found from its first to its last tone."""
    sound, spans = keyed(KEYS, 8000, on=0.1, off_s=0.1, dbfs=-20.0)
    mixed = np.clip(sound + babble(len(sound)), -1, 1)
    (finding,) = DtmfDetector().find(Call(Sound(samples=mixed[None], rate=8000, roles=(Role.BOTH,))))
    assert finding.span.contains(Span(spans[0].start, spans[-1].end))


@pytest.mark.parametrize("ceiling", [0.5, 0.2])
def test_overdriven_tones_are_found(ceiling):
    """A clipped recording adds harmonics and products that do not hide the key."""
    sound, spans = keyed(KEYS, 8000, dbfs=-3.0)
    assert found_keys(np.clip(sound, -ceiling, ceiling), 8000, spans) == KEYS


def test_a_lone_tone_cut_by_either_end_of_the_recording_is_found():
    """One key press, of which 40 ms are left, is one finding."""
    tone = key_tone("5", 0.04, 8000).astype(np.float32)
    quiet = np.zeros(8000, np.float32)
    for sound in (np.concatenate([tone, quiet]), np.concatenate([quiet, tone]), tone):
        (found,) = tones(sound, 8000)
        assert found.key.reveal() == "5"


def test_a_run_is_one_finding_and_two_seconds_part_runs():
    """Tones less than two seconds apart are one run; each channel has its own."""
    first, spans = keyed("4716", 8000, lead=0.5)
    gap = np.zeros(16000, np.float32)
    channel = np.concatenate([first, gap, first])
    samples = np.stack([np.zeros_like(channel), channel])
    found = DtmfDetector().find(Call(Sound(samples=samples, rate=8000, roles=(Role.AGENT, Role.CUSTOMER))))
    assert [(f.entity, f.channel, f.detector) for f in found] == [(Entity.DTMF_DIGITS, 1, "dtmf")] * 2
    assert found[0].span.contains(Span(spans[0].start, spans[-1].end))
    assert found[1].span.start > found[0].span.end
    assert found[0].score > 0.9


def test_the_span_is_close_to_the_tone():
    """Spans reach no more than 60 ms beyond the tone on either side."""
    sound, (span,) = keyed("8", 8000, on=0.1)
    (found,) = tones(sound, 8000)
    assert span.start - found.span.start <= 480
    assert found.span.end - span.end <= 480


def test_a_tone_does_not_tell_its_key():
    """The key is a spoken secret in another form."""
    (found,) = tones(keyed("7", 8000)[0], 8000)
    assert "7" not in repr(found).replace(str(found.span), "").replace(str(found.level_dbfs), "")


def melody(seed):
    """Notes with overtones, chords, a vibrato lead and a drum."""
    rng = np.random.default_rng(seed)
    out = np.zeros(8000 * 20)
    for beat in range(80):
        t = np.arange(2000) / 8000
        root = 220 * 2 ** (rng.integers(0, 24) / 12)
        for step in (0, 4, 7):
            note = root * 2 ** (step / 12) * (1 + 0.003 * np.sin(2 * np.pi * 5 * t))
            phase = 2 * np.pi * np.cumsum(note) / 8000
            out[beat * 2000 :][:2000] += sum(np.sin(h * phase) / h for h in range(1, 5) if h * root < 3500) * np.exp(
                -4 * t
            )
        out[beat * 2000 :][:400] += rng.normal(0, 1, 400)
    return (0.1 * out).astype(np.float32)


@pytest.mark.parametrize("seed", range(6))
def test_music_is_not_keys(seed):
    """Chords with overtones carry no dual tone."""
    assert tones(melody(seed), 8000) == ()


def beep(hz):
    return (0.25 * np.sin(2 * np.pi * hz * np.arange(16000) / 8000)).astype(np.float32)


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(16000, np.float32),
        np.zeros(0, np.float32),
        noise(80000, -20.0),
        noise(80000, -60.0),
        babble(80000),
        beep(1000),
        beep(697),
        beep(350) + beep(440),
        beep(480) + beep(620),
        beep(440) + beep(480),
        beep(2100),
    ],
    ids=["silence", "empty", "noise", "faint", "babble", "1k", "697", "dial", "busy", "ringback", "fax"],
)
def test_fills_noise_and_other_telephone_tones_are_not_keys(sound):
    """Silence, the 1 kHz fill, noise, dial, busy, ringback and answer tones are not digits."""
    assert tones(sound, 8000) == ()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_not_numbers_are_refused(bad):
    """Doubt is never taken for silence."""
    with pytest.raises(DetectionError):
        tones(np.full(8000, bad, np.float32), 8000)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="no shared speech")
@pytest.mark.parametrize("folder", ["voices", "digits"])
def test_real_speech_is_not_keys(folder):
    """An hour and more of read sentences, digits and letters holds no tone: talk-off is nil."""
    for path in sorted((SHARED / folder).rglob("*.flac")):
        sound, rate = sf.read(path, dtype="float32")
        assert tones(sound, rate) == ()


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="no shared speech")
def test_real_speech_over_tones_does_not_hide_the_run():
    """Read sentences as loud as the tones: the run is found, first tone to last."""
    for path in sorted((SHARED / "voices" / "librispeech").rglob("*-000[0-3].flac"))[:12]:
        speech, rate = sf.read(path, dtype="float32")
        sound, spans = keyed("4716208153920647", 8000, on=0.09, off_s=0.12, dbfs=-20.0)
        talk = np.resize(soxr.resample(speech, rate, 8000), len(sound))
        mixed = sound + talk * (0.1 / np.sqrt(np.mean(talk[np.abs(talk) > 0.01] ** 2)))
        found = tones(mixed.astype(np.float32), 8000)
        assert found[0].span.start <= spans[0].start + 2000
        assert found[-1].span.end >= spans[-1].end - 2000
