"""What the keys of a destination demand of each other, and what they may not say at all."""

from __future__ import annotations

import pytest

from sottovoce.errors import PolicyError
from sottovoce.policy.load import parse_policy

POLICY = (
    "sources: {r: {kind: folder, path: r}}\nlawful_basis: {basis: consent}\n"
    "consent: {wordings: [{version: '1', effective: 2025-01-01}]}\n"
)
READ = "confirm: {kind: read, url: 'https://v.example/{name}'}"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExample"


def destination(text: str, name: str = "vendor"):
    return parse_policy(f"{POLICY}delivery: {{destinations: {{{name}: {{{text}}}}}}}\n").policy.delivery.destinations[
        name
    ]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("kind: bucket, url: 's3://b/p', role: 'arn:aws:iam::123456789012:role/r', external_id: 'env:E'", "bucket"),
        ("kind: bucket, url: 'az://c/p', account: a, credentials: 'env:C'", "bucket"),
        ("kind: bucket, url: 'file:drop'", "bucket"),
        (f"kind: https, url: 'https://v.example/in', {READ}", "https"),
        (f"kind: https, url: 'https://v.example/in', way: presigned, upload_hosts: [s.v.example], {READ}", "https"),
        (f"kind: sftp, host: s.example, user: u, private_key: 'file:k', host_key: '{HOST_KEY}'", "sftp"),
    ],
)
def test_each_kind_reads(text: str, kind: str) -> None:
    """A destination says its kind, and has the keys of that kind."""
    assert destination(text).kind == kind


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: bucket, url: 'gs://b', role: 'arn:aws:iam::123456789012:role/r'", "`role` is for s3:// only"),
        ("kind: bucket, url: 'gs://b', kms_key: k", "`kms_key` is for s3:// only"),
        ("kind: bucket, url: 's3://b', external_id: 'env:E'", "goes with a role"),
        ("kind: bucket, url: 's3://b', access_key: 'env:A'", "belong together"),
        ("kind: bucket, url: 's3://b', endpoint: 'http://store.example'", "over https"),
        (f"kind: https, url: 'https://v.example', way: presigned, {READ}", "hosts are named here"),
        (
            "kind: https, url: 'https://v.example', way: presigned, upload_hosts: [h], confirm: {kind: answer}",
            "answers with no digest",
        ),
        ("kind: https, url: 'https://v.example', confirm: {kind: read, url: 'https://v.example/x'}", "no delivery"),
        (f"kind: https, url: 'https://v.example', delete_url: 'https://v.example/x', {READ}", "no delivery"),
    ],
)
def test_what_contradicts_itself_is_a_flaw(text: str, said: str) -> None:
    """It is found before anything runs, with what would mend it."""
    with pytest.raises(PolicyError) as flaw:
        destination(text)
    assert said in str(flaw.value)
    assert flaw.value.hint


@pytest.mark.parametrize(
    "text",
    [
        f"kind: https, url: 'http://v.example/in', {READ}",
        f"kind: https, url: 'https://user:pass@v.example/in', {READ}",
        "kind: https, url: 'https://v.example/in'",
        "kind: https, url: 'https://v.example/in', confirm: {kind: waived}",
        "kind: https, url: 'https://v.example/in', confirm: {kind: none}",
        f"kind: https, url: 'https://v.example/in', login: {{kind: api_key, key: plain}}, {READ}",
        f"kind: https, url: 'https://v.example/in', upload_hosts: ['*.v.example'], {READ}",
        "kind: sftp, host: s.example, user: u, private_key: 'file:k'",
        "kind: sftp, host: s.example, user: u, private_key: 'file:k', host_key: any",
        "kind: bucket, url: 's3://b', fields: {Caller: conversation_id}",
        "kind: bucket, url: 's3://b', fields: {Caller: customer_number}",
        "kind: fax, url: 'https://v.example'",
    ],
)
def test_what_may_not_be_said_is_refused(text: str) -> None:
    """Plain http, a secret in the open, an unconfirmed delivery without a name, any host key, an id of the source's."""
    with pytest.raises(PolicyError):
        destination(text)


@pytest.mark.parametrize("name", ["Vendor", "a" * 41, "a b", "-a"])
def test_a_destination_is_called_by_a_short_code(name: str) -> None:
    """Its name is part of every delivery's key."""
    with pytest.raises(PolicyError):
        destination("kind: bucket, url: 's3://b'", f"'{name}'")
