"""The rules file is strict, and says where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from sottovoce.compliance.rules import default_rules, load_rules, parse_rules
from sottovoce.errors import PolicyError

GOOD = b"rules: [{id: no-promises, kind: prohibited, type: PROMISE, phrases: [no risk]}]"


def test_the_packaged_rules_cover_every_kind() -> None:
    """All that SPEC 14.3 names is there to start from."""
    kinds = {rule.kind for rule in default_rules().rules.rules}
    assert kinds == {"captured", "disclosure", "asked", "order", "prohibited", "consent"}


def test_the_digest_is_of_what_the_rules_say() -> None:
    """Spacing and comments change nothing; a phrase does."""
    again = b"# a comment\nversion: '1'\n" + GOOD
    assert parse_rules(GOOD).digest == parse_rules(again).digest
    assert parse_rules(GOOD.replace(b"no risk", b"no loss")).digest != parse_rules(GOOD).digest


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"", "its top"),
        (b"rules: []", "rules"),
        (b"rules: [{id: a1, kind: maybe, type: TTT}]", "rules.0"),
        (GOOD.replace(b"phrases", b"phrasess"), "phrases"),
        (GOOD.replace(b"PROMISE", b"promise"), "type"),
        (GOOD.replace(b"no-promises", b"No Promises"), "id"),
        (b"rules: [{id: c1, kind: captured, type: TTT, entities: [CARD]}]", "entities"),
        (b"rules: [", "YAML"),
        (b"\xff\xfe\x00", "YAML"),
    ],
)
def test_what_is_wrong_is_named(text: bytes, place: str) -> None:
    """Unknown kinds, keys, entities and codes."""
    with pytest.raises(PolicyError, match=place):
        parse_rules(text)


def test_two_rules_of_one_id_are_refused() -> None:
    """A verdict names its rule: the name must be one rule's."""
    line = GOOD[len(b"rules: [") : -1]
    with pytest.raises(PolicyError) as refused:
        parse_rules(b"rules: [" + line + b"," + line + b"]")
    assert refused.value.hint == "no-promises"


def test_files_are_read_or_refused(tmp_path: Path) -> None:
    """A missing file and a huge one."""
    path = tmp_path / "rules.yaml"
    with pytest.raises(PolicyError, match="cannot be read"):
        load_rules(path)
    path.write_bytes(GOOD)
    assert load_rules(path).digest == parse_rules(GOOD).digest
    with pytest.raises(PolicyError, match="larger"):
        parse_rules(b" " * ((1 << 20) + 1))
