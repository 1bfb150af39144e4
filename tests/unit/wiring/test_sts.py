"""Credentials of the object store's own, from policy."""

from __future__ import annotations

import pytest

from sottovoce.errors import PolicyError
from sottovoce.policy.model import Sts
from sottovoce.wiring.sts import compose_sts


def test_only_where_policy_names_a_role_and_the_store_is_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere there is nothing to narrow."""
    pytest.importorskip("boto3")
    role = Sts(role="arn:aws:iam::123456789012:role/reader", region="eu-west-1")
    compose_sts(role, url="s3://bucket/prefix")
    for settings, url in ((Sts(), "s3://bucket"), (role, "file:objects")):
        with pytest.raises(PolicyError):
            compose_sts(settings, url=url)
