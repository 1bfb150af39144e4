"""What is asked of the source itself, as the person who asks sees it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.sandbox.serve import Sandbox
from sottovoce.sandbox.store import ALL_PERMISSIONS
from sottovoce.testing.calls import call_entry, write_calls
from sottovoce.testing.house import PASSPHRASE, quick_house
from sottovoce.wiring.workspace import build_workspace

POLICY = """
sources:
  cloud:
    kind: genesys
    api_url: {api_url}
    client_id: file:id
    client_secret: file:secret
    since: {since}
    erase_at_source: recordings
    protect_at_source: true
    source_days: 7
lawful_basis: {{basis: consent}}
consent:
  wordings: [{{version: w1, effective: 2025-01-01}}]
keys: {{passphrase: "file:passphrase"}}
"""
IDS = [call_entry(number)["id"] for number in (1, 2)]


@pytest.fixture
def cloud(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Path, Sandbox]]:
    """A workspace that has looked at two calls of a sandbox; its client lacks what the test says."""
    permissions = ALL_PERMISSIONS - getattr(request, "param", frozenset())
    now = datetime.now(UTC)
    began = (now - timedelta(days=20)).strftime("%Y-%m-%dT10:00:00Z")
    calls = write_calls(tmp_path / "calls", [call_entry(number, started_at=began) for number in (1, 2)])
    with Sandbox(calls, rate_limit=10**6, permissions=permissions) as sandbox:
        root = tmp_path / "w"
        root.mkdir()
        for name, value in {"passphrase": PASSPHRASE, "id": sandbox.client_id, "secret": sandbox.client_secret}.items():
            (root / name).write_text(value)
        text = POLICY.format(api_url=sandbox.api_url, since=(now - timedelta(days=60)).date())
        house = quick_house(build_workspace(root, policy=text, passphrase=Confidential(PASSPHRASE)))
        house.surveyor().look()
        house.close()
        yield root, sandbox


def test_an_erasure_shows_how_far_the_source_is(program, cloud):
    """Asked is under way, refused is exit code 1 with its code; `erase sources` asks again."""
    root, sandbox = cloud
    said = program("erase", "--conversation", IDS[0], "-w", root, "--json")
    assert (said.code, said.json["at_source"]) == (0, {"asked": 1})
    sandbox.store.memory.protected.add(IDS[1])
    refused = program("erase", "--conversation", IDS[1], "-w", root)
    assert refused.code == 1
    assert "PROTECTED_AT_SOURCE" in refused.out
    stuck = program("erase", "sources", "-w", root, "--json")
    assert (stuck.code, [each["state"] for each in stuck.json]) == (1, ["asked", "refused"])
    for call in sandbox.catalog.calls.values():
        sandbox.store.dates_of(call).delete_at = sandbox.store.now()
    sandbox.store.memory.protected.clear()
    assert program("erase", "sources", "-w", root).code == 0
    assert {each["state"] for each in program("erase", "sources", "--all", "-w", root, "--json").json} == {"done"}
    assert not any(gone in program("erase", "sources", "--all", "-w", root).out for gone in IDS)


def test_a_hold_is_placed_and_lifted_at_the_source(program, cloud):
    """And exit code 1 where the source could not protect."""
    root, sandbox = cloud
    assert program("retention", "hold", "case", "--conversation", IDS[0], "-w", root).code == 0
    assert sandbox.store.memory.protected == {IDS[0]}
    assert program("retention", "release", "case", "-w", root).code == 0
    assert sandbox.store.memory.protected == set()
    sandbox.faults.set({"server_errors": 100})
    unprotected = program("retention", "hold", "other", "--conversation", IDS[1], "-w", root, "--json")
    assert unprotected.code == 1
    assert len(unprotected.json["not_protected_at_source"]) == 1


def test_what_is_kept_too_long_is_counted_and_deleted_when_asked(program, cloud):
    """Looking changes nothing; `--delete` submits one job, however often it is asked."""
    root, sandbox = cloud
    said = program("retention", "source", "-w", root, "--json")
    assert (said.code, said.json) == (1, {"kept_too_long": {"cloud": 2}, "jobs": []})
    assert sandbox.store.memory.recording_jobs == {}
    for _ in range(2):
        asked = program("retention", "source", "--delete", "-w", root, "--json")
        assert [job["source"] for job in asked.json["jobs"]] == ["cloud"]
    assert len(sandbox.store.memory.recording_jobs) == 1
    assert "cloud" in program("retention", "source", "-w", root).out


@pytest.fixture
def asked_doctor(program, cloud, monkeypatch):
    """What doctor says of permissions, and its exit code."""
    from sottovoce.cli import doctor

    for check in [name for name in doctor.CHECKS if name not in ("policy", "permissions")]:
        monkeypatch.delitem(doctor.CHECKS, check)
    said = program("doctor", "-w", cloud[0], "--json")
    return said.code, said.json[-1]


def test_doctor_lists_what_the_role_needs(asked_doctor):
    """The least for what the policy uses, and nothing that it does not."""
    code, said = asked_doctor
    assert (code, said["check"], said["ok"]) == (0, "permissions", True)
    assert "recording:deletionProtection:apply" in said["says"]
    assert "gdpr" not in said["says"]


LACKING = frozenset({"recording:job:add", "routing:queue:view"})


@pytest.mark.parametrize("cloud", [LACKING], indirect=True)
def test_doctor_names_what_the_role_lacks(asked_doctor):
    """What can be done without is no failure."""
    code, said = asked_doctor
    assert (code, said["ok"]) == (1, False)
    assert "recording:job:add" in said["mend"]
    assert "routing:queue:view" not in said["mend"]


@pytest.mark.parametrize("cloud", [frozenset({"routing:queue:view"})], indirect=True)
def test_doctor_says_what_is_missed(asked_doctor):
    """A right that can be done without is told, with what that costs."""
    code, said = asked_doctor
    assert code == 0
    assert "without routing:queue:view" in said["says"]
