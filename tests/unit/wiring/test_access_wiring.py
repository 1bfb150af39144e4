"""Access as a house composes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sottovoce.access.alerts import FileChannel, MailChannel, WebhookChannel
from sottovoce.access.principals import Kind
from sottovoce.access.roles import Role
from sottovoce.errors import NotSignedIn, PolicyError
from sottovoce.policy.model import AccessAlerts
from sottovoce.settings import Workspace
from sottovoce.testing.house import make_test_workspace
from sottovoce.wiring.access import AccessDesk
from sottovoce.wiring.alerts import compose_channels
from sottovoce.wiring.house import House
from sottovoce.wiring.workspace import utc_now


@pytest.fixture
def house(tmp_path: Path):
    house = House(make_test_workspace(tmp_path / "w", count=0))
    yield house
    house.close()


def test_the_owner_has_one_name_before_and_after_it_is_written_down(house: House, tmp_path: Path) -> None:
    """What was done in its name before can be told from what anybody else did."""
    desk = AccessDesk(house, environ={"XDG_STATE_HOME": str(tmp_path)})
    before = desk.me()
    assert desk.principals.unowned()
    assert desk.me(founding=True).id == before.id
    assert not desk.principals.unowned()
    assert desk.found() is None


def test_whoever_comes_first_does_not_keep_the_owner_out(house: House, tmp_path: Path) -> None:
    """A training job made known before anybody was an owner is not one."""
    desk = AccessDesk(house, environ={"XDG_STATE_HOME": str(tmp_path)})
    desk.principals.create(Kind.TRAINING, by=desk.me().id, roles=[Role.TRAINER])
    assert desk.me(founding=True).label == "owner"
    assert len(desk.principals.all()) == 2


def test_a_workspace_of_another_account_lets_nobody_in(house: House, tmp_path: Path, monkeypatch) -> None:
    """Being able to read its files is not being its owner."""
    desk = AccessDesk(house, environ={"XDG_STATE_HOME": str(tmp_path)})
    monkeypatch.setattr("os.geteuid", lambda: 4242)
    with pytest.raises(NotSignedIn):
        desk.me(founding=True)


def test_sessions_of_two_workspaces_are_two(house: House, tmp_path: Path) -> None:
    """Signing in here signs in nowhere else."""
    other = House(make_test_workspace(tmp_path / "x", count=0))
    assert house.access.session != other.access.session
    other.close()


def test_channels_are_those_of_the_policy(tmp_path: Path) -> None:
    """The file always; a webhook only with a secret."""
    import base64

    (tmp_path / "secret").write_text("whsec_" + base64.b64encode(b"k" * 32).decode())
    said = AccessAlerts(
        webhook="https://example.com/x",
        webhook_secret="file:secret",
        smtp="127.0.0.1:25",
        email_from="a@example.com",
        email_to=("b@example.com",),
    )
    made = compose_channels(said, workspace=Workspace(tmp_path), clock=utc_now)
    assert [type(each) for each in made] == [FileChannel, WebhookChannel, MailChannel]
    with pytest.raises(PolicyError):
        compose_channels(AccessAlerts(webhook="https://example.com/x"), workspace=Workspace(tmp_path), clock=utc_now)


def test_amazons_channels_are_composed(tmp_path: Path, monkeypatch) -> None:
    """With the machine's own role."""
    pytest.importorskip("boto3")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    said = AccessAlerts(sns_topic="arn:aws:sns:eu-west-1:123456789012:alarms", cloudwatch_namespace="sottovoce")
    made = compose_channels(said, workspace=Workspace(tmp_path), clock=utc_now)
    assert [each.name for each in made] == ["file", "sns", "cloudwatch"]
