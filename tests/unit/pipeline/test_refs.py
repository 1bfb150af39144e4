"""The durable engine is told references and codes, never prose."""

from __future__ import annotations

import pytest

from sottovoce.errors import SealBroken
from sottovoce.pipeline import refs
from sottovoce.pipeline.refs import StepError

PLANTED = "zanzibar marmalade"


@pytest.mark.parametrize("value", [None, True, 7, "corpus:ab12", ["a", 1], {"k": ["v"]}, ()])
def test_references_pass_and_come_back(value):
    """References, numbers and small flat containers survive storing."""
    back = refs.load(refs.dump(value))
    assert back == (list(value) if isinstance(value, tuple) else value)


@pytest.mark.parametrize(
    "value",
    [PLANTED, 1.5, b"x", object(), {"k": PLANTED}, {PLANTED: 1}, {1: "a"}, ["x"] * 33, [[[[["x"]]]]], "x" * 129],
)
def test_prose_is_refused(value):
    """Anything that could be speech fails the step instead of being stored."""
    with pytest.raises(StepError) as refused:
        refs.dump(value)
    assert refused.value.code == "E_ENGINE_PAYLOAD"
    assert PLANTED not in str(refused.value)


def test_exceptions_are_stored_as_codes():
    """An exception is stored as its code; its message is not."""
    stored = refs.dump(SealBroken(PLANTED))
    assert PLANTED not in stored
    back = refs.load(stored)
    assert isinstance(back, StepError)
    assert back.code == "E_SEAL_BROKEN"


def test_an_exception_without_a_code_answers_its_type():
    """A surprise is named by its type, and by nothing if even that is no reference."""
    odd = type("Odd Name", (Exception,), {})
    assert refs.code_of(ValueError(PLANTED)) == "ValueError"
    assert refs.code_of(odd()) == "E_UNNAMED"


def test_wrapped_attempts_answer_for_their_cause():
    """The engine's own 'too many attempts' error answers with the code of the last attempt, live and on replay."""
    wrapped = RuntimeError("x")
    wrapped.errors = [ValueError(), StepError("E_SOURCE_UNAVAILABLE", retryable=True)]
    assert refs.code_of(wrapped) == "E_SOURCE_UNAVAILABLE"
    assert refs.code_of(refs.load(refs.dump(wrapped))) == "E_SOURCE_UNAVAILABLE"
