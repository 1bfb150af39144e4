"""What is confidential says nothing about itself."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from sottovoce.domain.confidential import MASK, Confidential

PLANTED = "four one one one"


@pytest.mark.parametrize(
    "shown",
    [repr, str, lambda c: f"{c}", lambda c: f"{c!r}", lambda c: f"{c:>40}", lambda c: f"{c}"],
)
def test_it_never_prints(shown):
    """Printing, formatting and logging a confidential value shows a mask."""
    assert shown(Confidential(PLANTED)) == MASK


def test_it_refuses_to_be_stored():
    """JSON, pickle, copying through pickle and iteration refuse."""
    secret = Confidential(PLANTED)
    with pytest.raises(TypeError):
        json.dumps({"x": secret})
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="never pickled"):
            pickle.dumps(secret, protocol)
    with pytest.raises(TypeError):
        copy.copy(secret)
    with pytest.raises(TypeError, match="reveal"):
        list(secret)


def test_it_reveals_only_when_asked():
    """The value comes back through reveal, and a mapped value stays confidential."""
    secret = Confidential(PLANTED)
    assert secret.reveal() == PLANTED
    assert secret.map(str.upper).reveal() == PLANTED.upper()
    assert repr(secret.map(str.upper)) == MASK


def test_equality_is_by_value():
    """Two confidential values compare by what they hold; bytes in constant time."""
    assert Confidential("a") == Confidential("a")
    assert Confidential(b"a") == Confidential(b"a")
    assert Confidential(b"a") != Confidential(b"b")
    assert Confidential("a") != "a"
    assert hash(Confidential("a")) == hash(Confidential("a"))


def test_it_has_no_attributes_to_look_into():
    """There is no instance dictionary for a debugger or serializer to walk."""
    assert not hasattr(Confidential("a"), "__dict__")
