"""A call judged window by window: the same as whole, found across windows, with little kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from sottovoce.compliance.clip import masked_clip
from sottovoce.compliance.progressive import Listener, LiveCall, Progress
from sottovoce.compliance.rules import default_rules
from sottovoce.compliance.tape import Tape
from sottovoce.compliance.verdict import Found, by_rule, read_verdict, verdict_on
from sottovoce.detect.finder import Finder
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import ChannelTranscript, Segment, Transcript, Word
from sottovoce.errors import VerdictRefused

RATE = 1000
ROLES = (Role.AGENT, Role.CUSTOMER)
CARD = "four one one one two two two two three three three three four four four four"


@dataclass
class Script:
    """Hears what it is told was said when: a window's words are those inside it."""

    lines: dict[int, list[tuple[float, str]]]
    heard: list[tuple[int, int]] = field(default_factory=list)
    at: int = 0

    def transcribe(self, sound: Sound, *, language: str | None) -> Transcript:
        start = round(float(sound.samples[0, 0]))
        self.heard.append((start, start + sound.frames))
        channels = tuple(self._channel(c, start, sound.frames) for c in range(sound.channels))
        return Transcript(channels=channels, rate=sound.rate, engine="script", model_digest="0", language="en")

    def _channel(self, channel: int, start: int, frames: int) -> ChannelTranscript:
        words = []
        for begin_s, text in self.lines.get(channel, []):
            for i, word in enumerate(text.split()):
                at = round((begin_s + 0.4 * i) * RATE) - start
                if 0 <= at < frames:
                    words.append(Word(text=Confidential(word), span=Span(at, min(frames, at + 350)), probability=0.95))
        segment = Segment(span=Span(0, frames), words=tuple(words))
        speech = tuple(word.span for word in words)
        return ChannelTranscript(channel=channel, segments=(segment,), speech=speech)


def a_call(seconds: float, block: int = 700) -> LiveCall:
    """Samples that count frames, so that a window knows where it begins."""
    frames = round(seconds * RATE)
    ramp = np.arange(frames, dtype=np.float32)
    samples = np.stack([ramp, ramp], axis=1)
    blocks = [samples[i : i + block] for i in range(0, frames, block)]
    return LiveCall(blocks=blocks, rate=RATE, roles=ROLES, language="en")


class Spoken:
    """The finder's detectors that read words; the ears that listen have nothing to hear in a ramp."""

    def __init__(self) -> None:
        from sottovoce.detect.context import Asked
        from sottovoce.detect.spoken_numbers import SpokenNumbers

        self._finder = Finder(detectors=[SpokenNumbers(), Asked()])

    def find(self, sound: Sound, transcript: Transcript) -> tuple[Finding, ...]:
        return self._finder.find(sound, transcript)


def listen(script: Script, seconds: float, **changes: float) -> list[Progress]:
    listener = Listener(transcriber=script, finder=Spoken(), **changes)
    return list(listener.listen(a_call(seconds), default_rules().rules.rules))


OPENING = (1.0, "hello this call is being recorded")


@pytest.mark.parametrize("at_s", [5.0, 14.0, 24.0, 26.5, 27.4, 29.0, 51.0, 70.0])
def test_a_card_number_is_found_wherever_windows_meet(at_s: float) -> None:
    """Said in the middle of a window or across two, it is one violation at its place."""
    progress = listen(Script({0: [OPENING], 1: [(at_s, CARD)]}), 90)
    found = by_rule(v for p in progress for v in p.violations)
    assert [judged.first.type for judged in found] == ["PCI_MID_CAPTURE"]
    assert abs(found[0].first.span.start / RATE - at_s) < 1.0


def test_the_verdict_comes_while_the_call_still_runs() -> None:
    """A violation in the first window is claimed before the second is read."""
    consumed = []

    def blocks() -> Iterator[np.ndarray]:
        for block in a_call(300).blocks:
            consumed.append(len(block))
            yield block

    listener = Listener(transcriber=Script({0: [OPENING], 1: [(5.0, CARD)]}), finder=Spoken())
    call = LiveCall(blocks=blocks(), rate=RATE, roles=ROLES, language="en")
    first = next(p for p in listener.listen(call, default_rules().rules.rules) if p.violations)
    assert first.until_s < 30
    assert sum(consumed) < 32 * RATE


def test_windows_overlap_and_cover_everything() -> None:
    """Every frame is heard, little more than once."""
    script = Script({0: [OPENING]})
    progress = listen(script, 97)
    assert script.heard[0][0] == 0
    assert script.heard[-1][1] == 97 * RATE
    assert all(b[0] < a[1] for a, b in zip(script.heard, script.heard[1:], strict=False))
    assert [p.is_whole for p in progress] == [False, False, False, True]
    assert progress[-1].until_s == 97


def test_nothing_is_claimed_twice() -> None:
    """A prohibited phrase that is seen again and again in the context is one violation."""
    progress = listen(Script({0: [OPENING, (20.0, "there is no risk at all")]}), 120)
    assert [v.type for p in progress for v in p.violations] == ["PROHIBITED_PHRASE"]


def test_a_missing_disclosure_is_claimed_at_the_end() -> None:
    """Only then is it certain."""
    progress = listen(Script({0: [(1.0, "hello there")]}), 70)
    assert [[v.type for v in p.violations] for p in progress] == [[], [], ["DISCLOSURE_MISSING"]]


