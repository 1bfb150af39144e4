"""Before every read: authorised, counted, watched, in the ledger."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from sottovoce.access.biscuits import attenuate
from sottovoce.access.gate import WATCH, Asked
from sottovoce.access.grant_book import GrantBook
from sottovoce.access.grants import Narrowing
from sottovoce.access.principals import Kind, State
from sottovoce.access.roles import Operation, Role
from sottovoce.database.access_tables import access_alerts, canaries, grant_counters, reads
from sottovoce.database.engine import reading, writing
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import AccessRefused, AccessSuspended, GrantInvalid, LedgerUnavailable
from sottovoce.ledger.commitment import Commitment, opens
from sottovoce.ledger.entry import Action
from sottovoce.testing.access import target, unsealed


def listener(world, *roles: Role):
    return world.principals.create(Kind.PERSON, by=world.owner.id, roles=roles or (Role.DATA_SCIENTIST,))


def listens(principal, **changed) -> Asked:
    told = {"principal": principal.id, "operation": Operation.SAMPLE_LISTEN, "purpose": "listening"}
    return Asked(**{**told, "justification": Confidential("a complaint about sample quality"), **changed})


def rows(world, table=reads):
    with reading(world.engine) as connection:
        return connection.execute(select(table)).all()


def test_a_read_is_in_the_ledger_before_it_is_handed_out(world) -> None:
    """With requester, purpose, place and grant; nothing of why or where from in the clear."""
    issued = world.grant(world.somebody())
    asked = world.asked(issued, source=Confidential("192.0.2.7"), justification=Confidential("nightly run"))
    world.gate.admit(asked, [target("a1b2")], seal=unsealed)
    (entry,) = world.entries(Action.CORPUS_READ)
    assert (entry.actor, entry.object, entry.purpose) == (issued.grant.holder, "a1b2", "ai_training")
    assert entry.facts["place"] == "corpus/v1/train" and entry.facts["grant"] == issued.grant.id
    said = entry.encode(0)
    assert b"192.0.2.7" not in said and b"nightly" not in said


def test_why_and_where_from_can_be_shown_later(world) -> None:
    """The ledger holds a salted commitment; what opens it is sealed beside the read."""
    asked = listens(listener(world), source=Confidential("192.0.2.7"))
    world.gate.admit(asked, [target("a1")], seal=unsealed)
    (row,), (entry,) = rows(world), world.entries(Action.CORPUS_READ)
    commit, _, detail = row.detail.partition(b"\x00")
    said = json.loads(detail)
    opening = Commitment(value=entry.commit, opening=Confidential(bytes.fromhex(said["opening"])))
    assert commit.decode() == row.commit == entry.commit
    assert opens(opening, Confidential(said["detail"]))
    assert said["detail"] == {"source": "192.0.2.7", "justification": "a complaint about sample quality"}


def test_a_read_that_cannot_be_recorded_does_not_happen(world, monkeypatch) -> None:
    """A ledger that refuses leaves no row, no count and nothing handed out."""
    issued = world.grant(world.somebody())
    asked = world.asked(issued)

    def full(*_: object) -> None:
        raise LedgerUnavailable("the disk is full")

    monkeypatch.setattr(world.ledger, "append", full)
    with pytest.raises(LedgerUnavailable):
        world.gate.admit(asked, [target("a1")], seal=unsealed)
    monkeypatch.undo()
    assert rows(world) == [] and rows(world, grant_counters) == []


def test_a_person_says_why(world) -> None:
    """A training job need not: its grant states its purpose and plan."""
    somebody = listener(world)
    for why in (None, Confidential("   "), Confidential("x" * 2001)):
        with pytest.raises(AccessRefused):
            world.gate.admit(listens(somebody, justification=why), [target("a1")], seal=unsealed)
    world.gate.admit(listens(somebody, justification=None, excused=True), [target("a1")], seal=unsealed)
    world.gate.admit(world.asked(world.grant(world.somebody())), [target("a1")], seal=unsealed)


def test_a_role_that_was_taken_ends_living_grants(world) -> None:
    """What somebody may is asked each time, not only when the grant was made."""
    somebody = world.somebody()
    asked = world.asked(world.grant(somebody))
    world.principals.take(somebody.id, Role.TRAINER, by=world.owner.id)
    with pytest.raises(AccessRefused):
        world.gate.admit(asked, [target("a1")], seal=unsealed)


def test_refusals_are_in_the_ledger(world) -> None:
    """Invalid attempts are recorded, with a code and without what was asked (PCI DSS 10.2.1.4)."""
    asked = world.asked(world.grant(world.somebody(), prefix="corpus/v2"))
    with pytest.raises(AccessRefused):
        world.gate.admit(asked, [target("a1")], seal=unsealed)
    with pytest.raises(GrantInvalid):
        world.gate.present(Confidential("nothing"))
    first, second = world.entries(Action.ACCESS_REFUSED)
    assert (first.actor, first.facts["code"]) == (asked.principal, "E_ACCESS_REFUSED")
    assert (second.actor, second.facts["code"]) == ("unknown", "E_GRANT_INVALID")


def test_a_flood_of_refusals_is_counted_rather_than_written(world) -> None:
    """Nobody fills the ledger by asking."""
    world.gate._refusals._a_minute = 20
    for _ in range(50):
        with pytest.raises(GrantInvalid):
            world.gate.present(Confidential("nothing"))
    world.clock.advance(60)
    with pytest.raises(GrantInvalid):
        world.gate.present(Confidential("nothing"))
    told = world.entries(Action.ACCESS_REFUSED)
    assert len(told) == 21 and told[-1].facts["others"] == 30


def test_counts_are_kept_for_each_block(world) -> None:
    """A part handed on has its own budget, and uses up the whole's too; the same recording counts once."""
    issued = world.grant(world.somebody(), recordings=3, bytes=10_000)
    part = attenuate(issued.token, Narrowing(recordings=2), root=world.keys.public(issued.root_key))
    whole = world.asked(issued)
    less = replace(whole, grant=world.gate.present(part))
    for name in ("a", "b", "a"):
        world.gate.admit(less, [target(name)], seal=unsealed)
    with pytest.raises(AccessRefused):
        world.gate.admit(less, [target("c")], seal=unsealed)
    world.gate.admit(whole, [target("c")], seal=unsealed)
    with pytest.raises(AccessRefused):
        world.gate.admit(whole, [target("d")], seal=unsealed)
    used = {row.block: (row.recordings, row.bytes) for row in rows(world, grant_counters)}
    assert used == {less.grant.opened.blocks[0]: (3, 4000), less.grant.opened.blocks[1]: (2, 3000)}


