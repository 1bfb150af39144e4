"""Where the voice breaks off, what was found ends: times of words are not believed over pauses (SPEC 7.1)."""

from __future__ import annotations

import numpy as np
import pytest

from sottovoce.detect.protocol import HeardCall
from sottovoce.detect.spelling import Spelling
from sottovoce.detect.spoken_numbers import SpokenNumbers
from sottovoce.detect.unheard import GuessedSpeech
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import ChannelTranscript, Segment, Transcript, Word

RATE = 8000
SURE, UNSURE = 0.9, 0.2

Said = tuple[str, float, float, float]


def call_of(*words: Said, speech: tuple[tuple[float, float], ...]) -> HeardCall:
    """One channel on which words (text, start, end, probability) were heard over stretches of voice."""
    heard = tuple(
        Word(text=Confidential(t), span=Span.of_seconds(a, b, rate=RATE), probability=p) for t, a, b, p in words
    )
    spoken = tuple(Span.of_seconds(a, b, rate=RATE) for a, b in speech)
    channel = ChannelTranscript(channel=0, segments=(Segment(span=Span(0, RATE), words=heard),), speech=spoken)
    transcript = Transcript(channels=(channel,), rate=RATE, engine="script", model_digest="script", language="en")
    return HeardCall(
        sound=Sound(samples=np.zeros((1, 40 * RATE), np.float32), rate=RATE, roles=(Role.BOTH,)), transcript=transcript
    )


def digits(start: float, *, text: str = "4716229381540067") -> tuple[Said, ...]:
    return tuple((d, start + 0.4 * i, start + 0.4 * i + 0.35, SURE) for i, d in enumerate(text))


def ends(found: tuple[Finding, ...]) -> float:
    return max(f.span.end for f in found) / RATE


def test_a_doubtful_word_beside_a_number_goes_with_it():
    """What the transcriber guesses right after digits is often more of them."""
    said = (*digits(1), ("sen", 7.5, 7.9, UNSURE), ("thanks", 9, 9.4, SURE))
    assert ends(SpokenNumbers().find(call_of(*said, speech=((0.9, 8.0), (8.9, 9.5))))) >= 7.9


def test_a_doubtful_word_after_a_break_stays():
    """After half a second without voice another sentence begins."""
    said = (*digits(1), ("whose", 8.0, 8.5, UNSURE), ("thanks", 9, 9.4, SURE))
    assert ends(SpokenNumbers().find(call_of(*said, speech=((0.9, 7.5), (7.9, 9.5))))) < 7.9


def test_a_last_digit_is_not_stretched_over_a_break():
    """A word that the transcriber lets run into the next sentence ends with its own voice."""
    said = (*digits(1)[:-1], ("7", 7.0, 8.8, SURE), ("thanks", 9, 9.4, SURE))
    found = SpokenNumbers().find(call_of(*said, speech=((0.9, 7.5), (8.0, 9.5))))
    assert 7.4 <= ends(found) <= 7.6


def test_a_numeral_of_many_digits_keeps_its_pauses():
    """One word for a whole number is believed to its end."""
    found = SpokenNumbers().find(call_of(("4716229381540067", 1, 9, SURE), speech=((0.9, 3), (4, 6), (7, 9))))
    assert ends(found) >= 9


def test_a_quantity_after_a_break_is_no_digit():
    """`…six seven. One pound of lobster` keeps its pound."""
    said = (*digits(1), ("one", 9, 9.3, SURE), ("pound", 9.3, 9.6, SURE), ("of", 9.6, 9.8, SURE))
    assert ends(SpokenNumbers().find(call_of(*said, speech=((0.9, 7.5), (8.9, 10))))) < 8.9


def test_a_spelled_name_ends_before_the_next_sentence():
    """`J O N. I really` keeps the `I`."""
    letters = tuple((c, 1 + 0.4 * i, 1.3 + 0.4 * i, SURE) for i, c in enumerate("JON"))
    said = (*letters, ("I", 3.4, 3.5, SURE), ("really", 3.5, 3.9, SURE))
    assert ends(Spelling().find(call_of(*said, speech=((0.9, 2.2), (3.2, 4))))) < 3.2


def test_letters_written_together_count_each():
    """A transcriber writes some of the letters as one word in capitals."""
    said = (("JS", 1, 1.8, SURE), ("O", 1.9, 2.2, SURE), ("N", 2.3, 2.6, SURE))
    assert len(Spelling().find(call_of(*said, speech=((0.9, 2.7),)))) == 1


@pytest.mark.parametrize(("seconds", "found"), [(2.4, 1), (0.8, 0)])
def test_a_slow_numeral_was_read_out(seconds, found):
    """Four digits alone in a turn, said slowly, are a code; said in a breath, a year."""
    said = (("2019", 1, 1 + seconds, SURE),)
    assert len(SpokenNumbers().find(call_of(*said, speech=((1, 1 + seconds),)))) == found


def test_a_guessed_phrase_goes_without_its_neighbour():
    """A short phrase of improbable words is taken out, and the sure one after the break stays."""
    said = (
        ("bro", 1, 1.4, UNSURE),
        ("wen", 1.4, 1.9, UNSURE),
        *((w, 3 + 0.3 * i, 3.3 + 0.3 * i, SURE) for i, w in enumerate(["this", "question", "is", "easy"])),
    )
    (finding,) = GuessedSpeech().find(call_of(*said, speech=((0.9, 2.1), (2.5, 4.3))))
    assert 2.0 <= finding.span.end / RATE <= 2.5