def test_only_the_last_stretch_of_sound_is_kept() -> None:
    """An hour's call keeps no more than context and window."""
    progress = listen(Script({0: [OPENING]}), 3600)
    tape = progress[-1].tape
    assert (tape.end - tape.start) / RATE < 92


def test_an_empty_call_ends() -> None:
    """No sound: one judgement of nothing."""
    (only,) = listen(Script({}), 0)
    assert (only.is_whole, only.violations) == (True, ())


def test_windows_make_sense() -> None:
    """An overlap as long as the window would never end."""
    with pytest.raises(ValueError, match="window"):
        Listener(transcriber=Script({}), finder=Spoken(), window_s=5, overlap_s=5)


def test_a_tape_gives_what_it_has_and_nothing_else() -> None:
    """Cuts are exact; what was let go is refused."""
    tape = Tape(rate=RATE, roles=ROLES, kept=1000)
    for block in a_call(5).blocks:
        tape.add(block)
    assert tape.cut(4100, 4300).samples[0].tolist() == list(range(4100, 4300))
    assert tape.start > 0
    with pytest.raises(ValueError, match="tape"):
        tape.cut(0, 100)


class Deaf:
    def find(self, sound: Sound) -> tuple[Finding, ...]:
        return ()


class Sharp:
    def find(self, sound: Sound) -> tuple[Finding, ...]:
        return (a_finding(0, 100),)


def a_finding(start: int, end: int) -> Finding:
    return Finding(entity=Entity.CREDIT_DEBIT_NUMBER, channel=1, span=Span(start, end), detector="d", score=1.0)


def test_a_clip_is_masked_on_every_channel() -> None:
    """Nothing of what was found is left on either channel; what is outside stays."""
    tape = Tape(rate=RATE, roles=ROLES, kept=100_000)
    for block in a_call(60).blocks:
        tape.add(block)
    clip = masked_clip(tape, Span(20_000, 26_000), [a_finding(20_000, 26_000)], ears=[Deaf()])
    assert clip is not None
    assert clip.frames == 16_000
    inside = clip.samples[:, 4700:11_300]
    assert np.abs(inside).max() < 1
    assert clip.samples[0, 0] == 15_000


def test_a_clip_that_still_tells_is_not_made() -> None:
    """An ear that hears digits in it, or sound that is gone: no clip."""
    tape = Tape(rate=RATE, roles=ROLES, kept=1000)
    for block in a_call(60).blocks:
        tape.add(block)
    assert masked_clip(tape, Span(59_500, 59_600), [], ears=[Deaf(), Sharp()]) is None
    assert masked_clip(tape, Span(1000, 2000), [], ears=[Deaf()]) is None


def a_verdict(**changes: object) -> dict[str, object]:
    document: dict[str, object] = {
        "schemaVersion": "1",
        "recordingId": "rec-1",
        "verdict": "VIOLATION_DETECTED",
        "violationType": "PCI_MID_CAPTURE",
        "confidenceScore": 0.94,
        "timestampOffsetMs": 124500,
        "evidenceSnippet": "obj-1",
        "recommendedAction": "ROUTE_TO_COMPLIANCE_QUEUE",
        "correlationId": "evt-1",
    }
    return {**document, **changes}


def test_our_verdict_is_its_own_schema() -> None:
    """What we say of a rule can be read back by whoever holds the schema."""
    progress = listen(Script({0: [OPENING], 1: [(5.0, CARD)]}), 40)
    (judged,) = by_rule(v for p in progress for v in p.violations)
    made = verdict_on("rec-1", judged, rate=RATE, correlation="evt-1", evidence=None)
    assert made.verdict is Found.VIOLATION
    assert 4000 <= (made.timestampOffsetMs or 0) <= 6000
    assert read_verdict(made.document(), recording="rec-1", correlation="evt-1") == made


def test_an_engines_verdict_is_read() -> None:
    """The guide's own example, with its version, is a verdict."""
    assert read_verdict(a_verdict(), recording="rec-1", correlation="evt-1").confidenceScore == 0.94
    fine = {"schemaVersion": "1", "recordingId": "rec-1", "verdict": "NO_VIOLATION", "correlationId": "evt-1"}
    assert read_verdict(fine, recording="rec-1", correlation="evt-1").verdict is Found.NONE


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "MAYBE"},
        {"verdict": None},
        {"verdict": ["VIOLATION_DETECTED"]},
        {"verdict": "NO_VIOLATION"},
        {"violationType": None},
        {"violationType": "the card number 4111 was said"},
        {"confidenceScore": 1.5},
        {"confidenceScore": float("nan")},
        {"confidenceScore": "0.9"},
        {"timestampOffsetMs": -1},
        {"timestampOffsetMs": 1e5},
        {"timestampOffsetMs": 10**12},
        {"evidenceSnippet": "https://example.com/clip.wav"},
        {"recommendedAction": "call +1 202 555 0143"},
        {"schemaVersion": "2"},
        {"notes": "Jo said it"},
        {"recordingId": "rec-2"},
        {"correlationId": "evt-2"},
    ],
)
def test_what_is_not_a_verdict_is_refused(changes: dict[str, object]) -> None:
    """Wrong types, free text, other recordings: refused without repeating a value."""
    with pytest.raises(VerdictRefused) as refused:
        read_verdict(a_verdict(**changes), recording="rec-1", correlation="evt-1")
    assert not any(text in str(refused.value) + refused.value.hint for text in ("4111", "555", "Jo", "example.com"))
