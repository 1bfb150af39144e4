"""People, services, contributors and training jobs."""

from __future__ import annotations

import pytest

from sottovoce.access.principals import Kind, State, labels_of
from sottovoce.access.roles import Operation, Role
from sottovoce.errors import AccessError, AccessRefused, AccessSuspended
from sottovoce.ledger.entry import Action


def test_the_first_is_the_owner_and_nobody_after_it(world) -> None:
    """A workspace that knows nobody takes whoever owns its files; one that knows somebody takes nobody."""
    assert world.owner.roles == {Role.OWNER}
    assert world.principals.bootstrap("another", provider="machine") is None
    assert world.principals.by_subject("subject-owner").id == world.owner.id
    assert world.principals.by_subject("nobody") is None


def test_a_principal_is_known_by_its_label_too(world) -> None:
    """A label is a code somebody chose."""
    made = world.principals.create(Kind.SERVICE, by=world.owner.id, label="loader-1", roles=[Role.TRAINER])
    assert world.principals.named("loader-1") == world.principals.get(made.id) == made
    assert labels_of(world.principals.all())[made.id] == "loader-1"
    with pytest.raises(AccessRefused, match="taken"):
        world.principals.create(Kind.SERVICE, by=world.owner.id, label="loader-1")


@pytest.mark.parametrize("label", ["Jane Doe", "jane@example.com", "+12025550123", "", "x" * 65])
def test_a_label_that_could_name_a_person_is_refused(world, label: str) -> None:
    """Labels go where ledgers can be read."""
    with pytest.raises(AccessRefused):
        world.principals.create(Kind.PERSON, by=world.owner.id, label=label)


def test_every_change_is_in_the_ledger(world) -> None:
    """Creation, roles, suspension: who did it, to whom."""
    somebody = world.somebody()
    world.principals.give(somebody.id, Role.AUDITOR, by=world.owner.id)
    world.principals.give(somebody.id, Role.AUDITOR, by=world.owner.id)
    assert world.principals.take(somebody.id, Role.AUDITOR, by=world.owner.id)
    assert not world.principals.take(somebody.id, Role.AUDITOR, by=world.owner.id)
    world.principals.suspend(somebody.id, by=world.owner.id, why="LEFT")
    world.principals.resume(somebody.id, by=world.owner.id)
    world.principals.resume(somebody.id, by=world.owner.id)
    about = [entry.action for entry in world.entries() if entry.object == somebody.id]
    assert about == [
        Action.PRINCIPAL_CREATED,
        Action.ROLE_GIVEN,
        Action.ROLE_GIVEN,
        Action.ROLE_TAKEN,
        Action.PRINCIPAL_SUSPENDED,
        Action.PRINCIPAL_RESUMED,
    ]
    assert {entry.actor for entry in world.entries() if entry.object == somebody.id} == {world.owner.id}


def test_a_suspended_principal_may_nothing(world) -> None:
    """Whatever its roles say."""
    somebody = world.somebody()
    assert somebody.may(Operation.CORPUS_DECRYPT)
    world.principals.suspend(somebody.id, by=world.owner.id, why="LEFT")
    found = world.principals.get(somebody.id)
    assert (found.state, found.why, found.may(Operation.CORPUS_DECRYPT)) == (State.SUSPENDED, "LEFT", False)


def test_nobody_lifts_its_own_suspension(world) -> None:
    """Somebody else looks first."""
    second = world.principals.create(Kind.PERSON, by=world.owner.id, roles=[Role.OWNER])
    world.principals.suspend(second.id, by=world.owner.id, why="X")
    with pytest.raises(AccessRefused, match="own suspension"):
        world.principals.resume(second.id, by=second.id)


def test_the_last_owner_stays(world) -> None:
    """A workspace nobody owns could never be mended."""
    with pytest.raises(AccessRefused, match="last active owner"):
        world.principals.suspend(world.owner.id, by=world.owner.id, why="X")
    with pytest.raises(AccessRefused, match="last active owner"):
        world.principals.take(world.owner.id, Role.OWNER, by=world.owner.id)
    world.principals.create(Kind.PERSON, by=world.owner.id, roles=[Role.OWNER])
    world.principals.suspend(world.owner.id, by=world.owner.id, why="X")
    with pytest.raises(AccessRefused, match="another owner"):
        world.principals.break_glass(world.owner.id)


def test_breaking_the_glass_is_loud(world) -> None:
    """The only owner, suspended by the watch, lets itself in, and the ledger says how."""
    from sottovoce.database.engine import writing

    with writing(world.engine) as connection:
        entry = world.principals.suspend_in(connection, world.owner.id, by="access.watch", why="BULK_RATE")
        world.ledger.append(connection, [entry])
    world.principals.break_glass(world.owner.id)
    assert world.principals.get(world.owner.id).state is State.ACTIVE
    assert world.entries(Action.PRINCIPAL_RESUMED)[-1].facts == {"why": "BREAK_GLASS"}


def test_claims_bring_roles_and_take_them_back(world) -> None:
    """What an identity provider says today is what holds; what a person gave stays."""
    made = world.principals.sign_in("sub-1", provider="oidc", roles=[Role.AUDITOR, Role.DATA_SCIENTIST])
    assert made.roles == {Role.AUDITOR, Role.DATA_SCIENTIST}
    world.principals.give(made.id, Role.TRAINER, by=world.owner.id)
    again = world.principals.sign_in("sub-1", provider="oidc", roles=[Role.DATA_SCIENTIST])
    assert (again.id, again.roles) == (made.id, {Role.DATA_SCIENTIST, Role.TRAINER})
    assert len(world.entries(Action.SIGNED_IN)) == 2


def test_who_is_mapped_to_no_role_does_not_get_in(world) -> None:
    """Being known to the provider is not enough, also later."""
    with pytest.raises(AccessRefused):
        world.principals.sign_in("sub-2", provider="oidc", roles=[])
    made = world.principals.sign_in("sub-2", provider="oidc", roles=[Role.AUDITOR])
    with pytest.raises(AccessRefused):
        world.principals.sign_in("sub-2", provider="oidc", roles=[])
    world.principals.suspend(made.id, by=world.owner.id, why="X")
    with pytest.raises(AccessSuspended):
        world.principals.sign_in("sub-2", provider="oidc", roles=[Role.AUDITOR])


def test_one_sign_in_is_one_principals(world) -> None:
    """The same account cannot be two."""
    one, two = world.somebody(), world.somebody()
    world.principals.bind(one.id, "account", provider="machine")
    world.principals.bind(one.id, "account", provider="machine")
    with pytest.raises(AccessRefused):
        world.principals.bind(two.id, "account", provider="machine")


def test_an_unknown_principal_is_an_error(world) -> None:
    """With the command that lists those there are."""
    with pytest.raises(AccessError) as error:
        world.principals.named("nobody")
    assert "access list" in error.value.hint


def test_use_is_written_once_an_hour(world) -> None:
    """So that commands need not wait for the database."""
    from sottovoce.access.principals import uses_of
    from sottovoce.database.engine import reading

    world.principals.note_use(world.owner.id, Operation.LEDGER_READ)
    world.clock.advance(100)
    world.principals.note_use(world.owner.id, Operation.LEDGER_READ)
    with reading(world.engine) as connection:
        first = uses_of(connection, world.owner.id)[Operation.LEDGER_READ]
    world.clock.advance(3600)
    world.principals.note_use(world.owner.id, Operation.LEDGER_READ)
    with reading(world.engine) as connection:
        assert uses_of(connection, world.owner.id)[Operation.LEDGER_READ] == first + 3_700_000
