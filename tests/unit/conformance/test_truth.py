"""The truth is read strictly, and never quoted."""

from __future__ import annotations

import copy
import json

import pytest

from sottovoce.conformance.truth import load_truth, parse_truth
from sottovoce.errors import TruthInvalid

CALL = {
    "id": "call-1",
    "file": "call-1.wav",
    "flavour": "bleed",
    "entities": [
        {
            "type": "PHONE",
            "channel": 1,
            "start_s": 1.0,
            "end_s": 2.0,
            "text": "secret words",
            "units": [{"start_s": 1.0, "end_s": 1.5, "text": "secret"}, {"start_s": 1.5, "end_s": 2}],
        }
    ],
    "keep": [],
    "carriers": [{"channel": 0, "start_s": 0, "end_s": 9.5, "source": "a"}],
}


def changed(path: list, value: object) -> str:
    calls = [copy.deepcopy(CALL)]
    target = calls
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return json.dumps(calls)


def test_a_truth_in_the_documented_layout_is_read() -> None:
    """Spans, channels and types are kept; what was said is not."""
    (call,) = parse_truth(json.dumps([CALL]))
    assert (call.id, call.file, call.crosstalk) == ("call-1", "call-1.wav", True)
    assert call.entities[0].units == ((1.0, 1.5), (1.5, 2.0))
    assert call.carriers[0].end_s == 9.5
    assert "secret" not in repr(call)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ([0, "id"], "../secret"),
        ([0, "id"], 7),
        ([0, "file"], "/secret.wav"),
        ([0, "file"], "../secret.wav"),
        ([0, "file"], ""),
        ([0, "secret"], 1),
        ([0, "entities"], "secret"),
        ([0, "entities", 0], "secret"),
        ([0, "entities", 0, "type"], "secret"),
        ([0, "entities", 0, "channel"], True),
        ([0, "entities", 0, "channel"], -1),
        ([0, "entities", 0, "units"], []),
        ([0, "entities", 0, "units", 0], {"start_s": 1.0}),
        ([0, "entities", 0, "start_s"], "secret"),
        ([0, "entities", 0, "start_s"], 2.0),
        ([0, "entities", 0, "start_s"], -1),
        ([0, "entities", 0, "end_s"], float("inf")),
        ([0, "carriers", 0, "channel"], 1.5),
        ([0], {}),
    ],
)
def test_what_is_not_as_documented_is_refused_without_quoting_it(path: list, value: object) -> None:
    """The message says where, never what."""
    with pytest.raises(TruthInvalid) as caught:
        parse_truth(changed(path, value))
    assert "secret" not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", '[{"id": 1, "id": 2}]', json.dumps([CALL, CALL])])
def test_no_json_no_calls_and_duplicates_are_refused(text: str) -> None:
    """Also a key or an id that stands twice."""
    with pytest.raises(TruthInvalid):
        parse_truth(text)


def test_a_folder_without_truth_is_named_as_such(tmp_path) -> None:
    """A missing or foreign file has its own message."""
    with pytest.raises(TruthInvalid, match="cannot be read"):
        load_truth(tmp_path)
    (tmp_path / "truth.json").write_bytes(b"\xff\xfe")
    with pytest.raises(TruthInvalid, match="UTF-8"):
        load_truth(tmp_path)
