"""Failures of published redactors that leave speech in the sound: spans, files, fills, edges and channels."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from sottovoce.detect.dtmf import DtmfDetector
from sottovoce.detect.finder import Finder
from sottovoce.detect.protocol import HeardCall
from sottovoce.detect.spoken_numbers import SpokenNumbers
from sottovoce.domain import wav
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Fill, Finding, PlannedSpan, RedactionPlan
from sottovoce.domain.outcome import Passed, Reason, Withheld
from sottovoce.domain.sound import Media, MediaFormat, Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.errors import DetectionError, MediaError, RedactionError
from sottovoce.policy.model import Redaction
from sottovoce.redact.fills import tone
from sottovoce.redact.maps import redaction_map
from sottovoce.redact.media import rewrite
from sottovoce.redact.plan import make_plan
from sottovoce.redact.rules import rules_for
from sottovoce.redact.sound import apply_plan
from sottovoce.redact.verify import inspect
from sottovoce.speech.account import gaps
from sottovoce.speech.activity import active_spans
from sottovoce.speech.assemble import assemble
from sottovoce.speech.caps import Caps
from sottovoce.speech.codec import MediaCodec
from sottovoce.testing.spoken import call_of
from sottovoce.testing.talk import RATE, redactor_of, said, talk, word

CODEC = MediaCodec()
RULES = rules_for(Redaction())
ULAW = MediaFormat(container="WAV", codec="ULAW", rate=RATE, channels=2)


def finding(start_s: float, end_s: float, *, channel: int = 1, rate: int = RATE) -> Finding:
    span = Span.of_seconds(start_s, end_s, rate=rate)
    return Finding(entity=Entity.CREDIT_DEBIT_NUMBER, channel=channel, span=span, detector="t", score=1.0)


def cut(sound: Sound, *findings: Finding, **policy) -> tuple[Sound, RedactionPlan]:
    plan = make_plan(findings, rules=rules_for(Redaction(**policy)), sound=sound)
    return apply_plan(sound, plan, noise=np.random.default_rng(0)), plan


def voice_left(sound: Sound, start_s: float, end_s: float, *, channel: int = 1) -> bool:
    return bool(sound.samples[channel, round(start_s * sound.rate) : round(end_s * sound.rate)].any())


@pytest.mark.parametrize("start_s", [10.0, 10.001, 60.0])
def test_02_a_span_after_the_end_is_refused(start_s):
    """A finding wholly after the end is an error; the unchanged file is never called redacted."""
    sound = talk((1, 2, 8))
    heard = said([], [word("hello", 2, 8)])
    answer = redactor_of(heard, finds=(finding(start_s, start_s + 1),)).treat(sound, RULES, language="en")
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.REDACTION_FAILED


def test_02_a_span_that_runs_over_the_end_is_cut_to_it():
    """A finding that begins inside goes to the last sample."""
    sound = talk((1, 2, 10))
    done, _ = cut(sound, finding(9.5, 12))
    assert not voice_left(done, 9.3, 10)


def test_02_unsorted_and_overlapping_spans_are_all_removed():
    """The order and the overlap of findings change nothing: each of them goes."""
    sound = talk((1, 0, 10))
    found = [finding(7, 8), finding(1, 3), finding(2, 4), finding(2.5, 2.6), finding(1, 3, channel=0)]
    done, plan = cut(sound, *found)
    for f in found:
        assert not voice_left(done, f.span.start / RATE, f.span.end / RATE, channel=f.channel)
    assert plan == cut(sound, *reversed(found))[1]


def test_02_a_plan_out_of_order_is_applied_whole_or_refused():
    """A plan from elsewhere, unsorted and overlapping, leaves nothing in; one that does not fit is refused."""
    data = CODEC.write(talk((1, 0, 10)), ULAW)
    samples, _ = CODEC.read(data)
    sound = Sound(samples=samples, rate=RATE, roles=(Role.AGENT, Role.CUSTOMER))
    spans = [Span(7 * RATE, 8 * RATE), Span(RATE, 3 * RATE), Span(2 * RATE, 4 * RATE), Span(2 * RATE, 2 * RATE)]
    plan = made(sound, spans)
    written = rewrite(
        data, sound, apply_plan(sound, plan, noise=np.random.default_rng(0)), plan, shape=ULAW, codec=CODEC
    )
    again, _ = CODEC.read(written)
    for span in spans:
        assert not np.any(np.abs(again[1, span.start : span.end]) > 0.001)
    for wrong in (Span(9 * RATE, 11 * RATE), Span(50 * RATE, 51 * RATE)):
        with pytest.raises(RedactionError):
            apply_plan(sound, made(sound, [wrong]), noise=np.random.default_rng(0))


def made(sound: Sound, spans: list[Span], fill: Fill = Fill.SILENCE) -> RedactionPlan:
    planned = tuple(PlannedSpan(channel=1, span=s, findings=(), label="PIN_1") for s in spans)
    return RedactionPlan(spans=planned, fill=fill, rate=sound.rate, frames=sound.frames, margin_ms=200)


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def in_two_chunks(samples: np.ndarray, *, tail: bytes = b"") -> Confidential[bytes]:
    """16-bit mono WAV whose sound is in two `data` chunks, with something between and behind."""
    coded = (samples * 32767).astype("<i2").tobytes()
    half = len(coded) // 4 * 2
    fmt = struct.pack("<HHIIHH", 1, 1, RATE, RATE * 2, 2, 16)
    body = b"WAVE" + chunk(b"fmt ", fmt) + chunk(b"data", coded[:half]) + chunk(b"LIST", b"INFOsecret")
    body += chunk(b"data", coded[half:])
    return Confidential(b"RIFF" + struct.pack("<I", len(body)) + body + tail)


def test_03_two_data_chunks_are_both_redacted():
    """Sound in a second data chunk is read, redacted and kept: no player finds what we did not."""
    voice = talk((0, 0, 4), seconds=4, roles=(Role.BOTH,)).samples[0]
    data = in_two_chunks(voice, tail=b"\x01secret behind the end\x02")
    samples, shape = CODEC.read(data)
    sound = Sound(samples=samples, rate=RATE, roles=(Role.BOTH,))
    assert sound.frames == len(voice)
    done, plan = cut(sound, finding(1, 3.5, channel=0))
    written = rewrite(data, sound, done, plan, shape=shape, codec=CODEC).reveal()
    assert wav.parse(written).frames == len(voice)
    assert len(wav.parse(written).data) == 1
    again, _ = CODEC.read(Confidential(written))
    assert not again[0, RATE : 3 * RATE + RATE // 2].any()
    assert b"secret" not in written


def test_03_bytes_behind_the_sound_do_not_survive():
    """What stands after the last chunk is no sound, and nobody redacts it: it goes."""
    raw = CODEC.write(talk((1, 0, 10)), ULAW).reveal()
    answer = redactor_of(said([], [word("hello", 0, 10)])).redact_media(
        Confidential(raw + b"4716 2293 1834 5570"), RULES, codec=CODEC, roles=(Role.AGENT, Role.CUSTOMER)
    )
    assert isinstance(answer, Passed)
    assert answer.value.data.reveal() == raw


def test_03_half_a_frame_is_refused():
    """A data chunk that ends within a frame is not guessed at."""
    fmt = struct.pack("<HHIIHH", 1, 2, RATE, RATE * 4, 4, 16)
    body = b"WAVE" + chunk(b"fmt ", fmt) + chunk(b"data", b"\1\2" * 401)
    with pytest.raises(MediaError):
        CODEC.read(Confidential(b"RIFF" + struct.pack("<I", len(body)) + body))


def test_05_tone_mixed_over_voice_is_not_redaction():
    """A tone takes the voice's place: what is left when it is subtracted is nothing."""
    sound = talk((1, 1, 9))
    done, plan = cut(sound, finding(3, 6), fill="tone")
    (planned,) = plan.spans
    inside = slice(planned.span.start, planned.span.end)
    left = done.samples[1, inside] - tone(planned.span.length, rate=RATE)
    assert not left.any()
    assert inspect(sound, done, plan).passes


