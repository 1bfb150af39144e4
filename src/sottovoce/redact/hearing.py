"""The words of a whole recording, heard tile by tile (SPEC 5).

Where a tile ends in a pause, nothing is heard twice. Where speech goes on across, the next tile begins some seconds
earlier, and each channel's words change from one hearing to the other where that channel is calmest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from sottovoce.domain.sound import Sound
from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import ChannelTranscript, Segment, Transcript, Word
from sottovoce.errors import HearingError
from sottovoce.redact.ground import Cut, Ground
from sottovoce.redact.protocol import Tape, Transcriber
from sottovoce.redact.tiles import tiles

_LEAD_S: Final = 10.0
_LATE_S: Final = 1.0
"""A last word may end a second late: transcribers pad the sound they hear."""


def hear(
    transcriber: Transcriber, tape: Tape, ground: Ground, cuts: Sequence[Cut], *, language: str | None
) -> Transcript:
    """All words, in samples of the recording. HearingError when a transcript is not that of its sound.

    Where no language is given, the one of the first words that are heard is everybody's.
    """
    lead = round(_LEAD_S * ground.rate)
    leads = [0, *(0 if cut.pauses else lead for cut in cuts[:-1])]
    parts: list[tuple[Span, Transcript]] = []
    for tile in tiles(tape, [cut.at for cut in cuts], leads=leads):
        heard = transcriber.transcribe(tile.sound, language=language)
        if not _belongs(heard, tile.sound):
            raise HearingError("the transcript is not this sound's")
        if language is None and any(c.words for c in heard.channels):
            language = heard.language
        parts.append((tile.span, heard))
    return parts[0][1] if len(parts) == 1 else _joined(parts, ground)


def unanswered_s(heard: Transcript, ground: Ground) -> float:
    """Audible seconds of the loudest channel for which the transcriber has neither a word nor a doubt."""
    silent = (c.channel for c in heard.channels if not c.words and not c.unheard)
    return max((ground.audible_s(channel) for channel in silent), default=0.0)


def _belongs(heard: Transcript, sound: Sound) -> bool:
    """Whether the transcript can be this sound's: its rate, its channels, and no word beyond its end."""
    channels = sorted(c.channel for c in heard.channels)
    words = [w.span for c in heard.channels for w in c.words]
    late = any(w.start > sound.frames or w.end > sound.frames + _LATE_S * sound.rate for w in words)
    return heard.rate == sound.rate and channels == list(range(sound.channels)) and not late


def _joined(parts: Sequence[tuple[Span, Transcript]], ground: Ground) -> Transcript:
    last = parts[-1][1]
    spoken = [t for _, t in parts if any(c.words for c in t.channels)]
    first = spoken[0] if spoken else last
    if any((t.engine, t.model_digest) != (first.engine, first.model_digest) for _, t in parts):
        raise HearingError("the recording was heard by two engines")
    if any(t.language != first.language for t in spoken):
        raise HearingError("the recording was heard in two languages")
    channels = (_channel(parts, c, ground) for c in range(ground.channels))
    return replace(first, channels=tuple(channels))


def _channel(parts: Sequence[tuple[Span, Transcript]], channel: int, ground: Ground) -> ChannelTranscript:
    """Each tile's own share of a channel, between the places where it meets its neighbours."""
    meets = [
        ground.calmest(channel, Span(b.start, a.end)) if b.start < a.end else a.end
        for (a, _), (b, _) in pairwise(parts)
    ]
    edges = [0, *meets, ground.frames + round(_LATE_S * ground.rate)]
    segments: list[Segment] = []
    speech: list[Span] = []
    unheard: list[Span] = []
    for (tile, heard), (start, end) in zip(parts, pairwise(edges), strict=True):
        (line,) = (c for c in heard.channels if c.channel == channel)
        share = Span(start, end)
        segments += [s for segment in line.segments if (s := _segment(segment, tile.start, share)) is not None]
        speech += [p for span in line.speech if (p := _part(span, tile.start, share)).length]
        unheard += [p for span in line.unheard if (p := _part(span, tile.start, share)).length]
    return ChannelTranscript(channel=channel, segments=tuple(segments), speech=tuple(speech), unheard=tuple(unheard))


def _segment(segment: Segment, offset: int, share: Span) -> Segment | None:
    """A word belongs to the share that holds its middle."""
    words = tuple(w for word in segment.words if share.start <= _middle(w := _shifted(word, offset)) < share.end)
    if not words:
        return None
    return replace(segment, words=words, span=Span(min(w.span.start for w in words), max(w.span.end for w in words)))


def _shifted(word: Word, offset: int) -> Word:
    return replace(word, span=Span(word.span.start + offset, word.span.end + offset))


def _middle(word: Word) -> float:
    return (word.span.start + word.span.end) / 2


def _part(span: Span, offset: int, share: Span) -> Span:
    start = min(max(span.start + offset, share.start), share.end)
    return Span(start, max(start, min(span.end + offset, share.end)))
