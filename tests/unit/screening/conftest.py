"""One ordinary call and one ordinary policy, to change in one place at a time."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import Participant, RecordingMetadata, RecordingRef
from sottovoce.policy.model import Policy
from sottovoce.screening.screen import Screener
from sottovoce.testing.known import KnownInMemory


def make_policy(**sections):
    plain = {
        "sources": {
            "calls": {"kind": "genesys", "client_id": "env:ID", "client_secret": "env:SECRET"},
            "disk": {"kind": "folder", "path": "calls"},
        },
        "lawful_basis": {"basis": "consent"},
        "consent": {"wordings": [{"version": "w1", "effective": "2025-01-01"}]},
    }
    return Policy.model_validate(plain | sections)


def make_call(*people, source="calls", key="k1", **facts):
    ref = RecordingRef(source=source, key=key, locator=Confidential("conversation/recording"))
    participants = tuple(
        Participant(purpose=f"party{i}", attributes=attributes)
        for i, attributes in enumerate(people or ({"aiTrainingConsent": "true"},))
    )
    plain = {
        "ref": ref,
        "conversation_id": "c1",
        "recording_id": "r1",
        "started_at": datetime(2025, 6, 1, 12, tzinfo=UTC),
        "duration_s": 90.0,
        "queue": "billing-queue",
        "queue_category": "billing",
        "language": "en-US",
        "file_state": "AVAILABLE",
        "participants": participants,
    }
    return RecordingMetadata(**(plain | facts))


@pytest.fixture
def policy():
    return make_policy


@pytest.fixture
def call():
    return make_call


@pytest.fixture
def screener():
    def make(known=None, **sections):
        return Screener(
            policy=make_policy(**sections),
            policy_digest="d" * 64,
            known=known or KnownInMemory(),
            today=lambda: date(2026, 1, 1),
        )

    return make
