"""Sidecars are strict, and their errors never repeat what stood in them."""

from __future__ import annotations

import json

import pytest

from sottovoce.errors import SourceError
from sottovoce.sources.sidecar import parse_csv, parse_json

SECRET = "+12025550142"


def test_a_full_sidecar_is_read() -> None:
    """Every field arrives as the type it has."""
    data = {
        "conversation_id": "c",
        "started_at": "2026-10-05T10:00:00+02:00",
        "duration_s": 41.5,
        "skills": ["billing"],
        "customer": SECRET,
        "attributes": {"aiTrainingConsent": "true"},
        "participants": [{"purpose": "agent"}],
        "legal_hold": True,
    }
    read = parse_json(json.dumps(data).encode(), name="call.json")
    assert read.started_at is not None
    assert read.started_at.utcoffset() is not None
    assert (read.duration_s, read.skills, read.legal_hold) == (41.5, ("billing",), True)


@pytest.mark.parametrize(
    "value",
    [
        {"duration_s": SECRET},
        {"duration_s": -1.0},
        {"started_at": "2026-10-05T10:00:00"},
        {"legal_hold": "true"},
        {"queue": 7},
        {SECRET: "x"},
        {"customer": [SECRET]},
        {"attributes": {"aiTrainingConsent": True}},
        {"direction": SECRET},
        {"parts": {"2": "a.wav"}},
        [SECRET],
        SECRET,
    ],
)
def test_a_wrong_type_names_the_field_and_not_the_value(value: object) -> None:
    """An unknown field, a wrong type or a time without offset is refused with the file and the field."""
    with pytest.raises(SourceError) as refused:
        parse_json(json.dumps(value).encode(), name="call.json")
    assert "call.json" in refused.value.hint
    assert refused.value.__cause__ is None
    if not (isinstance(value, dict) and SECRET in value):
        assert SECRET not in refused.value.hint + str(refused.value)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b'{"queue": "a", "queue": "b"}', b"[" * 100_000])
def test_what_is_not_json_is_refused(data: bytes) -> None:
    """Broken, doubled or bottomless JSON is one clear error."""
    with pytest.raises(SourceError) as refused:
        parse_json(data, name="call.json")
    assert "call.json" in refused.value.hint


def test_a_table_gives_one_sidecar_a_row() -> None:
    """Columns are the fields; `attribute.X` columns are attributes; empty cells say nothing."""
    table = (
        b"\xef\xbb\xbffile,queue,duration_s,legal_hold,skills,attribute.aiTrainingConsent\n"
        b"a.wav,Orders,40,true,x; y,true\nb.wav,,,,,\n"
    )
    rows = dict(parse_csv(table, name="metadata.csv"))
    assert (rows["a.wav"].queue, rows["a.wav"].duration_s, rows["a.wav"].skills) == ("Orders", 40.0, ("x", "y"))
    assert rows["a.wav"].legal_hold
    assert rows["a.wav"].attributes == {"aiTrainingConsent": "true"}
    assert rows["b.wav"].queue is None


@pytest.mark.parametrize(
    "table",
    [
        b"",
        b"name,queue\na.wav,Orders\n",
        b"file,file\na.wav,b.wav\n",
        b"file,queue\na.wav\n",
        b"file,queue\na.wav,Orders,more\n",
        b"file,queue\n,Orders\n",
        b"file,duration_s\na.wav,long\n",
        b"file,duration_s\na.wav,nan\n",
        b"file,legal_hold\na.wav,perhaps\n",
        b"file,colour\na.wav,blue\n",
        b"file\n\xff\n",
        b'file\n"a.wav\n',
    ],
)
def test_a_bad_table_is_refused(table: bytes) -> None:
    """A missing, doubled or unknown column and a cell of the wrong type are errors that name the table."""
    with pytest.raises(SourceError) as refused:
        list(parse_csv(table, name="metadata.csv"))
    assert "metadata.csv" in refused.value.hint
