"""From an admitted recording to a verified one, or to a reason (SPEC 1.1, 5.3, 7.6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.consent import LawfulBasis, Purpose
from sottovoce.domain.encoded import EncodedBytes
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding
from sottovoce.domain.outcome import Passed, Reason, Withheld
from sottovoce.domain.recording import Admission, Admitted, RecordingMetadata, RecordingRef
from sottovoce.domain.sound import Media, MediaFormat, Role, Sound, sound_digest
from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import ChannelTranscript, Segment, Transcript, Word
from sottovoce.errors import (
    DetectionError,
    HearingError,
    LanguageUnsupported,
    RedactionError,
    UnreadableMedia,
)
from sottovoce.policy.model import Redaction
from sottovoce.redact.redactor import Redactor
from sottovoce.redact.rules import rules_for
from sottovoce.redact.transcript import redact_transcript
from sottovoce.speech.codec import MediaCodec
from sottovoce.testing.redaction import ScriptedEar, ScriptedFinder, ScriptedTranscriber

RATE = 8000
SECRET = "xyzzy four seven one six"
RULES = rules_for(Redaction())


def call(*, loud: bool = True) -> Sound:
    rng = np.random.default_rng(5)
    samples = rng.normal(0, 0.001, (2, 10 * RATE))
    if loud:
        samples[1, 2 * RATE : 8 * RATE] += rng.normal(0, 0.1, 6 * RATE)
    return Sound(samples=samples.astype(np.float32), rate=RATE, roles=(Role.AGENT, Role.CUSTOMER))


def word(text: str, start: float, end: float) -> Word:
    return Word(text=Confidential(text), span=Span.of_seconds(start, end, rate=RATE), probability=0.9)


def channel(number: int, *words: Word, unheard: tuple[Span, ...] = ()) -> ChannelTranscript:
    segments = tuple(Segment(span=w.span, words=(w,)) for w in words)
    return ChannelTranscript(channel=number, segments=segments, speech=(), unheard=unheard)


def transcript(*channels: ChannelTranscript, language: str = "en", rate: int = RATE) -> Transcript:
    return Transcript(channels=channels, rate=rate, engine="scripted", model_digest="0" * 64, language=language)


HEARD = transcript(channel(0), channel(1, word("my", 2, 2.5), word(SECRET, 4, 6), word("thanks", 7, 7.5)))


def finding(start: float, end: float, *, number: int = 1, entity: Entity = Entity.CREDIT_DEBIT_NUMBER) -> Finding:
    return Finding(
        entity=entity, channel=number, span=Span.of_seconds(start, end, rate=RATE), detector="test", score=0.9
    )


CARD = finding(4, 6)


def redactor(*, hears=HEARD, finds=(CARD,), ears=None) -> Redactor:
    return Redactor(
        transcriber=ScriptedTranscriber(hears),
        finder=ScriptedFinder(finds),
        ears=ears or (ScriptedEar(),),
        noise_source=lambda: np.random.default_rng(0),
    )


def admitted(sound: Sound) -> Admitted:
    ref = RecordingRef(source="test", key="k1", locator=Confidential("c/r"))
    return Admitted(
        ref=ref,
        metadata=RecordingMetadata(
            ref=ref,
            conversation_id="c",
            recording_id="r",
            started_at=datetime(2026, 1, 1, tzinfo=UTC),
            duration_s=10.0,
            language="en-US",
        ),
        media=Media(parts={}, roles={}),
        sound=sound,
        format=MediaFormat(container="WAV", codec="ULAW", rate=RATE, channels=2),
        admission=Admission(
            purpose=Purpose.AI_TRAINING,
            basis=LawfulBasis.CONSENT,
            consent=None,
            assessment=None,
            policy_digest="p",
            rules=(),
        ),
        digest="d0",
    )


def test_a_recording_is_redacted_verified_and_chained():
    """The number is gone from sound and words, and each form names the digest before it."""
    sound = call()
    answer = redactor().redact(admitted(sound), RULES)
    assert isinstance(answer, Passed)
    verified = answer.value
    assert not verified.sound.samples[1, int(3.8 * RATE) : int(6.2 * RATE)].any()
    assert verified.digest == sound_digest(verified.sound) != sound_digest(sound)
    assert verified.predecessor == verified.digest
    said = [w.text.reveal() for c in verified.transcript.channels for w in c.words]
    assert said == ["my", "[CREDIT_DEBIT_NUMBER_1]", "thanks"]
    assert answer.evidence["rounds"] == 1
    assert answer.evidence["ms_credit_debit_number"] >= 2400
    assert answer.evidence["redacted_ms"] == answer.evidence["ms_credit_debit_number"]
    assert SECRET not in repr(answer)


ANY = Sound(samples=np.zeros((1, 8), np.float32), rate=RATE, roles=(Role.BOTH,))

DOUBTS = {
    "transcriber fails": ({"hears": HearingError(SECRET)}, Reason.HEARING_FAILED),
    "transcriber surprises": ({"hears": ValueError(SECRET)}, Reason.HEARING_FAILED),
    "transcriber answers nonsense": ({"hears": "[object Object]"}, Reason.HEARING_FAILED),
    "language unknown": ({"hears": LanguageUnsupported(SECRET)}, Reason.LANGUAGE_UNSUPPORTED),
    "language not the finder's": ({"hears": replace(HEARD, language="es")}, Reason.LANGUAGE_UNSUPPORTED),
    "another call's channels": ({"hears": transcript(channel(0))}, Reason.HEARING_FAILED),
    "another call's rate": ({"hears": replace(HEARD, rate=16_000)}, Reason.HEARING_FAILED),
    "a word far beyond the end": (
        {"hears": transcript(channel(0), channel(1, word("long", 9, 12)))},
        Reason.HEARING_FAILED,
    ),
    "words after the end": (
        {"hears": transcript(channel(0), channel(1, word("late", 11, 12)))},
        Reason.HEARING_FAILED,
    ),
    "no words": ({"hears": transcript(channel(0), channel(1))}, Reason.TRANSCRIPT_EMPTY),
    "detector fails": ({"finds": DetectionError(SECRET)}, Reason.DETECTOR_FAILED),
    "detector surprises": ({"finds": KeyError(SECRET)}, Reason.DETECTOR_FAILED),
    "finding outside the sound": ({"finds": (finding(30, 31),)}, Reason.REDACTION_FAILED),
    "ear fails": ({"ears": (ScriptedEar(RuntimeError(SECRET)),)}, Reason.DETECTOR_FAILED),
    "ear hears outside": ({"ears": (ScriptedEar((finding(30, 31),)),)}, Reason.REDACTION_FAILED),
    "ear hears no channel": ({"ears": (ScriptedEar((finding(3, 4, number=7),)),)}, Reason.REDACTION_FAILED),
}


@pytest.mark.parametrize("name", DOUBTS)
def test_any_doubt_withholds(name):
    """Whatever fails, the answer is a reason with codes and counts, and never the error's words."""
    given, reason = DOUBTS[name]
    answer = redactor(**given).redact(admitted(call()), RULES)
    assert isinstance(answer, Withheld)
    assert answer.reason is reason
    assert SECRET not in str(answer.evidence)


