"""Who may do what, as a table."""

from __future__ import annotations

from typing import get_args

import pytest

from sottovoce.access.roles import GRANTABLE, MATRIX, Operation, Role, permits, roles_with
from sottovoce.cli.doors import COMMANDS, needs
from sottovoce.policy.model import RoleName

SOUND = {Operation.SAMPLE_LISTEN, Operation.CORPUS_DECRYPT, Operation.EXPORT_PLAIN}
IDENTITIES = {Operation.IDENTITY_READ, Operation.LINEAGE_READ}


def test_nobody_without_a_role_may_do_anything() -> None:
    """Default deny."""
    assert not any(permits((), operation) for operation in Operation)


def test_every_role_is_in_the_matrix_and_in_policy() -> None:
    """A role without a row would permit nothing by accident; a policy names the same roles."""
    assert set(MATRIX) == set(Role)
    assert set(get_args(RoleName)) == {role.value for role in Role}


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.OPERATOR, Role.PRIVACY_OFFICER, Role.CONTRIBUTOR])
def test_these_hear_nothing(role: Role) -> None:
    """Auditors see maps and ledgers, not audio; whoever runs the pipeline or sends recordings in hears none either."""
    assert not MATRIX[role] & SOUND


def test_auditors_see_maps_and_ledgers() -> None:
    """The proof is theirs."""
    assert {Operation.MAP_READ, Operation.LEDGER_READ} <= MATRIX[Role.AUDITOR]


@pytest.mark.parametrize("role", [Role.DATA_SCIENTIST, Role.TRAINER, Role.AUDITOR, Role.OPERATOR, Role.CONTRIBUTOR])
def test_these_never_learn_of_a_conversation(role: Role) -> None:
    """Data scientists never see conversation ids; nor does whoever has no duty towards callers."""
    assert not MATRIX[role] & IDENTITIES


def test_only_owners_change_who_may_what() -> None:
    """Least privilege for what hands out privileges."""
    assert roles_with(Operation.ACCESS_MANAGE) == (Role.OWNER,)
    assert roles_with(Operation.GRANT_ISSUE) == (Role.OWNER,)


def test_grants_carry_reads_and_puts_only() -> None:
    """Nothing that changes keys, people or policy travels in a token."""
    assert {o.value.partition(".")[0] for o in GRANTABLE} == {"corpus", "sample", "map", "inbox"}


def test_a_command_nobody_thought_of_is_the_owners() -> None:
    """What is not in the table needs the one role that may do everything."""
    assert needs("brand new") is Operation.ADMINISTER
    assert needs("corpus show") is Operation.CORPUS_LIST
    assert needs("corpus release") is Operation.CORPUS_RELEASE
    assert COMMANDS["erase"] is Operation.ERASE
