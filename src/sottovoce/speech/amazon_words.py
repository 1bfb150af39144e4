"""The transcript that Amazon Transcribe writes, as words in samples (Developer Guide, "Data output").

What it redacted stands there as `[PII]` with times and `redactions`: audible speech whose words nobody here may see.
So each is speech without words, which goes whatever is chosen (`Entity.UNHEARD_SPEECH`); so is everything audible that
no item accounts for. A transcript that does not say it is redacted, or is of another number of channels, is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.sound import Sound
from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import ChannelTranscript, Segment, Transcript, Word
from sottovoce.errors import HearingError
from sottovoce.speech.account import gaps, stretched
from sottovoce.speech.activity import active_spans

MODEL: Final = "vendor-managed"
"""A vendor's model has no digest: it may be another tomorrow."""
_TAG: Final = "[PII]"

Item = Mapping[str, Any]


def transcript_of(data: Confidential[bytes], sound: Sound, *, engine: str, language: str) -> Transcript:
    """Every channel of the sound. HearingError when the file is not a redacted transcript of it."""
    try:
        items = _by_channel(json.loads(data.reveal()), sound.channels)
        channels = tuple(_channel(sound, number, items[number]) for number in range(sound.channels))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise HearingError("the service's transcript is not as documented", hint="nothing of it was used") from None
    return Transcript(channels=channels, rate=sound.rate, engine=engine, model_digest=MODEL, language=language)


def _by_channel(document: Mapping[str, Any], channels: int) -> Sequence[Sequence[Item]]:
    if document.get("isRedacted") is not True:
        raise HearingError("the service's transcript is not redacted", hint="its language may not be one it redacts")
    results = document["results"]
    if channels == 1:
        return [results["items"]]
    labelled = results["channel_labels"]
    if labelled["number_of_channels"] != channels:
        raise HearingError("the service heard another number of channels")
    found = {each["channel_label"]: each["items"] for each in labelled["channels"]}
    return [found.get(f"ch_{number}", ()) for number in range(channels)]


def _channel(sound: Sound, number: int, items: Sequence[Item]) -> ChannelTranscript:
    speech = active_spans(sound.samples[number], sound.rate)
    words = [_word(item, sound) for item in items if _spoken(item) and not _redacted(item)]
    taken = [_span(item, sound) for item in items if _redacted(item)]
    segments = stretched([Segment(span=word.span, words=(word,)) for word in words], speech, rate=sound.rate)
    unheard = _without_taken(gaps(speech, words, rate=sound.rate), taken)
    return ChannelTranscript(
        channel=number, segments=tuple(segments), speech=speech, unheard=tuple(sorted({*taken, *unheard}))
    )


def _without_taken(holes: Sequence[Span], taken: Sequence[Span]) -> Iterator[Span]:
    """Holes that a redaction does not cover already."""
    return (hole for hole in holes if not any(span.contains(hole) for span in taken))


def _spoken(item: Item) -> bool:
    return bool(item["type"] == "pronunciation")


def _redacted(item: Item) -> bool:
    """By its redactions, or by the tag alone: doubt is sensitive."""
    return any("redactions" in each or _TAG in each["content"] for each in item["alternatives"])


def _word(item: Item, sound: Sound) -> Word:
    best = item["alternatives"][0]
    return Word(text=Confidential(best["content"]), span=_span(item, sound), probability=float(best["confidence"]))


def _span(item: Item, sound: Sound) -> Span:
    """Seconds as text, to the smallest span of samples that covers them, within the sound."""
    found = Span.of_seconds(float(item["start_time"]), float(item["end_time"]), rate=sound.rate)
    if found.start > sound.frames:
        raise HearingError("the transcript is not this sound's")
    return Span(found.start, max(found.start, min(found.end, sound.frames)))
