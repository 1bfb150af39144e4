"""Alarms that must be heard."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socketserver
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sottovoce.access.alert import Alert, Notice
from sottovoce.access.alerts import (
    MAX_TRIES,
    Alerts,
    CloudWatchChannel,
    FileChannel,
    MailChannel,
    SnsChannel,
    WebhookChannel,
    over_tls,
    patience,
    signed_headers,
    webhook_key,
)
from sottovoce.access.watch import Alarm, Breach
from sottovoce.database.engine import writing
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import AccessError, PolicyError

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ALARM = Alarm(breach=Breach.RATE, window_s=60, count=21, limit=20)
ALERT = Alert(id="a" * 32, principal="person_1", purpose="listening", alarm=ALARM, at=NOW)
SECRET = Confidential("whsec_" + base64.b64encode(b"k" * 32).decode())


@contextmanager
def receiver(status: int = 204) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A webhook on loopback that keeps what it gets."""
    got: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(
                ({k.lower(): v for k, v in self.headers.items()}, self.rfile.read(int(self.headers["content-length"])))
            )
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/alerts", got
    server.shutdown()
    server.server_close()
    thread.join()


class Mailbox(socketserver.StreamRequestHandler):
    """As much of a mail server as one message needs."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline().strip():
            word = line.split()[0].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                while (part := self.rfile.readline()) != b".\r\n":
                    self.server.got.append(part)  # type: ignore[attr-defined]
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")
            if word == b"QUIT":
                return


def test_a_webhook_is_signed_as_the_standard_says() -> None:
    """Standard Webhooks: HMAC-SHA256 over id, timestamp and body, as the receiver computes it again."""
    with receiver() as (url, got):
        WebhookChannel(url=url, secret=SECRET, clock=lambda: NOW).send(ALERT)
    ((headers, body),) = got
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mac = base64.b64encode(hmac.new(b"k" * 32, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{mac}"
    assert json.loads(body)["data"] == {
        "id": ALERT.id,
        "principal": "person_1",
        "purpose": "listening",
        "breach": "RATE",
        "recordings": 21,
        "limit": 20,
        "window_s": 60,
    }


def test_the_standards_own_example(shared) -> None:
    """The signature of the specification's example comes out the same."""
    case = json.loads((shared / "vectors" / "standardwebhooks" / "spec-examples.json").read_text())
    at = datetime.fromtimestamp(case["timestamp"], tz=UTC)
    key = webhook_key(Confidential(f"whsec_{case['secret']}"))
    headers = signed_headers(key, identity=case["msg_id"], at=at, body=case["payload"].encode())
    assert headers["webhook-signature"] == case["expected_signature"]


@pytest.mark.parametrize("status", [302, 400, 500])
def test_a_webhook_that_does_not_take_it_is_asked_again(status: int) -> None:
    """Anything but success is no delivery; redirects are not followed."""
    with receiver(status) as (url, got), pytest.raises(AccessError):
        WebhookChannel(url=url, secret=SECRET, clock=lambda: NOW).send(ALERT)
    assert len(got) == 1


def test_a_webhook_that_is_away_is_said() -> None:
    """Without its address."""
    with pytest.raises(AccessError) as error:
        WebhookChannel(url="http://127.0.0.1:9/secret-path", secret=SECRET, clock=lambda: NOW).send(ALERT)
    assert "secret-path" not in str(error.value)


@pytest.mark.parametrize("url", ["http://example.com/x", "ftp://127.0.0.1/", "https://", "", "http://10.0.0.1/"])
def test_alerts_travel_over_tls(url: str) -> None:
    """Plain http is for this machine."""
    with pytest.raises(PolicyError):
        over_tls(url)
    assert over_tls("http://localhost:1/x") and over_tls("https://example.com/x")


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!", "whsec_" + base64.b64encode(b"short").decode()])
def test_a_webhook_has_a_real_secret(secret: str) -> None:
    """24 to 64 bytes."""
    with pytest.raises(PolicyError):
        webhook_key(Confidential(secret))


def test_a_mail_is_a_few_lines() -> None:
    """Who, why, and what to do."""
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mailbox)
    server.got = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    port = server.server_address[1]
    MailChannel(server=f"127.0.0.1:{port}", sender="sv@example.com", to=["dpo@example.com"]).send(ALERT)
    server.shutdown()
    server.server_close()
    thread.join()
    said = b"".join(server.got).decode()  # type: ignore[attr-defined]
    assert "person_1 was suspended" in said and "21 distinct recordings in 60 s, limit 20" in said


def test_a_mail_server_that_is_away_is_said() -> None:
    """And one that is no address is a mistake in the policy."""
    with pytest.raises(AccessError):
        MailChannel(server="127.0.0.1:9", sender="a@example.com", to=["b@example.com"]).send(ALERT)
    with pytest.raises(PolicyError):
        MailChannel(server="mail.example.com", sender="a@example.com", to=[])


def test_a_file_is_its_owners(tmp_path) -> None:
    """One line an alert, mode 0600, and a folder that cannot be written is said."""
    path = tmp_path / "logs" / "alerts.jsonl"
    for _ in range(2):
        FileChannel(path=path).send(ALERT)
    assert len(path.read_text().splitlines()) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (tmp_path / "file").write_text("x")
    with pytest.raises(AccessError):
        FileChannel(path=tmp_path / "file" / "alerts.jsonl").send(ALERT)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("moto")
    from moto import mock_aws

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield


