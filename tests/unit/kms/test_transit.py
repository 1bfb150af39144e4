"""The transit engine, over its HTTP interface."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyRefused, KeyShredded, KeyUnavailable, SealBroken
from sottovoce.kms.protocol import KeyState, WrappedKey
from sottovoce.kms.transit import Transit, by_app_role, by_token
from sottovoce.testing.kms_loopback import Reply
from sottovoce.testing.kms_transit import ROOT_TOKEN, TransitServer

CONTEXT = {"app": "sottovoce", "tenant": "acme", "epoch": "2026-11.0"}
KEY = Confidential(bytes(range(32)))
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def clock() -> datetime:
    return NOW


@pytest.fixture
def vault() -> Iterator[TransitServer]:
    with TransitServer(clock=clock) as running:
        yield running


@pytest.fixture
def connect(vault):
    def connected(**fields) -> Transit:
        return Transit.connect(
            **{"url": vault.url, "sign_in": by_token(Confidential(ROOT_TOKEN)), "clock": clock, **fields}
        )

    return connected


@pytest.fixture
def transit(connect) -> Transit:
    return connect()


def test_destroying_leaves_none_of_the_material_that_wrapped(transit, vault):
    """The versions that wrapped are trimmed away, archived ones too; what stays says when it was."""
    key = transit.create_key(CONTEXT)
    before = vault.material(key)
    wrapped = transit.wrap(KEY, CONTEXT, key_id=key)
    assert transit.schedule_destroy(key).final_at == NOW
    assert not set(before) & set(vault.material(key))
    transit._configure(key, min_decryption_version=2)
    with pytest.raises(KeyShredded):
        transit.unwrap(wrapped, CONTEXT)


def test_freezing_outlives_any_number_of_turns(transit):
    """What was wrapped before and between freezes opens after the last thaw, and never while frozen."""
    key = transit.create_key(CONTEXT)
    wrapped = [transit.wrap(KEY, CONTEXT, key_id=key)]
    for _ in range(3):
        transit.freeze(key)
        for one in wrapped:
            with pytest.raises(KeyRefused, match="frozen"):
                transit.unwrap(one, CONTEXT)
        transit.thaw(key)
        wrapped.append(transit.wrap(KEY, CONTEXT, key_id=key))
    assert [transit.unwrap(one, CONTEXT) for one in wrapped] == [KEY] * 4


def test_wrapping_under_a_missing_key_makes_none(transit, vault):
    """The engine's encrypt would: so the key is asked for first."""
    with pytest.raises(KeyRefused):
        transit.wrap(KEY, CONTEXT, key_id="missing")
    assert vault.names == ()


def test_a_destruction_that_was_interrupted_is_finished(transit, vault):
    """A crash between rotating and trimming leaves a frozen key, and asking again destroys it."""
    key = transit.create_key(CONTEXT)
    transit._retire_versions(key)
    assert transit.key_state(key) is KeyState.FROZEN
    assert transit.schedule_destroy(key).state is KeyState.DESTROYED
    assert transit.key_state(key) is KeyState.DESTROYED


def test_the_service_is_not_asked_to_rewrap(transit, vault):
    """Its rewrap takes no associated data and could not open what is bound to a context."""
    old, new = transit.create_key(CONTEXT), transit.create_key(CONTEXT)
    moved = transit.rewrap(transit.wrap(KEY, CONTEXT, key_id=old), CONTEXT, key_id=new)
    assert transit.unwrap(moved, CONTEXT) == KEY
    assert not any("/rewrap/" in asked for asked in vault.server.asked)


def test_names_say_whose_key_it_is_and_are_never_guessed_twice(transit):
    """Tenant and epoch, and 64 bits of chance."""
    first, second = transit.create_key(CONTEXT), transit.create_key(CONTEXT)
    assert first.startswith("sottovoce-acme-2026-11.0-")
    assert first != second


def test_a_standing_key_serves_every_epoch(connect, transit):
    """It must be there, and of the right type."""
    name = transit.create_key(CONTEXT)
    standing = connect(standing_key=name)
    assert standing.create_key(CONTEXT) == name
    assert not standing.capabilities.key_per_epoch
    with pytest.raises(KeyRefused):
        connect(standing_key="missing").create_key(CONTEXT)


