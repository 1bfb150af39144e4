"""Entries: a closed schema that has no room for a person."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import rfc8785

from sottovoce.errors import EntryRefused
from sottovoce.ledger.entry import MAX_BYTES, MAX_INTEGER, Action, Entry, is_code

Make = Callable[..., Any]

CODES = [
    "ok",
    "corpus",
    "E_LEDGER_TAMPERED",
    "svc-worker:0",
    "corpus:" + "0a" * 16 + ":seal",
    "sha256:" + "12" * 32,
    "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    "12345678901234567890123456789012",
    "2026-03-01",
    "2026-03-01T12:00:00Z",
    "2026-03-01T12:00:00.123456+02:00",
    "corpus@12",
    "faster-whisper/tiny.en",
    "3.4.0",
    "WAV/ULAW",
]

PERSONAL = [
    "",
    " ",
    "my name is Mary",
    "mary@example.com",
    "+442079460958",
    "02079460958",
    "020-7946-0958",
    "020.7946.0958",
    "4111111111111111",
    "4111-1111-1111-1111",
    "customer:4111111111111111",
    "born_1961-04-12x",
    "conv_5551234567",
    "tab\tbed",
    "line\n",
    "é",
    "-dash",
    "a" * 400,
]


@pytest.mark.parametrize("value", CODES)
def test_codes_digests_dates_and_opaque_ids_pass(value: str) -> None:
    """What names no person may be written."""
    assert is_code(value)


@pytest.mark.parametrize("value", PERSONAL)
def test_words_addresses_and_numbers_do_not(value: str, an_entry: Make) -> None:
    """Free text, e-mail addresses and runs of digits are refused wherever they stand, and never repeated."""
    assert not is_code(value)
    for name in ("actor", "object", "line", "purpose", "outcome", "policy", "commit"):
        with pytest.raises(EntryRefused) as refused:
            an_entry(**{name: value})
        assert len(value) < 3 or value not in str(refused.value)
    with pytest.raises(EntryRefused):
        an_entry(facts={"said": value})


@pytest.mark.parametrize("value", [0.5, MAX_INTEGER + 1, -MAX_INTEGER - 1, None, b"raw", ["a"], {"a": 1}])
def test_facts_are_codes_counts_and_claims(value: object, an_entry: Make) -> None:
    """Fractions, integers beyond 2**53 - 1 and nested values are refused."""
    with pytest.raises(EntryRefused):
        an_entry(facts={"fact": value})


@pytest.mark.parametrize("name", ["", "Upper", "with space", "x" * 49, "9lives"])
def test_the_name_of_a_fact_is_a_code_too(name: str, an_entry: Make) -> None:
    """A value cannot hide in a name."""
    with pytest.raises(EntryRefused):
        an_entry(facts={name: 1})


def test_entries_are_small(an_entry: Make) -> None:
    """There are at most 64 facts and 64 KiB."""
    with pytest.raises(EntryRefused):
        an_entry(facts={f"fact{number}": 1 for number in range(65)})
    fat = an_entry(facts={f"fact{number}": "a" * 250 for number in range(64)})
    assert len(fat.encode(0)) <= MAX_BYTES
    object.__setattr__(fat, "facts", {f"fact{number}": "a" * 2000 for number in range(64)})
    with pytest.raises(EntryRefused):
        fat.encode(0)


def test_a_time_states_its_zone(an_entry: Make) -> None:
    """A time without a zone is refused, and any zone is written as milliseconds of UTC."""
    with pytest.raises(EntryRefused):
        an_entry(at=datetime(2026, 3, 1))  # noqa: DTZ001
    east = an_entry(at=datetime(2026, 3, 1, 14, tzinfo=timezone(timedelta(hours=2))))
    assert json.loads(east.encode(0))["ts"] == int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp() * 1000)


def test_an_entry_is_canonical_and_comes_back(an_entry: Make) -> None:
    """The leaf is RFC 8785 JSON with the entry's number, without absent members, and decodes to the same entry."""
    entry = an_entry(object="a1", line="corpus", facts={"z": 1, "a": True, "code": "X"}, commit="0a" * 32)
    data = entry.encode(7)
    members = json.loads(data)
    assert data == rfc8785.dumps(members)
    assert (members["v"], members["seq"], "purpose" in members) == (1, 7, False)
    assert Entry.decode(data) == entry
    assert Entry.decode(an_entry().encode(0)) == an_entry()


@pytest.mark.parametrize(
    "change", [{"action": "dance"}, {"ts": "noon"}, {"actor": None}, {"actor": "Mary Plant"}, {"extra": 1}, {"v": 2}]
)
def test_a_foreign_leaf_is_refused(change: dict[str, object], an_entry: Make) -> None:
    """What is not an entry of this schema does not decode."""
    members = {**json.loads(an_entry().encode(0)), **change}
    with pytest.raises(EntryRefused):
        Entry.decode(rfc8785.dumps(members))
    for junk in (b"", b"[]", b"\xff", b"1", an_entry().encode(0) + b" "):
        with pytest.raises(EntryRefused):
            Entry.decode(junk)


def test_actions_are_codes() -> None:
    """Every action can stand in an entry."""
    assert all(is_code(action.value) for action in Action)
