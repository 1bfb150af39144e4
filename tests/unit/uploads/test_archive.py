"""A part of a store as a store of its own."""

from __future__ import annotations

import pytest

from sottovoce.errors import ObjectMissing
from sottovoce.storage.stores import memory_store
from sottovoce.uploads.archive import StoreBelow


def test_everything_lies_below_its_name() -> None:
    """What is put, listed, read and deleted is below the prefix, and nothing beside it is seen."""
    whole = memory_store()
    below = StoreBelow(inner=whole, prefix="archive")
    whole.put("ab/outside", b"1")
    below.put("ab/one", b"123")
    assert (below.scheme, below.get("ab/one"), below.get_range("ab/one", 1, 3)) == ("memory", b"123", b"23")
    assert whole.get("archive/ab/one") == b"123"
    assert list(below.list("ab")) == ["ab/one"]
    assert below.exists("ab/one")
    assert not below.exists("ab/outside")
    assert below.delete_all(["ab/one"]) == {}
    below.delete("ab/one")
    with pytest.raises(ObjectMissing):
        below.get("ab/one")
    assert whole.get("ab/outside") == b"1"
