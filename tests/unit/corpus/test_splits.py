"""Splits that never share a speaker, by example and by law (SPEC 11.3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sottovoce.corpus.sample import Split
from sottovoce.corpus.splits import Spoken, assign, components, speakers_of
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import RecordingMetadata, RecordingRef
from sottovoce.domain.sound import Role

SHARES = {Split.TRAIN: 0.8, Split.VALIDATION: 0.1, Split.TEST: 0.1}


def spoken(name, *speakers, seconds=60.0):
    return Spoken(name=name, duration_s=seconds, speakers=frozenset(speakers))


def metadata(agent, customer):
    ref = RecordingRef(source="calls", key="k", locator=Confidential("x"))
    return RecordingMetadata(
        ref=ref,
        conversation_id="c",
        recording_id="r",
        started_at=None,
        duration_s=None,
        agent_token=agent,
        customer_token=customer,
    )


@pytest.mark.parametrize(
    ("role", "speakers"),
    [
        (Role.AGENT, {"agent:x"}),
        (Role.CUSTOMER, {"customer:x"}),
        (Role.BOTH, {"agent:x", "customer:x"}),
    ],
)
def test_who_speaks(role, speakers):
    """A channel has the speakers of its role; an agent and a caller are never one."""
    assert speakers_of(metadata("x", "x"), role) == speakers


def test_unnamed_speakers_are_one_person():
    """Callers whom the source cannot tell apart go together, because they might be one."""
    assert speakers_of(metadata("a", None), Role.CUSTOMER) == speakers_of(metadata("b", None), Role.CUSTOMER)


def test_components_join_over_shared_speakers():
    """A mixed sample joins its speakers, and through them every sample they are heard in."""
    samples = [spoken("1", "a"), spoken("2", "c"), spoken("3", "a", "b"), spoken("4", "b"), spoken("5", "d")]
    found = {frozenset(c.names) for c in components(samples)}
    assert found == {frozenset("134"), frozenset("2"), frozenset("5")}


def test_shares_are_met_where_components_allow():
    """A hundred callers of one length are dealt exactly to their shares."""
    splits = list(assign([spoken(str(i), f"c{i}") for i in range(100)], SHARES, seed=1).values())
    assert [splits.count(split) for split in Split] == [80, 10, 10]


def test_a_large_component_goes_where_it_fits():
    """An agent with most of the hours goes to the largest split, and the rest to the others."""
    samples = [spoken(f"a{i}", "agent") for i in range(8)] + [spoken(f"c{i}", f"c{i}") for i in range(2)]
    found = assign(samples, SHARES, seed=1)
    assert {found[f"a{i}"] for i in range(8)} == {Split.TRAIN}
    assert {found["c0"], found["c1"]} == {Split.VALIDATION, Split.TEST}


def test_no_wanted_split_stays_empty_while_there_are_components():
    """Three callers make three splits, however unequal the shares."""
    found = assign([spoken(str(i), f"c{i}") for i in range(3)], SHARES, seed=1)
    assert set(found.values()) == set(Split)


def test_one_speaker_makes_one_split():
    """With one component the other splits stay empty rather than share a speaker."""
    found = assign([spoken(str(i), "one") for i in range(10)], SHARES, seed=1)
    assert set(found.values()) == {Split.TRAIN}


def test_a_split_without_a_share_gets_nothing():
    """Splits that policy does not name do not exist; without any there is nothing to deal to."""
    found = assign([spoken(str(i), f"c{i}") for i in range(9)], {Split.TRAIN: 1.0, Split.TEST: 0.0}, seed=1)
    assert set(found.values()) == {Split.TRAIN}
    assert assign([], SHARES, seed=1) == {}
    with pytest.raises(ValueError, match="no split"):
        assign([], {}, seed=1)


def test_whoever_was_in_a_split_stays_there():
    """A later version never moves a speaker from test to training, whatever the seed."""
    samples = [spoken(str(i), f"c{i}") for i in range(30)]
    first = assign(samples, SHARES, seed=1)
    more = samples + [spoken(f"n{i}", f"d{i}") for i in range(10)] + [spoken("again", "c3")]
    second = assign(more, SHARES, seed=2, before=first)
    assert {name: second[name] for name in first} == first
    assert second["again"] is first["3"]
    assert set(assign(samples, {Split.TRAIN: 1.0}, seed=1, before=first).values()) == {Split.TRAIN}


def test_joined_speakers_of_two_splits_go_to_training():
    """Where a new sample joins a trained speaker with a test speaker, nobody of them tests any more."""
    before = {"1": Split.TEST, "2": Split.TRAIN}
    found = assign([spoken("1", "a"), spoken("2", "b"), spoken("3", "a", "b")], SHARES, seed=1, before=before)
    assert set(found.values()) == {Split.TRAIN}


def test_another_seed_deals_anew():
    """The seed decides who goes where."""
    samples = [spoken(str(i), f"c{i}") for i in range(50)]
    assert assign(samples, SHARES, seed=1) != assign(samples, SHARES, seed=2)


speakers = st.sets(st.sampled_from([f"s{i}" for i in range(25)]), min_size=1, max_size=3)
lists = st.lists(st.tuples(speakers, st.integers(1, 600).map(float)), min_size=1, max_size=40).map(
    lambda found: [Spoken(name=f"n{i}", duration_s=s, speakers=frozenset(who)) for i, (who, s) in enumerate(found)]
)


@given(lists, st.integers(), st.randoms(use_true_random=False))
def test_no_speaker_is_in_two_splits(samples, seed, random):
    """Whatever the samples, every one has a split and no speaker has two; order does not matter."""
    found = assign(samples, SHARES, seed=seed)
    assert set(found) == {s.name for s in samples}
    home = {}
    for sample in samples:
        for speaker in sample.speakers:
            assert home.setdefault(speaker, found[sample.name]) is found[sample.name]
    shuffled = list(samples)
    random.shuffle(shuffled)
    assert assign(shuffled, SHARES, seed=seed) == found


@given(lists, st.integers())
def test_no_single_move_would_bring_the_shares_nearer(samples, seed):
    """The shares are as near as moving one component can bring them, unless a split would be empty."""
    found = assign(samples, SHARES, seed=seed)
    parts = components(samples)
    total = sum(p.duration_s for p in parts)
    got = dict.fromkeys(Split, 0.0)
    for part in parts:
        got[found[part.names[0]]] += part.duration_s
    counts = {split: sum(found[p.names[0]] is split for p in parts) for split in Split}
    if min(counts.values()) <= 1:
        return

    def distance(hours):
        return sum((hours[s] - SHARES[s] * total) ** 2 for s in Split)

    for part in parts:
        for other in Split:
            moved = dict(got)
            moved[found[part.names[0]]] -= part.duration_s
            moved[other] += part.duration_s
            assert distance(moved) >= distance(got) - 1e-3