@pytest.mark.parametrize("wrong", [{"type": "rsa-4096"}, {"derived": True}, {"exportable": True}])
def test_a_standing_key_that_could_leave_or_not_bind_is_refused(connect, vault, wrong):
    """An exportable key could leave the server; a derived one takes no context of ours."""
    transit = connect(standing_key="ours")
    vault._keys["ours"] = vault._made(wrong)
    with pytest.raises(KeyRefused, match="standing key"):
        transit.create_key(CONTEXT)


def test_an_app_role_signs_in_by_itself_and_again_when_its_token_ran_out(connect, vault):
    """A token that is no more is fetched anew, once."""
    vault.roles["role"] = "secret"
    transit = connect(sign_in=by_app_role(Confidential("role"), Confidential("secret")))
    key = transit.create_key(CONTEXT)
    vault.tokens.clear()
    assert transit.unwrap(transit.wrap(KEY, CONTEXT, key_id=key), CONTEXT) == KEY
    wrong = connect(sign_in=by_app_role(Confidential("role"), Confidential("wrong")))
    with pytest.raises(KeyRefused):
        wrong.create_key(CONTEXT)


def test_a_namespace_is_sent_along():
    """Keys of one namespace are not seen from another."""
    with TransitServer(clock=clock, namespace="team", mount="keys/transit") as vault:
        fields = {
            "url": vault.url,
            "sign_in": by_token(Confidential(ROOT_TOKEN)),
            "clock": clock,
            "mount": "keys/transit",
        }
        assert Transit.connect(**fields, namespace="team").create_key(CONTEXT)
        with pytest.raises(KeyRefused):
            Transit.connect(**fields).create_key(CONTEXT)


def test_a_sealed_server_is_unavailable_and_reach_says_so(transit, vault):
    """Retryable: somebody will unseal it."""
    assert transit.reach().service_time == NOW
    vault.sealed = True
    with pytest.raises(KeyUnavailable) as outage:
        transit.reach()
    assert outage.value.retryable


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, KeyRefused),
        (403, KeyRefused),
        (404, KeyRefused),
        (429, KeyUnavailable),
        (500, KeyUnavailable),
        (503, KeyUnavailable),
        (418, KeyUnavailable),
    ],
)
def test_the_servers_own_words_are_dropped(transit, vault, status, error):
    """Only what may pass by itself is retryable."""
    key = transit.create_key(CONTEXT)
    transit._client.session.adapters["http://"].max_retries = transit._client.session.adapters[
        "http://"
    ].max_retries.new(total=0)
    vault.server.failing = Reply(status=status, json={"errors": ["acme and 10.0.0.7"]})
    with pytest.raises(error) as refusal:
        transit.wrap(KEY, CONTEXT, key_id=key)
    assert type(refusal.value) is error
    assert "acme" not in str(refusal.value) + refusal.value.hint
    assert refusal.value.__suppress_context__


def test_a_server_that_is_gone_is_unavailable(transit, vault):
    """Connections are refused."""
    key = transit.create_key(CONTEXT)
    vault.server.stop()
    with pytest.raises(KeyUnavailable):
        transit.key_state(key)


@pytest.mark.parametrize("blob", [b"vault:v1:", b"vault:v9:AAAA", b"vault:v1:????", b"\xff", b"vault:v0:AAAA"])
def test_what_is_no_blob_of_transit_is_broken(transit, blob):
    """Whether it is asked or not."""
    key = transit.create_key(CONTEXT)
    with pytest.raises(SealBroken):
        transit.unwrap(WrappedKey(kms="transit", key_id=key, blob=blob), CONTEXT)


@pytest.mark.parametrize("name", ["../sys/seal", "a/b", "", "a?b"])
def test_a_name_that_would_lead_elsewhere_is_refused(transit, vault, name):
    """Names go into paths."""
    with pytest.raises(KeyRefused, match="name"):
        transit.key_state(name)
    assert vault.server.asked == []


def test_the_double_deletes_nothing_unless_its_configuration_allows(transit, vault):
    """As the real one: deletion_allowed is off until it is set."""
    key = transit.create_key(CONTEXT)
    transit.reach()
    with pytest.raises(KeyRefused):
        transit._ask(lambda: transit._transit.delete_key(name=key))
    transit._configure(key, deletion_allowed=True)
    transit._ask(lambda: transit._transit.delete_key(name=key))
    with pytest.raises(KeyRefused, match="does not know"):
        transit.key_state(key)