def test_sns_and_cloudwatch_are_told(aws) -> None:
    """A message to a topic, a count in a metric; refusals are said without the account."""
    import boto3

    sns = boto3.client("sns", region_name="eu-west-1")
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    SnsChannel(client=sns, topic=topic).send(ALERT)
    with pytest.raises(AccessError) as error:
        SnsChannel(client=sns, topic=topic + "x").send(ALERT)
    assert "arn" not in str(error.value)
    watch = boto3.client("cloudwatch", region_name="eu-west-1")
    CloudWatchChannel(client=watch, namespace="sottovoce").send(ALERT)
    (metric,) = watch.list_metrics(Namespace="sottovoce")["Metrics"]
    assert metric["MetricName"] == "BulkAccessSuspensions"


class Fickle:
    """A channel that takes an alert the third time."""

    name = "fickle"

    def __init__(self, *, fails: int = 2) -> None:
        self.fails = fails
        self.sent: list[str] = []

    def send(self, alert: Alert) -> None:
        if self.fails:
            self.fails -= 1
            raise AccessError("not now")
        self.sent.append(alert.id)


def test_an_alert_waits_until_every_channel_has_it(world) -> None:
    """And is sent to none twice."""
    fickle, steady = Fickle(), Fickle(fails=0)
    steady.name = "steady"
    alerts = Alerts(engine=world.engine, channels=[fickle, steady], clock=world.clock.now)
    with writing(world.engine) as connection:
        alerts.raise_in(connection, ALERT)
    told = [alerts.deliver() for _ in range(4)]
    assert [(d.sent, d.waiting) for d in told] == [(0, 1), (0, 1), (1, 0), (0, 0)]
    assert told[0].failures == {"fickle": "not now"}
    assert fickle.sent == steady.sent == [ALERT.id]
    assert alerts.all() == (ALERT,)


def test_a_channel_that_never_takes_it_is_given_up(world) -> None:
    """After fifty tries; the others had it long ago."""
    alerts = Alerts(engine=world.engine, channels=[Fickle(fails=1000)], clock=world.clock.now)
    with writing(world.engine) as connection:
        alerts.raise_in(connection, ALERT)
    for _ in range(MAX_TRIES):
        last = alerts.deliver()
    assert (last.waiting, alerts.deliver().failures) == (0, {})


def test_a_notice_is_told_over_the_same_channels(world, tmp_path) -> None:
    """Kept until every channel has it; signed, mailed, published and counted under its own name."""
    notice = Notice(
        id="b" * 32, kind="analytics.lag_over_objective", subject="analytics", at=NOW, facts={"p95_s": 961.5}
    )
    fickle, file = Fickle(fails=1), FileChannel(path=tmp_path / "logs" / "alerts.jsonl")
    alerts = Alerts(engine=world.engine, channels=[fickle, file], clock=world.clock.now)
    assert (alerts.tell(notice).waiting, alerts.deliver().sent) == (1, 1)
    assert fickle.sent == [notice.id]
    assert alerts.all() == (notice,)
    assert json.loads((tmp_path / "logs" / "alerts.jsonl").read_text()) == {
        "type": "analytics.lag_over_objective",
        "timestamp": NOW.isoformat(),
        "data": {"id": notice.id, "subject": "analytics", "p95_s": 961.5},
    }
    assert notice.title == "analytics.lag_over_objective (analytics)"
    assert "p95_s: 961.5" in notice.words
    client = Recording()
    CloudWatchChannel(client=client, namespace="Ours").send(notice)
    SnsChannel(client=client, topic="arn:aws:sns:eu-west-1:1:ops").send(notice)
    counted, published = client.calls
    assert counted["MetricData"][0]["MetricName"] == "Notices"
    assert {d["Name"]: d["Value"] for d in counted["MetricData"][0]["Dimensions"]} == {
        "Kind": "analytics.lag_over_objective",
        "Subject": "analytics",
    }
    assert published["Subject"] == "sottovoce: analytics.lag_over_objective (analytics)"


def test_a_patient_round_does_not_use_up_the_tries_of_what_fails(world) -> None:
    """A minute, then twice as long up to an hour: a mail server may be away for a day and a half."""
    alerts = Alerts(engine=world.engine, channels=[Fickle(fails=2)], clock=lambda: at)
    at = NOW
    with writing(world.engine) as connection:
        alerts.raise_in(connection, ALERT)
    told = [alerts.deliver(patiently=True).failures for _ in range(2)]
    assert told == [{"fickle": "not now"}, {}]
    at = NOW + timedelta(seconds=61)
    assert alerts.deliver(patiently=True).failures == {"fickle": "not now"}
    at = NOW + timedelta(seconds=179)
    assert (alerts.deliver(patiently=True).sent, alerts.deliver(patiently=True).waiting) == (0, 1)
    at = NOW + timedelta(seconds=181)
    assert alerts.deliver(patiently=True).sent == 1
    assert patience(MAX_TRIES) > timedelta(hours=36)


class Recording:
    """As much of boto3's clients as alerts use."""

    def __init__(self) -> None:
        self.calls: list[dict[str, object]] = []

    def publish(self, **asked: object) -> None:
        self.calls.append(asked)

    def put_metric_data(self, **asked: object) -> None:
        self.calls.append(asked)
