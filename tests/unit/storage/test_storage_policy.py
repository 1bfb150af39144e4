"""What a policy may say of its storage: a key that means nothing for the chosen store is a flaw, and not a silence."""

from __future__ import annotations

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import PolicyError
from sottovoce.policy.load import load_policy
from sottovoce.policy.model import Storage
from sottovoce.policy.template import default_policy
from sottovoce.storage.open_store import open_store

ACCOUNT = "credentials: env:KEY\n  account: corpus"


def policy_with(tmp_path, storage: str):
    lines, out, skipping = default_policy().splitlines(), [], False
    for line in lines:
        if skipping and line.startswith("  "):
            continue
        skipping = line.startswith("storage:")
        out.append(line if not skipping else f"storage:\n  {storage}")
    path = tmp_path / "policy.yaml"
    path.write_text("\n".join(out), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "storage",
    [
        "url: file:objects",
        "url: s3://bucket/prefix\n  region: eu-west-1\n  object_lock: {mode: compliance, days: 30}",
        "url: gs://bucket/prefix\n  credentials: env:KEY",
        f"url: az://container\n  {ACCOUNT}",
        "url: az://container\n  retries: 0\n  timeout_s: 5",
    ],
)
def test_each_kind_of_store_takes_what_it_has(tmp_path, storage):
    """With credentials by reference, or the machine's own."""
    assert load_policy(policy_with(tmp_path, storage)).policy.storage.url in storage


@pytest.mark.parametrize(
    ("storage", "said"),
    [
        ("url: ftp://bucket", "kind of storage"),
        ("url: s3:bucket", "kind of storage"),
        ("url: gs://", "kind of storage"),
        ("url: gs://bucket\n  kms_key: arn", "means nothing for `gs:`"),
        (f"url: az://c\n  {ACCOUNT}\n  object_lock: {{mode: governance, days: 1}}", "means nothing for `az:`"),
        ("url: file:objects\n  region: eu", "means nothing for `file:`"),
        ("url: s3://bucket\n  account: corpus", "means nothing for `s3:`"),
        ("url: az://c\n  credentials: env:KEY", "storage account"),
        ("url: s3://bucket\n  access_key: env:KEY", "belong together"),
        ("url: s3://bucket\n  object_lock: {mode: forever, days: 1}", "object_lock"),
        ("url: s3://bucket\n  object_lock: {mode: governance, days: 0}", "object_lock"),
        ("url: gs://bucket\n  credentials: not-a-reference", "credentials"),
    ],
)
def test_what_would_not_happen_is_refused(tmp_path, storage, said):
    """An encryption, a lock or a region that the store does not know."""
    with pytest.raises(PolicyError) as refusal:
        load_policy(policy_with(tmp_path, storage))
    assert said in str(refusal.value)


@pytest.mark.parametrize(("url", "scheme"), [("gs://bucket/prefix", "gs"), ("az://container/prefix", "az")])
def test_credentials_may_come_from_the_machine(tmp_path, url, scheme):
    """Nothing is fetched before the first object is."""
    policy = Storage(url=url, account="corpus" if scheme == "az" else None)
    assert open_store(policy, base=tmp_path).scheme == scheme


@pytest.mark.parametrize("url", ["ftp://acme/corpus", "az-indexed://acme/corpus", "s3:acme", "gs://"])
def test_an_address_of_no_store_is_refused(tmp_path, url):
    """Also where it comes from a command line, and not through the policy's own checks."""
    with pytest.raises(PolicyError, match="names no store"):
        open_store(Storage(url=url), base=tmp_path, indexed=True)


def test_a_key_of_another_form_is_named_and_not_repeated(tmp_path):
    """Azure's are Base64."""
    policy = Storage(url="az://c", account="corpus", credentials="env:KEY")
    with pytest.raises(PolicyError, match="az://") as refusal:
        open_store(policy, base=tmp_path, resolve=lambda _: Confidential("hush: no base64 !"))
    assert "hush" not in f"{refusal.value} {refusal.value.hint}"
    assert refusal.value.__suppress_context__
