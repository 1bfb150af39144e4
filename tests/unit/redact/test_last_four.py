"""A read-back of the last four digits stays, and nothing else of the number does (SPEC 6.6)."""

from __future__ import annotations

import pytest

from sottovoce.detect.defaults import text_detectors
from sottovoce.detect.finder import Finder
from sottovoce.domain.spans import Span
from sottovoce.policy.model import Redaction
from sottovoce.redact.plan import make_plan
from sottovoce.redact.rules import rules_for
from sottovoce.testing.spoken import call_of

CARD = "four seven one six two two nine three one eight three four five five seven zero"
FINDER = Finder(detectors=text_detectors())
RULES = rules_for(Redaction())


def spans_of_words(transcript, channel: int, words: str) -> list[Span]:
    """Where the last of these words are said on a channel."""
    wanted = words.split()
    said = [(w.text.reveal().rstrip(",."), w.span) for w in transcript.channels[channel].words]
    at = max(k for k in range(len(said)) if [t for t, _ in said[k : k + len(wanted)]] == wanted)
    return [span for _, span in said[at : at + len(wanted)]]


def removed(plan, channel: int, spans: list[Span]) -> list[bool]:
    return [any(p.channel == channel and p.span.contains(s) for p in plan.spans) for s in spans]


def planned(*turns):
    sound, transcript = call_of(*turns)
    return transcript, make_plan(FINDER.find(sound, transcript), rules=RULES, sound=sound)


@pytest.mark.parametrize(
    "said",
    [
        f"that was {CARD} ending in five five seven zero",
        f"{CARD}, so ending in five five seven zero thanks",
        f"so that is {CARD} ... and it ends with five five seven zero",
        f"let me see {CARD} ... the card ending in five five seven zero",
    ],
)
def test_the_last_four_stay_however_soon_after_the_whole_number(said):
    """The whole read-back goes and its last four, said again, stay."""
    transcript, plan = planned((1, CARD), (0, said))
    assert removed(plan, 1, spans_of_words(transcript, 1, CARD)) == [True] * 16
    whole = spans_of_words(transcript, 0, CARD)
    assert removed(plan, 0, whole) == [True] * 16
    last = spans_of_words(transcript, 0, "five five seven zero")
    assert not any(p.channel == 0 and p.span.overlaps(s) for p in plan.spans for s in last)


def test_an_ending_that_completes_the_number_goes():
    """Twelve digits and then "ending in" is one number in two parts."""
    first = "four seven one six two two nine three one eight three four"
    transcript, plan = planned((1, f"it is {first} ending in five five seven zero"))
    assert removed(plan, 1, spans_of_words(transcript, 1, first)) == [True] * 12
    assert removed(plan, 1, spans_of_words(transcript, 1, "five five seven zero")) == [True] * 4


def test_an_ending_is_no_hiding_place():
    """A whole number that is announced as an ending is a whole number."""
    transcript, plan = planned((1, CARD), (0, f"the card ending in {CARD}"))
    assert removed(plan, 0, spans_of_words(transcript, 0, CARD)) == [True] * 16
