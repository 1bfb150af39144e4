"""From the policy's `keys` to a provider."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyRefused, PolicyError, WorkspaceError
from sottovoce.kms.aws import AwsKms
from sottovoce.kms.azure import AzureKeyVault
from sottovoce.kms.gcp import GcpKms
from sottovoce.kms.hsm import Pkcs11Token
from sottovoce.kms.transit import Transit
from sottovoce.policy.load import parse_policy
from sottovoce.settings import Workspace
from sottovoce.testing.kms_gcp import KEY_RING, GcpServer
from sottovoce.testing.kms_softhsm import PIN
from sottovoce.testing.kms_transit import ROOT_TOKEN, TransitServer
from sottovoce.wiring.key_providers import open_provider

ROOT = Path(__file__).parents[3]
CONTEXT = {"app": "sottovoce", "tenant": "acme", "epoch": "2026-11.0"}
POLICY = """
environment: production
sources: {r: {kind: folder, path: r}}
lawful_basis: {basis: consent}
consent: {wordings: [{version: '1', effective: 2025-01-01}]}
keys:
"""
OTHERS = {
    "aws-kms": (
        {"region": "eu-west-1", "access_key": "file:secret", "secret_key": "file:secret", "waiting_days": 9},
        AwsKms,
        timedelta(days=9),
    ),
    "azure-key-vault": (
        {
            "url": "https://ours.vault.azure.net",
            "directory": "00000000-0000-0000-0000-000000000000",
            "client_id": "file:secret",
            "client_secret": "file:secret",
        },
        AzureKeyVault,
        timedelta(days=90),
    ),
}


def clock() -> datetime:
    return datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def opened(tmp_path):
    """The provider of a production policy with these keys."""
    (tmp_path / "secret").write_text("hush")

    def provider(name: str, **fields: object):
        given = "".join(f"  {key}: {value}\n" for key, value in {"provider": name, **fields}.items())
        policy = parse_policy(POLICY + given).policy
        return open_provider(policy.keys, workspace=Workspace(tmp_path), environment=policy.environment, clock=clock)

    return provider


@pytest.mark.parametrize("name", OTHERS)
def test_a_provider_is_made_as_the_policy_says(opened, name):
    """In production, with its secrets read and nothing sent."""
    fields, kind, waiting = OTHERS[name]
    provider = opened(name, **fields)
    assert isinstance(provider, kind)
    able = provider.capabilities
    assert (able.kms, able.production, able.key_per_epoch, able.destroyed_after) == (name, True, True, waiting)
    assert not opened(name, **fields, key="ours").capabilities.key_per_epoch


def test_transit_signs_in_by_token_or_role(opened, tmp_path):
    """Each read from where the policy says."""
    (tmp_path / "token").write_text(ROOT_TOKEN)
    with TransitServer(clock=clock) as vault:
        vault.roles["hush"] = "hush"
        for way in ({"token": "file:token"}, {"role_id": "file:secret", "secret_id": "file:secret"}):
            provider = opened("transit", url=vault.url, **way)
            assert isinstance(provider, Transit)
            assert provider.create_key(CONTEXT)


def test_an_hsm_is_opened_by_label_and_pin(opened, hsm_token, tmp_path):
    """The library's path, the token's label, and where the PIN is."""
    (tmp_path / "pin").write_text(PIN)
    module, label = hsm_token
    provider = opened("pkcs11", module=module, token_label=label, pin="file:pin")
    assert isinstance(provider, Pkcs11Token)
    assert provider.create_key(CONTEXT)
    provider.close()


def test_google_is_reached_where_the_policy_says(opened):
    """By its key ring."""
    with GcpServer(clock=clock) as service:
        provider = opened("gcp-kms", key_ring=KEY_RING, endpoint=service.url, protection="hsm", waiting_days=2)
        assert isinstance(provider, GcpKms)
        assert provider.create_key(CONTEXT)
        assert provider.capabilities.destroyed_after == timedelta(days=2)


def test_a_secret_that_is_not_there_is_said_without_its_value(opened):
    """By its reference."""
    with pytest.raises(WorkspaceError, match="file:missing"):
        opened("transit", url="https://vault.example", token="file:missing")


def test_the_file_ring_is_refused_in_production(opened, tmp_path):
    """By the policy, and by the ring itself if nobody asked the policy."""
    with pytest.raises(PolicyError, match="file key provider"):
        opened("file")
    keys = parse_policy(POLICY.replace("environment: production", "") + "  passphrase: file:secret\n").policy.keys
    with pytest.raises(PolicyError, match="production"):
        open_provider(keys, workspace=Workspace(tmp_path), environment="production", clock=clock)


@pytest.mark.parametrize(("library", "name"), [("boto3", "aws-kms"), ("azure.keyvault.keys", "azure-key-vault")])
def test_a_library_that_is_not_installed_is_named(opened, monkeypatch, library, name):
    """With the command that installs it."""
    import sys

    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(KeyRefused) as refusal:
        opened(name, **OTHERS[name][0])
    assert "pip install 'sottovoce[" in refusal.value.hint


def test_a_secret_never_shows(opened):
    """Not in what a provider prints of itself."""
    assert "hush" not in repr(opened("aws-kms", **OTHERS["aws-kms"][0]))
    assert repr(Confidential("hush")) == "‹confidential›"


DOCUMENTED = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "keys.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("text", DOCUMENTED)
def test_the_policies_of_the_page_on_keys_are_taken_as_they_stand(text):
    """Both are for production."""
    assert parse_policy(text).policy.environment == "production"
    assert len(DOCUMENTED) == 2
