"""Alarms that must be heard: a file, a signed webhook (Standard Webhooks 1.0.0), mail, Amazon SNS, CloudWatch.

An alert is written down in the transaction that suspends, a notice in one of its own, and sent until every channel has
taken it: a mail server that is away loses none. Addresses are reached over TLS, or on loopback.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import os
import smtplib
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import httpx
from sqlalchemy import Connection, Engine, insert, select, update

from sottovoce.access.alert import Alert, Notice, Told
from sottovoce.access.watch import Alarm, Breach
from sottovoce.database.access_tables import access_alerts as table
from sottovoce.database.engine import reading, writing
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import AccessError, PolicyError

TIMEOUT_S: Final = 10.0
MAX_TRIES: Final = 50
FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=1)
OPERATION: Final = "operation"
"""The purpose that notices are written down under."""
SUBJECT: Final = 99
"""Of an SNS message: fewer than 100 ASCII characters (Amazon SNS API Reference, "Publish")."""


class Channel(Protocol):
    """One way to be told."""

    @property
    def name(self) -> str: ...

    def send(self, alert: Told) -> None:
        """Raises AccessError when it was not taken; it is then sent again."""
        ...


class FileChannel:
    """One line of JSON an alert, in a file of its owner's."""

    name = "file"

    def __init__(self, *, path: Path) -> None:
        self._path = path

    def send(self, alert: Told) -> None:
        try:
            self._path.parent.mkdir(exist_ok=True, mode=0o700)
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "ab") as file:
                file.write(json.dumps(alert.as_json(), sort_keys=True).encode() + b"\n")
                file.flush()
                os.fsync(handle)
        except OSError as failure:
            raise AccessError(f"the alert cannot be written ({failure.strerror})") from None


class WebhookChannel:
    """A POST signed as Standard Webhooks: `v1` = HMAC-SHA256 over id, timestamp and body."""

    name = "webhook"

    def __init__(self, *, url: str, secret: Confidential[str], clock: Callable[[], datetime]) -> None:
        self._url = over_tls(url)
        self._secret = webhook_key(secret)
        self._clock = clock

    def send(self, alert: Told) -> None:
        body = json.dumps(alert.as_json(), sort_keys=True).encode()
        headers = signed_headers(self._secret, identity=alert.id, at=self._clock(), body=body)
        try:
            with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
                taken = client.post(self._url, content=body, headers=headers).is_success
        except httpx.HTTPError as failure:
            raise AccessError(f"the webhook does not answer ({type(failure).__name__})") from None
        if not taken:
            raise AccessError("the webhook did not take the alert")


class MailChannel:
    """A mail of a few lines. STARTTLS, except to a server on loopback."""

    name = "mail"

    def __init__(
        self,
        *,
        server: str,
        sender: str,
        to: Sequence[str],
        user: str | None = None,
        password: Confidential[str] | None = None,
    ) -> None:
        host, _, port = server.rpartition(":")
        if not host or not port.isdigit():
            raise PolicyError("access.alerts.smtp is host:port")
        self._host, self._port = host, int(port)
        self._sender, self._to = sender, tuple(to)
        self._login = (user, password) if user and password else None

    def send(self, alert: Told) -> None:
        message = EmailMessage()
        message["Subject"] = f"sottovoce: {alert.title}"
        message["From"], message["To"] = self._sender, ", ".join(self._to)
        message.set_content(alert.words)
        try:
            with smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_S) as server:
                if not is_loopback(self._host):
                    server.starttls(context=ssl.create_default_context())
                if self._login:
                    user, password = self._login
                    server.login(user, password.reveal())
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as failure:
            raise AccessError(f"the mail server did not take the alert ({type(failure).__name__})") from None


class SnsChannel:
    """A message to an Amazon SNS topic; `client` is a boto3 client of `sns`."""

    name = "sns"

    def __init__(self, *, client: Any, topic: str) -> None:
        self._client = client
        self._topic = topic

    def send(self, alert: Told) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            subject = f"sottovoce: {alert.title}"[:SUBJECT]
            self._client.publish(TopicArn=self._topic, Subject=subject, Message=json.dumps(alert.as_json()))
        except (BotoCoreError, ClientError) as failure:
            raise AccessError(f"SNS did not take the alert ({type(failure).__name__})") from None


