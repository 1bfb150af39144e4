"""Senders composed from the policy: each scheme, and what is refused."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import PolicyError, SignatureRefused
from sottovoce.intake.protocol import Message
from sottovoce.policy.load import parse_policy
from sottovoce.sources.protocol import HmacTokenizer, customer_token, recording_key
from sottovoce.wiring.intake import SourcePseudonyms, compose_door

TOKENS = HmacTokenizer(key=Confidential(b"k" * 32))
BASE = (
    "sources: {calls: {kind: folder, path: calls}}\nlawful_basis: {basis: consent}\n"
    "consent: {wordings: [{version: w, effective: 2025-01-01}]}\n"
)
WHSEC = "whsec_" + base64.b64encode(b"s" * 32).decode()


def door(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str = WHSEC) -> Any:
    monkeypatch.setenv("S", secret)
    policy = parse_policy(BASE + text).policy
    return compose_door(policy, root=tmp_path, tokenizer=TOKENS, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("sender", "secret"),
    [
        ('{name: a, secrets: ["env:S"]}', WHSEC),
        ("{name: a, public_keys: [" + base64.b64encode(b"p" * 32).decode() + "]}", WHSEC),
        ('{name: a, scheme: github, secrets: ["env:S"]}', "x" * 16),
        ('{name: a, scheme: open-messaging, secrets: ["env:S"]}', "x" * 16),
        ('{name: a, scheme: audiohook, api_key: k, secrets: ["env:S"]}', WHSEC),
        ('{name: a, scheme: bearer, secrets: ["env:S"]}', "x" * 32),
    ],
)
def test_every_scheme_is_composed(sender: str, secret: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy that names a sender and its secret has a door; a message without a signature stays out."""
    made = door(f"intake: {{source: calls, senders: [{sender}]}}", tmp_path, monkeypatch, secret)
    with pytest.raises(SignatureRefused):
        made.admit(Message(headers={}, body=b"{}"))


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("", WHSEC),
        ("intake: {source: calls}", WHSEC),
        ("intake: {source: other, senders: [{name: a, secrets: ['env:S']}]}", WHSEC),
        ("intake: {source: calls, senders: [{name: a}]}", WHSEC),
        ("intake: {source: calls, senders: [{name: a, secrets: ['env:S']}]}", "whsec_!!"),
        ("intake: {source: calls, senders: [{name: a, secrets: ['env:S']}]}", "whsec_c2hvcnQ="),
        ("intake: {source: calls, senders: [{name: a, scheme: github}]}", WHSEC),
        ("intake: {source: calls, senders: [{name: a, scheme: bearer, secrets: ['env:S']}]}", "short"),
        ("intake: {source: calls, senders: [{name: a, scheme: audiohook, secrets: ['env:S']}]}", WHSEC),
    ],
)
def test_a_door_that_would_not_hold_is_refused(
    text: str, secret: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No source, no sender, no secret, a weak one: a named error in the policy."""
    with pytest.raises(PolicyError):
        door(text, tmp_path, monkeypatch, secret)


def test_a_bearer_token_opens_the_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The right one, whole; nothing else."""
    made = door(
        "intake: {source: calls, senders: [{name: a, scheme: bearer, secrets: ['env:S']}]}",
        tmp_path,
        monkeypatch,
        "t" * 32,
    )
    body = b'{"type":"recordingAvailable","recordingId":"r","conversationId":"c"}'
    arrival = made.admit(Message(headers={"authorization": "Bearer " + "t" * 32}, body=body))
    assert arrival.delivery.sender == "a"
    for token in ("t" * 31, "t" * 33, ""):
        with pytest.raises(SignatureRefused):
            made.admit(Message(headers={"authorization": f"Bearer {token}"}, body=body))


def test_events_and_source_give_the_same_names() -> None:
    """An event's recording and caller are those that the source finds."""
    names = SourcePseudonyms(tokenizer=TOKENS, source="cloud")
    assert names.recording("c", "r") == recording_key(TOKENS, "cloud", "c", "r")
    assert names.person("customer", "tel:+1 (202) 555-0143") == customer_token(TOKENS, "+12025550143")
    assert names.person("customer", "anonymous") is None
    assert names.person("email", "A@example.com") == names.person("email", "a@example.com ")
    assert names.conversation("c") != names.recording("c", "r")
