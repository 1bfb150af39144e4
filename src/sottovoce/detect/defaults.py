"""The detectors a recording meets by default, in the order they are asked."""

from __future__ import annotations

from sottovoce.detect.context import Asked
from sottovoce.detect.dates import Dates
from sottovoce.detect.dtmf import DtmfDetector
from sottovoce.detect.finder import Listening
from sottovoce.detect.languages.doubt import DoubtfulTurns
from sottovoce.detect.places import Streets
from sottovoce.detect.presidio import PresidioDetector
from sottovoce.detect.protocol import Detector
from sottovoce.detect.second_ear import SecondEar
from sottovoce.detect.spelling import Spelling
from sottovoce.detect.spoken_numbers import SpokenNumbers
from sottovoce.detect.unheard import GuessedSpeech, UnheardSpeech


def text_detectors(*, keep_last_four: bool = True) -> tuple[Detector, ...]:
    """Those that read the transcript."""
    return (
        SpokenNumbers(keep_last_four=keep_last_four),
        Asked(keep_last_four=keep_last_four),
        Dates(),
        Spelling(),
        Streets(),
        PresidioDetector(),
        UnheardSpeech(),
        GuessedSpeech(),
        DoubtfulTurns(),
    )


def default_detectors(*, keep_last_four: bool = True) -> tuple[Detector, ...]:
    """Text, tones and the second ear. Loads models; raises ModelError or DetectionError where one is missing."""
    return (
        *text_detectors(keep_last_four=keep_last_four),
        DtmfDetector(),
        Listening(listener=SecondEar(), name="second_ear"),
    )
