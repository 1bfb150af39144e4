"""`keys:` names one of six providers, strictly."""

from __future__ import annotations

import pytest

from sottovoce.errors import PolicyError
from sottovoce.policy.load import parse_policy

POLICY = (
    "sources: {r: {kind: folder, path: r}}\nlawful_basis: {basis: consent}\n"
    "consent: {wordings: [{version: '1', effective: 2025-01-01}]}\n"
)
RING = "projects/p/locations/l/keyRings/r"
PROVIDERS = {
    "aws-kms": "region: eu-west-1",
    "pkcs11": "module: hsm.so, token_label: ours, pin: env:PIN",
    "transit": "url: https://vault.example, token: env:TOKEN",
    "gcp-kms": f"key_ring: {RING}",
    "azure-key-vault": "url: https://ours.vault.azure.net",
}


def keys_of(text: str):
    return parse_policy(POLICY + text + "\n").policy.keys


def test_the_file_ring_is_the_default_and_needs_no_name():
    """A section from before there were others means what it did, and its digest is what it was."""
    assert keys_of("").provider == keys_of("keys: {passphrase: env:OURS}").provider == "file"
    assert parse_policy(POLICY).digest == parse_policy(POLICY + "keys: {provider: file}\n").digest


@pytest.mark.parametrize("name", PROVIDERS)
def test_production_takes_any_key_service(name):
    """And only the file ring not."""
    text = f"environment: production\nkeys: {{provider: {name}, {PROVIDERS[name]}}}"
    assert keys_of(text).provider == name
    with pytest.raises(PolicyError, match="not for production"):
        keys_of("environment: production")


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ("provider: aws-kmss, region: x", "aws-kmss", "aws-kms"),
        ("provider: aws-kms", "keys.region", "region"),
        ("provider: aws-kms, region: x, pin: env:PIN", "`pin` is not a key", "region"),
        ("provider: aws-kms, region: x, waiting_days: 6", "at least 7", ""),
        ("provider: aws-kms, region: x, waiting_days: 31", "at most 30", ""),
        ("provider: aws-kms, region: x, access_key: env:A", "belong together", "role"),
        ("provider: aws-kms, region: x, endpoint: 'http://kms.example'", "https", "https"),
        ("provider: pkcs11, module: m, token_label: t, pin: '1234'", "not what it is", "env:NAME"),
        ("provider: transit, url: 'https://v'", "one way to sign in", "token"),
        ("provider: transit, url: 'https://v', token: env:A, role_id: env:B, secret_id: env:C", "one way", "token"),
        ("provider: transit, url: 'http://v', token: env:A", "https", "https"),
        ("provider: gcp-kms, key_ring: ring", "key_ring", ""),
        ("provider: azure-key-vault, url: 'https://v', client_id: env:A", "belong together", "identity"),
        ("provider: 3", "cannot be this number", "aws-kms"),
    ],
)
def test_what_is_wrong_is_said_with_what_would_be_right(given, message, hint):
    """On its line, and a secret that was written out is not repeated."""
    with pytest.raises(PolicyError) as flaw:
        keys_of(f"keys: {{{given}}}")
    assert message in str(flaw.value)
    assert hint in flaw.value.hint
    assert flaw.value.line == 4
    assert "1234" not in str(flaw.value) + flaw.value.hint