def test_an_empty_transcript_of_silence_passes():
    """A call in which nobody speaks has nothing to redact, and is no error."""
    answer = redactor(hears=transcript(channel(0), channel(1)), finds=()).redact(admitted(call(loud=False)), RULES)
    assert isinstance(answer, Passed)
    assert answer.value.plan.spans == ()


def test_unheard_speech_is_taken_out():
    """What the transcriber could not put into words is treated as sensitive, on either channel."""
    heard = transcript(
        channel(0, unheard=(Span(40_000, 44_000),)), channel(1, word("hi", 2, 3), unheard=(Span(50_000, 56_000),))
    )
    answer = redactor(hears=heard, finds=()).redact(admitted(call()), RULES)
    assert isinstance(answer, Passed)
    assert [p.label for p in answer.value.plan.spans] == ["UNHEARD_SPEECH_1", "UNHEARD_SPEECH_2"]
    assert not any(c.unheard for c in answer.value.transcript.channels)


def test_what_a_second_ear_hears_widens_the_plan():
    """A digit the first detector missed is cut in the next round, and the ear listens again."""
    ear = ScriptedEar((finding(7, 7.4),))
    answer = redactor(ears=(ear,)).redact(admitted(call()), RULES)
    assert isinstance(answer, Passed)
    assert answer.evidence["rounds"] == 2
    assert ear.listened == 2
    assert not answer.value.sound.samples[1, 7 * RATE : int(7.4 * RATE)].any()


def test_a_residue_after_two_tries_withholds():
    """An ear that keeps hearing something new ends in quarantine, with counts."""
    ear = ScriptedEar((finding(7, 7.4),), (finding(2, 2.2),), (finding(0.1, 0.4),))
    answer = redactor(ears=(ear,)).redact(admitted(call()), RULES)
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.RESIDUAL_FOUND
    assert answer.evidence == {"rounds": 3, "residual": 1, "residual_credit_debit_number": 1}


