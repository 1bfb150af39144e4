"""What every key provider promises, asked of each."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyRefused, KeyShredded, SealBroken
from sottovoce.kms.file_keyring import FileKeyRing
from sottovoce.kms.protocol import KeyProvider, KeyState
from sottovoce.testing.keys import MemoryKeys

CONTEXT = {"app": "sottovoce", "tenant": "acme", "epoch": "2026-11.0"}
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def clock() -> datetime:
    return NOW


@pytest.fixture(params=["file", "memory", "memory with a waiting time"])
def provider(request, tmp_path) -> KeyProvider:
    if request.param == "file":
        return FileKeyRing.create(tmp_path / "keys.ring", Confidential("correct horse"), clock=clock)
    waiting = timedelta(days=7) if "waiting" in request.param else timedelta(0)
    return MemoryKeys(clock=clock, waiting=waiting)


@pytest.fixture
def key() -> Confidential[bytes]:
    return Confidential(os.urandom(32))


def test_a_wrapped_key_comes_back_under_its_own_context(provider, key):
    """unwrap undoes wrap; the blob says which kms and key made it."""
    key_id = provider.create_key(CONTEXT)
    wrapped = provider.wrap(key, CONTEXT, key_id=key_id)
    assert provider.unwrap(wrapped, CONTEXT) == key
    assert (wrapped.kms, wrapped.key_id) == (provider.capabilities.kms, key_id)
    assert key.reveal() not in wrapped.blob


@pytest.mark.parametrize(
    "other", [{}, {**CONTEXT, "tenant": "other"}, {**CONTEXT, "epoch": "2026-12.0"}, {**CONTEXT, "x": "y"}]
)
def test_another_context_is_refused(provider, key, other):
    """A blob moved to another tenant or epoch does not open."""
    wrapped = provider.wrap(key, CONTEXT, key_id=provider.create_key(CONTEXT))
    with pytest.raises(SealBroken):
        provider.unwrap(wrapped, other)


def test_a_changed_blob_is_refused(provider, key):
    """Every changed byte, a cut and an empty blob are refused."""
    wrapped = provider.wrap(key, CONTEXT, key_id=provider.create_key(CONTEXT))
    blobs = [wrapped.blob[:i] + bytes([wrapped.blob[i] ^ 1]) + wrapped.blob[i + 1 :] for i in range(len(wrapped.blob))]
    for blob in [*blobs, wrapped.blob[:-1], b""]:
        with pytest.raises(SealBroken):
            provider.unwrap(replace(wrapped, blob=blob), CONTEXT)


def test_a_blob_under_another_key_is_refused(provider, key):
    """A blob that claims another key of the same provider does not open."""
    wrapped = provider.wrap(key, CONTEXT, key_id=provider.create_key(CONTEXT))
    with pytest.raises(SealBroken):
        provider.unwrap(replace(wrapped, key_id=provider.create_key(CONTEXT)), CONTEXT)


def test_an_unknown_key_is_refused(provider, key):
    """A key the provider never made is a refusal that no retry helps."""
    with pytest.raises(KeyRefused) as refusal:
        provider.wrap(key, CONTEXT, key_id="no-such-key")
    assert not refusal.value.retryable
    with pytest.raises(KeyRefused):
        provider.key_state("no-such-key")


def test_rewrapping_moves_a_key_under_another(provider, key):
    """After rewrap the same key opens under the new provider key alone."""
    old, new = provider.create_key(CONTEXT), provider.create_key(CONTEXT)
    wrapped = provider.rewrap(provider.wrap(key, CONTEXT, key_id=old), CONTEXT, key_id=new)
    provider.schedule_destroy(old)
    assert wrapped.key_id == new
    assert provider.unwrap(wrapped, CONTEXT) == key


def test_a_frozen_key_neither_wraps_nor_unwraps_until_thawed(provider, key):
    """Frozen means unusable, and nothing is lost."""
    key_id = provider.create_key(CONTEXT)
    wrapped = provider.wrap(key, CONTEXT, key_id=key_id)
    provider.freeze(key_id)
    provider.freeze(key_id)
    assert provider.key_state(key_id) is KeyState.FROZEN
    for use in (lambda: provider.unwrap(wrapped, CONTEXT), lambda: provider.wrap(key, CONTEXT, key_id=key_id)):
        with pytest.raises(KeyRefused):
            use()
    provider.thaw(key_id)
    assert provider.key_state(key_id) is KeyState.ACTIVE
    assert provider.unwrap(wrapped, CONTEXT) == key


def test_a_destroyed_key_is_dead_at_once_and_for_good(provider, key):
    """From the moment destruction is scheduled nothing opens; asking again changes nothing."""
    key_id = provider.create_key(CONTEXT)
    wrapped = provider.wrap(key, CONTEXT, key_id=key_id)
    first, second = provider.schedule_destroy(key_id), provider.schedule_destroy(key_id)
    assert first == second
    assert first.final_at == NOW + provider.capabilities.destroyed_after
    expected = KeyState.PENDING if provider.capabilities.destroyed_after else KeyState.DESTROYED
    assert provider.key_state(key_id) is first.state is expected
    for use in (
        lambda: provider.unwrap(wrapped, CONTEXT),
        lambda: provider.wrap(key, CONTEXT, key_id=key_id),
        lambda: provider.freeze(key_id),
        lambda: provider.thaw(key_id),
    ):
        with pytest.raises(KeyShredded):
            use()


def test_a_frozen_key_can_be_destroyed(provider):
    """Freezing a provider's key is no legal hold: that is the key store's to keep."""
    key_id = provider.create_key(CONTEXT)
    provider.freeze(key_id)
    assert provider.schedule_destroy(key_id).state in {KeyState.PENDING, KeyState.DESTROYED}


def test_each_epoch_gets_its_own_key_where_promised(provider):
    """A provider with a key for each epoch never hands out the same one twice."""
    assert provider.capabilities.key_per_epoch
    assert len({provider.create_key(CONTEXT) for _ in range(5)}) == 5


def test_no_key_is_printed(provider, key):
    """Neither a wrapped blob nor a key shows in a repr."""
    wrapped = provider.wrap(key, CONTEXT, key_id=provider.create_key(CONTEXT))
    assert wrapped.blob.hex() not in repr(wrapped)
    assert repr(wrapped.blob) not in repr(wrapped)
