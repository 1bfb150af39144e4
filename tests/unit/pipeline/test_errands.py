"""What is done for a sealed recording of the analytics line, with quick rooms and a folder for a vendor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.unit.pipeline.line_kit import Make, failing, key_of

from sottovoce.access.broker import Question
from sottovoce.access.grant_book import Wish
from sottovoce.access.principals import Kind
from sottovoce.access.roles import Operation, Role
from sottovoce.custody.deliveries import Deliveries
from sottovoce.database.delivery_tables import parcels
from sottovoce.database.engine import reading
from sottovoce.delivery.failures import DeliveryLost, DeliveryUnavailable
from sottovoce.delivery.parcel import Errand, Waybill
from sottovoce.delivery.receipts import ParcelState
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import Reason
from sottovoce.errors import AccessRefused, BreakerOpen, PolicyError
from sottovoce.ledger.entry import Action
from sottovoce.pipeline.errands import MOST_LOSSES, PATIENCE
from sottovoce.pipeline.lines import ANALYTICS, CORPUS
from sottovoce.pipeline.protocol import Again
from sottovoce.pipeline.refs import StepError
from sottovoce.testing.house import make_test_workspace
from sottovoce.wiring.house import House


def states(house: House) -> dict[str, tuple[ParcelState, Reason | None]]:
    return {row.destination: (row.state, row.reason) for row in house.deliveries.book.rows(line="analytics")}


def test_sealed_delivered_and_let_go(make: Make) -> None:
    """Both have it; the sound is gone from the store, the transcript and the map stay; doing it again does nothing."""
    house = make()
    key = key_of(house)
    task = house.analytics.task()
    assert (task.carry("analytics", key), task.carry("analytics", key)) == ("sealed", "sealed")
    assert {state for state, _ in states(house).values()} == {ParcelState.DELIVERED}
    assert {o.kind: o.deleted for o in house.registry.objects(key)} == {
        "redacted": True,
        "transcript-analytics": False,
        "map-analytics": False,
    }
    said = [entry.action for _, entry in house.ledger.entries_about(key)]
    assert (said.count(Action.RECORDING_DELIVERED), said.count(Action.OBJECT_DELETED)) == (2, 1)
    assert house.analytics.rows().outcome("analytics", key) is not None


def test_one_that_is_down_waits_and_keeps_nothing_from_the_other(make: Make) -> None:
    """Again, with the breaker's own time where it is open; the sound stays sealed until everybody has it."""
    house = make()
    key = key_of(house)
    failing(house, DeliveryUnavailable("down"), BreakerOpen("open"))
    task = house.analytics.task()
    assert task.carry("analytics", key) == Again()
    assert states(house)["here"][0] is ParcelState.DELIVERED
    assert house.analytics.rows().outcome("analytics", key) is None
    assert task.carry("analytics", key) == Again(after_s=30.0)
    assert not any(o.deleted for o in house.registry.objects(key))
    assert task.carry("analytics", key) == "sealed"
    assert house.analytics.errands.is_over(key)


def test_what_a_vendor_loses_again_and_again_is_withheld_and_may_be_tried_anew(make: Make) -> None:
    """With its reason, the sound kept; a person asks, and it is delivered under another generation."""
    house = make()
    key = key_of(house)
    failing(house, *(DeliveryLost("gone") for _ in range(MOST_LOSSES)))
    task = house.analytics.task()
    answers = [task.carry("analytics", key) for _ in range(MOST_LOSSES)]
    assert answers == [Again()] * (MOST_LOSSES - 1) + ["sealed"]
    assert states(house)["there"] == (ParcelState.WITHHELD, Reason.DELIVERY_LOST)
    assert not any(o.deleted for o in house.registry.objects(key))
    assert house.analytics.errands.reopen() == (key,)
    assert house.registry.generation("analytics", key) == 2
    assert task.carry("analytics", key) == "sealed"
    assert states(house)["there"][0] is ParcelState.DELIVERED


def test_patience_ends(make: Make) -> None:
    """After seven days a person has to look."""
    now = [datetime.now(UTC)]
    house = make(clock=lambda: now[0])
    key = key_of(house)
    failing(house, DeliveryUnavailable("down"), for_ever=True)
    task = house.analytics.task()
    assert task.carry("analytics", key) == Again()
    now[0] += PATIENCE
    assert task.carry("analytics", key) == "sealed"
    assert states(house)["there"] == (ParcelState.WITHHELD, Reason.DELIVERY_FAILED)


def test_what_the_engine_gives_up_is_a_persons(make: Make) -> None:
    """Sealed already: withheld at every destination that has not got it; not sealed: quarantined, as on every line."""
    house = make()
    key = key_of(house)
    failing(house, DeliveryUnavailable("down"), for_ever=True)
    house.analytics.task().carry("analytics", key)
    assert house.analytics.closer().close("analytics", key, "E_GAVE_UP") == "sealed"
    assert states(house)["there"] == (ParcelState.WITHHELD, Reason.DELIVERY_FAILED)
    assert house.analytics.closer().close("corpus", key, "E_GAVE_UP") == "quarantined"


