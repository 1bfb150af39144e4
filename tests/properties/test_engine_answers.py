"""Whatever an engine answers becomes a verdict or an error by name, and no word of it comes out."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sottovoce.compliance.engine_client import Answer, answer_of
from sottovoce.compliance.verdict import Found, Verdict, read_verdict
from sottovoce.errors import ComplianceError, VerdictRefused
from sottovoce.ledger.entry import is_code

WORDS = "planted-words"
RIGHT = {
    "schemaVersion": "1",
    "recordingId": "r1",
    "correlationId": "c1",
    "verdict": "VIOLATION_DETECTED",
    "violationType": "PROHIBITED_PROMISE",
    "confidenceScore": 0.5,
    "timestampOffsetMs": 10,
    "evidenceSnippet": "clip-1",
    "recommendedAction": "REVIEW_BY_PERSON",
}

texts = st.one_of(st.text(max_size=20), st.just(WORDS), st.sampled_from(sorted(map(str, RIGHT.values()))))
numbers = st.one_of(st.integers(), st.floats(), st.integers(-(10**63), 10**63))
leaves = st.one_of(st.none(), st.booleans(), numbers, texts)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
names = st.one_of(st.sampled_from(sorted(RIGHT)), texts)
documents = st.one_of(
    st.dictionaries(names, values, max_size=10),
    st.builds(lambda changes: RIGHT | changes, st.dictionaries(names, values, max_size=3)),
)
kinds = st.sampled_from(["application/json", "application/json; charset=utf-8", "text/html", ""])


def judged(document: Any) -> Verdict | None:
    """What the document is taken for; a refusal tells nothing of it."""
    try:
        return read_verdict(document, recording="r1", correlation="c1")
    except VerdictRefused as refusal:
        assert WORDS not in str(refusal) + refusal.hint
        named = set(refusal.hint.split(", ")) - {""}
        assert named <= {*Verdict.model_fields, "an unknown field", "verdict"}
        return None


@given(documents)
def test_any_object_is_a_verdict_or_refused(document: dict[str, Any]) -> None:
    """A verdict is about what was asked, holds codes only, and says which and where if it says violation."""
    verdict = judged(document)
    if verdict is None:
        return
    assert (verdict.recordingId, verdict.correlationId) == ("r1", "c1")
    assert (verdict.violationType is not None) == (verdict.verdict is Found.VIOLATION)
    assert verdict.violationType is None or is_code(verdict.violationType)
    assert set(document) <= set(RIGHT)


@given(st.binary(max_size=400) | documents.map(lambda d: json.dumps(d).encode()), st.integers(100, 599), kinds)
def test_any_answer_is_a_verdict_a_promise_or_an_error_by_name(body: bytes, status: int, kind: str) -> None:
    """Any status, any type, any bytes: never another exception, and nothing is logged."""
    heard: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = heard.append  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    try:
        found = answer_of(Answer(status=status, content_type=kind, encoding="", body=body))
        assert found is None or judged(found) is None or status == 200
    except ComplianceError as error:
        assert WORDS not in str(error) + error.hint
    finally:
        logging.getLogger().removeHandler(handler)
    assert heard == []


@pytest.mark.parametrize("kind", ["CARD_4111111111111111", "A" * 49, "call me", "", "JO\ud800"])
def test_a_type_that_is_no_code_is_refused(kind: str) -> None:
    """A number in the place of a code would be written where everybody reads it."""
    assert judged(RIGHT | {"violationType": kind}) is None


def test_a_name_of_a_field_may_say_anything_and_is_not_repeated() -> None:
    """Neither is a lone surrogate, which no text may hold."""
    assert judged(RIGHT | {WORDS: 1}) is None
    assert judged(RIGHT | {"\ud800": 1}) is None
    assert judged(RIGHT) is not None
