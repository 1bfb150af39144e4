"""Once, whatever dies in between: receipts, refusals, crashes, erasures."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from sottovoce.delivery.book import Gist
from sottovoce.delivery.failures import (
    DeliveryLost,
    DeliveryRefused,
    DeliveryUnavailable,
    DeliveryUnderWay,
)
from sottovoce.delivery.protocol import How
from sottovoce.delivery.receipts import ParcelState, lag_summary
from sottovoce.domain.outcome import Passed, Reason, Withheld
from sottovoce.errors import BreakerOpen, KeyShredded, PolicyError, RecordingErased
from sottovoce.ledger.entry import Action

GIST = Gist(purpose="analytics", policy=None, ended_at=None)


class Killed(BaseException):
    """The process dies here."""


def test_a_receipt_is_committed_with_its_entry_and_its_recall(desk: Any) -> None:
    """Receipt, ledger entry and what an erasure recalls say the same of one delivery."""
    sealed = desk.sealed()
    answer = desk.deliver(sealed)
    assert isinstance(answer, Passed)
    receipt = answer.value
    (entry,) = desk.entries(Action.RECORDING_DELIVERED)
    assert entry.facts == receipt.facts()
    assert (entry.object, entry.line, entry.purpose, entry.policy) == (
        sealed.ref.key, "analytics", "analytics", "ab" * 32,
    )  # fmt: skip
    (recalled,) = desk.custody.of_recording(sealed.ref.key)
    assert (recalled.id, recalled.receipt) == (receipt.id, receipt.correlation)
    audio = next(data for name, data in desk.destination.files.items() if name.endswith(".wav"))
    assert receipt.digest == hashlib.sha256(audio).hexdigest()
    assert receipt.lag_s == 120.0
    assert receipt.reference == "vendor-1"
    assert receipt.confirmed is How.READ_BACK
    assert receipt.format == "wav/pcm_16/8000/2"


def test_a_delivery_is_a_node_of_the_lineage(desk: Any) -> None:
    """It descends from the objects it was made from, and from no other of the recording."""
    desk.deliver(desk.sealed())
    from sqlalchemy import select

    from sottovoce.custody.nodes import object_id, object_node
    from sottovoce.database.engine import reading
    from sottovoce.database.tables import lineage

    with reading(desk.engine) as connection:
        edges = connection.execute(select(lineage.c.parent, lineage.c.relation)).all()
    sound = next(place for place in desk.seals.objects if "redacted" in place)
    assert edges == [(object_node(object_id(sound)), "delivered")]


def test_the_second_time_is_the_first_receipt(desk: Any) -> None:
    """Delivered once, however often it is asked for."""
    sealed = desk.sealed()
    first, second = desk.deliver(sealed), desk.deliver(sealed)
    assert first.value == second.value
    assert len(desk.destination.keys) == 1
    assert len(desk.entries(Action.RECORDING_DELIVERED)) == 1


def test_what_arrived_before_a_crash_is_found_and_not_sent_again(desk: Any) -> None:
    """A process that died after the put is followed by a question, and by a receipt of what was sent then."""
    sealed = desk.sealed()
    desk.destination.meets.append((True, Killed()))
    with pytest.raises(Killed):
        desk.deliver(sealed)
    desk.clock.pass_(desk.route.deadline_s + 60)
    desk.seals.opened.clear()
    answer = desk.deliver(sealed)
    assert isinstance(answer, Passed)
    assert len(desk.destination.keys) == 1
    assert desk.seals.opened == [], "what is there already needs no opening"


def test_what_did_not_arrive_before_a_crash_is_sent(desk: Any) -> None:
    """A process that died before the put is followed by a delivery."""
    sealed = desk.sealed()
    desk.destination.meets.append((False, Killed()))
    with pytest.raises(Killed):
        desk.deliver(sealed)
    desk.clock.pass_(desk.route.deadline_s + 60)
    assert isinstance(desk.deliver(sealed), Passed)
    assert len(desk.destination.keys) == 1


def test_while_one_delivers_another_keeps_away(desk: Any) -> None:
    """Two processes never hand the same over at the same time; the later one is told to come again."""
    sealed = desk.sealed()

    def meanwhile() -> None:
        desk.destination.before_confirming = lambda: None
        with pytest.raises(DeliveryUnderWay) as refused:
            desk.deliver(sealed)
        assert refused.value.retryable

    desk.destination.before_confirming = meanwhile
    assert isinstance(desk.deliver(sealed), Passed)
    assert len(desk.destination.keys) == 1


def test_a_lost_answer_is_looked_up_before_it_is_sent_again(desk: Any) -> None:
    """It was kept and the answer was lost: nothing is sent a second time."""
    desk.destination.meets.append((True, DeliveryUnavailable("no answer")))
    assert isinstance(desk.deliver(desk.sealed()), Passed)
    assert len(desk.destination.keys) == 1


def test_it_waits_as_long_as_it_was_asked_to(desk: Any) -> None:
    """Retry-After is kept; otherwise each wait is twice the one before."""
    for asked_for in (7.0, None, None):
        desk.destination.meets.append((False, DeliveryUnavailable("busy", retry_after_s=asked_for, may_be_there=False)))
    assert isinstance(desk.deliver(desk.sealed()), Passed)
    assert desk.slept == [7.0, 2.0, 4.0]


def test_no_wait_goes_beyond_the_deadline(desk: Any) -> None:
    """A destination that asks for more time than there is leaves the recording waiting at once."""
    desk.destination.meets.append((False, DeliveryUnavailable("busy", retry_after_s=301.0)))
    with pytest.raises(DeliveryUnavailable):
        desk.deliver(desk.sealed())
    assert desk.slept == []


def test_a_destination_that_keeps_nothing_is_lost_and_never_a_receipt(desk: Any) -> None:
    """It says yes to every try and keeps nothing: no receipt, and the recording waits."""
    sealed = desk.sealed()

    class Liar(type(desk.destination)):  # type: ignore[misc]
        def put(self, parcel: Any, *, key: str) -> Any:
            placed = super().put(parcel, key=key)
            self.files.clear()
            return placed

    desk = desk.with_route(destination=Liar())
    with pytest.raises(DeliveryLost) as lost:
        desk.deliver(sealed)
    assert lost.value.retryable
    (row,) = desk.book.rows()
    assert (row.state, row.receipt, row.error) == (ParcelState.PLACING, None, "E_DELIVERY_LOST")
    assert desk.entries(Action.RECORDING_DELIVERED) == []


def test_a_refusal_is_withheld_and_owes_no_recall(desk: Any) -> None:
    """What a vendor refused never left: a reason, an entry in the ledger, nothing to recall."""
    sealed = desk.sealed()
    desk.destination.meets.append((False, DeliveryRefused("not this one")))
    answer = desk.deliver(sealed)
    assert answer == Withheld(reason=Reason.DELIVERY_REFUSED, evidence=answer.evidence)
    (entry,) = desk.entries(Action.DELIVERY_WITHHELD)
    assert (entry.outcome, entry.facts["code"]) == ("DELIVERY_REFUSED", "E_DELIVERY_REFUSED")
    assert desk.custody.of_recording(sealed.ref.key) == ()
    (row,) = desk.book.rows()
    assert (row.state, row.reason) == (ParcelState.WITHHELD, Reason.DELIVERY_REFUSED)


def test_what_nobody_can_tell_is_not_sent_again(desk: Any) -> None:
    """A lost answer from a destination that cannot be asked ends as unknown, stays so, and stays recalled."""
    sealed = desk.sealed()
    desk.destination.cannot_be_asked = True
    desk.destination.meets.append((True, DeliveryUnavailable("no answer")))
    for _ in range(2):
        answer = desk.deliver(sealed)
        assert isinstance(answer, Withheld)
        assert answer.reason is Reason.DELIVERY_UNKNOWN
    assert len(desk.destination.keys) == 1
    assert len(desk.entries(Action.DELIVERY_WITHHELD)) == 1
    assert len(desk.custody.of_recording(sealed.ref.key)) == 1


def test_what_surely_never_left_is_sent_later_even_where_nobody_can_ask(desk: Any) -> None:
    """A destination that is down keeps nothing: once it is up, what waited is delivered, asked about or not."""
    sealed = desk.sealed()
    desk.destination.cannot_be_asked = True
    for _ in range(desk.route.tries):
        desk.destination.meets.append((False, DeliveryUnavailable("down", may_be_there=False)))
    with pytest.raises(DeliveryUnavailable):
        desk.deliver(sealed)
    assert isinstance(desk.deliver(sealed), Passed)
    assert len(desk.destination.keys) == 1


def unknown(desk: Any, sealed: Any) -> str:
    desk.destination.cannot_be_asked = True
    desk.destination.meets.append((True, DeliveryUnavailable("no answer")))
    assert desk.deliver(sealed).reason is Reason.DELIVERY_UNKNOWN
    return str(desk.errand(sealed).mark)


def test_a_persons_word_settles_what_nobody_could_tell(desk: Any) -> None:
    """It arrived: a receipt that says on whose word, with its entry in the ledger."""
    sealed = desk.sealed()
    mark = unknown(desk, sealed)
    receipt = desk.book.settle(mark, arrived=True, gist=GIST)
    assert receipt.confirmed is How.VOUCHED
    assert desk.deliver(sealed).value == receipt
    assert len(desk.entries(Action.RECORDING_DELIVERED)) == 1


def test_what_a_person_found_lost_is_delivered_again(desk: Any) -> None:
    """It did not arrive: it is sent once more, and that is all."""
    sealed = desk.sealed()
    mark = unknown(desk, sealed)
    assert desk.book.settle(mark, arrived=False, gist=GIST).reason is Reason.DELIVERY_LOST
    assert isinstance(desk.deliver(sealed), Passed)
    with pytest.raises(DeliveryRefused):
        desk.book.settle(mark, arrived=False, gist=GIST)
    with pytest.raises(DeliveryRefused):
        desk.book.settle("nobody", arrived=True, gist=GIST)


def test_a_destination_that_takes_a_key_once_is_sent_it_again(desk: Any) -> None:
    """Where the same key is taken once, a lost answer costs nothing; the receipt says that the word was believed."""
    desk.destination.cannot_be_asked = desk.destination.takes_keys_once = True
    desk.destination.meets.append((True, DeliveryUnavailable("no answer")))
    answer = desk.deliver(desk.sealed())
    assert answer.value.confirmed is How.WAIVED
    assert len(set(desk.destination.keys)) == 1


def test_an_erased_recording_is_not_delivered(desk: Any) -> None:
    """Erasure comes first: nothing is opened and nothing leaves."""
    sealed = desk.sealed()
    mark_erased(desk, sealed.ref.key)
    with pytest.raises(RecordingErased):
        desk.deliver(sealed)
    assert (desk.seals.opened, desk.destination.keys) == ([], [])


def test_erased_on_its_way_it_is_taken_back_and_the_recipient_is_owed_a_notice(desk: Any) -> None:
    """An erasure between put and receipt finds the delivery to recall, and what can be taken back is."""
    sealed = desk.sealed()
    desk.destination.before_confirming = lambda: mark_erased(desk, sealed.ref.key)
    with pytest.raises(RecordingErased):
        desk.deliver(sealed)
    assert desk.destination.files == {}
    (owed,) = desk.custody.of_recording(sealed.ref.key)
    assert owed.receipt == desk.errand(sealed).mark
    assert desk.entries(Action.RECORDING_DELIVERED) == []


def mark_erased(desk: Any, key: str) -> None:
    from sqlalchemy import update

    from sottovoce.database.engine import writing
    from sottovoce.database.tables import recordings

    with writing(desk.engine) as connection:
        connection.execute(update(recordings).where(recordings.c.key == key).values(erasing_ms=1))


def test_what_does_not_open_is_a_reason(desk: Any) -> None:
    """A sealed object that was swapped is never delivered."""
    desk.seals.is_broken = True
    answer = desk.deliver(desk.sealed())
    assert answer.reason is Reason.PARCEL_FAILED
    assert desk.destination.keys == []


def test_a_destroyed_key_is_raised(desk: Any) -> None:
    """The key is gone: that is an erasure's affair, and nothing leaves."""
    desk.seals.is_shredded = True
    with pytest.raises(KeyShredded):
        desk.deliver(desk.sealed())
    assert desk.destination.keys == []