@pytest.mark.parametrize("level", [0.05, 0.14, 0.5])
@pytest.mark.parametrize("fill", [Fill.TONE, Fill.SILENCE])
def test_05_verification_hears_the_voice_under_a_tone(level, fill):
    """A tone of any loudness laid over the voice fails verification, whatever the plan's fill."""
    sound = talk((1, 1, 9), level=0.05)
    _, plan = cut(sound, finding(3, 6), fill=fill)
    mixed = sound.samples.copy()
    for planned in plan.spans:
        inside = slice(planned.span.start, planned.span.end)
        mixed[1, inside] += level * np.sin(2 * np.pi * 1000 / RATE * np.arange(planned.span.length)).astype(np.float32)
    beeped = Sound(samples=mixed, rate=RATE, roles=sound.roles)
    assert inspect(sound, beeped, plan).residual == len(plan.spans)


def test_05_verification_hears_a_voice_that_was_only_turned_down():
    """Forty decibels less is still the voice."""
    sound = talk((1, 1, 9))
    for fill in (Fill.TONE, Fill.SILENCE):
        _, plan = cut(sound, finding(3, 6), fill=fill)
        faint = Sound(samples=sound.samples * np.float32(0.01), rate=RATE, roles=sound.roles)
        assert inspect(sound, faint, plan).residual == 1


