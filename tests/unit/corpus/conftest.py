"""A registry and ledger on SQLite with sealed samples beside them, as the pipeline would leave them."""

from __future__ import annotations

import io
import random
from datetime import UTC, datetime

import numpy as np
import pytest
import soundfile
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sottovoce.corpus.open import SampleOpener
from sottovoce.corpus.release import Releaser
from sottovoce.corpus.standing import PolicyStanding
from sottovoce.corpus.versions import Versions
from sottovoce.custody.registry import Registry
from sottovoce.database.engine import open_engine
from sottovoce.database.migrate import upgrade
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import OutcomeStatus, Reason
from sottovoce.domain.recording import Participant, RecordingMetadata, RecordingRef, Sealed
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.note import VerifierKey
from sottovoce.ledger.signer import Ed25519Signer
from sottovoce.policy.model import Policy
from sottovoce.storage.stores import memory_store
from sottovoce.testing.samples import SamplesInMemory

NOW = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
ORIGIN = "ledger.example/corpus"
YES = {"aiTrainingConsent": "true"}


def make_signer(seed=1, name=ORIGIN):
    return Ed25519Signer(name=name, key=Confidential(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)))


def flac(seconds, *, rate=16000, channels=1):
    """Noise as a FLAC file of that length."""
    samples = np.random.default_rng(7).normal(0, 0.05, (round(seconds * rate), channels))
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format="FLAC", subtype="PCM_16")
    return out.getvalue()


def make_policy(**sections):
    plain = {
        "sources": {"calls": {"kind": "folder", "path": "calls"}},
        "lawful_basis": {"basis": "consent"},
        "consent": {"wordings": [{"version": "w1", "effective": "2025-01-01"}]},
        "corpus": {"splits": {"train": 0.6, "validation": 0.2, "test": 0.2}},
    }
    return Policy.model_validate(plain | sections)


class World:
    """What a line has left behind, and everything that reads it."""

    def __init__(self, folder, policy):
        self.policy = policy
        self.engine = open_engine("sqlite:registry.sqlite", base=folder)
        upgrade(self.engine)
        self.signer = make_signer()
        clock = lambda: NOW  # noqa: E731 -- one moment for all
        self.ledger = Ledger(engine=self.engine, signer=self.signer, origin=ORIGIN, clock=clock)
        self.registry = Registry(engine=self.engine, ledger=self.ledger, clock=clock)
        self.vault = SamplesInMemory()
        self.plain = memory_store()
        self.key = VerifierKey.parse(self.signer.vkey)
        self.versions = Versions(store=self.registry, vault=self.vault, plain=self.plain, keys=[self.key])
        self.opener = SampleOpener(store=self.registry, vault=self.vault, scribe=self.ledger, clock=clock)
        self.releaser = Releaser(
            policy=policy,
            policy_digest="d" * 64,
            line="corpus",
            store=self.registry,
            vault=self.vault,
            plain=self.plain,
            standing=PolicyStanding(policy=policy, today=lambda: NOW.date()),
            signer=self.signer,
            clock=clock,
            random=random.Random(3).randbytes,
        )

    def remember(self, number, *, agent="a1", customer=None, people=(YES,), **facts):
        ref = RecordingRef(source="calls", key=f"{number:032x}", locator=Confidential(f"locator-{number}"))
        plain = {
            "ref": ref,
            "conversation_id": f"conversation-{number}",
            "recording_id": f"recording-{number}",
            "started_at": datetime(2025, 6, 1, 12, tzinfo=UTC),
            "duration_s": 3.0,
            "queue": "q-billing",
            "queue_category": "billing",
            "accent_region": "Scotland",
            "audio_quality": "8kHz",
            "language": "en-GB",
            "codec": "PCMU",
            "agent_token": agent,
            "customer_token": customer or f"c{number}",
            "participants": tuple(Participant(purpose="customer", attributes=a) for a in people),
        }
        self.registry.remember(ref, RecordingMetadata(**(plain | facts)))
        return ref

    def seal(self, number, *, seconds=(2.0, 3.0), said=None, layout=1, **facts):
        """A recording with one sealed sample a channel."""
        ref = self.remember(number, **facts)
        objects = [self.vault.seal(ref.key, flac(s, channels=layout), channel=n) for n, s in enumerate(seconds)]
        objects.append(self.vault.seal(ref.key, b"map", channel=None, kind="map"))
        sealed = Sealed(ref=ref, key_id=f"test:{ref.key}", objects=tuple(objects), facts={}, predecessor="a" * 64)
        told = {"verified": True, "method": "disguise", "roles": "agent+customer"} if said is None else said
        self.registry.conclude("corpus", ref.key, OutcomeStatus.SEALED, sealed=sealed, facts=told)
        return ref.key

    def exclude(self, number):
        ref = self.remember(number)
        self.registry.conclude("corpus", ref.key, OutcomeStatus.EXCLUDED, Reason.TOO_SHORT)


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, make_policy())
    yield made
    made.engine.dispose()


@pytest.fixture(name="make_signer")
def _make_signer():
    return make_signer


@pytest.fixture(name="flac")
def _flac():
    return flac


@pytest.fixture(name="make_policy")
def _make_policy():
    return make_policy


@pytest.fixture(name="make_world")
def _make_world(tmp_path):
    made = []

    def make(**sections):
        made.append(World(tmp_path, make_policy(**sections)))
        return made[-1]

    yield make
    for each in made:
        each.engine.dispose()