def test_bytes_run_out_too(world) -> None:
    """Also for one recording read again and again."""
    asked = world.asked(world.grant(world.somebody(), bytes=2500))
    for _ in range(2):
        world.gate.admit(asked, [target("a")], seal=unsealed)
    with pytest.raises(AccessRefused):
        world.gate.admit(asked, [target("a")], seal=unsealed)


def test_many_at_once_are_all_or_none(world) -> None:
    """A batch with one that is not permitted hands out nothing."""
    asked = world.asked(world.grant(world.somebody()))
    world.gate.admit(asked, [target("a"), target("b")], seal=unsealed)
    with pytest.raises(AccessRefused):
        world.gate.admit(asked, [target("c"), replace(target("d"), resource="corpus/v2/train/d")], seal=unsealed)
    assert [row.object for row in rows(world)] == ["a", "b"]


def test_a_revocation_holds_at_once_everywhere(world) -> None:
    """In this process by memory, in another by the database, for everything made from it."""
    issued = world.grant(world.somebody())
    part = attenuate(issued.token, Narrowing(), root=world.keys.public(issued.root_key))
    presented = world.gate.present(part)
    elsewhere = GrantBook(
        engine=world.engine,
        ledger=world.ledger,
        tokens=world.biscuits,
        tenant="test",
        clock=world.clock.now,
        ids=world.ids,
    )
    elsewhere.revoke(issued.grant.id, by=world.owner.id, why="LOST")
    with pytest.raises(GrantInvalid):
        world.gate.admit(replace(world.asked(issued), grant=presented), [target("a")], seal=unsealed)
    with pytest.raises(GrantInvalid):
        world.gate.present(part)


def test_a_block_can_be_revoked_alone(world) -> None:
    """What was handed on ends; what it was made from goes on."""
    issued = world.grant(world.somebody())
    part = attenuate(issued.token, Narrowing(), root=world.keys.public(issued.root_key))
    block = world.gate.present(part).opened.blocks[1]
    world.grants.revoke_block(block, by=world.owner.id, why="LOST")
    with pytest.raises(GrantInvalid):
        world.gate.present(part)
    world.gate.admit(world.asked(issued), [target("a")], seal=unsealed)


def test_a_grant_is_its_holders_and_for_its_purpose(world) -> None:
    """Somebody else's name beside it changes nothing."""
    asked = world.asked(world.grant(world.somebody()))
    for changed in ({"principal": world.somebody().id}, {"purpose": "analytics"}):
        with pytest.raises(AccessRefused):
            world.gate.admit(replace(asked, **changed), [target("a")], seal=unsealed)


def plant(world, name: str) -> None:
    with writing(world.engine) as connection:
        row = {"id": name, "object": {}, "planted_by": world.owner.id, "planted_ms": 1}
        connection.execute(canaries.insert().values(**row))