def test_what_the_rules_leave_or_the_plan_holds_is_no_residue():
    """A last-four read-back on the agent's channel stays; a fill that sounds like a digit is a fill."""
    ear = ScriptedEar((finding(1, 2, number=0, entity=Entity.PHONE), finding(4.5, 5)))
    answer = redactor(ears=(ear,)).redact(admitted(call()), RULES)
    assert isinstance(answer, Passed)
    assert answer.evidence["rounds"] == 1


def test_a_redactor_without_a_second_ear_is_refused():
    """Nothing is verified by the detector that found it."""
    with pytest.raises(RedactionError):
        Redactor(
            transcriber=ScriptedTranscriber(HEARD),
            finder=ScriptedFinder(),
            ears=(),
            noise_source=lambda: np.random.default_rng(0),
        )


SHAPE = MediaFormat(container="WAV", codec="ULAW", rate=RATE, channels=2)


def test_a_file_is_redacted_in_its_own_format():
    """The same loop for one file: same format and length, the number gone."""
    codec = MediaCodec()
    data = codec.write(call(), SHAPE)
    answer = redactor().redact_media(data, RULES, codec=codec, roles=(Role.AGENT, Role.CUSTOMER), language="en")
    assert isinstance(answer, Passed)
    samples, shape = codec.read(answer.value.data)
    assert shape == SHAPE
    assert not samples[1, int(3.8 * RATE) : int(6.2 * RATE)].any()
    assert len(answer.value.data.reveal()) == len(data.reveal())


def test_a_file_with_doubts_is_withheld_and_a_bad_file_raises():
    """Roles that do not fit count as none; doubt gives a reason; what is no sound is a named error."""
    codec = MediaCodec()
    data = codec.write(call(), SHAPE)
    assert isinstance(redactor(finds=DetectionError("")).redact_media(data, RULES, codec=codec), Withheld)
    agent = redactor(finds=(finding(4, 6, number=0, entity=Entity.NAME),))
    answer = agent.redact_media(data, RULES, codec=codec, roles=(Role.AGENT,))
    assert isinstance(answer, Passed)
    assert len(answer.value.plan.spans) == 1
    with pytest.raises(UnreadableMedia):
        redactor().redact_media(Confidential(b"not a sound"), RULES, codec=codec)


class ForgetfulCodec(MediaCodec):
    """Plays the original again, whatever was written."""

    def __init__(self, original: Confidential[bytes]) -> None:
        super().__init__()
        self._original = original

    def tape(self, source, *, roles=()):
        return super().tape(EncodedBytes(self._original), roles=roles)


def test_a_file_that_still_carries_the_number_is_withheld():
    """What was written is read back; a codec that put the speech back in is found out."""
    data = MediaCodec().write(call(), SHAPE)
    answer = redactor().redact_media(data, RULES, codec=ForgetfulCodec(data))
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.REDACTION_FAILED


def test_a_file_the_codec_cannot_write_again_is_withheld():
    """An error while writing is a reason, not a file."""

    class Unwritable(MediaCodec):
        def writer(self, out, shape):
            raise UnreadableMedia(SECRET)

    data = MediaCodec().write(call(), replace(SHAPE, container="OGG", codec="VORBIS"))
    answer = redactor().redact_media(data, RULES, codec=Unwritable())
    assert isinstance(answer, Withheld)
    assert answer.evidence == {"code": "E_MEDIA_UNREADABLE"}


def test_a_sound_that_does_not_match_its_plan_is_withheld(monkeypatch):
    """The redactor believes the samples, not the function that cut them."""
    monkeypatch.setattr("sottovoce.redact.settle.apply_plan", lambda sound, plan, *, noise: sound)
    answer = redactor().redact(admitted(call()), RULES)
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.REDACTION_FAILED


def test_labels_stand_where_words_were():
    """A stretch without words has a label; an echo has one only where it hides words; the rest stays."""
    plan = redactor().treat(call(), RULES, language=None).value.plan
    bare = transcript(channel(0, word("hello", 0, 1)), channel(1, word("my", 2, 2.5)))
    told = redact_transcript(bare, plan)
    assert [w.text.reveal() for w in told.channels[1].words] == ["my", "[CREDIT_DEBIT_NUMBER_1]"]
    echo = replace(plan, spans=(*plan.spans, replace(plan.spans[0], channel=0, label="CREDIT_DEBIT_NUMBER_2")))
    assert [w.text.reveal() for w in redact_transcript(bare, echo).channels[0].words] == ["hello"]
    point = Word(text=Confidential(SECRET), span=Span(5 * RATE, 5 * RATE), probability=0.1)
    spoken = transcript(channel(0, point), channel(1))
    assert [w.text.reveal() for w in redact_transcript(spoken, echo).channels[0].words] == ["[CREDIT_DEBIT_NUMBER_2]"]
    with pytest.raises(RedactionError):
        redact_transcript(replace(bare, rate=16_000), plan)
