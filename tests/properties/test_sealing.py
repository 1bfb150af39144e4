"""Sealing, for any bytes and any range."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sottovoce.domain.confidential import Confidential
from sottovoce.vault.context import object_context
from sottovoce.vault.ranges import read_range
from sottovoce.vault.seal import CHUNK_BYTES, open_sealed, plain_size, seal, sealed_size

keys = st.binary(min_size=32, max_size=32).map(Confidential)
sizes = st.one_of(st.integers(0, 300), st.integers(0, 4).map(lambda k: k * CHUNK_BYTES), st.integers(0, 60_000))
names = st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), max_size=12)


@given(keys, st.binary(max_size=80), sizes, st.integers(0, 70_000), st.integers(0, 70_000))
def test_any_range_of_any_object_is_the_same_bytes(key, context, size, one, other):
    """The library and the range reader read the same format."""
    plain = bytes(n * 31 % 251 for n in range(size))
    start, end = sorted((one, other))
    sealed = seal(key, context, Confidential(plain))
    assert open_sealed(key, context, sealed).reveal() == plain
    part = read_range(key, context, lambda low, high: sealed[low:high], size=len(sealed), start=start, end=end)
    assert part.reveal() == plain[start:end]


@given(st.integers(0, 1 << 50))
def test_sizes_go_there_and_back(size):
    """The plain size follows from the sealed size, for every size."""
    assert plain_size(sealed_size(size)) == size


@given(st.tuples(names, names, names, st.integers(0, 99)), st.tuples(names, names, names, st.integers(0, 99)))
def test_different_things_never_share_a_context(one, other):
    """Two contexts are equal only when everything in them is."""
    contexts = [object_context(tenant=t, rid=r, kind=k, rev=v) for t, r, k, v in (one, other)]
    assert (contexts[0] == contexts[1]) == (one == other)
