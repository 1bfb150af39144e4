"""Failures of published redactors in the words: numbers no pattern sees, times no word has, fields nobody cleaned."""

from __future__ import annotations

import io
import logging
import struct
import tempfile
import time
from dataclasses import fields, is_dataclass

import numpy as np
import pytest
import soundfile

from sottovoce.detect.defaults import text_detectors
from sottovoce.detect.finder import Finder
from sottovoce.detect.protocol import HeardCall
from sottovoce.detect.spoken_numbers import SpokenNumbers
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding
from sottovoce.domain.outcome import Passed
from sottovoce.domain.sound import MediaFormat, Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.policy.model import Redaction
from sottovoce.redact.maps import redaction_map
from sottovoce.redact.plan import make_plan
from sottovoce.redact.rules import rules_for
from sottovoce.redact.transcript import redact_transcript
from sottovoce.speech.account import gaps
from sottovoce.speech.codec import MediaCodec
from sottovoce.testing.spoken import call_of
from sottovoce.testing.talk import RATE, redactor_of, said, talk, word

CODEC = MediaCodec()
RULES = rules_for(Redaction())
NUMBERS = Finder(detectors=(SpokenNumbers(),))
CARD = "4716229318345570"
SPOKEN_CARD = "four seven one six two two nine three one eight three four double five seven oh"


def found(*turns: tuple[int, str], roles=(Role.AGENT, Role.CUSTOMER)) -> tuple[Finding, ...]:
    return NUMBERS.find(*call_of(*turns, roles=roles))


@pytest.mark.parametrize("where", [0.0, 2.0, 5.0])
def test_04_a_number_without_times_is_not_moved_to_zero(where):
    """Digits whose words have no length are cut where the voice is, wherever the transcriber put them."""
    speech = (Span(2 * RATE, 8 * RATE),)
    words = [word("hello", 2, 2.4), word(CARD, where, where), word("thanks", 7.6, 8)]
    heard = said([], words, speech=((), speech), unheard=((), gaps(speech, words, rate=RATE)))
    answer = redactor_of(heard, finder=NUMBERS).treat(talk((1, 2, 8)), RULES, language="en")
    assert isinstance(answer, Passed)
    assert not answer.value.sound.samples[1, 3 * RATE : 7 * RATE].any()


@pytest.mark.parametrize("n", [4, 8, 16])
def test_04_a_numeral_covers_the_time_it_takes_to_say(n):
    """A numeral stamped far too short is widened over the voice around it, never skipped."""
    speech = (Span(2 * RATE, 8 * RATE),)
    words = [word("number", 2, 2.3), word(CARD[:n], 5, 5.02), word("thanks", 7.7, 8)]
    heard = said([], words, speech=((), speech))
    call = HeardCall(sound=talk((1, 2, 8)), transcript=heard)
    if n < 13:
        before = [word("4716229318345570", 0.1, 0.9), *words]
        call = HeardCall(sound=talk((1, 2, 8)), transcript=said([], before, speech=((), speech)))
    (last,) = [f for f in SpokenNumbers().find(call) if f.span.contains(Span(5 * RATE, 5 * RATE + 160))]
    assert last.span.length >= min(0.25 * n, 5) * RATE


@pytest.mark.parametrize(
    "text",
    [f"called{CARD}", f"number:{CARD}thanks", "five-4716-2293-1834-5570-please", f"and/{CARD}/or/maybe/not/at/all"],
)
def test_09_a_position_inside_a_word_is_not_guessed(text):
    """A word that holds a number goes whole: how far into it the number was said, its letters do not tell."""
    heard = said([], [word("hello", 1, 2), word(text, 2, 8)])
    findings = NUMBERS.find(talk((1, 1, 8)), heard)
    assert any(f.span.contains(Span(2 * RATE, 8 * RATE)) for f in findings)


@pytest.mark.parametrize(
    "text",
    [
        SPOKEN_CARD,
        "forty seven sixteen twenty two ninety three eighteen thirty four fifty five seventy",
        "4716 twenty-two 9 3, um, one eight three four, and then 5570",
        "four thousand seven hundred sixteen 2293 1834 5570",
        "4-7-1-6 2-2-9-3 1-8-3-4 5-5-7-0",
        "4.7.1.6.2.2.9.3.1.8.3.4.5.5.7.0.",
        "4,716,229,318,345,570",
    ],
)
def test_13_digits_as_words_are_digits(text):
    """No way of writing sixteen digits hides them from the grammar."""
    assert Entity.CREDIT_DEBIT_NUMBER in {f.entity for f in found((1, f"my card is {text}"))}


