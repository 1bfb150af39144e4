"""Amazon Transcribe as a house composes it: from the policy, and from nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sottovoce.errors import ModelError, PolicyError
from sottovoce.policy.load import load_policy
from sottovoce.policy.model import Models
from sottovoce.redact.redactor import Redactor
from sottovoce.redact.vendor import VendorFirst
from sottovoce.settings import Workspace
from sottovoce.speech.amazon import AmazonTranscriber
from sottovoce.testing.house import make_test_workspace
from sottovoce.testing.object_servers import amazon_storage
from sottovoce.wiring.amazon import sweep_lent
from sottovoce.wiring.house import House
from sottovoce.wiring.rooms import whisper

AMAZON = """
models:
  transcriber: amazon-transcribe
  amazon:
    region: eu-central-1
    bucket: hearing
    kms_key: arn:aws:kms:eu-central-1:111122223333:key/1
    endpoint: {endpoint}
    access_key: file:aws-id
    secret_key: file:aws-secret
"""
ENGINE = "\nredaction:\n  engine: amazon-transcribe\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = make_test_workspace(tmp_path / "w", count=0)
    for name in ("aws-id", "aws-secret"):
        (made.root / name).write_text("k")
    return made


def added(workspace: Workspace, text: str) -> Workspace:
    """The policy with sections in place of its own."""
    sections = [line.partition(":")[0] for line in text.splitlines() if line and not line.startswith(" ")]
    kept, skipping = [], False
    for line in workspace.policy.read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            skipping = line.partition(":")[0] in sections
        kept += [] if skipping else [line]
    workspace.policy.write_text("\n".join(kept) + text)
    return workspace


@pytest.fixture
def house(workspace: Workspace) -> Iterator[House]:
    with amazon_storage() as address:
        made = House(added(workspace, AMAZON.format(endpoint=address) + ENGINE))
        yield made
        made.close()


def test_the_policy_names_the_service_as_transcriber_and_as_redactor(house: House) -> None:
    """Recordings go by the service first; what is verified is verified by our own redactor."""
    assert isinstance(house.transcriber, AmazonTranscriber)
    assert isinstance(house.line_redactor(), VendorFirst)
    assert isinstance(house.redactor, Redactor)


def test_without_the_service_nothing_goes_to_it(workspace: Workspace) -> None:
    """Our own redactor is the line's."""
    house = House(workspace)
    assert house.line_redactor() is house.redactor
    sweep_lent(house)
    house.close()


def test_a_bucket_that_does_not_answer_keeps_no_worker_from_starting(house: House) -> None:
    """There is no such bucket: what lies there is the next worker's."""
    sweep_lent(house)


def test_the_service_needs_to_be_told_where(workspace: Workspace) -> None:
    """Region, bucket and key are the policy's, with no default to guess from."""
    with pytest.raises(PolicyError, match=r"models\.amazon"):
        load_policy(added(workspace, ENGINE).policy)


def test_single_files_stay_on_this_machine() -> None:
    """`redact FILE` and `transcribe FILE` send nothing, whatever the policy says of recordings."""
    with pytest.raises(ModelError):
        whisper(Models(transcriber="amazon-transcribe"))
