"""What is asked in a call, as the detectors' prompts know it, for redaction to remove the answers whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sottovoce.domain.sound import Sound
    from sottovoce.domain.transcript import Transcript
    from sottovoce.redact.answers import Question


class PromptedQuestions:
    """Satisfies `redact.answers.Questions`; where the answers to a prompt are looked for, a question was put."""

    def asked(self, sound: Sound, transcript: Transcript) -> tuple[Question, ...]:
        """One for each channel that may answer. Raises DetectionError for a language without prompts."""
        from sottovoce.detect.context import windows_of
        from sottovoce.detect.protocol import HeardCall
        from sottovoce.redact.answers import Question

        call = HeardCall(sound=sound, transcript=transcript)
        return tuple(
            Question(entity=w.prompt.entity, channel=w.line.channel, at=w.span.start, seconds=w.prompt.window_s)
            for w in windows_of(call)
        )
