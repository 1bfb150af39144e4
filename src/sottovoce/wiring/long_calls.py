"""A finder for recordings that are not in memory whole: the same detectors, the ears asked stretch by stretch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sottovoce.detect.finder import SoundListener
    from sottovoce.detect.protocol import Detector, HeardCall
    from sottovoce.domain.finding import Finding
    from sottovoce.domain.sound import Sound
    from sottovoce.domain.transcript import Transcript


class Heard:
    """What was found in the sound before, as one more detector among those that read."""

    name = "heard"

    def __init__(self, found: Iterable[Finding]) -> None:
        self._found = tuple(found)

    def find(self, call: HeardCall) -> tuple[Finding, ...]:  # noqa: ARG002
        return self._found


class SplitFinder:
    """Satisfies `redact.protocol.LongFinder` with detectors that read words and listeners that hear sound."""

    def __init__(self, *, readers: tuple[Detector, ...], listeners: tuple[SoundListener, ...]) -> None:
        self._readers = readers
        self._listeners = listeners

    def listen(self, sound: Sound) -> tuple[Finding, ...]:
        """What the listeners find in one stretch."""
        return tuple(found for listener in self._listeners for found in listener.find(sound))

    def read(self, sound: Sound, transcript: Transcript, heard: tuple[Finding, ...]) -> tuple[Finding, ...]:
        """Everything, resolved. Raises DetectionError on any doubt."""
        from sottovoce.detect.finder import Finder

        return Finder(detectors=(*self._readers, Heard(heard))).find(sound, transcript)


def compose_long_finder(*, keep_last_four: bool = True) -> SplitFinder:
    """The default detectors, split."""
    from sottovoce.detect.defaults import text_detectors
    from sottovoce.detect.dtmf import ToneEar
    from sottovoce.detect.second_ear import SecondEar

    return SplitFinder(readers=text_detectors(keep_last_four=keep_last_four), listeners=(ToneEar(), SecondEar()))
