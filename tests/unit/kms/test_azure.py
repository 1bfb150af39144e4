"""Azure Key Vault and Managed HSM, over TLS on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from azure.core.exceptions import AzureError

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyRefused, KeyShredded, KeyUnavailable, SealBroken
from sottovoce.kms.azure import AzureKeyVault
from sottovoce.kms.protocol import KeyState
from sottovoce.testing.kms_azure import AnyToken, AzureServer
from sottovoce.testing.kms_loopback import Reply

CONTEXT = {"app": "sottovoce", "tenant": "acme", "epoch": "2026-11.0"}
KEY = Confidential(bytes(range(32)))


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(clock, tmp_path) -> Iterator[AzureServer]:
    with AzureServer(clock=clock, folder=tmp_path, retention_days=7) as running:
        yield running


@pytest.fixture
def connect(service, clock):
    def connected(**fields) -> AzureKeyVault:
        return AzureKeyVault.connect(
            **{
                "url": service.url,
                "credential": AnyToken(),
                "clock": clock,
                "kind": "oct-hsm",
                "ca": service.ca,
                "verify_challenge_resource": False,
                **fields,
            }
        )

    return connected


@pytest.fixture
def vault(connect) -> AzureKeyVault:
    return connect()


def test_a_deleted_key_is_pending_until_the_vault_purges_it(vault, clock):
    """The date is the vault's own, whatever the policy believed; then the key is gone, and asking still answers."""
    key = vault.create_key(CONTEXT)
    wrapped = vault.wrap(KEY, CONTEXT, key_id=key)
    first = vault.schedule_destroy(key)
    assert (first.state, first.final_at) == (KeyState.PENDING, clock.now + timedelta(days=7))
    clock.now = first.final_at
    assert vault.key_state(key) is KeyState.DESTROYED
    assert vault.schedule_destroy(key).state is KeyState.DESTROYED
    with pytest.raises(KeyShredded):
        vault.unwrap(wrapped, CONTEXT)


def test_a_purged_key_is_destroyed_at_once(vault):
    """Where the vault lets somebody purge."""
    key = vault.create_key(CONTEXT)
    vault.schedule_destroy(key)
    vault._client.purge_deleted_key(vault._named(key)[0])
    assert vault.key_state(key) is KeyState.DESTROYED


def test_a_key_of_another_vault_is_refused_before_anybody_is_asked(vault, service):
    """Ids are URLs: ours are in our vault."""
    asked = len(service.server.asked)
    for other in ("https://other.vault.azure.net/keys/k/" + "0" * 32, "k", service.url + "/keys/k/latest"):
        with pytest.raises(KeyRefused):
            vault.key_state(other)
    assert len(service.server.asked) == asked


def test_a_key_we_never_made_is_unknown_and_not_destroyed(vault, service):
    """Only names of ours may be said to have been destroyed."""
    with pytest.raises(KeyRefused):
        vault.key_state(f"{service.url}/keys/theirs/{'0' * 32}")


def test_a_standing_key_serves_every_epoch(vault, connect):
    """It must be of the kind the policy says."""
    key = vault.create_key(CONTEXT)
    name = vault._named(key)[0]
    standing = connect(standing_key=name)
    assert standing.create_key(CONTEXT) == key
    assert standing.reach().service_time is not None
    assert not standing.capabilities.key_per_epoch
    with pytest.raises(KeyRefused, match="standing key"):
        connect(standing_key=name, kind="rsa-hsm").create_key(CONTEXT)


def test_certificates_of_strangers_are_not_trusted(connect):
    """Without the CA the server is unavailable, and no token is sent."""
    with pytest.raises(KeyUnavailable):
        connect(ca=None).reach()


def test_a_blob_cut_anywhere_is_broken(vault):
    """Whatever its lengths say."""
    wrapped = vault.wrap(KEY, CONTEXT, key_id=vault.create_key(CONTEXT))
    for size in range(len(wrapped.blob)):
        with pytest.raises(SealBroken):
            vault.unwrap(replace(wrapped, blob=wrapped.blob[:size]), CONTEXT)


@pytest.mark.parametrize(
    ("status", "error"), [(401, KeyRefused), (403, KeyRefused), (429, KeyUnavailable), (500, KeyUnavailable)]
)
def test_what_the_service_says_no_with_is_told_in_our_words(connect, service, status, error):
    """Only what may pass by itself is retryable."""
    vault = connect()
    key = vault.create_key(CONTEXT)
    service.server.failing = Reply(status=status, json={"error": {"code": "X", "message": "acme and 10.0.0.7"}})
    with pytest.raises(error) as refusal:
        vault.wrap(KEY, CONTEXT, key_id=key)
    assert type(refusal.value) is error
    assert "acme" not in str(refusal.value) + refusal.value.hint
    assert refusal.value.__suppress_context__
    assert not isinstance(refusal.value, AzureError)
