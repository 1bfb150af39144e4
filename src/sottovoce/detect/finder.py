"""Asks every detector about one call, and answers with one resolved list (SPEC 6).

Fails closed: a detector that raises, a transcript that is not this recording's, or a finding outside the
sound raises `DetectionError`, which names the detector and never what was said.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from sottovoce.detect.beside_cards import NAME, beside_cards
from sottovoce.detect.languages.known import LANGUAGES
from sottovoce.detect.protocol import Detector, HeardCall
from sottovoce.detect.resolve import resolved
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Sound
from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import Transcript
from sottovoce.errors import DetectionError

SLACK_S = 1.0
"""How far a transcriber's last word may lie beyond the end of the sound."""


class SoundListener(Protocol):
    """Finds in the sound alone, as the second ear does."""

    def find(self, sound: Sound) -> tuple[Finding, ...]: ...


class Listening:
    """A listener as a detector among the others."""

    def __init__(self, *, listener: SoundListener, name: str) -> None:
        self._listener = listener
        self.name = name

    def find(self, call: HeardCall) -> tuple[Finding, ...]:
        return self._listener.find(call.sound)


class _BesideCards:
    """What other detectors found, as one more detector's ground."""

    name = NAME

    def __init__(self, found: Iterable[Finding]) -> None:
        self._found = tuple(found)

    def find(self, call: HeardCall) -> tuple[Finding, ...]:
        return beside_cards(call, self._found)


class Finder:
    """Composes detectors; with none given, the defaults of `detect.defaults`."""

    def __init__(self, *, detectors: Iterable[Detector] | None = None) -> None:
        if detectors is None:
            from sottovoce.detect.defaults import default_detectors

            detectors = default_detectors()
        self._detectors = tuple(detectors)
        if not self._detectors:
            raise DetectionError("no detector to ask", hint="a finder without detectors would find nothing")

    @property
    def languages(self) -> frozenset[str]:
        """ISO 639-1 codes of the languages whose numbers and prompts are known."""
        return LANGUAGES

    def find(self, sound: Sound, transcript: Transcript) -> tuple[Finding, ...]:
        """Everything found, within the sound, sorted by channel and start. Raises DetectionError on any doubt."""
        _refuse_mismatch(sound, transcript)
        call = _heard(sound, transcript)
        found = [f for d in self._detectors for f in _asked(d, call)]
        found += _asked(_BesideCards(found), call)
        return resolved(found)


def _heard(sound: Sound, transcript: Transcript) -> HeardCall:
    try:
        return HeardCall(sound=sound, transcript=transcript)
    except Exception as wrong:  # noqa: BLE001 - any doubt withholds, and the cause may quote speech
        raise DetectionError(f"the transcript could not be read ({type(wrong).__name__})") from None


def _asked(detector: Detector, call: HeardCall) -> tuple[Finding, ...]:
    try:
        findings = tuple(detector.find(call))
    except Exception as wrong:  # noqa: BLE001 - any doubt withholds, and the cause may quote speech
        raise DetectionError(
            f"detector {detector.name} failed ({type(wrong).__name__})",
            hint="the recording is withheld; see sottovoce doctor for models and versions",
        ) from None
    return tuple(_clipped(f, detector, call.sound) for f in findings)


def _clipped(finding: Finding, detector: Detector, sound: Sound) -> Finding:
    if finding.channel not in range(sound.channels) or finding.span.start >= sound.frames + SLACK_S * sound.rate:
        raise DetectionError(f"detector {detector.name} found something outside the sound")
    if finding.span.end <= sound.frames:
        return finding
    return Finding(
        entity=finding.entity,
        channel=finding.channel,
        span=Span(min(finding.span.start, max(0, sound.frames - 1)), sound.frames),
        detector=finding.detector,
        score=finding.score,
        checked=finding.checked,
    )


def _refuse_mismatch(sound: Sound, transcript: Transcript) -> None:
    if transcript.rate != sound.rate:
        raise DetectionError("the transcript counts samples at another rate than the sound's")
    if sorted(c.channel for c in transcript.channels) != list(range(sound.channels)):
        raise DetectionError("the transcript does not have this recording's channels")
    limit = sound.frames + SLACK_S * sound.rate
    if any(w.span.start > limit for c in transcript.channels for w in c.words):
        raise DetectionError("the transcript goes on after the sound has ended")