def test_what_may_lie_at_a_vendor_stays_recalled(make: Make) -> None:
    """Given up after something was placed, an erasure still owes that vendor a notice; what never left owes none."""
    house = make()
    key = key_of(house)
    failing(house, DeliveryUnavailable("down"), for_ever=True)
    house.analytics.task().carry("analytics", key)
    book, errand = house.deliveries.book, Errand(line="analytics", recording=key, destination="there")
    book.begin(errand, lease=timedelta(0))
    (sent,) = [row for row in _waybills(house) if row is not None]
    book.placing(errand, Waybill.of(sent))
    house.analytics.errands.give_up(key, "E_GAVE_UP")
    recalled = Deliveries(engine=house.registry.engine, ledger=house.ledger).of_recording(key)
    assert {each.destination for each in recalled} == {"here", "there"}


def _waybills(house: House) -> list[Any]:
    with reading(house.registry.engine) as connection:
        return list(connection.execute(select(parcels.c.waybill)).scalars())


def test_a_lease_that_lasts_is_closed_later(make: Make) -> None:
    """A worker that died in the middle still holds its errand for a while: the closing is tried again, not forgotten."""
    house = make()
    key = key_of(house)
    failing(house, DeliveryUnavailable("down"), for_ever=True)
    house.analytics.task().carry("analytics", key)
    errand = Errand(line="analytics", recording=key, destination="there")
    house.deliveries.book.begin(errand, lease=timedelta(hours=1))
    with pytest.raises(StepError) as told:
        house.analytics.closer().close("analytics", key, "E_GAVE_UP")
    assert told.value.retryable
    house.deliveries.book.let_go(errand)
    assert house.analytics.closer().close("analytics", key, "E_GAVE_UP") == "sealed"
    assert house.analytics.errands.is_over(key)


def test_the_map_of_what_was_removed_opens_for_an_auditor_only(make: Make) -> None:
    """By its object id, under a grant for maps, which nobody else is given."""
    house = make()
    key = key_of(house)
    house.analytics.task().carry("analytics", key)
    desk = house.access
    desk.found()
    (found,) = [o for o in house.registry.objects(key) if o.kind == "map-analytics"]

    def wish(role: Role) -> Wish:
        holder = desk.principals.create(Kind.PERSON, by=desk.me().id, roles=[role]).id
        return Wish(
            holder=holder,
            operations=frozenset({Operation.MAP_READ}),
            prefix="maps",
            purpose="audit",
            recordings=10,
            lifetime=timedelta(minutes=15),
        )

    token = desk.grants.issue(wish(Role.AUDITOR), by=desk.me().id).token
    why = Confidential("quarterly audit")
    question = Question(token=token, operation=Operation.MAP_READ, resource=f"maps/{found.id}", justification=why)
    assert desk.broker.open(question).reveal().startswith(b"{")
    with pytest.raises(AccessRefused):
        desk.grants.issue(wish(Role.DATA_SCIENTIST), by=desk.me().id)


def test_a_paper_that_is_missing_keeps_it_from_that_destination_alone(make: Make) -> None:
    """Refused at the door with the gate's reason; the other has it."""
    house = make(papers=("here",))
    key = key_of(house)
    assert house.analytics.task().carry("analytics", key) == "sealed"
    assert states(house) == {
        "here": (ParcelState.DELIVERED, None),
        "there": (ParcelState.WITHHELD, Reason.AGREEMENT_MISSING),
    }


def test_what_nobody_may_have_is_never_fetched(make: Make) -> None:
    """Refused by admission, before any audio."""
    house = make(papers=())
    surveyor = house.surveyor()
    assert surveyor.settle(surveyor.look()) == ()
    (outcome,) = house.registry.outcomes("analytics")
    assert outcome.reason is Reason.AGREEMENT_MISSING
    assert house.registry.outcomes("corpus") == ()


def test_the_corpus_does_not_know_of_it(make: Make) -> None:
    """The same recording is admitted to the corpus as if it had gone nowhere."""
    house = make()
    assert house.analytics.task().carry("analytics", key_of(house)) == "sealed"
    corpus = House(house.workspace, line=CORPUS)
    surveyor = corpus.surveyor()
    assert len(surveyor.settle(surveyor.look())) == 1
    corpus.close()


def test_a_closed_line_says_so(tmp_path: Path) -> None:
    """Without a lawful basis of its own nothing is looked at."""
    house = House(make_test_workspace(tmp_path / "w", count=1), line=ANALYTICS)
    with pytest.raises(PolicyError, match="closed"):
        house.surveyor()
    house.close()
