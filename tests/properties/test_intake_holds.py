"""Whatever a stranger sends, the intake answers with a receipt or one of its own words, and logs nothing."""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

SCRIPT = Path(__file__).parents[2] / "scripts" / "fuzz_intake.py"


def load() -> ModuleType:
    found = importlib.util.spec_from_file_location("fuzz_intake", SCRIPT)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module
    found.loader.exec_module(module)
    return module


fuzz = load()

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=12), inner, max_size=5),
    max_leaves=20,
)
fields = st.sampled_from(
    [
        "type",
        "event",
        "data",
        "recordingId",
        "conversationId",
        "participants",
        "startTime",
        "endTime",
        "externalCallerId",
        "ani",
        "extension",
        "email",
        "detail-type",
        "detail",
        "eventBody",
        "eventTime",
        "mediaType",
    ]
)
events = st.dictionaries(fields, values | st.dictionaries(fields, values, max_size=6), max_size=8)
ways = st.binary(min_size=2, max_size=2)


@pytest.fixture(scope="module")
def trial() -> Iterator[Any]:
    """Where a line in any log is a finding."""
    watch, root = fuzz.Watch(), logging.getLogger()
    root.addHandler(watch)
    with fuzz.Trial(fuzz.our_door()) as made:
        yield made
    root.removeHandler(watch)


@given(ways, st.binary(max_size=600))
def test_any_bytes_are_answered(trial: Any, way: bytes, body: bytes) -> None:
    """Signed in any way or none, in pieces of any size."""
    trial(way + body)


@given(ways, events)
def test_any_event_is_answered(trial: Any, way: bytes, event: dict[str, Any]) -> None:
    """JSON with the names that events use, and values they do not."""
    trial(way + json.dumps(event).encode())


@given(st.integers(4, 13), st.text(alphabet=st.characters(max_codepoint=255), max_size=300))
def test_any_header_is_answered(trial: Any, form: int, text: str) -> None:
    """Ids, timestamps, signatures, tokens, lengths and whole heads of any characters."""
    trial(bytes([form, 0]) + text.encode("latin-1"))


@given(st.integers(0, 3), st.from_regex(r"\A[-+]?[0-9_.eE]{1,40}\Z"))
def test_any_number_is_answered(trial: Any, form: int, number: str) -> None:
    """As JSON, and as the timestamp of a signature."""
    trial(bytes([form, 0]) + b'{"type":' + number.encode() + b"}")
    trial(bytes([5, 0]) + number.encode())


def test_what_the_script_finds_it_reports(trial: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A seeded walk says what it counted; a door that breaks, or writes to a log, is a finding."""
    assert fuzz.run_seeded(500, 7) == 0
    assert "seed 7: 500 runs" in capsys.readouterr().out

    class Broken:
        def admit(self, _: object) -> None:
            raise KeyError("+12025550143")

    class Chatty:
        def admit(self, _: object) -> None:
            logging.getLogger("sottovoce.intake").warning("a line")

    for door in (Broken(), Chatty()):
        with pytest.raises(fuzz.Finding), fuzz.Trial(door) as broken:
            broken(b"\0\0{}")