@pytest.mark.parametrize(
    "text",
    [
        f"7 {CARD}",
        f"order 12 and the card {CARD} 05 29",
        f"{CARD} 1",
        f"for 2 people {CARD} 837",
        "4716 2293 1834 5571",
        f"1 {' '.join(CARD)} 9",
        f"{CARD} {CARD}",
    ],
)
def test_13_neighbours_and_check_digits_do_not_hide_a_card(text):
    """Digits before and after, and a check digit that does not fit, leave a card a card."""
    sound, heard = call_of((1, text))
    findings = NUMBERS.find(sound, heard)
    assert Entity.CREDIT_DEBIT_NUMBER in {f.entity for f in findings}
    digits = [w for w in heard.channels[1].words if len(w.text.reveal()) >= 4 and w.text.reveal().isdigit()]
    assert all(any(f.span.contains(w.span) for f in findings) for w in digits)


def everything_in(value: object) -> list[str]:
    """Every string a value holds, however deep, also in Confidential ones."""
    if isinstance(value, Confidential):
        return everything_in(value.reveal())
    if isinstance(value, str):
        return [value]
    if is_dataclass(value):
        return [s for f in fields(value) for s in everything_in(getattr(value, f.name))]
    if isinstance(value, tuple | list):
        return [s for v in value for s in everything_in(v)]
    return []


def test_14_no_field_of_the_transcript_keeps_what_was_cut():
    """Text, words, segments: the number is in none of them, and its label is."""
    sound, heard = call_of((1, f"my card is {SPOKEN_CARD} ok"), (0, f"that was {CARD}"), (1, "yes"))
    plan = make_plan(NUMBERS.find(sound, heard), rules=RULES, sound=sound)
    clean = redact_transcript(heard, plan)
    left = " ".join(everything_in(clean)).lower()
    assert CARD not in left
    assert not {"four", "seven", "nine", "double"} & set(left.split())
    assert "[credit_debit_number_1]" in left
    for channel in clean.channels:
        planned = [p for p in plan.spans if p.channel == channel.channel]
        for segment in channel.segments:
            assert all(not w.span.overlaps(p.span) or w.span == p.span for w in segment.words for p in planned)


def test_14_a_word_that_only_touches_a_cut_goes():
    """Half of a word is no word: what a cut reaches is not left in the text."""
    heard = said([], [word("4716", 2, 3), word("2293", 3, 4), word("seven", 3.95, 4.6), word("bye", 6, 7)])
    finding = Finding(entity=Entity.PIN, channel=1, span=Span(2 * RATE, 4 * RATE), detector="t", score=1.0)
    plan = make_plan([finding], rules=RULES, sound=talk((1, 2, 7)))
    left = everything_in(redact_transcript(heard, plan).channels)
    assert [t for t in left if t] == ["[PIN_1]", "bye"]


