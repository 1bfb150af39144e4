"""Without its papers a recording goes nowhere: `plan` says which is wanting, and a run fetches no second of audio."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sottovoce.cli.main import app
from sottovoce.domain.confidential import Confidential
from sottovoce.pipeline.lines import ANALYTICS
from sottovoce.policy.template import demo_policy
from sottovoce.sandbox.serve import Sandbox
from sottovoce.settings import Workspace
from sottovoce.testing.house import PASSPHRASE
from sottovoce.wiring.house import House
from sottovoce.wiring.workspace import build_workspace

QUEUES = ("billing", "delivery", "support", "orders")
POLICY = """
analytics:
  lawful_basis:
    {{basis: legitimate_interest, assessment: LIA-7, assessed_on: 2026-01-15, addresses_voice_reidentification: true}}
  anonymization: {{method: none, waiver_who: privacy-board, waiver_why: tone of voice is analysed}}
  exclusions: {{queue_categories: [crisis], min_seconds: 20}}
  destinations: [vendor]
delivery: {{destinations: {{vendor: {{kind: bucket, url: 'file:drop'}}}}}}
agreements:
  destinations: {{vendor: {{zones: [{zone}]}}}}
  classes: {{{classes}}}
residency: {{sources: {{sandbox: eu}}}}
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """What the queues are, where the vendor is, what is on file, and what follows."""

    classes: str
    zone: str
    papers: tuple[tuple[str, ...], ...]
    reason: str
    sentence: str
    mend: tuple[str, ...]


DPA, PCI, AOC = ("dpa",), ("pci_agreement",), ("pci_aoc",)
CASES = {
    "no BAA": Case(
        classes="HIPAA",
        zone="eu",
        papers=(DPA, PCI, AOC),
        reason="AGREEMENT_MISSING",
        sentence="no BAA on file",
        mend=("baa",),
    ),
    "an attestation of more than a year ago": Case(
        classes="PCI",
        zone="eu",
        papers=(DPA, PCI, ("pci_aoc", "--effective", "2024-02-01")),
        reason="AGREEMENT_EXPIRED",
        sentence="the PCI_AOC on file ended on 2025-02-01",
        mend=AOC,
    ),
    "a region across a border": Case(
        classes="PERSONAL",
        zone="us",
        papers=(DPA, PCI, AOC),
        reason="TRANSFER_NOT_ALLOWED",
        sentence="would go from eu to us",
        mend=("scc", "--module", "two", "--from", "eu", "--to", "us"),
    ),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(rate_limit=100_000) as running:
        yield running


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_lacks_its_paper_is_refused_before_anything_is_fetched(
    case: Case, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By reason and by sentence; afterwards nothing was downloaded or delivered. With the paper, a retry takes them."""
    monkeypatch.setenv("SOTTOVOCE_PASSPHRASE", PASSPHRASE)
    root = tmp_path / "w"
    classes = ", ".join(f"{queue}: [{case.classes}]" for queue in QUEUES)
    policy = demo_policy(api_url=sandbox.api_url, media_host=sandbox.media_host)
    policy = policy.replace('customer_channel: "1"', 'customer_channel: "1"\n    requests_per_minute: 3000', 1)
    policy += POLICY.format(zone=case.zone, classes=classes)
    build_workspace(root, policy=policy, passphrase=Confidential(PASSPHRASE))
    (root / "sandbox-id").write_text(sandbox.client_id)
    (root / "sandbox-secret").write_text(sandbox.client_secret)
    for paper in case.papers:
        file(root, *paper)
    sandbox.store.memory.downloads.clear()

    planned = invoke(root, "plan", "--line", "analytics", "--json")
    assert planned["reasons"][case.reason] >= 15
    assert planned["taken"] == []
    assert sum(n for said, n in planned["wanting"].items() if case.sentence in said) >= 15
    told = invoke(root, "run", "--line", "analytics", "--json")
    assert (told["chosen"], told["by_reason"][case.reason]) == (0, planned["reasons"][case.reason])
    assert sandbox.store.memory.downloads == []
    assert not (root / "drop").exists() or not any((root / "drop").iterdir())

    file(root, *case.mend)
    house = House(Workspace(root), line=ANALYTICS)
    assert house.reopen_mended() >= 15
    house.close()
    planned = invoke(root, "plan", "--line", "analytics", "--json")
    assert len(planned["taken"]) >= 15
    assert planned["wanting"] == {}


def file(root: Path, kind: str, *more: str) -> None:
    signed = "2024-02-01" if "--effective" in more else "2026-01-10"
    digest = hashlib.sha256(f"{kind}{more}".encode()).hexdigest()
    given = ("--reference", "R-1", "--signed", signed, "--digest", digest)
    ended = CliRunner().invoke(app, ["agreements", "add", "vendor", kind, *given, *more, "-w", str(root)])
    assert ended.exit_code == 0, ended.output


def invoke(root: Path, *command: str) -> Any:
    ended = CliRunner().invoke(app, [*command, "-w", str(root)])
    assert ended.exit_code == 0, ended.output[-2000:]
    return json.loads(ended.stdout)
