"""From fetched media to the first form a recording takes."""

from __future__ import annotations

import hashlib

from sottovoce.domain.recording import Captured, RecordingMetadata
from sottovoce.domain.sound import Media, MediaFormat, Sound


def media_digest(media: Media) -> str:
    """SHA-256 over the parts as received, in the order of their keys, each with its length."""
    digest = hashlib.sha256()
    for key in sorted(media.parts):
        data = media.parts[key].reveal()
        digest.update(f"{key}:{len(data)}:".encode())
        digest.update(data)
    return digest.hexdigest()


def capture(metadata: RecordingMetadata, media: Media, sound: Sound, form: MediaFormat) -> Captured:
    """The only maker of `Captured`: what was fetched, decoded, and its digest."""
    return Captured(
        ref=metadata.ref, metadata=metadata, media=media, sound=sound, format=form, digest=media_digest(media)
    )
