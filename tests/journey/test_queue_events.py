"""Events from Amazon's services over SQS, over real HTTP: as EventBridge, SNS and an SDK put them there."""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sottovoce.database.engine import open_engine
from sottovoce.database.migrate import upgrade
from sottovoce.domain.confidential import Confidential
from sottovoce.intake.desk import Desk
from sottovoce.policy.load import parse_policy
from sottovoce.sources.protocol import HmacTokenizer
from sottovoce.testing.object_servers import amazon_storage
from sottovoce.wiring import queues
from sottovoce.wiring.intake import compose_desk

REGION = "eu-west-1"
POLICY = """
sources: {{calls: {{kind: folder, path: calls}}}}
lawful_basis: {{basis: consent}}
consent: {{wordings: [{{version: w, effective: 2025-01-01}}]}}
intake:
  source: calls
  senders: [{{name: tenant, secrets: ["env:WEBHOOK"]}}]
  queues:
    - {{name: bus, kind: sqs, queue: bus, sender: eventbridge, trust: broker, {place}}}
    - {{name: signed, kind: sqs, queue: signed, sender: tenant, {place}}}
"""
PLACE = 'region: eu-west-1, endpoint: "{}", access_key: "env:KEY", secret_key: "env:KEY"'
SECRET = b"k" * 32


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("KEY", "testing")
    monkeypatch.setenv("WEBHOOK", "whsec_" + base64.b64encode(SECRET).decode())
    monkeypatch.setattr(queues, "LONG_POLL_S", 1)
    with amazon_storage() as endpoint:
        yield endpoint


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    engine = open_engine("sqlite:registry.sqlite", base=tmp_path)
    upgrade(engine)
    yield compose_desk(engine, clock=lambda: datetime.now(UTC))
    engine.dispose()


def client(service: str, endpoint: str) -> Any:
    import boto3

    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": REGION}
    return boto3.client(service, endpoint_url=endpoint, **keys)


def made(endpoint: str, name: str) -> tuple[str, str]:
    """A new queue's address and ARN."""
    sqs = client("sqs", endpoint)
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def consumed(endpoint: str, desk: Desk, tmp_path: Path, name: str) -> dict[str, int]:
    """What came of everything in the policy's queue."""
    composed = queues.compose_queues(
        parse_policy(POLICY.format(place=PLACE.format(endpoint))).policy,
        root=tmp_path,
        tokenizer=HmacTokenizer(key=Confidential(b"k" * 32)),
        clock=lambda: datetime.now(UTC),
    )
    (queue,) = [one for one in composed if one.settings.name == name]
    consumer = queue.consumer(desk, threading.Event())
    consumer.run(once=True)
    return dict(consumer.tally)


def an_event(number: int) -> str:
    told = {"recordingId": f"rec-{number}", "conversationId": f"conv-{number}"}
    return json.dumps({"type": "recordingAvailable", "data": told})


def an_end(number: int) -> dict[str, Any]:
    body = {"eventTime": 1765238400000, "conversationId": f"conv-{number}", "mediaType": "VOICE"}
    return {"topicName": "t", "version": "2", "eventBody": body}


def test_what_eventbridge_delivers_is_taken_in(amazon: str, desk: Desk, tmp_path: Path) -> None:
    """A rule with the queue as its target: the envelope is the body, raw; delivered twice, it is one event."""
    url, arn = made(amazon, "bus")
    topic = "v2.detail.events.conversation.{id}.customer.end"
    events = client("events", amazon)
    events.put_rule(Name="ends", EventPattern=json.dumps({"detail-type": [topic]}))
    events.put_targets(Rule="ends", Targets=[{"Id": "1", "Arn": arn}])
    told = {"Source": "aws.partner/genesys.com/cloud/x/y", "DetailType": topic, "Detail": json.dumps(an_end(1))}
    events.put_events(Entries=[told])
    sqs = client("sqs", amazon)
    (message,) = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0, WaitTimeSeconds=2)["Messages"]
    assert json.loads(message["Body"])["detail-type"] == topic
    sqs.send_message(QueueUrl=url, MessageBody=message["Body"])
    assert consumed(amazon, desk, tmp_path, "bus") == {"new": 1, "copy": 1}
    assert desk.counts() == {"ready": 1}


def test_what_sns_delivers_is_taken_in(amazon: str, desk: Desk, tmp_path: Path) -> None:
    """Wrapped in its notification, or raw."""
    _, arn = made(amazon, "bus")
    sns = client("sns", amazon)
    for number, raw in enumerate(("false", "true")):
        topic = sns.create_topic(Name=f"t{number}")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": raw})
        sns.publish(TopicArn=topic, Message=an_event(number))
    assert consumed(amazon, desk, tmp_path, "bus") == {"new": 2}


def test_a_signature_travels_in_attributes_or_in_an_envelope(amazon: str, desk: Desk, tmp_path: Path) -> None:
    """Both are held to the sender's scheme, days after they were signed too; what is unsigned is refused and gone."""
    url, _ = made(amazon, "signed")
    send = client("sqs", amazon).send_message
    stamp = str(int(time.time()) - 2 * 86_400)
    for number in range(2):
        body = an_event(number)
        mark = base64.b64encode(hmac.digest(SECRET, f"e{number}.{stamp}.{body}".encode(), "sha256")).decode()
        headers = {"webhook-id": f"e{number}", "webhook-timestamp": stamp, "webhook-signature": f"v1,{mark}"}
        if number:
            send(QueueUrl=url, MessageBody=json.dumps({"headers": headers, "body": body}))
        else:
            given = {name: {"DataType": "String", "StringValue": value} for name, value in headers.items()}
            send(QueueUrl=url, MessageBody=body, MessageAttributes=given)
    send(QueueUrl=url, MessageBody=an_event(3))
    assert consumed(amazon, desk, tmp_path, "signed") == {"new": 2, "E_SIGNATURE": 1}
    assert consumed(amazon, desk, tmp_path, "signed") == {}
