"""The laws of selection, for whatever recordings there are (SPEC 4.4)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce.policy.model import MinimumShare
from sottovoce.policy.model import Selection as Wanted
from sottovoce.screening.sampler import Candidate, select

QUEUES, CODECS = ("a", "b", "c"), ("g711", "opus")
candidates = st.lists(
    st.builds(
        Candidate,
        key=st.integers(0, 10_000).map(str),
        duration_s=st.integers(30, 300).map(float),
        values=st.fixed_dictionaries({"queue_category": st.sampled_from(QUEUES), "codec": st.sampled_from(CODECS)}),
    ),
    max_size=60,
    unique_by=lambda c: c.key,
)
shares = st.lists(
    st.builds(MinimumShare, dimension=st.just("codec"), value=st.sampled_from(CODECS), share=st.floats(0.05, 1.0)),
    max_size=2,
)
targets = st.floats(0.01, 2.0)


def seconds(chosen):
    return sum(c.duration_s for c in chosen)


@given(candidates, targets, shares, st.integers(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_selection_is_a_function_of_the_seed_and_the_set(offered, target, minimum, seed, random):
    """The same recordings in any order, with the same seed, are chosen from in the same way."""
    wanted = Wanted(target_hours=target, minimum_shares=tuple(minimum), seed=seed)
    shuffled = list(offered)
    random.shuffle(shuffled)
    assert select(offered, wanted) == select(shuffled, wanted)


@given(candidates, targets, shares)
@settings(max_examples=60, deadline=None)
def test_everything_offered_is_chosen_or_left_out(offered, target, minimum):
    """No recording is lost, and none is chosen twice."""
    selection = select(offered, Wanted(target_hours=target, minimum_shares=tuple(minimum)))
    keys = [c.key for c in selection.chosen] + [left.key for left in selection.left_out]
    assert sorted(keys) == sorted(c.key for c in offered)


@given(candidates, targets, shares)
@settings(max_examples=80, deadline=None)
def test_a_minimum_share_is_honoured_or_reported(offered, target, minimum):
    """Either the share of what was chosen is there, or a shortage says so."""
    selection = select(offered, Wanted(target_hours=target, minimum_shares=tuple(minimum)))
    reported = {s.of for s in selection.shortages}
    for share in minimum:
        got = seconds(c for c in selection.chosen if c.values["codec"] == share.value)
        honoured = got >= share.share * seconds(selection.chosen) - 1e-3
        assert honoured or f"codec:{share.value}" in reported


@given(candidates, targets)
@settings(max_examples=80, deadline=None)
def test_no_stratum_starves(offered, target):
    """A stratum that still has recordings is at most one recording behind the richest."""
    selection = select(offered, Wanted(target_hours=target))
    taken = {q: seconds(c for c in selection.chosen if c.values["queue_category"] == q) for q in QUEUES}
    longest = max((c.duration_s for c in offered), default=0.0)
    for left in selection.left_out:
        queue = left.stratum.removeprefix("queue_category:")
        assert taken[queue] >= max(taken.values()) - longest


@given(candidates, targets)
@settings(max_examples=80, deadline=None)
def test_the_target_is_reached_with_the_last_recording_or_reported(offered, target):
    """Without shares the target is passed by less than one recording, and never missed in silence."""
    selection = select(offered, Wanted(target_hours=target))
    if seconds(selection.chosen) < target * 3600 - 1e-3:
        assert selection.left_out == ()
        assert "target" in {s.of for s in selection.shortages}
    else:
        assert seconds(selection.chosen[:-1]) < target * 3600
