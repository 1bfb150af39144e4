"""The packaged sample calls, read over HTTP, are judged as their script says (SPEC 2.1, 4)."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, date, datetime
from importlib.resources import files

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import Passed
from sottovoce.policy.model import Policy
from sottovoce.sandbox.serve import CLIENT_ID, CLIENT_SECRET, Sandbox
from sottovoce.screening.report import plan
from sottovoce.screening.screen import Screener
from sottovoce.sources.genesys.client import GenesysClient
from sottovoce.sources.genesys.hosts import Hosts
from sottovoce.sources.genesys.source import GenesysSource
from sottovoce.sources.protocol import HmacTokenizer, Timing
from sottovoce.testing.known import KnownInMemory

SCRIPT = json.loads(files("sottovoce.sandbox").joinpath("calls", "calls.json").read_text())
CATEGORIES = {queue["id"]: queue["category"] for queue in SCRIPT["queues"]}
ATTRIBUTES = frozenset({"aiTrainingConsent", "aiTrainingOptOut", "aiTrainingConsentWithdrawn", "paymentCaptured"})


def discovered():
    with Sandbox() as sandbox:
        client = GenesysClient(
            hosts=Hosts.of(region=None, api_url=sandbox.api_url, login_url=None, media_hosts=(sandbox.media_host,)),
            client_id=Confidential(CLIENT_ID),
            client_secret=Confidential(CLIENT_SECRET),
            timing=Timing.of_system(),
            requests_per_minute=3000,
        )
        source = GenesysSource(
            name="calls",
            client=client,
            tokenizer=HmacTokenizer(key=Confidential(b"k" * 32)),
            customer_channel="1",
            attributes=ATTRIBUTES,
            queue_categories=CATEGORIES,
            since=datetime(2024, 10, 1, tzinfo=UTC),
            until=datetime(2026, 11, 1, tzinfo=UTC),
        )
        with closing(source):
            return list(source.discover())


def test_every_sample_call_is_judged_as_scripted(policy):
    """Consent refused, withdrawn, missing, overruled or too early, payment, test number, crisis, too short."""
    rules: Policy = policy(exclusions={"test_numbers": ["+1 202 555 0199"]}, corpus={"queue_categories": CATEGORIES})
    screener = Screener(policy=rules, policy_digest="d" * 64, known=KnownInMemory(), today=lambda: date(2026, 11, 21))
    found = discovered()
    answers = {metadata.conversation_id: screener.admit(metadata) for metadata in found}
    told = {name: None if isinstance(a, Passed) else a.reason.value for name, a in answers.items()}
    assert told == {call["id"]: call["expected"]["reason"] for call in SCRIPT["calls"]}
    report = plan(found, screener=screener, wanted=rules.selection)
    assert len(report.taken) == sum(reason is None for reason in told.values())