def tagged(container: str) -> Confidential[bytes]:
    """A short file that names its caller in every tag its container has."""
    voice = talk((0, 0.5, 2.5), seconds=3, roles=(Role.BOTH,)).samples[0]
    out = io.BytesIO()
    subtype = {"WAV": "ULAW", "FLAC": "PCM_16", "OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}[container]
    with soundfile.SoundFile(out, "w", samplerate=RATE, channels=1, format=container, subtype=subtype) as target:
        for tag in ("title", "comment", "artist", "album"):
            setattr(target, tag, "secret Jane Roe")
        target.write(voice)
    raw = out.getvalue()
    if container == "MP3":
        text = b"\0secret Jane Roe"
        frame = b"TIT2" + struct.pack(">I", len(text)) + b"\0\0" + text
        raw = b"ID3\3\0\0" + struct.pack(">I", len(frame)) + frame + raw + b"TAG" + b"secret Jane Roe".ljust(125, b"\0")
    assert b"Jane Roe" in raw
    return Confidential(raw)


@pytest.mark.parametrize("container", ["WAV", "FLAC", "OGG", "MP3"])
def test_15_no_tag_survives(container):
    """INFO, ID3 and Vorbis comments are gone from the redacted file, in front and at the end."""
    heard = said([word("hello", 0.5, 2.5)])
    finding = Finding(entity=Entity.PIN, channel=0, span=Span(RATE, RATE + 800), detector="t", score=1.0)
    answer = redactor_of(heard, finds=(finding,)).redact_media(tagged(container), RULES, codec=CODEC)
    assert isinstance(answer, Passed)
    assert b"Jane Roe" not in answer.value.data.reveal()


@pytest.mark.parametrize(
    ("container", "codec", "rate"),
    [
        ("WAV", "PCM_16", 8000),
        ("FLAC", "PCM_16", 8000),
        ("OGG", "OPUS", 8000),
        ("MP3", "MPEG_LAYER_III", 8000),
        ("WEBM", "OPUS", 48000),
    ],
)
def test_15_no_temporary_file_holds_the_sound(container, codec, rate, monkeypatch, tmp_path):
    """Sound in the clear is in memory only: redacting any format opens no temporary file."""
    used = []
    for name in (
        "mkstemp",
        "mkdtemp",
        "TemporaryFile",
        "NamedTemporaryFile",
        "TemporaryDirectory",
        "SpooledTemporaryFile",
    ):
        monkeypatch.setattr(tempfile, name, lambda *a, _n=name, **k: used.append(_n))
    monkeypatch.chdir(tmp_path)
    shape = MediaFormat(container=container, codec=codec, rate=rate, channels=1)
    data = CODEC.write(talk((0, 0.5, 2.5), seconds=3, rate=rate, roles=(Role.BOTH,)), shape)
    heard = said([word("hello", 0.5, 2.5, rate=rate)], rate=rate)
    finding = Finding(entity=Entity.PIN, channel=0, span=Span(rate, rate + rate // 10), detector="t", score=1.0)
    assert isinstance(redactor_of(heard, finds=(finding,)).redact_media(data, RULES, codec=CODEC), Passed)
    assert used == []
    assert list(tmp_path.iterdir()) == []


SECRETS = (CARD, "GB82WEST12345698765432", "jane.roe@example.com", "Rumpelstiltskin", "078-05-1120")


@pytest.fixture(scope="module")
def everyone() -> Finder:
    """Every detector that reads text, with the real names model."""
    return Finder(detectors=text_detectors())


def test_16_nothing_that_was_said_is_in_a_log(everyone, caplog, capfd):
    """At the most talkative level, no library and no room of ours writes a word of the call."""
    caplog.set_level(logging.DEBUG)
    text = f"my name is {SECRETS[3]} and my card is {SECRETS[0]} my iban {SECRETS[1]} write to {SECRETS[2]} or {SECRETS[4]}"
    sound, heard = call_of((0, "what is your name"), (1, text))
    answer = redactor_of(heard, finder=everyone).treat(sound, RULES, language="en")
    assert isinstance(answer, Passed)
    out, err = capfd.readouterr()
    written = " ".join([caplog.text, out, err, repr(answer), str(answer.evidence)])
    for secret in SECRETS:
        assert secret.lower() not in written.lower()


def test_16_the_map_holds_no_value(everyone):
    """The redaction map says where and why, and never what."""
    sound, heard = call_of((1, f"my name is {SECRETS[3]} and my card is {SECRETS[0]}"))
    plan = make_plan(everyone.find(sound, heard), rules=RULES, sound=sound)
    assert plan.spans
    for secret in SECRETS:
        assert secret not in str(redaction_map(plan))


HOSTILE = {
    "digits": "four to for double oh a ",
    "one word": "1a2b3c4d5e6f",
    "letters": "a b see dee at dot com ",
    "prompts": "what is your card number please and the name ",
    "dates": "may first the of twenty ten oh ",
    "streets": "12 of a 14 street 15 x y lane ",
    "names": "hello Jane Roe this is John Doe, ",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_26_a_hostile_transcript_costs_time_in_proportion(kind):
    """Twice the words take about twice the time, in every detector of ours, in the plan and in the transcript."""
    detectors = tuple(d for d in text_detectors() if d.name != "presidio") if kind != "names" else text_detectors()
    finder = Finder(detectors=detectors)
    spent = [cost(finder, HOSTILE[kind], n) for n in (1000, 4000)]
    assert spent[1] < 4 * 2.5 * spent[0] + 0.3


def cost(finder: Finder, text: str, words: int) -> float:
    times = words // len(text.split())
    text = (text + " ") * times if " " in text else f"{text * times} "
    sound, heard = call_of((1, text))
    begun = time.process_time()
    plan = make_plan(finder.find(sound, heard), rules=rules_for(Redaction(crosstalk=False)), sound=sound)
    redact_transcript(heard, plan)
    return time.process_time() - begun


def test_26_ten_thousand_findings_cost_time_in_proportion():
    """Many findings on one stretch, and many stretches over many words, are planned without comparing all with all."""
    spent = []
    for n in (1500, 6000):
        sound = Sound(samples=np.zeros((1, n * RATE // 2), np.float32), rate=RATE, roles=(Role.BOTH,))
        apart = [at(Entity.PIN, k * RATE, RATE // 10) for k in range(n // 2)]
        heaped = [at(Entity.NAME, RATE + k, RATE // 10) for k in range(n)]
        words = [word("word", k / 2, k / 2 + 0.4) for k in range(n)]
        tries = []
        for _ in range(3):
            begun = time.process_time()
            plan = make_plan([*apart, *heaped], rules=rules_for(Redaction(crosstalk=False)), sound=sound)
            redact_transcript(said(words), plan)
            tries.append(time.process_time() - begun)
        spent.append(min(tries))
    assert spent[1] < 4 * 2.5 * spent[0] + 0.3


def at(entity: Entity, start: int, length: int) -> Finding:
    return Finding(entity=entity, channel=0, span=Span(start, start + length), detector="t", score=1.0)
