"""Any transcriber, held to account for every stretch of audible speech (SPEC 5.3).

Engines skip speech: they drop passages, stretch the word before over them, or write fluent inventions. So whichever
engine hears, what no word accounts for is given to it again on its own, and what stays silent in text is reported as
unheard, which redaction takes for sensitive. Where a line is noisy the engine gets it with the noise taken down.
Refuses a transcript that leaves a channel out, or of which too little was understood to find anything in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import numpy as np

from sottovoce.domain.sound import Sound
from sottovoce.domain.spans import Span, covered
from sottovoce.domain.transcript import ChannelTranscript, Segment, Transcript, Word
from sottovoce.errors import HearingError, NotUnderstood
from sottovoce.speech.account import confidence, gaps, stretched, understood
from sottovoce.speech.activity import active_spans, is_noisy
from sottovoce.speech.denoise import denoised
from sottovoce.speech.protocol import Transcriber

_AGAIN_LEAD_S: Final = 0.3
_AROUND_S: Final = 1.0
"""Silence around a stretch that is heard again, so that it stands out however short it is."""
_JUDGED_S: Final = 5.0
_UNDERSTOOD: Final = 0.55
"""Least share of speech under believed words. English calls have 0.62 and more (shared calls, tiny.en); an
English model makes 0.53 and less of Spanish, French, German and Italian, with fluent inventions."""
_UNDERSTOOD_IN_NOISE: Final = 0.25
_CONFIDENT_IN_NOISE: Final = 0.42
"""In noise less is understood of any language, so the mean probability of a word decides."""


class Accounted:
    """Hears as the transcriber it wraps does, and leaves nothing out."""

    def __init__(self, *, transcriber: Transcriber) -> None:
        self._transcriber = transcriber

    @property
    def languages(self) -> frozenset[str]:
        """ISO 639-1 codes of what the engine can hear; English where it does not say."""
        return frozenset(getattr(self._transcriber, "languages", frozenset({"en"})))

    def transcribe(self, sound: Sound, *, language: str | None) -> Transcript:
        """See `speech.protocol.Transcriber`. HearingError when a channel is missing or too little was understood."""
        noisy = tuple(is_noisy(samples, sound.rate) for samples in sound.samples)
        clear = _clear(sound, noisy)
        heard = self._transcriber.transcribe(clear, language=language)
        known = {c.channel: c for c in heard.channels}
        if sorted(known) != list(range(sound.channels)) or heard.rate != sound.rate:
            raise HearingError("the transcript leaves a channel out", hint="the engine must hear every channel")
        channels = tuple(
            replace(self._accounted(known[k], sound=sound, clear=clear, language=heard.language), noisy=noisy[k])
            for k in sorted(known)
        )
        _check_understood(channels, sound.rate, noisy=any(noisy))
        return replace(heard, channels=channels)

    def _accounted(self, channel: ChannelTranscript, *, sound: Sound, clear: Sound, language: str) -> ChannelTranscript:
        speech = active_spans(sound.samples[channel.channel], sound.rate)
        segments = list(channel.segments)
        for hole in gaps(speech, _words(segments), rate=sound.rate):
            segments += self._again(clear, channel.channel, hole, language)
        unheard = gaps(speech, _words(segments), rate=sound.rate)
        placed = sorted(stretched(segments, speech, rate=sound.rate), key=lambda segment: segment.span)
        return replace(
            channel, segments=tuple(placed), speech=speech, unheard=tuple(sorted({*unheard, *channel.unheard}))
        )

    def _again(self, sound: Sound, channel: int, hole: Span, language: str) -> list[Segment]:
        """A missed stretch on its own; only words that lie in it are new."""
        lead, around = round(_AGAIN_LEAD_S * sound.rate), round(_AROUND_S * sound.rate)
        crop = hole.widened(lead, lead, limit=sound.frames)
        alone = Sound(
            samples=np.pad(sound.samples[channel : channel + 1, crop.start : crop.end], ((0, 0), (around, around))),
            rate=sound.rate,
            roles=sound.roles[channel : channel + 1],
        )
        heard = self._transcriber.transcribe(alone, language=language)
        found = []
        for segment in (s for c in heard.channels for s in c.segments):
            words = (replace(w, span=_moved(w.span, crop.start - around, sound.frames)) for w in segment.words)
            fresh = tuple(w for w in words if w.span.overlaps(hole))
            if fresh:
                span = Span(min(w.span.start for w in fresh), max(w.span.end for w in fresh))
                found.append(replace(segment, words=fresh, span=span))
        return found


def _clear(sound: Sound, noisy: tuple[bool, ...]) -> Sound:
    if not any(noisy):
        return sound
    channels = (denoised(s, sound.rate) if n else s for s, n in zip(sound.samples, noisy, strict=True))
    return Sound(samples=np.stack(list(channels)), rate=sound.rate, roles=sound.roles)


def _moved(span: Span, by: int, limit: int) -> Span:
    start = min(max(0, span.start + by), limit)
    return Span(start, max(start, min(limit, span.end + by)))


def _words(segments: Iterable[Segment]) -> list[Word]:
    return [word for segment in segments for word in segment.words]


def _check_understood(channels: tuple[ChannelTranscript, ...], rate: int, *, noisy: bool) -> None:
    if sum(covered(c.speech) for c in channels) <= _JUDGED_S * rate:
        return
    least = _UNDERSTOOD_IN_NOISE if noisy else _UNDERSTOOD
    if understood(channels) < least or (noisy and confidence(channels) < _CONFIDENT_IN_NOISE):
        raise NotUnderstood(
            "too little of the speech was understood", hint="the recording may be in another language, or no speech"
        )
