"""Selection for a corpus, by example; its laws are in tests/properties (SPEC 4.4)."""

from __future__ import annotations

import pytest

from sottovoce.domain.outcome import Reason
from sottovoce.policy.model import Selection as Wanted
from sottovoce.screening.sampler import Candidate, Kind, Shortage, select


def calls(prefix, count, seconds=36.0, **values):
    return [Candidate(key=f"{prefix}{i}", duration_s=seconds, values=values) for i in range(count)]


def hours_of(selection, dimension):
    totals = {}
    for c in selection.chosen:
        totals[c.values[dimension]] = totals.get(c.values[dimension], 0.0) + c.duration_s / 3600
    return {value: pytest.approx(h) for value, h in totals.items()}


def test_a_large_early_queue_does_not_starve_a_later_one():
    """Hours are even over queues as long as each has enough."""
    offered = calls("a", 900, queue_category="a") + calls("z", 60, queue_category="z")
    selection = select(offered, Wanted(target_hours=1.0))
    assert hours_of(selection, "queue_category") == {"a": 0.5, "z": 0.5}
    assert selection.shortages == ()
    assert selection.hours == pytest.approx(1.0)


def test_a_short_stratum_is_named_and_made_up_for():
    """The hours that a small stratum cannot give come from the others, and it is reported by how much."""
    offered = calls("a", 900, queue_category="a") + calls("z", 10, queue_category="z")
    selection = select(offered, Wanted(target_hours=1.0))
    assert hours_of(selection, "queue_category") == {"a": 0.9, "z": 0.1}
    assert selection.shortages == (
        Shortage(kind=Kind.STRATUM, of="queue_category:z", wanted_h=0.5, chosen_h=pytest.approx(0.1)),
    )
    assert selection.shortages[0].missing_h == pytest.approx(0.4)


def test_a_minimum_share_is_filled_first():
    """At least 30 % of G.711 where the policy asks for it, however rare it is among the calls."""
    wanted = Wanted(target_hours=1.0, minimum_shares=({"dimension": "codec", "value": "G.711", "share": 0.3},))
    rare = calls("g", 40, queue_category="a", codec="g711")
    offered = rare + calls("o", 4000, queue_category="a", codec="opus")
    selection = select(offered, wanted)
    assert hours_of(selection, "codec") == {"g711": 0.31, "opus": 0.69}
    assert selection.shortages == ()


def test_a_share_that_cannot_be_had_is_a_shortage():
    """A missing minimum share does not stop the rest, and is reported."""
    wanted = Wanted(target_hours=0.5, minimum_shares=({"dimension": "codec", "value": "g711", "share": 0.5},))
    offered = calls("g", 10, queue_category="a", codec="g711") + calls("o", 90, queue_category="a", codec="opus")
    selection = select(offered, wanted)
    assert selection.hours == pytest.approx(0.5)
    assert [s.of for s in selection.shortages] == ["codec:g711"]
    assert selection.shortages[0].missing_h == pytest.approx(0.15)


def test_too_few_recordings_are_a_shortage_of_the_target():
    """With less than the target everything is chosen."""
    selection = select(calls("a", 5, queue_category="a"), Wanted(target_hours=1.0))
    assert len(selection.chosen) == 5
    assert selection.left_out == ()
    assert [s.of for s in selection.shortages] == ["target", "queue_category:a"]


def test_nothing_offered():
    """An empty source is a shortage and no error."""
    selection = select([], Wanted(target_hours=1.0))
    assert selection.chosen == ()
    assert [s.of for s in selection.shortages] == ["target"]


def test_the_left_out_have_a_reason_and_a_stratum():
    """Who is not chosen is NOT_SELECTED, in its stratum."""
    selection = select(calls("a", 200, queue_category="a"), Wanted(target_hours=1.0))
    assert len(selection.chosen) == 100
    assert {(left.reason, left.stratum) for left in selection.left_out} == {(Reason.NOT_SELECTED, "queue_category:a")}


def test_another_seed_chooses_afresh():
    """The seed decides which recordings are chosen, not how many."""
    offered = calls("a", 200, queue_category="a")
    one, two = (select(offered, Wanted(target_hours=1.0, seed=seed)) for seed in (1, -2))
    assert len(one.chosen) == len(two.chosen)
    assert {c.key for c in one.chosen} != {c.key for c in two.chosen}


def test_what_earlier_runs_chose_counts():
    """Many runs fill one target: what is kept counts toward it, toward its stratum and toward shares."""
    kept = calls("k", 60, queue_category="a", codec="g711")
    offered = kept[:5] + calls("a", 90, queue_category="a", codec="opus")
    offered += calls("z", 90, queue_category="z", codec="opus")
    share = {"dimension": "codec", "value": "g711", "share": 0.5}
    selection = select(offered, Wanted(target_hours=1.0, minimum_shares=(share,)), kept=kept)
    assert hours_of(selection, "queue_category") == {"z": 0.4}
    assert selection.shortages == ()
    assert not {c.key for c in selection.chosen} & {c.key for c in kept}
    assert len(selection.left_out) == 140