def test_a_destination_that_fails_too_often_is_left_alone(desk: Any) -> None:
    """The breaker opens for one destination, and what waits is delivered when it is well again."""
    for _ in range(40):
        desk.destination.meets.append((False, DeliveryUnavailable("down", may_be_there=False)))
    sealed = [desk.sealed(number) for number in range(1, 4)]
    for each in sealed[:2]:
        with pytest.raises((DeliveryUnavailable, BreakerOpen)):
            desk.deliver(each)
    asked = len(desk.destination.meets)
    with pytest.raises(BreakerOpen):
        desk.deliver(sealed[2])
    assert len(desk.destination.meets) == asked
    desk.destination.meets.clear()
    desk.clock.pass_(31)
    assert all(isinstance(desk.deliver(each), Passed) for each in sealed)
    assert len(desk.destination.keys) == 3


def test_quiet_sound_warns_and_is_delivered(desk: Any) -> None:
    """Below the profile's minimum of speech the receipt and the ledger say so."""
    desk = desk.with_route(minimum_active_ratio=0.99)
    receipt = desk.deliver(desk.sealed()).value
    assert receipt.is_quiet
    assert desk.entries(Action.RECORDING_DELIVERED)[0].facts["quiet"] is True


def test_a_destination_there_is_not_is_a_slip_of_the_policy(desk: Any) -> None:
    """Nothing is begun for a name that policy does not have."""
    sealed = desk.sealed()
    with pytest.raises(PolicyError):
        desk.deliverer().deliver(sealed, None, line="analytics", destination="nobody")
    assert desk.book.rows() == ()


def test_lags_are_summed_up_by_nearest_rank(desk: Any) -> None:
    """P50 and P95 over the receipts of a line."""
    for number in range(1, 21):
        sealed = desk.sealed(number)
        desk.deliver(sealed, ended_at=desk.clock() - timedelta(seconds=number))
    assert lag_summary(desk.book.receipts("analytics")) == {"p50": 10.0, "p95": 19.0}
    assert lag_summary(()) == {}
    assert desk.book.receipts("corpus") == ()


def test_no_row_and_no_entry_holds_more_than_opaque_ids(desk: Any) -> None:
    """Book and ledger name the recording by its key: nothing of the source's ids, nothing that was said."""
    desk.deliver(desk.sealed())
    (row,) = desk.book.rows()
    said = f"{row} {[entry for _, entry in desk.ledger.entries(0)]}"
    for planted in ("conversation-1", "recording-1", "token-1", "locator", "NAME_1", "objects/"):
        assert planted not in said
