"""A recording's form is made only by the room that owns it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "sottovoce"

OWNERS = {
    "Captured": "sources",
    "Admitted": "screening",
    "VendorRedacted": "speech",
    "Redacted": "redact",
    "Verified": "redact",
    "Anonymized": "anonymize",
    "Sealed": "vault",
}


def makers(form: str) -> set[str]:
    """The rooms whose code calls the form's constructor."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and form in {getattr(node.func, "id", ""), getattr(node.func, "attr", "")}:
                found.add(path.relative_to(SOURCE).parts[0])
    return found - {"testing"}


@pytest.mark.parametrize(("form", "owner"), OWNERS.items())
def test_a_form_is_made_by_its_owner_alone(form, owner):
    """Only its own room makes a form, so that nothing unverified can pass for verified."""
    assert makers(form) == {owner}
