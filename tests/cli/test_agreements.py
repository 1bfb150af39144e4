"""What a privacy officer does with agreements, and who else may."""

from __future__ import annotations

import hashlib
import json

import pytest

from sottovoce.access.roles import Operation, Role, roles_with
from sottovoce.cli.doors import needs
from sottovoce.ledger.entry import Action
from sottovoce.settings import Workspace
from sottovoce.testing.house import quick_house

RECORDINGS = 1
TERMS = """
agreements:
  destinations: {verint: {zones: [us]}}
  classes: {orders: [HIPAA]}
residency: {sources: {calls: us}}
"""
SIGNED = ("--signed", "2026-01-15", "--reference", "R-1")
DIGEST = "ab" * 32


@pytest.fixture
def ready(workspace):
    policy = workspace / "policy.yaml"
    policy.write_text(policy.read_text(encoding="utf-8") + TERMS, encoding="utf-8")
    return workspace


def test_check_fails_until_everything_is_on_file(program, ready, tmp_path):
    """Exit code 1 while something is wanting, 0 once it is there; the document is read for its digest only."""
    wanting = program("agreements", "check", "-w", ready, "--json")
    assert (wanting.code, wanting.json["wanting"]) == (1, 2)
    assert {each["concern"]: each["state"] for each in wanting.json["needs"]} == {
        "PERSONAL": "missing",
        "HIPAA": "missing",
    }
    document = tmp_path / "baa.pdf"
    document.write_bytes(b"the business associate agreement")
    made = program("agreements", "add", "verint", "baa", *SIGNED, "--document", document, "-w", ready, "--json").json
    assert made["digest"] == hashlib.sha256(document.read_bytes()).hexdigest()
    assert program("agreements", "add", "verint", "DPA", *SIGNED, "--digest", DIGEST, "-w", ready).code == 0
    fine = program("agreements", "check", "-w", ready)
    assert fine.code == 0
    assert "0 wanting" in fine.out
    assert b"the business associate" not in (ready / "registry.sqlite").read_bytes()


def test_a_paper_is_renewed_and_withdrawn_and_stays_listed(program, ready):
    """Each step is in the ledger; what is withdrawn is wanting again at once."""
    add = ("agreements", "add", "verint", "BAA", *SIGNED)
    old = program(*add, "--digest", DIGEST, "-w", ready, "--json").json["id"]
    new = program(*add, "--digest", "cd" * 32, "--renews", old, "-w", ready, "--json").json["id"]
    assert [each["id"] for each in program("agreements", "list", "-w", ready, "--json").json] == [new]
    assert program("agreements", "withdraw", new, "--why", "TERMINATED", "-w", ready).code == 0
    every = program("agreements", "list", "--all", "-w", ready, "--json").json
    assert [(each["id"], each["superseded_by"], bool(each["withdrawn_at"])) for each in every] == [
        (old, new, False),
        (new, None, True),
    ]
    assert program("agreements", "check", "-w", ready).code == 1
    assert program("ledger", "verify", "-w", ready).code == 0
    house = quick_house(Workspace(ready))
    shown = {entry.action for _, entry in house.ledger.entries()}
    house.close()
    assert {Action.AGREEMENT_ADDED, Action.AGREEMENT_RENEWED, Action.AGREEMENT_WITHDRAWN} <= shown


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nobody", "BAA", *SIGNED, "--digest", DIGEST), 8, "does not name"),
        (("verint", "BAA", *SIGNED), 2, "document"),
        (("verint", "SCC", *SIGNED, "--digest", DIGEST), 8, "module"),
        (("verint", "BAA", *SIGNED, "--digest", "short"), 8, "SHA-256"),
        (("verint", "HANDSHAKE", *SIGNED, "--digest", DIGEST), 2, "HANDSHAKE"),
        (("verint", "BAA", "--signed", "yesterday", "--reference", "R", "--digest", DIGEST), 2, "yesterday"),
    ],
)
def test_what_cannot_be_recorded_is_refused_with_a_hint(program, ready, arguments, code, said):
    """Nothing is on file afterwards."""
    refused = program("agreements", "add", *arguments, "-w", ready)
    assert refused.code == code
    assert said in refused.err
    assert program("agreements", "list", "-w", ready, "--json").json == []


def test_a_policy_without_destinations_needs_nothing_and_says_so(program, workspace):
    """Nothing may leave, so nothing is wanting."""
    said = program("agreements", "check", "-w", workspace)
    assert said.code == 0
    assert "names no destination" in said.out
    assert "Nothing is on file" in program("agreements", "list", "-w", workspace).out


def test_putting_on_file_is_for_the_privacy_officer_and_the_owner():
    """Others look; whoever runs the pipeline cannot clear its own way."""
    assert needs("agreements add") is needs("agreements withdraw") is Operation.AGREEMENTS_MANAGE
    assert needs("agreements check") is needs("agreements list") is Operation.AGREEMENTS_READ
    assert roles_with(Operation.AGREEMENTS_MANAGE) == (Role.OWNER, Role.PRIVACY_OFFICER)
    assert set(roles_with(Operation.AGREEMENTS_READ)) == {
        Role.OWNER,
        Role.PRIVACY_OFFICER,
        Role.AUDITOR,
        Role.OPERATOR,
    }


def test_a_pack_shows_what_is_wanting(program, ready, tmp_path):
    """HIPAA's control is not met until the agreement is on file; then a person still attaches the others."""
    number = "164.308(b), 164.314(a), 164.502(e), 164.504(e)"
    assert _result(program, ready, tmp_path / "before", number) == "not met"
    program("agreements", "add", "verint", "BAA", *SIGNED, "--digest", DIGEST, "-w", ready)
    assert _result(program, ready, tmp_path / "after", number) == "needs a person"


def _result(program, workspace, folder, number):
    program("evidence", "hipaa", "-o", folder, "-w", workspace)
    controls = json.loads((folder / "pack.json").read_text())["controls"]
    return next(each["result"] for each in controls if each["number"] == number)
