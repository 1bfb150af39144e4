"""Access over PostgreSQL, where brokers are many."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from sottovoce.access.principals import State
from sottovoce.database.access_tables import grant_counters, reads
from sottovoce.database.engine import reading
from sottovoce.errors import AccessRefused, AccessSuspended, GrantInvalid
from sottovoce.ledger.entry import Action
from sottovoce.testing.access import target, unsealed


def test_two_brokers_never_hand_out_more_than_a_grant_is_for(elsewhere) -> None:
    """Each its own process and connection, both at once: the count is the database's."""
    issued = elsewhere.grant(elsewhere.somebody(), recordings=10, per_minute=1000)
    gates = [elsewhere.gate, elsewhere.new_gate()]
    asked = elsewhere.asked(issued)

    def read(number: int) -> bool:
        try:
            gates[number % 2].admit(asked, [target(f"n{number}")], seal=unsealed)
        except AccessRefused:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        handed = list(pool.map(read, range(24)))
    assert sum(handed) == 10
    with reading(elsewhere.engine) as connection:
        assert connection.execute(select(func.count()).select_from(reads)).scalar_one() == 10
        assert connection.execute(select(grant_counters.c.recordings)).scalar_one() == 10
    assert len(elsewhere.entries(Action.CORPUS_READ)) == 10
    assert elsewhere.ledger.verify().size == len(elsewhere.entries())


def test_a_suspension_by_one_is_the_others_too(elsewhere) -> None:
    """Alarm, revocation and review work the same on either database."""
    somebody = elsewhere.somebody()
    issued = elsewhere.grant(somebody, per_minute=25)
    asked, other = elsewhere.asked(issued), elsewhere.new_gate()
    with pytest.raises(AccessSuspended):
        for number in range(60):
            elsewhere.gate.admit(asked, [target(f"n{number}")], seal=unsealed)
    with pytest.raises(AccessSuspended):
        other.admit(asked, [target("more")], seal=unsealed)
    with pytest.raises(GrantInvalid):
        elsewhere.gate.present(issued.token)
    assert elsewhere.principals.get(somebody.id).state is State.SUSPENDED
    review = elsewhere.reviews.make(by=elsewhere.owner.id, days=90)
    assert elsewhere.reviews.sign_off(review.id, by=elsewhere.owner.id).taken_back == 0
