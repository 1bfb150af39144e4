"""Small stand-ins for what redaction asks: ears and transcribers that say what they were told to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sottovoce.domain.finding import Finding
    from sottovoce.domain.sound import Sound
    from sottovoce.domain.transcript import Transcript


class ScriptedTranscriber:
    """Answers every sound with one transcript, or raises the error it was given."""

    def __init__(self, answer: Transcript | Exception) -> None:
        self._answer = answer

    def transcribe(self, sound: Sound, *, language: str | None) -> Transcript:  # noqa: ARG002
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


class ScriptedFinder:
    """Finds the same things in every call, or raises the error it was given."""

    def __init__(self, answer: tuple[Finding, ...] | Exception = ()) -> None:
        self._answer = answer

    def find(self, sound: Sound, transcript: Transcript) -> tuple[Finding, ...]:  # noqa: ARG002
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


class ScriptedEar:
    """Hears one script after the other, one a call, then nothing; an exception in it is raised."""

    def __init__(self, *answers: tuple[Finding, ...] | Exception) -> None:
        self._answers = list(answers)
        self.listened = 0

    def find(self, sound: Sound) -> tuple[Finding, ...]:  # noqa: ARG002
        self.listened += 1
        answer = self._answers.pop(0) if self._answers else ()
        if isinstance(answer, Exception):
            raise answer
        return answer
