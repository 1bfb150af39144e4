"""A PKCS#11 token; SoftHSM stands for one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pkcs11
import pytest
from pkcs11 import Attribute, ObjectClass

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyRefused, KeyShredded, KeyUnavailable, SealBroken
from sottovoce.kms.hsm import Pkcs11Token, _bury
from sottovoce.kms.protocol import KeyState
from sottovoce.testing.kms_softhsm import PIN

CONTEXT = {"app": "sottovoce", "tenant": "acme", "epoch": "2026-11.0"}
KEY = Confidential(bytes(range(32)))
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def clock() -> datetime:
    return NOW


@pytest.fixture
def connect(hsm_token):
    module, label = hsm_token
    return lambda **fields: Pkcs11Token.connect(
        **{"module": module, "label": label, "pin": Confidential(PIN), "clock": clock, **fields}
    )


@pytest.fixture
def token(connect) -> Iterator[Pkcs11Token]:
    opened = connect()
    yield opened
    opened.close()


def objects(token: Pkcs11Token, **wanted):
    with token._session() as session:
        return list(session.get_objects({Attribute[name.upper()]: value for name, value in wanted.items()}))


def test_a_key_cannot_leave_the_token(token):
    """Sensitive, not extractable and never was; labelled with tenant and epoch."""
    key = token.create_key(CONTEXT)
    (found,) = objects(token, id=bytes.fromhex(key), **{"class": ObjectClass.SECRET_KEY})
    wanted = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.NEVER_EXTRACTABLE: True}
    assert {name: found[name] for name in wanted} == wanted
    assert found.label == "sottovoce/acme/2026-11.0"
    with pytest.raises(pkcs11.exceptions.PKCS11Error):
        _ = found[Attribute.VALUE]


def test_a_destroyed_key_is_off_the_token_and_its_tombstone_says_when(token):
    """Nothing with its id is left but a data object."""
    key = token.create_key(CONTEXT)
    assert token.schedule_destroy(key).final_at == NOW
    assert objects(token, id=bytes.fromhex(key), **{"class": ObjectClass.SECRET_KEY}) == []
    assert token.key_state(key) is KeyState.DESTROYED


def test_a_destruction_that_was_interrupted_is_finished(token):
    """A crash between tombstone and key leaves a key that counts as destroyed, and asking again takes it away."""
    key = token.create_key(CONTEXT)
    wrapped = token.wrap(KEY, CONTEXT, key_id=key)
    with token._session() as session:
        _bury(session, key, NOW)
    with pytest.raises(KeyShredded):
        token.unwrap(wrapped, CONTEXT)
    token.schedule_destroy(key)
    assert objects(token, id=bytes.fromhex(key), **{"class": ObjectClass.SECRET_KEY}) == []


def test_a_frozen_key_is_refused_by_the_token_itself(token):
    """Not only by us: its attributes forbid it."""
    key = token.create_key(CONTEXT)
    (found,) = objects(token, id=bytes.fromhex(key), **{"class": ObjectClass.SECRET_KEY})
    assert found.encrypt(b"x" * 16, mechanism_param=os.urandom(16))
    token.freeze(key)
    with pytest.raises(pkcs11.exceptions.PKCS11Error):
        found.encrypt(b"x" * 16, mechanism_param=os.urandom(16))


def test_keys_live_through_a_new_session(token, connect):
    """Another process opens what this one wrapped."""
    key = token.create_key(CONTEXT)
    wrapped = token.wrap(KEY, CONTEXT, key_id=key)
    token.close()
    again = connect()
    assert again.unwrap(wrapped, CONTEXT) == KEY
    again.close()


def test_two_providers_of_one_process_share_a_token(token, connect):
    """A process is logged in once."""
    key = token.create_key(CONTEXT)
    other = connect()
    assert other.unwrap(token.wrap(KEY, CONTEXT, key_id=key), CONTEXT) == KEY


def test_a_wrong_pin_or_label_or_library_is_refused(connect, softhsm):
    """And not retried: too many tries lock a token."""
    for wrong in ({"pin": Confidential("0000")}, {"label": "none"}, {"module": "none.so"}):
        with pytest.raises(KeyRefused) as refusal:
            connect(**wrong).reach()
        assert not refusal.value.retryable
        assert "0000" not in str(refusal.value)


@pytest.mark.parametrize("size", [0, 11, 12, 28])
def test_a_blob_too_short_to_hold_a_tag_is_broken(token, size):
    """The token is not asked."""
    wrapped = token.wrap(KEY, CONTEXT, key_id=token.create_key(CONTEXT))
    from dataclasses import replace

    with pytest.raises(SealBroken):
        token.unwrap(replace(wrapped, blob=wrapped.blob[:size]), CONTEXT)


def test_a_token_that_fails_is_unavailable_and_opened_anew(token):
    """Whatever broke the session, trying again opens another."""
    key = token.create_key(CONTEXT)
    wrapped = token.wrap(KEY, CONTEXT, key_id=key)

    class Fails:
        def get_objects(self, wanted):
            raise pkcs11.exceptions.DeviceError

        def close(self):
            raise pkcs11.exceptions.SessionHandleInvalid

    real = token._opened
    token._opened = os.getpid(), Fails()
    with pytest.raises(KeyUnavailable) as outage:
        token.unwrap(wrapped, CONTEXT)
    assert outage.value.retryable
    real[1].close()
    assert token.unwrap(wrapped, CONTEXT) == KEY
