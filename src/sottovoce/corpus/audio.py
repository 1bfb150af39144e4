"""Reading a sample's sound from memory: how long it really is, decoded to its last frame.

The bytes come out of a sealed object and were authenticated, so what fails to decode here was made
wrongly, and is refused as UnreadableMedia. Nothing is written anywhere.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.sound import MediaFormat
from sottovoce.errors import UnreadableMedia

BLOCK_FRAMES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A sound's true length in frames, and how it is encoded."""

    frames: int
    format: MediaFormat

    @property
    def duration_s(self) -> float:
        return self.frames / self.format.rate


def hear(encoded: Confidential[bytes]) -> Heard:
    """Decodes the whole sound and counts; raises UnreadableMedia when it stops before its own end."""
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(encoded.reveal())) as sound:
            frames = sum(len(block) for block in sound.blocks(blocksize=BLOCK_FRAMES, dtype="float32"))
            declared = sound.frames
            made = MediaFormat(
                container=sound.format, codec=sound.subtype, rate=sound.samplerate, channels=sound.channels
            )
    except (soundfile.LibsndfileError, RuntimeError, ValueError):
        raise UnreadableMedia("a sample does not decode") from None
    if frames != declared or not frames:
        raise UnreadableMedia("a sample ends before its declared length")
    return Heard(frames=frames, format=made)