class CloudWatchChannel:
    """Counts one in the metric `BulkAccessSuspensions` or `Notices`; `client` is a boto3 client of `cloudwatch`."""

    name = "cloudwatch"

    def __init__(self, *, client: Any, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    def send(self, alert: Told) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        counted, dimensions = alert.metric
        metric = {
            "MetricName": counted,
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            "Timestamp": alert.at,
            "Value": 1.0,
            "Unit": "Count",
        }
        try:
            self._client.put_metric_data(Namespace=self._namespace, MetricData=[metric])
        except (BotoCoreError, ClientError) as failure:
            raise AccessError(f"CloudWatch did not take the alert ({type(failure).__name__})") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What one round of sending came to."""

    sent: int
    waiting: int
    failures: Mapping[str, str] = field(default_factory=dict)


class Alerts:
    """The outbox. `raise_in` goes with the suspension, `tell` stands alone; `deliver` sends what waits, at any time."""

    def __init__(self, *, engine: Engine, channels: Sequence[Channel], clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._channels = tuple(channels)
        self._clock = clock

    def raise_in(self, connection: Connection, alert: Alert) -> None:
        """Writes an alert down in somebody's transaction."""
        alarm = alert.alarm
        facts = {"count": alarm.count, "limit": alarm.limit, "window_s": alarm.window_s}
        told = {"kind": alarm.breach.value, "principal": alert.principal, "purpose": alert.purpose}
        _write_down(connection, alert, facts=facts, **told)

    def tell(self, notice: Notice) -> Delivery:
        """Writes a notice down, and sends what waits."""
        with writing(self._engine) as connection:
            told = {"kind": notice.kind, "principal": notice.subject, "purpose": OPERATION}
            _write_down(connection, notice, facts=notice.facts, **told)
        return self.deliver(patiently=True)

    def deliver(self, *, patiently: bool = False) -> Delivery:
        """Sends what waits over every channel that has not taken it; nothing is raised.

        `patiently`: what failed before waits for its time, a minute after the first try, then twice as long up to an
        hour. Whoever calls this every few seconds would else use up all tries while a mail server restarts.
        """
        sent = waiting = 0
        failures: dict[str, str] = {}
        now = self._clock()
        for alert, taken, tries in self._waiting():
            if patiently and now < alert.at + patience(tries):
                waiting += 1
                continue
            now_taken = list(taken)
            for channel in self._channels:
                if channel.name not in taken:
                    failure = _tried(channel, alert)
                    if failure:
                        failures[channel.name] = failure
                    else:
                        now_taken.append(channel.name)
            done = len(now_taken) == len(self._channels) or tries + 1 >= MAX_TRIES
            sent, waiting = sent + done, waiting + (not done)
            self._note(alert.id, now_taken, tries + 1, done=done)
        return Delivery(sent=sent, waiting=waiting, failures=failures)

    def all(self) -> tuple[Alert | Notice, ...]:
        """Everything there was, newest first."""
        with reading(self._engine) as connection:
            return tuple(map(_alert, connection.execute(select(table).order_by(table.c.at_ms.desc()))))

    def _waiting(self) -> list[tuple[Alert | Notice, list[str], int]]:
        with reading(self._engine) as connection:
            rows = connection.execute(select(table).where(table.c.done_ms.is_(None)).order_by(table.c.at_ms)).all()
        return [(_alert(row), row.sent, row.tries) for row in rows]

    def _note(self, alert: str, taken: list[str], tries: int, *, done: bool) -> None:
        done_ms = int(self._clock().timestamp() * 1000) if done else None
        with writing(self._engine) as connection:
            change = update(table).where(table.c.id == alert)
            connection.execute(change.values(sent=taken, tries=tries, done_ms=done_ms))


def patience(tries: int) -> timedelta:
    """How long after it was written down an alert is due again that was tried so often."""
    return sum((min(FIRST_PAUSE * 2 ** min(n, 6), LONGEST_PAUSE) for n in range(tries)), timedelta())


def signed_headers(secret: Confidential[bytes], *, identity: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers of Standard Webhooks for a body."""
    stamp = str(int(at.timestamp()))
    signed = f"{identity}.{stamp}.".encode() + body
    mac = base64.b64encode(hmac.new(secret.reveal(), signed, hashlib.sha256).digest()).decode()
    return {
        "content-type": "application/json",
        "webhook-id": identity,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{mac}",
    }


def webhook_key(secret: Confidential[str]) -> Confidential[bytes]:
    """The bytes of `whsec_…`: 24 to 64 of them. PolicyError for anything else."""
    try:
        key = base64.b64decode(secret.reveal().removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not 24 <= len(key) <= 64:
        raise PolicyError("the webhook secret is not whsec_ and 24 to 64 bytes in base64")
    return Confidential(key)


def over_tls(url: str) -> str:
    """The URL, if it is https, or http on this machine; PolicyError otherwise."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url
    if parts.scheme == "http" and is_loopback(parts.hostname or ""):
        return url
    raise PolicyError("plain http is for loopback only", hint="write https://…")


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _write_down(connection: Connection, alert: Told, *, facts: Mapping[str, str | int | float], **told: str) -> None:
    at_ms = int(alert.at.timestamp() * 1000)
    row = {"id": alert.id, **told, "facts": dict(facts), "at_ms": at_ms, "sent": [], "tries": 0}
    connection.execute(insert(table).values(**row))


def _tried(channel: Channel, alert: Told) -> str:
    try:
        channel.send(alert)
    except AccessError as failure:
        return str(failure)
    return ""


def _alert(row: Any) -> Alert | Notice:
    at = datetime.fromtimestamp(row.at_ms / 1000, tz=UTC)
    if row.kind not in {breach.value for breach in Breach}:
        return Notice(id=row.id, kind=row.kind, subject=row.principal, at=at, facts=row.facts)
    alarm = Alarm(breach=Breach(row.kind), **row.facts)
    return Alert(id=row.id, principal=row.principal, purpose=row.purpose, alarm=alarm, at=at)
