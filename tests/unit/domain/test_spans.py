"""Spans are half-open stretches of integer samples."""

from __future__ import annotations

import pytest

from sottovoce.domain.spans import Span, covered, merged, without


@pytest.mark.parametrize(("start", "end"), [(-1, 4), (5, 4)])
def test_a_span_never_runs_backwards(start, end):
    """Negative starts and ends before the start are refused."""
    with pytest.raises(ValueError, match="not a span"):
        Span(start, end)


def test_seconds_become_the_smallest_cover():
    """A time in seconds becomes whole samples, rounded outward."""
    assert Span.of_seconds(0.1001, 0.2001, rate=1000) == Span(100, 201)
    assert Span.of_seconds(-1.0, 0.5, rate=8000) == Span(0, 4000)
    assert Span(800, 1600).seconds(8000) == (0.1, 0.2)


def test_touching_is_not_overlapping():
    """Half-open spans that touch share no sample."""
    assert not Span(0, 5).overlaps(Span(5, 9))
    assert Span(0, 6).overlaps(Span(5, 9))
    assert Span(0, 10).contains(Span(0, 10))
    assert not Span(1, 10).contains(Span(0, 10))


def test_widening_stays_inside():
    """A widened span keeps within the sound."""
    assert Span(10, 20).widened(15, 100, limit=50) == Span(0, 50)


def test_scaling_rounds_outward():
    """A span at another rate still covers the same time."""
    assert Span(1, 3).scaled(from_rate=8000, to_rate=16000) == Span(2, 6)
    assert Span(1, 3).scaled(from_rate=16000, to_rate=8000) == Span(0, 2)


def test_merging_sorts_and_joins():
    """Spans closer than the gap become one; the result is sorted and disjoint."""
    spans = [Span(50, 60), Span(0, 10), Span(5, 20), Span(25, 30)]
    assert merged(spans) == (Span(0, 20), Span(25, 30), Span(50, 60))
    assert merged(spans, gap=5) == (Span(0, 30), Span(50, 60))
    assert covered(spans) == 35
    assert merged([]) == ()


def test_what_is_left_is_the_complement():
    """Removing holes leaves the rest, in order, with nothing empty."""
    whole = Span(0, 100)
    assert without(whole, [Span(10, 20), Span(15, 30), Span(90, 120)]) == (Span(0, 10), Span(30, 90))
    assert without(whole, [Span(0, 100)]) == ()
    assert without(whole, []) == (whole,)
    assert without(Span(10, 20), [Span(0, 12), Span(18, 40)]) == (Span(12, 18),)