def test_06_the_end_has_a_margin_too():
    """Speech that goes on after its last word's time is gone: to the margin, and to the next pause."""
    sound = talk((1, 2, 6.4))
    done, plan = cut(sound, finding(3, 6.0))
    assert plan.spans[0].span.end >= 6.2 * RATE
    assert not voice_left(done, 3, 6.4)


@pytest.mark.parametrize("margin_ms", [0, 50, 199])
def test_06_no_margin_is_less_than_200_ms(margin_ms):
    """A policy cannot take the margin away."""
    with pytest.raises(ValueError):
        Redaction(margin_ms=margin_ms)


def test_07_the_onset_goes_when_the_first_word_is_stamped_late():
    """The first sound of "five" is gone though the transcriber heard the word begin 450 ms late."""
    sound = talk((1, 2.0, 6))
    done, _ = cut(sound, finding(2.45, 6))
    assert not voice_left(done, 2.0, 6)


def test_07_onset_voice_that_no_word_claims_belongs_to_the_number():
    """Voice just before the first digit is found with it."""
    heard = said(
        [], [word("4716 2293 1834 5570", 2.6, 6)], speech=((), (Span(int(2.2 * RATE), 6 * RATE),)), unheard=((), ())
    )
    (found,) = SpokenNumbers().find(HeardCall(sound=talk((1, 2.2, 6)), transcript=heard))
    assert found.span.start <= 2.2 * RATE


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 48000])
def test_08_seconds_and_samples_agree_at_every_rate(rate):
    """The same finding removes the same seconds at every rate, and the map says them in both units."""
    sound = talk((1, 3, 6), rate=rate)
    _, plan = cut(sound, finding(3, 6, rate=rate))
    (planned,) = json.loads(json.dumps(redaction_map(plan)))["spans"]
    assert planned["startSeconds"] == pytest.approx(2.8, abs=0.03)
    assert planned["endSeconds"] == pytest.approx(6.2, abs=0.03)
    assert planned["start"] / rate == pytest.approx(planned["startSeconds"], abs=1e-4)
    assert planned["end"] / rate == pytest.approx(planned["endSeconds"], abs=1e-4)


@pytest.mark.parametrize("rate", [1, 1000, 16000])
def test_08_times_in_another_unit_are_refused(rate):
    """Times in seconds, in milliseconds or at the model's rate are not taken for this recording's samples."""
    heard = said([], [word("hello", 2, 6, rate=rate)], rate=rate)
    answer = redactor_of(heard).treat(talk((1, 2, 6)), RULES, language="en")
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.HEARING_FAILED
    with pytest.raises(DetectionError):
        Finder(detectors=(SpokenNumbers(),)).find(talk((1, 2, 6)), heard)


CARD = "4716 2293 1834 5570"


def test_10_a_mono_call_is_searched_for_everything():
    """Where both speak on one channel, the full list goes: a CVV as much as a card number."""
    sound, heard = call_of((0, "what is the security code"), (0, "eight three seven"), roles=(Role.BOTH,))
    rules = rules_for(Redaction())
    for entity in (Entity.CREDIT_DEBIT_CVV, Entity.NAME, Entity.CREDIT_DEBIT_NUMBER, Entity.DATE_OF_BIRTH):
        assert rules.wants(entity, Role.BOTH)
    assert sound.channels == len(heard.channels) == 1


