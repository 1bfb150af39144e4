"""What a detector is: one name, one question, asked of one heard call (SPEC 6).

A detector is pure over the call: the same sound and words give the same findings. It answers with
findings that hold no values. One that cannot answer raises; the finder then withholds the recording,
because an empty answer would be taken for "nothing is there".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from sottovoce.detect.lines import Line, lines_of
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.transcript import Transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardCall:
    """A recording's sound and what the transcriber made of it, at one rate.

    `lines` is the transcript again, in tokens and turns, one line a channel: made once here, so that
    every detector reads the same words.
    """

    sound: Sound
    transcript: Transcript
    lines: tuple[Line, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lines", lines_of(self.transcript))

    def role(self, channel: int) -> Role:
        """Who speaks on the channel; BOTH where the sound does not say."""
        return self.sound.roles[channel] if channel < len(self.sound.roles) else Role.BOTH

    def is_noisy(self, channel: int) -> bool:
        """Whether the transcriber found the channel's line noisy."""
        return any(c.noisy for c in self.transcript.channels if c.channel == channel)

    def samples(self, seconds: float) -> int:
        return round(seconds * self.transcript.rate)


class Detector(Protocol):
    """Finds one kind of thing in a heard call.

    Findings lie within the sound. Anything raised is taken as doubt: the recording is withheld.
    """

    @property
    def name(self) -> str:
        """Short and stable: written to redaction maps."""
        ...

    def find(self, call: HeardCall) -> tuple[Finding, ...]: ...
