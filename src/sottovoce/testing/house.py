"""A workspace of tiny recordings in a folder, and a house whose slow rooms are quick real ones.

Registry, ledger, vault, engine, screening, redaction and verification are the product's own. Only the
transcriber, the detectors and the anonymizer are small: they hear one word, find one second of it, and
turn the sound over. For tests that kill workers many times.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from sottovoce.anonymize.disguise import Disguiser
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Sound
from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import ChannelTranscript, Segment, Transcript, Word
from sottovoce.pipeline.carrier import Carrier
from sottovoce.pipeline.refs import StepError
from sottovoce.redact.redactor import Redactor
from sottovoce.settings import Workspace
from sottovoce.wiring.house import House
from sottovoce.wiring.rooms import noise_source
from sottovoce.wiring.workspace import build_workspace, utc_now

RATE = 8000
SECONDS = 3.0
PASSPHRASE = "correct horse battery staple"  # noqa: S105 - opens test workspaces only


def write_recordings(folder: Path, count: int, *, seed: int = 1) -> None:
    """Two-channel noise bursts, each different, each with a consenting customer."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    for number in range(count):
        burst = (0.2 * random.standard_normal((int(SECONDS * RATE), 2))).astype(np.float32)
        soundfile.write(str(folder / f"call-{number:04d}.wav"), burst, RATE, subtype="PCM_16")
        sidecar = {
            "conversation_id": f"conversation-{number:04d}",
            "recording_id": f"recording-{number:04d}",
            "started_at": "2026-05-04T10:00:00Z",
            "duration_s": SECONDS,
            "queue": "orders",
            "queue_category": "retail",
            "language": "en-US",
            "customer": f"tel:+1202555{number:04d}",
            "agent": f"agent-{number % 5}",
            "participants": [{"purpose": "customer", "attributes": {"aiTrainingConsent": "true"}}],
        }
        (folder / f"call-{number:04d}.json").write_text(json.dumps(sidecar), encoding="utf-8")


def write_policy(*, recordings: str = "calls", database: str | None = None) -> str:
    """A policy for such a folder; everything in one PostgreSQL database when its URL is given."""
    url = database
    lines = [
        "version: test-1",
        "sources:",
        "  calls:",
        "    kind: folder",
        f"    path: {recordings}",
        "lawful_basis:",
        "  basis: consent",
        "consent:",
        "  wordings:",
        "    - version: w1",
        "      effective: 2025-01-01",
        "exclusions:",
        "  min_seconds: 1.0",
        "selection:",
        "  target_hours: 100.0",
        "keys:",
        "  passphrase: file:passphrase",
    ]
    if url:
        lines += ["database:", f"  url: '{url}'", f"  engine_url: '{url}'", f"  keys_url: '{url}'"]
    return "\n".join(lines) + "\n"


def make_test_workspace(root: Path, *, count: int, database: str | None = None) -> Workspace:
    """Recordings, policy, keys."""
    root.mkdir(parents=True, exist_ok=True)
    write_recordings(root / "calls", count)
    (root / "passphrase").write_text(PASSPHRASE, encoding="utf-8")
    return build_workspace(root, policy=write_policy(database=database), passphrase=Confidential(PASSPHRASE))


class OneWord:
    """A transcriber that hears one word on each channel, after a while."""

    def __init__(self, *, pause_s: float = 0.0) -> None:
        self._pause_s = pause_s

    def transcribe(self, sound: Sound, *, language: str | None) -> Transcript:
        time.sleep(self._pause_s)
        whole = Span(0, sound.frames)
        word = Word(text=Confidential("word"), span=whole, probability=1.0)
        segment = Segment(span=whole, words=(word,))
        channels = tuple(
            ChannelTranscript(channel=c, segments=(segment,), speech=(whole,)) for c in range(sound.channels)
        )
        language = (language or "en").split("-")[0]
        return Transcript(
            channels=channels, rate=sound.rate, engine="one-word", model_digest="0" * 64, language=language
        )


class OneSecond:
    """Finds a card number in the second second of the last channel."""

    def find(self, sound: Sound, transcript: Transcript) -> tuple[Finding, ...]:  # noqa: ARG002
        span = Span(sound.rate, 2 * sound.rate)
        return (
            Finding(
                entity=Entity.CREDIT_DEBIT_NUMBER,
                channel=sound.channels - 1,
                span=span,
                detector="one_second",
                score=1.0,
            ),
        )


class Deaf:
    """A second ear that hears nothing."""

    def find(self, sound: Sound) -> tuple[Finding, ...]:  # noqa: ARG002
        return ()


class Inverted:
    """Turns the sound over and shifts its level: another sound, as long as before."""

    name = "inverted-1"

    def transform(
        self,
        samples: NDArray[np.float32],
        *,
        rate: int,  # noqa: ARG002
        random: np.random.Generator,
    ) -> NDArray[np.float32]:
        return (samples * -np.float32(random.uniform(0.5, 0.9))).astype(np.float32)


def quick_house(
    workspace: Workspace,
    *,
    pause_s: float = 0.0,
    actor: str = "test",
    clock: Callable[[], datetime] = utc_now,
) -> House:
    """The house with its slow rooms exchanged."""
    house = House(workspace, actor=actor, clock=clock)
    hears = OneWord(pause_s=pause_s)
    redactor = Redactor(transcriber=hears, finder=OneSecond(), ears=(Deaf(),), noise_source=noise_source)
    disguiser = Disguiser(anonymizer=Inverted(), randomness=noise_source)
    return exchange(house, transcriber=hears, redactor=redactor, disguiser=disguiser)


def exchange(house: House, **rooms: object) -> House:
    """The house with rooms of its own exchanged for others, before anything is built on them."""
    house.__dict__.update(rooms)
    return house


def settle_all(house: House) -> Sequence[str]:
    """Looks at the folder and decides; answers the keys to carry."""
    surveyor = house.surveyor()
    return surveyor.settle(surveyor.look())


def carry_all(house: House, keys: Iterable[str]) -> dict[str, str]:
    """What the engine does with each recording, without waiting between tries; answers statuses.

    StepError when not even closing goes through: the recording is then where it was.
    """
    carrier = house.carrier()
    return {key: _carried(carrier, house.line.name, key) for key in keys}


def _carried(carrier: Carrier, line: str, key: str) -> str:
    try:
        return _tried(lambda: carrier.carry(line, key))
    except StepError as error:
        code = error.code
    return _tried(lambda: carrier.close(line, key, code))


def _tried(step: Callable[[], str], *, tries: int = 3) -> str:
    try:
        return step()
    except StepError as error:
        if not error.retryable or tries == 1:
            raise
    return _tried(step, tries=tries - 1)
