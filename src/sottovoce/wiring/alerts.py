"""The ways to be told of a suspension, composed from policy; nothing is contacted before there is something to say."""

from __future__ import annotations

from sottovoce.access.alerts import Channel, CloudWatchChannel, FileChannel, MailChannel, SnsChannel, WebhookChannel
from sottovoce.errors import PolicyError
from sottovoce.ledger.ledger import Clock
from sottovoce.policy.model import AccessAlerts
from sottovoce.settings import Workspace, resolve_secret


def compose_channels(settings: AccessAlerts, *, workspace: Workspace, clock: Clock) -> tuple[Channel, ...]:
    """The ways to be told that policy names, the file always among them. Raises PolicyError, WorkspaceError."""
    channels: list[Channel] = [FileChannel(path=workspace.logs / "alerts.jsonl")]
    if settings.webhook:
        if settings.webhook_secret is None:
            raise PolicyError("access.alerts.webhook needs webhook_secret", hint="unsigned alerts prove nothing")
        secret = resolve_secret(settings.webhook_secret, base=workspace.root)
        channels.append(WebhookChannel(url=settings.webhook, secret=secret, clock=clock))
    if settings.smtp and settings.email_from and settings.email_to:
        given = settings.smtp_password
        channels.append(
            MailChannel(
                server=settings.smtp,
                sender=settings.email_from,
                to=settings.email_to,
                user=settings.smtp_user,
                password=resolve_secret(given, base=workspace.root) if given else None,
            )
        )
    if settings.sns_topic or settings.cloudwatch_namespace:
        import boto3

        if settings.sns_topic:
            region = settings.sns_topic.split(":")[3]
            channels.append(SnsChannel(client=boto3.client("sns", region_name=region), topic=settings.sns_topic))
        if settings.cloudwatch_namespace:
            channels.append(
                CloudWatchChannel(client=boto3.client("cloudwatch"), namespace=settings.cloudwatch_namespace)
            )
    return tuple(channels)
