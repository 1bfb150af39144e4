"""A vendor redacts first, and is not believed: shape, sound and our own ears decide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.consent import LawfulBasis, Purpose
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding
from sottovoce.domain.outcome import Passed, Reason, Withheld
from sottovoce.domain.recording import Admission, Admitted, RecordingMetadata, RecordingRef
from sottovoce.domain.sound import Media, MediaFormat, Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.domain.vendor import VendorRedacted
from sottovoce.errors import HearingError, HearingUnavailable
from sottovoce.policy.model import Redaction
from sottovoce.redact.rules import rules_for
from sottovoce.redact.vendor import VendorFirst
from sottovoce.testing.redaction import ScriptedEar
from sottovoce.testing.talk import RATE, redactor_of, said, talk, word

SOUND = talk((0, 1.0, 3.0), (1, 4.0, 8.0))
HEARD = said([word("hello", 1.0, 3.0)], [word("yes", 4.0, 8.0)])
RULES = rules_for(Redaction())


class Vendor:
    """Gives back one sound, or raises; remembers what was asked."""

    def __init__(self, answer: Sound | Exception) -> None:
        self._answer = answer
        self.asked: list[tuple[frozenset[Entity], str | None]] = []

    def redact(self, sound: Sound, *, entities: frozenset[Entity], language: str | None) -> VendorRedacted:
        self.asked.append((entities, language))
        if isinstance(self._answer, Exception):
            raise self._answer
        return VendorRedacted(sound=self._answer, service="vendor")


def silenced(sound: Sound = SOUND) -> Sound:
    samples = sound.samples.copy()
    samples[1, 5 * RATE : 7 * RATE] = 0
    return replace(sound, samples=samples)


def first(vendor: Vendor, admitted, **given):
    return VendorFirst(service=vendor, redactor=redactor_of(HEARD, **given)).redact(admitted, RULES)


@pytest.fixture
def call() -> Admitted:
    """The recording as admitted, with two channels."""
    ref = RecordingRef(source="test", key="k1", locator=Confidential("c/r"))
    metadata = RecordingMetadata(
        ref=ref, conversation_id="c", recording_id="r", started_at=None, duration_s=10.0, language="en-US"
    )
    admission = Admission(
        purpose=Purpose.ANALYTICS,
        basis=LawfulBasis.CONTRACT,
        consent=None,
        assessment=None,
        policy_digest="p",
        rules=(),
    )
    return Admitted(
        ref=ref,
        metadata=metadata,
        media=Media(parts={}, roles={}),
        sound=SOUND,
        format=MediaFormat(container="WAV", codec="ULAW", rate=RATE, channels=2),
        admission=admission,
        digest="d0",
    )


def test_what_the_vendor_took_is_counted_and_the_rest_is_ours(call):
    """Verified sound is the vendor's with our own plan on top; the facts say how much each took."""
    vendor = Vendor(silenced())
    card = Finding(
        entity=Entity.CREDIT_DEBIT_NUMBER, channel=1, span=Span(4 * RATE, 4 * RATE + 800), detector="d", score=1.0
    )
    answer = first(vendor, call, finds=(card,))
    assert isinstance(answer, Passed)
    assert not answer.value.sound.samples[1, 5 * RATE : 7 * RATE].any()
    assert not answer.value.sound.samples[1, 4 * RATE : 4 * RATE + 800].any()
    assert answer.evidence["vendor"] == "vendor"
    assert answer.evidence["vendor_spans"] == 1
    assert 1900 <= answer.evidence["vendor_ms"] <= 2000
    assert answer.value.predecessor == answer.value.digest != call.digest
    assert vendor.asked == [(RULES.entities[Role.CUSTOMER], call.metadata.language)]


def shorter(sound: Sound) -> Sound:
    return replace(sound, samples=sound.samples[:, :-1].copy())


def other_rate(sound: Sound) -> Sound:
    return replace(sound, rate=16000)


def one_channel(sound: Sound) -> Sound:
    return Sound(samples=sound.samples[:1].copy(), rate=RATE, roles=(Role.BOTH,))


def other_call(sound: Sound) -> Sound:
    return talk((0, 1.0, 3.0), (1, 4.0, 8.0), seed=6)


def swapped(sound: Sound) -> Sound:
    return replace(sound, samples=np.ascontiguousarray(sound.samples[::-1]))


@pytest.mark.parametrize("spoilt", [shorter, other_rate, one_channel, other_call])
def test_sound_that_is_not_the_recording_is_withheld(call, spoilt):
    """Not as long, at another rate, another number of channels, somebody else's call."""
    answer = first(Vendor(spoilt(silenced())), call)
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.REDACTION_FAILED


def test_swapped_channels_put_speech_where_there_was_none(call):
    """Nothing audible may appear where the recording is quiet."""
    assert isinstance(first(Vendor(swapped(silenced())), call), Withheld)


def test_sound_that_was_encoded_again_is_still_the_recording(call):
    """A vendor's own rounding changes no word."""
    rounded = silenced()
    noisy = rounded.samples + np.random.default_rng(1).normal(0, 0.001, rounded.samples.shape).astype(np.float32)
    noisy[1, 5 * RATE : 7 * RATE] = 0
    assert isinstance(first(Vendor(replace(rounded, samples=noisy.astype(np.float32))), call), Passed)


@pytest.mark.parametrize("failure", [HearingError("no redacted sound"), RuntimeError("s3://bucket said 4716")])
def test_a_vendor_without_redacted_sound_is_withheld(call, failure):
    """The transcript-only trap: never the original, and none of the vendor's words."""
    answer = first(Vendor(failure), call)
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.REDACTION_FAILED
    assert "4716" not in str(answer)


def test_a_vendor_that_is_away_is_asked_later(call):
    """That says nothing of the recording, so that it is tried again and not put into quarantine."""
    with pytest.raises(HearingUnavailable):
        first(Vendor(HearingUnavailable("away")), call)


def test_what_our_ears_still_hear_withholds(call):
    """The vendor's word counts for nothing: what is heard four times over stays in."""
    left = Finding(entity=Entity.CREDIT_DEBIT_NUMBER, channel=1, span=Span(10, 800), detector="ear", score=1.0)
    again = [replace(left, span=Span(n * 8000, n * 8000 + 800)) for n in range(5)]
    answer = first(Vendor(silenced()), call, ears=(ScriptedEar(*[(each,) for each in again]),))
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.RESIDUAL_FOUND


def test_the_vendor_may_leave_everything_and_we_do_not(call):
    """Nothing was redacted at all: the recording goes through our own loop like any other."""
    card = Finding(entity=Entity.CREDIT_DEBIT_NUMBER, channel=1, span=Span(5 * RATE, 7 * RATE), detector="d", score=1.0)
    answer = first(Vendor(SOUND), call, finds=(card,))
    assert isinstance(answer, Passed)
    assert answer.evidence["vendor_spans"] == 0
    assert not answer.value.sound.samples[1, 5 * RATE : 7 * RATE].any()