@pytest.mark.parametrize("channels", [1, 3])
def test_10_channels_without_known_roles_are_searched_for_everything(channels):
    """A file whose channels fit no roles has no agent whose short list would apply."""
    shape = MediaFormat(container="WAV", codec="PCM_16", rate=RATE, channels=channels)
    sound = talk((0, 1, 9), roles=(Role.BOTH,) * channels)
    data = CODEC.write(sound, shape)
    heard = said([word("hello", 1, 9)], *([] for _ in range(channels - 1)))
    name = Finding(entity=Entity.NAME, channel=0, span=Span(4 * RATE, 5 * RATE), detector="t", score=1.0)
    answer = redactor_of(heard, finds=(name,)).redact_media(data, RULES, codec=CODEC, roles=(Role.AGENT, Role.CUSTOMER))
    assert isinstance(answer, Passed)
    samples, _ = CODEC.read(answer.value.data)
    assert not voice_left(Sound(samples=samples, rate=RATE, roles=sound.roles), 4, 5, channel=0)
    media = Media(parts={"S": data}, roles={"S": (Role.AGENT, Role.CUSTOMER)})
    assert set(assemble(media, caps=Caps())[0].roles) == {Role.BOTH}


def test_10_an_agent_who_reads_the_number_back_is_cut_too():
    """The number goes from both channels, and the last four digits read back stay."""
    sound, heard = call_of(
        (1, CARD), (0, f"so that is {CARD}"), (0, "thank you very much that card is ending in 5 5 7 0")
    )
    finder = Finder(detectors=(SpokenNumbers(),))
    found = finder.find(sound, heard)
    assert {f.channel for f in found} == {0, 1}
    plan = make_plan(found, rules=RULES, sound=sound)
    last = heard.channels[0].words[-4:]
    assert not any(p.channel == 0 and p.span.overlaps(w.span) for p in plan.spans for w in last[1:])


@pytest.mark.parametrize("decibels", [-12, -20, -26])
@pytest.mark.parametrize("delay_ms", [0, 20, 50])
def test_10_crosstalk_goes_with_its_source(decibels, delay_ms):
    """What the customer's voice left on the agent's channel goes where the customer's does."""
    sound = talk((1, 2, 8))
    samples = sound.samples.copy()
    late = delay_ms * RATE // 1000
    samples[0, late:] += np.float32(10 ** (decibels / 20)) * sound.samples[1, : sound.frames - late]
    leaky = Sound(samples=samples, rate=RATE, roles=sound.roles)
    done, plan = cut(leaky, finding(3, 6))
    assert {p.channel for p in plan.spans} == {0, 1}
    assert not voice_left(done, 3, 6.05, channel=0)


def test_10_another_voice_on_the_other_channel_stays():
    """What the agent himself says meanwhile is not crosstalk."""
    sound = talk((1, 2, 8), (0, 2, 8))
    _, plan = cut(sound, finding(3, 6))
    assert {p.channel for p in plan.spans} == {1}


@pytest.mark.parametrize("level_db", [-40, -50, -55])
def test_20_faint_speech_is_speech(level_db):
    """A passage far below the louder voice, but above the line's noise, must have words or goes."""
    loud = talk((1, 1, 4), (1, 10, 13), seconds=14)
    samples = loud.samples.copy()
    noise = np.random.default_rng(8).normal(0, 10 ** (level_db / 20), 3 * RATE)
    samples[1, 6 * RATE : 9 * RATE] += noise.astype(np.float32)
    sound = Sound(samples=samples, rate=RATE, roles=loud.roles)
    words = [word("hello", 1, 4), word("goodbye", 10, 13)]
    speech = active_spans(samples[1], RATE)
    missed = gaps(speech, words, rate=RATE)
    heard = said([], words, speech=((), speech), unheard=((), missed))
    answer = redactor_of(heard).treat(sound, RULES, language="en")
    assert isinstance(answer, Passed)
    assert not voice_left(answer.value.sound, 6.05, 8.95)


def test_20_tones_without_words_are_found_in_the_sound():
    """Keys pressed instead of digits said are removed though no transcriber writes them."""
    sound = talk((1, 1, 2))
    samples = sound.samples.copy()
    for k, (low, high) in enumerate([(770, 1209), (697, 1477), (852, 1336), (941, 1336)]):
        t = np.arange(int(0.1 * RATE)) / RATE
        at = int((4 + 0.25 * k) * RATE)
        samples[1, at : at + len(t)] += 0.1 * (np.sin(2 * np.pi * low * t) + np.sin(2 * np.pi * high * t)).astype("f4")
    pressed = Sound(samples=samples, rate=RATE, roles=sound.roles)
    heard = said([], [word("hello", 1, 2)])
    answer = redactor_of(heard, finder=Finder(detectors=(DtmfDetector(),))).treat(pressed, RULES, language="en")
    assert isinstance(answer, Passed)
    assert not voice_left(answer.value.sound, 4, 4.85)
