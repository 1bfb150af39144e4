"""The finder fails closed, and loses nothing."""

from __future__ import annotations

import pytest

from sottovoce.detect.finder import Finder, Listening
from sottovoce.detect.protocol import HeardCall
from sottovoce.detect.resolve import resolved
from sottovoce.detect.unheard import UnheardSpeech
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import Transcript
from sottovoce.errors import DetectionError
from sottovoce.testing.spoken import call_of

SECRET = "xylophone"


def finding(entity: Entity, start: int, end: int, *, channel: int = 0, detector: str = "a") -> Finding:
    return Finding(entity=entity, channel=channel, span=Span(start, end), detector=detector, score=0.5)


class Says:
    """Answers with what it was given."""

    def __init__(self, *findings: Finding) -> None:
        self.name = "says"
        self._findings = findings

    def find(self, call: object) -> tuple[Finding, ...]:
        return self._findings


class Breaks:
    """Fails, quoting speech."""

    name = "breaks"

    def find(self, call: HeardCall) -> tuple[Finding, ...]:
        raise KeyError(SECRET)


def test_a_failing_detector_withholds_and_quotes_nothing() -> None:
    """Any detector that raises makes the finder raise, without its words."""
    with pytest.raises(DetectionError) as caught:
        Finder(detectors=(Breaks(),)).find(*call_of((1, "hello")))
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "breaks" in str(caught.value)


def test_no_detectors_is_refused() -> None:
    """A finder that asks nobody would call every call clean."""
    with pytest.raises(DetectionError):
        Finder(detectors=())


def test_the_transcript_of_another_call_is_refused() -> None:
    """Wrong rate, wrong channels, words after the end."""
    finder = Finder(detectors=(UnheardSpeech(),))
    sound, transcript = call_of((1, "hello there"))
    short = Sound(samples=sound.samples[:, :100].copy(), rate=sound.rate, roles=sound.roles)
    mono, _ = call_of((0, "hello"), roles=(Role.BOTH,))
    faster = Transcript(channels=transcript.channels, rate=16000, engine="e", model_digest="d", language="en")
    for wrong in ((sound, faster), (mono, transcript), (short, transcript)):
        with pytest.raises(DetectionError):
            finder.find(*wrong)


def test_findings_outside_the_sound_are_refused_and_those_at_its_edge_are_cut() -> None:
    """A span wholly after the end is a failure, never a silent success."""
    sound, transcript = call_of((1, "hello"))
    at_edge = finding(Entity.PIN, sound.frames - 10, sound.frames + 50)
    (cut,) = Finder(detectors=(Says(at_edge),)).find(sound, transcript)
    assert cut.span == Span(sound.frames - 10, sound.frames)
    for wrong in (finding(Entity.PIN, sound.frames * 9, sound.frames * 10), finding(Entity.PIN, 0, 5, channel=7)):
        with pytest.raises(DetectionError):
            Finder(detectors=(Says(wrong),)).find(sound, transcript)


def test_a_listener_is_a_detector_among_others() -> None:
    """What listens to the sound alone joins in by a wrapper."""
    sound, transcript = call_of((1, "hello"))
    heard = finding(Entity.ACCOUNT_NUMBER, 0, 10)
    assert Finder(detectors=(Listening(listener=Says(heard), name="ear"),)).find(sound, transcript) == (heard,)


def test_the_same_thing_found_twice_is_one_finding() -> None:
    """Mostly the same stretch: one finding, the more sensitive name, both detectors."""
    (one,) = resolved([finding(Entity.PHONE, 0, 100), finding(Entity.CREDIT_DEBIT_NUMBER, 10, 110, detector="b")])
    assert (one.entity, one.span, one.detector) == (Entity.CREDIT_DEBIT_NUMBER, Span(0, 110), "a+b")


def test_a_small_finding_inside_a_large_one_stays() -> None:
    """A policy that keeps addresses still removes the code said within one."""
    both = resolved([finding(Entity.ADDRESS, 0, 1000), finding(Entity.CREDIT_DEBIT_CVV, 100, 200)])
    assert {f.entity for f in both} == {Entity.ADDRESS, Entity.CREDIT_DEBIT_CVV}


def test_channels_do_not_merge() -> None:
    """The same stretch on two channels is two findings."""
    assert len(resolved([finding(Entity.PIN, 0, 9), finding(Entity.PIN, 0, 9, channel=1)])) == 2