def test_touching_a_canary_suspends_at_once(world) -> None:
    """The reader, every grant it has, an alert, the ledger: and the decoy is not handed out."""
    somebody = world.somebody()
    issued, other = world.grant(somebody), world.grant(somebody)
    plant(world, "bird")
    with pytest.raises(AccessSuspended):
        world.gate.admit(world.asked(issued), [target("bird", canary=True)], seal=unsealed)
    found = world.principals.get(somebody.id)
    assert (found.state, found.why) == (State.SUSPENDED, "BULK_CANARY")
    assert [entry.object for entry in world.entries(Action.CANARY_TOUCHED)] == ["bird"]
    assert {entry.actor for entry in world.entries(Action.GRANT_REVOKED)} == {WATCH}
    for token in (issued.token, other.token):
        with pytest.raises(GrantInvalid):
            world.gate.present(token)
    (bird,), (alert,) = rows(world, canaries), rows(world, access_alerts)
    assert (bird.touched_by, alert.kind, alert.done_ms is not None, rows(world)) == (somebody.id, "CANARY", True, [])
    (line,) = (world.folder / "logs" / "alerts.jsonl").read_text().splitlines()
    assert json.loads(line)["data"]["breach"] == "CANARY"


def steal(world, gate, asked, count: int, *, start: int = 0) -> int:
    """Reads one a second until it is stopped; how many were handed out."""
    for number in range(count):
        world.clock.advance(1)
        try:
            gate.admit(asked, [target(f"s{start + number}")], seal=unsealed)
        except AccessSuspended:
            return number
    return count


def test_bulk_access_is_stopped(world) -> None:
    """A new listener at one a second gets no further than its first minute; what it asks then is refused."""
    somebody = listener(world)
    taken = steal(world, world.gate, listens(somebody), 500)
    assert taken <= 60
    (entry,) = world.entries(Action.BULK_ACCESS_FOUND)
    assert (entry.facts["breach"], entry.facts["count"]) == ("RATE", taken + 1)
    assert len(rows(world)) == taken
    with pytest.raises(AccessSuspended):
        world.gate.admit(listens(somebody), [target("more")], seal=unsealed)


def test_two_processes_count_together(world) -> None:
    """Each sees the reads of the other: what one does not see cannot be hidden in."""
    somebody, other = listener(world), None
    other = world.new_gate()
    alone = steal(world, world.gate, listens(listener(world)), 500)
    taken = 0
    for number in range(500):
        world.clock.advance(1)
        gate = world.gate if number % 2 else other
        try:
            gate.admit(listens(somebody), [target(f"t{number}")], seal=unsealed)
        except AccessSuspended:
            break
        taken += 1
    assert taken == alone


def test_a_restart_forgets_nothing(world) -> None:
    """A process for every read is one reader all the same."""
    somebody, taken = listener(world), 0
    for number in range(200):
        world.clock.advance(1)
        try:
            world.new_gate().admit(listens(somebody), [target(f"r{number}")], seal=unsealed)
        except AccessSuspended:
            break
        taken += 1
    assert taken <= 60


def test_changing_purposes_hides_nothing(world) -> None:
    """All purposes together are watched beside each."""
    somebody, taken = listener(world), 0
    for number in range(500):
        world.clock.advance(1)
        asked = listens(somebody, purpose=f"purpose{'abcdefghij'[number % 10]}")
        try:
            world.gate.admit(asked, [target(f"p{number}")], seal=unsealed)
        except AccessSuspended:
            break
        taken += 1
    assert taken <= 60


def test_who_is_let_in_again_begins_anew(world) -> None:
    """What was read before the suspension was lifted no longer counts."""
    somebody = listener(world)
    steal(world, world.gate, listens(somebody), 500)
    world.clock.advance(10)
    world.principals.resume(somebody.id, by=world.owner.id)
    assert steal(world, world.gate, listens(somebody), 15, start=1000) == 15


def test_what_was_normal_is_kept(world) -> None:
    """A baseline is in the database once something was read."""
    from sottovoce.database.access_tables import access_baselines

    somebody = listener(world)
    world.gate.admit(listens(somebody), [target("a")], seal=unsealed)
    assert {(row.principal, row.purpose) for row in rows(world, access_baselines)} == {
        (somebody.id, "listening"),
        (somebody.id, "*"),
    }


def test_a_plan_is_watched_as_planned(world) -> None:
    """A job that planned ten a minute and reads a hundred is stopped as such."""
    issued = world.grant(world.somebody(), per_minute=30, lifetime=timedelta(minutes=30))
    taken = steal(world, world.gate, world.asked(issued), 100)
    assert taken == 30
    assert world.entries(Action.BULK_ACCESS_FOUND)[0].facts["breach"] == "PLAN"


def test_a_suspended_last_owner_is_suspended_too(world) -> None:
    """The watch knows no rank."""
    asked = listens(world.owner)
    assert steal(world, world.gate, asked, 500) < 61
    assert world.principals.get(world.owner.id).state is State.SUSPENDED


def test_a_row_changed_behind_our_back_shows(world) -> None:
    """The ledger holds every read on its own: a table of reads that was tidied up does not agree with it."""
    world.gate.admit(world.asked(world.grant(world.somebody())), [target("a")], seal=unsealed)
    with writing(world.engine) as connection:
        connection.execute(update(reads).values(object="b"))
    assert {row.object for row in rows(world)} != {entry.object for entry in world.entries(Action.CORPUS_READ)}
