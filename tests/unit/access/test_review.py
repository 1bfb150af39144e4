"""Access review: who holds what, what of it is stale, who signed that off."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

import pytest
import rfc8785

from sottovoce.access.page import review_page
from sottovoce.access.principals import Kind
from sottovoce.access.review import HEADER, Mark
from sottovoce.access.roles import Operation, Role
from sottovoce.errors import AccessError, AccessRefused, GrantInvalid
from sottovoce.ledger.entry import Action
from sottovoce.ledger.note import VerifierKey, open_note
from sottovoce.testing.access import target, unsealed

DAY_S = 86_400


def marks(review) -> set[tuple[Mark, str]]:
    return {(remark.mark, remark.about) for remark in review.remarks}


def test_a_role_nobody_uses_is_stale(world) -> None:
    """Once it was held for the period; not the day it was given, and not an owner's."""
    somebody = world.somebody(Kind.PERSON, Role.AUDITOR, Role.DATA_SCIENTIST)
    assert world.reviews.make(by=world.owner.id, days=90).remarks == ()
    world.clock.advance(91 * DAY_S)
    world.principals.note_use(somebody.id, Operation.LEDGER_READ)
    found = world.reviews.make(by=world.owner.id, days=90)
    assert marks(found) == {(Mark.UNUSED_ROLE, "data_scientist")}


def test_a_role_that_is_larger_than_its_use_is_named(world) -> None:
    """An owner who only ever operates could be an operator."""
    world.clock.advance(100 * DAY_S)
    world.principals.note_use(world.owner.id, Operation.PIPELINE_RUN)
    (remark,) = world.reviews.make(by=world.owner.id, days=90).remarks
    assert (remark.mark, remark.detail) == (Mark.NARROWER_ROLE, "operator")


def test_tokens_and_grants_are_looked_at(world) -> None:
    """A token that slept, a living grant that nobody used or anybody could, one far too wide."""
    somebody = world.somebody()
    token = world.tokens.create(somebody.id, by=world.owner.id, lifetime=timedelta(days=365))
    world.clock.advance(91 * DAY_S)
    wide, unused = world.grant(somebody, recordings=1000), world.grant(somebody, thumbprint="mine")
    world.gate.admit(world.asked(wide), [target("a")], seal=unsealed)
    world.clock.advance(600)
    found = marks(world.reviews.make(by=world.owner.id, days=90))
    assert found >= {
        (Mark.UNUSED_TOKEN, token.id),
        (Mark.WIDE_GRANT, wide.grant.id),
        (Mark.UNBOUND_GRANT, wide.grant.id),
        (Mark.UNUSED_GRANT, unused.grant.id),
    }
    assert (Mark.UNBOUND_GRANT, unused.grant.id) not in found


def test_suspended_principals_and_many_owners_are_named(world) -> None:
    """Somebody should decide."""
    for _ in range(2):
        world.principals.create(Kind.PERSON, by=world.owner.id, roles=[Role.OWNER])
    somebody = world.somebody()
    world.principals.suspend(somebody.id, by=world.owner.id, why="BULK_RATE")
    found = world.reviews.make(by=world.owner.id, days=90)
    assert (Mark.SUSPENDED, somebody.id) in marks(found)
    assert sum(remark.mark is Mark.SEVERAL_OWNERS for remark in found.remarks) == 3


def test_a_sign_off_is_signed_and_takes_back_what_is_stale(world) -> None:
    """The digest of exactly what was looked at, by the log key, in the ledger; once."""
    somebody = world.somebody(Kind.TRAINING, Role.TRAINER, Role.AUDITOR)
    token = world.tokens.create(somebody.id, by=world.owner.id, lifetime=timedelta(days=365))
    world.clock.advance(91 * DAY_S)
    world.principals.note_use(somebody.id, Operation.CORPUS_DECRYPT)
    grant = world.grant(somebody)
    world.clock.advance(600)
    review = world.reviews.make(by=world.owner.id, days=90)
    assert review.digest == hashlib.sha256(rfc8785.dumps(review.content())).hexdigest()
    signed = world.reviews.sign_off(review.id, by=world.owner.id)
    said = open_note(signed.note, [VerifierKey.parse(world.signer.vkey)])
    header, line = said.text.splitlines()
    assert header == HEADER and json.loads(line)["digest"] == review.digest
    assert signed.taken_back == 3
    assert world.principals.get(somebody.id).roles == {Role.TRAINER}
    with pytest.raises(GrantInvalid):
        world.tokens.authenticate(token.value)
    with pytest.raises(GrantInvalid):
        world.gate.present(grant.token)
    (entry,) = world.entries(Action.ACCESS_REVIEWED)
    assert (entry.object, entry.facts["digest"], entry.facts["taken_back"]) == (review.id, review.digest, 3)
    with pytest.raises(AccessRefused):
        world.reviews.sign_off(review.id, by=world.owner.id)
    with pytest.raises(AccessError):
        world.reviews.sign_off("f" * 32, by=world.owner.id)
    assert [each["signed_by"] for each in world.reviews.all()] == [world.owner.id]


def test_what_was_used_since_is_not_taken_back(world) -> None:
    """A review may be some days old when it is signed."""
    somebody = world.somebody()
    world.clock.advance(91 * DAY_S)
    review = world.reviews.make(by=world.owner.id, days=90)
    assert (Mark.UNUSED_ROLE, "trainer") in marks(review)
    world.principals.note_use(somebody.id, Operation.CORPUS_DECRYPT)
    assert world.reviews.sign_off(review.id, by=world.owner.id).taken_back == 0
    assert world.principals.get(somebody.id).roles == {Role.TRAINER}


def test_the_page_says_everything_and_runs_nothing(world) -> None:
    """No script, nothing fetched; what somebody chose as a label is text."""
    world.principals.create(Kind.SERVICE, by=world.owner.id, label="loader-1", roles=[Role.TRAINER])
    page = review_page(world.reviews.make(by=world.owner.id, days=90))
    assert "loader-1" in page and "trainer" in page and "None." in page
    assert "<script" not in page and "http" not in page
