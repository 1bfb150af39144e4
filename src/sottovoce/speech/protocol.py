"""What turns sound into words."""

from __future__ import annotations

from typing import Protocol

from sottovoce.domain.sound import Sound
from sottovoce.domain.transcript import Transcript


class Transcriber(Protocol):
    """Hears every channel of a sound."""

    def transcribe(self, sound: Sound, *, language: str | None) -> Transcript:
        """Words with times in samples of the sound's own rate, and what speech no words account for.

        `language` is a BCP 47 tag or None where it is not known. Sound without speech gives a transcript
        without words. Raises HearingError, or LanguageUnsupported when the engine does not know the
        language; never leaves a channel out.
        """
        ...
