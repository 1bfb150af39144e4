"""Salted commitments: what an entry can be shown to have meant, until its opening is erased."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from sottovoce.database.engine import open_engine
from sottovoce.database.migrate import upgrade
from sottovoce.domain.confidential import Confidential
from sottovoce.ledger.commitment import Commitment, commit_to, opens
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.verifier import Found, verify_proof


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """The embedded database: what is asked here is the same on every one."""
    made = open_engine("sqlite:registry.sqlite", base=tmp_path)
    upgrade(made)
    yield made
    made.dispose()


def detail(phone: str) -> Confidential[Any]:
    return Confidential({"phone": phone, "reason": "GDPR_17"})


def test_a_commitment_in_an_entry_is_proven_later(ledger: Ledger, an_entry: Any) -> None:
    """With opening and detail the proven entry is shown to have meant exactly that, and nothing else."""
    committed = commit_to(detail("+12025550123"), random=os.urandom)
    (seq,) = ledger.record([an_entry(commit=committed.value)])
    verdict = verify_proof(ledger.prove(seq), ledger.vkey)
    assert verdict.found is Found.OK
    assert f'"commit":"{committed.value}"'.encode() in verdict.entry
    assert opens(committed, detail("+12025550123"))
    assert not opens(committed, detail("+12025550124"))
    other = Commitment(value=committed.value, opening=Confidential(bytes(32)))
    assert not opens(other, detail("+12025550123"))


def test_without_its_opening_it_says_nothing(ledger: Ledger, an_entry: Any) -> None:
    """Two commitments to one person are unlike; who knows the person but not the opening finds neither."""
    one, other = (commit_to(detail("+12025550123"), random=os.urandom) for _ in range(2))
    assert one.value != other.value
    assert len({one.opening.reveal(), other.opening.reveal()}) == 2
    guesses = {hashlib.sha256(guess).hexdigest() for guess in (b"+12025550123", b"12025550123")}
    assert not guesses & {one.value, other.value}
    ledger.record([an_entry(commit=one.value), an_entry(commit=other.value)])
    assert "12025550123" not in repr(list(ledger.entries())) + repr(one)


@pytest.mark.parametrize("size", [0, 31])
def test_openings_are_as_long_as_asked(size: int) -> None:
    """Thirty-two bytes are drawn; a source of randomness that gives fewer is refused."""
    with pytest.raises(ValueError, match="32"):
        commit_to(detail("+12025550123"), random=lambda _: os.urandom(size))
