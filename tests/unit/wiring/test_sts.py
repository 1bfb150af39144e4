"""Credentials of the object store's own, from policy."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sottovoce.access.sts import Reach, session_policy
from sottovoce.errors import PolicyError
from sottovoce.policy.load import parse_policy
from sottovoce.storage.browse import Place
from sottovoce.testing.house import write_policy
from sottovoce.uploads.credential import Form
from sottovoce.uploads.deliver import SessionDrop
from sottovoce.wiring.sts import SessionDoor, compose_sts, contributor_door

ROLE = "arn:aws:iam::123456789012:role/contributors"
POLICY = write_policy() + f"access:\n  sts:\n    contributor_role: {ROLE}\n    region: eu-west-1\n"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("moto")
    from moto import mock_aws

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield


def test_a_contributor_gets_a_session_for_its_own_prefix(aws) -> None:
    """An hour at most, for putting below one place of the inbox; what a contributor sends with understands it."""
    policy = parse_policy(POLICY).policy
    door = contributor_door(policy, Place(url="s3://inbox-bucket/inbox", region="eu-west-1"))
    assert door is not None
    way = door.way(prefix="in/contributor-1", ttl=timedelta(hours=1), slots=())
    said = way.secrets.reveal()
    assert way.form is Form.SESSION and said["url"] == "s3://inbox-bucket/inbox"
    assert {"access_key_id", "secret_access_key", "token"} <= set(said)
    assert SessionDrop(session=said, prefix="in/contributor-1").takes("in/contributor-1/x.svup")
    assert "inbox/in/contributor-1/" in session_policy("inbox-bucket", "inbox/in/contributor-1", Reach.PUT)
    assert door.way(prefix="in/contributor-1", ttl=timedelta(minutes=1), slots=()).form is Form.SESSION


def test_only_where_policy_names_a_role_and_the_inbox_is_in_s3() -> None:
    """Elsewhere the inbox's own doors serve."""
    with_role, without = parse_policy(POLICY).policy, parse_policy(write_policy()).policy
    assert contributor_door(with_role, Place(url="file:inbox")) is None
    assert contributor_door(without, Place(url="s3://inbox-bucket")) is None
    assert isinstance(contributor_door(with_role, Place(url="s3://inbox-bucket")), SessionDoor)
    with pytest.raises(PolicyError):
        compose_sts(with_role.access.sts, role=None, url="s3://bucket")
    with pytest.raises(PolicyError):
        compose_sts(with_role.access.sts, role=ROLE, url="file:x")
