"""The words of a whole recording, heard tile by tile (SPEC 5).

Where a tile ends in a pause, nothing is heard twice. Where speech goes on across, the next tile begins some seconds
earlier, and each channel's words change from one hearing to the other where that channel is calmest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from sottovoce.domain.sound import Sound
from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import ChannelTranscript, Segment, Transcript, Word
from sottovoce.errors import HearingError, NotUnderstood
from sottovoce.redact.ground import Cut, Ground
from sottovoce.redact.protocol import Tape, Transcriber
from sottovoce.redact.tiles import Tile, tiles

_LEAD_S: Final = 10.0
_LATE_S: Final = 1.0
"""A last word may end a second late: transcribers pad the sound they hear."""
_MOST_MISSED: Final = 0.45
"""Of audible sound, as the transcriber's own bound for what it hears at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """One tile; `transcript` is None where no channel of it was understood."""

    tile: Span
    channels: tuple[ChannelTranscript, ...]
    transcript: Transcript | None


def hear(
    transcriber: Transcriber, tape: Tape, ground: Ground, cuts: Sequence[Cut], *, language: str | None
) -> Transcript:
    """All words, in samples of the recording. HearingError when a transcript is not that of its sound.

    Where no language is given, the one of the first words that are heard is everybody's. A channel of a tile that was
    not understood, such as music on hold, is unheard speech from end to end; NotUnderstood when that is most of what
    can be heard, or there is one tile only.
    """
    ends = [cut.at for cut in cuts]
    lead = round(_LEAD_S * ground.rate)
    parts: list[_Heard] = []
    for tile in tiles(tape, ends, leads=[0, *(0 if cut.pauses else lead for cut in cuts[:-1])]):
        heard = _heard(transcriber, tile, language, alone=len(ends) == 1)
        if language is None and heard.transcript and any(c.words for c in heard.channels):
            language = heard.transcript.language
        parts.append(heard)
        del tile
    only = parts[0].transcript
    if only and len(parts) == 1:
        return only
    _check_understood(parts, ground)
    return _joined(parts, ground)


def _heard(transcriber: Transcriber, tile: Tile, language: str | None, *, alone: bool) -> _Heard:
    try:
        heard = _transcribed(transcriber, tile.sound, language)
    except NotUnderstood:
        if alone:
            raise
        return _by_channel(transcriber, tile, language)
    return _Heard(tile=tile.span, channels=heard.channels, transcript=heard)


def _by_channel(transcriber: Transcriber, tile: Tile, language: str | None) -> _Heard:
    """Each channel for itself, because one that plays music says nothing of the others."""
    channels: list[ChannelTranscript] = []
    understood: Transcript | None = None
    for number, role in enumerate(tile.sound.roles):
        sound = Sound(samples=tile.sound.samples[number : number + 1], rate=tile.sound.rate, roles=(role,))
        try:
            understood = _transcribed(transcriber, sound, language)
            channels.append(replace(understood.channels[0], channel=number))
        except NotUnderstood:
            everything = (Span(0, sound.frames),)
            channels.append(ChannelTranscript(channel=number, segments=(), speech=everything, unheard=everything))
    return _Heard(tile=tile.span, channels=tuple(channels), transcript=understood)


def _transcribed(transcriber: Transcriber, sound: Sound, language: str | None) -> Transcript:
    heard = transcriber.transcribe(sound, language=language)
    if not _belongs(heard, sound):
        raise HearingError("the transcript is not this sound's")
    return heard


def _check_understood(parts: Sequence[_Heard], ground: Ground) -> None:
    """NotUnderstood when more of the audible sound lies in what was not understood than in what was."""
    audible = ~ground.quiet
    missed = np.zeros_like(audible)
    for part in parts:
        for channel in part.channels:
            if channel.unheard == (Span(0, part.tile.length),):
                missed[channel.channel, part.tile.start // ground.frame : part.tile.end // ground.frame] = True
    if int(np.count_nonzero(audible & missed)) > _MOST_MISSED * int(np.count_nonzero(audible)):
        raise NotUnderstood("too little of the recording was understood")


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


def _joined(parts: Sequence[_Heard], ground: Ground) -> Transcript:
    heard = [part.transcript for part in parts if part.transcript]
    if not heard:
        raise NotUnderstood("nothing of the recording was understood")
    spoken = [t for t in heard if any(c.words for c in t.channels)]
    first = (spoken or heard)[0]
    if any((t.engine, t.model_digest) != (first.engine, first.model_digest) for t in heard):
        raise HearingError("the recording was heard by two engines")
    if any(t.language != first.language for t in spoken):
        raise HearingError("the recording was heard in two languages")
    channels = (_channel(parts, c, ground) for c in range(ground.channels))
    return replace(first, channels=tuple(channels))


def _channel(parts: Sequence[_Heard], channel: int, ground: Ground) -> ChannelTranscript:
    """Each tile's own share of a channel, between the places where it meets its neighbours."""
    meets = [
        ground.calmest(channel, Span(b.start, a.end)) if b.start < a.end else a.end
        for a, b in pairwise(part.tile for part in parts)
    ]
    edges = [0, *meets, ground.frames + round(_LATE_S * ground.rate)]
    segments: list[Segment] = []
    speech: list[Span] = []
    unheard: list[Span] = []
    for part, (start, end) in zip(parts, pairwise(edges), strict=True):
        tile = part.tile
        (line,) = (c for c in part.channels if c.channel == channel)
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
