"""Genesys Cloud from the command line, over HTTP: bulk reading, erasure, holds and retention at the source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from sottovoce.custody.subject import ByConversation, ByCustomer
from sottovoce.domain.at_source import JobState, SourceState
from sottovoce.domain.confidential import Confidential
from sottovoce.sandbox.serve import Sandbox
from sottovoce.sandbox.store import ALL_PERMISSIONS
from sottovoce.settings import Workspace
from sottovoce.sources.protocol import customer_token
from sottovoce.testing.calls import call_entry, write_calls
from sottovoce.testing.house import PASSPHRASE, RATE, SECONDS, carry_all, quick_house, settle_all
from sottovoce.testing.shredding import files_under, traces
from sottovoce.wiring.house import House
from sottovoce.wiring.permissions import needed_of, permissions_of
from sottovoce.wiring.workspace import build_workspace

POLICY = """
sources:
  cloud:
    kind: genesys
    api_url: {api_url}
    client_id: file:id
    client_secret: file:secret
    media_hosts: ["{media_host}"]
    since: {since}
    requests_per_minute: 3000
{keys}
lawful_basis: {{basis: consent}}
consent:
  wordings: [{{version: w1, effective: 2025-01-01}}]
exclusions: {{min_seconds: 0.5, languages_allowed: ["*"]}}
keys: {{passphrase: "file:passphrase"}}
"""
WHO: dict[str, Any] = {"requested_by": "dpo-1", "why": "GDPR_17", "at_source": True}


class Days:
    """Wall clocks of sandbox and house that are moved ahead together."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@contextmanager
def calling(
    root: Path, entries: list[dict[str, Any]], days: Days, *keys: str, permissions: frozenset[str] = ALL_PERMISSIONS
) -> Iterator[tuple[House, Sandbox]]:
    """A house whose source is the sandbox, as its policy file composes it."""
    calls = write_calls(root / "calls", entries)
    with Sandbox(calls, now=days.now, rate_limit=10**6, permissions=permissions) as sandbox:
        house = quick_house(_workspace(root / "w", sandbox, days, keys), clock=days.now)
        try:
            yield house, sandbox
        finally:
            house.close()


def _workspace(root: Path, sandbox: Sandbox, days: Days, keys: tuple[str, ...]) -> Workspace:
    root.mkdir()
    for name, value in {"passphrase": PASSPHRASE, "id": sandbox.client_id, "secret": sandbox.client_secret}.items():
        (root / name).write_text(value)
    text = POLICY.format(
        api_url=sandbox.api_url,
        media_host=sandbox.media_host,
        since=(days.now() - timedelta(days=60)).date(),
        keys="\n".join(f"    {key}" for key in keys),
    )
    return build_workspace(root, policy=text, passphrase=Confidential(PASSPHRASE))


def entries_of(days: Days, count: int, **changes: Any) -> list[dict[str, Any]]:
    began = (days.now() - timedelta(days=20)).strftime("%Y-%m-%dT10:00:00Z")
    return [call_entry(n, started_at=began, **changes) for n in range(1, count + 1)]


@pytest.fixture
def days() -> Days:
    return Days()


Look = Callable[[House], None]


def look(house: House) -> None:
    house.surveyor().look()


def test_erased_recordings_go_at_the_source_too(tmp_path: Path, days: Days) -> None:
    """Asked, then seen to be gone; the certificate and the ledger say so, and no file leads to the conversation."""
    entries = entries_of(days, 2)
    with calling(tmp_path, entries, days, "erase_at_source: recordings") as (house, sandbox):
        look(house)
        report = house.eraser.erase(ByConversation(conversation_id=entries[0]["id"]), **WHO)
        assert (dict(report.at_source), report.complete) == ({"asked": 1}, True)
        days.ahead += timedelta(hours=1)
        assert house.custody.sources.pursue(by="dpo-1") == ()
        states = {call.id: sandbox.store.file_state(call) for call in sandbox.catalog.calls.values()}
        assert states == {entries[0]["id"]: "DELETED", entries[1]["id"]: "AVAILABLE"}
        look(house)
        house.eraser.resume(requested_by="dpo-1")
    files = list(files_under(tmp_path / "w"))
    assert traces(files, [entries[1]["id"].encode()]) > 0
    assert traces(files, [entries[0]["id"].encode()]) == 0


def test_a_customer_is_forgotten_by_a_request_of_the_platforms_own(tmp_path: Path, days: Days) -> None:
    """One GDPR request for all their calls, followed to its end without anybody waiting for it."""
    entries = entries_of(days, 2, ani="tel:+12025550001")
    with calling(tmp_path, entries, days, "erase_at_source: gdpr_request") as (house, sandbox):
        look(house)
        token = customer_token(house.tokenizer, "+12025550001")
        assert token is not None
        report = house.eraser.erase(ByCustomer(token=token), **WHO)
        assert dict(report.at_source) == {"asked": 2}
        assert len(sandbox.store.memory.gdpr) == 1
        while left := house.custody.sources.pursue(by="dpo-1"):
            assert {each.state for each in left} == {SourceState.ASKED}
        days.ahead += timedelta(minutes=1)
        assert {sandbox.store.file_state(c) for c in sandbox.catalog.calls.values()} == {"DELETED"}


def test_a_hold_protects_there_and_is_not_taken_for_theirs(tmp_path: Path, days: Days) -> None:
    """Held, it is protected at the platform, refused by both erasures, and free again when the matter ends."""
    entries = entries_of(days, 1)
    keys = ("protect_at_source: true", "erase_at_source: recordings")
    subject = ByConversation(conversation_id=entries[0]["id"])
    with calling(tmp_path, entries, days, *keys) as (house, sandbox):
        look(house)
        house.custody.holds.place(subject, matter="case", why="LITIGATION", by="counsel-1")
        assert sandbox.store.memory.protected == {entries[0]["id"]}
        look(house)
        assert [h.matter for h in house.custody.holds.list()] == ["case"]
        assert not house.eraser.erase(subject, **WHO).complete
        lifted = house.custody.holds.lift("case", by="counsel-1")
        assert (len(lifted.free), sandbox.store.memory.protected) == (1, set())
        assert dict(house.eraser.erase(subject, **WHO).at_source) == {"asked": 1}


def test_somebody_elses_protection_is_said(tmp_path: Path, days: Days) -> None:
    """Protected after it was read: ours goes, theirs is refused, and that is on the certificate."""
    entries = entries_of(days, 1)
    with calling(tmp_path, entries, days, "erase_at_source: recordings") as (house, sandbox):
        look(house)
        sandbox.store.memory.protected.add(entries[0]["id"])
        report = house.eraser.erase(ByConversation(conversation_id=entries[0]["id"]), **WHO)
        assert (len(report.recordings), dict(report.at_source)) == (1, {"refused": 1})
        assert '"at_source":{"refused":1}' in (report.certificate or "")
        assert house.custody.sources.list()[0].code == "PROTECTED_AT_SOURCE"


def test_what_the_platform_keeps_too_long_is_found_and_deleted(tmp_path: Path, days: Days) -> None:
    """Counted by its own query, deleted by its own job, step by step."""
    with calling(tmp_path, entries_of(days, 3), days, "source_days: 7") as (house, _):
        sweeps = house.custody.source_sweeps
        assert sweeps.kept_too_long() == {"cloud": 3}
        sweeps.start("cloud", by="dpo-1")
        states = [sweeps.pursue(by="dpo-1")[0].state for _ in range(2)]
        assert states == [JobState.PROCESSING, JobState.FULFILLED]
        assert sweeps.list()[0].counts["deleted"] == 3
        assert sweeps.kept_too_long() == {"cloud": 0}


def test_a_week_of_many_conversations_is_told_by_one_job(tmp_path: Path, days: Days) -> None:
    """Two hundred are read with little more than one request each, for their recordings; attributes come in bulk."""
    count = 205
    with calling(tmp_path, entries_of(days, count), days) as (house, sandbox):
        seen = house.surveyor().look()
        assert (seen.seen, len(seen.report.taken)) == (count, count)
        assert len(sandbox.store.memory.jobs) == 1
        assert sum(token.count for token in sandbox.store.memory.tokens.values()) < 1.3 * count


def test_recordings_are_sealed_from_batches(tmp_path: Path, days: Days) -> None:
    """The worker asks once for what waits on the line; every channel counts as both voices."""
    entries = entries_of(days, 3, duration_s=SECONDS)
    with calling(tmp_path, entries, days, "download: batch") as (house, sandbox):
        for number, entry in enumerate(entries):
            _write_burst(tmp_path / "calls" / entry["file"], seed=number)
        assert set(carry_all(house, settle_all(house)).values()) == {"sealed"}
        assert (len(sandbox.store.memory.batches), sandbox.store.memory.polls.total()) == (1, 0)
        assert {o.facts["roles"] for o in house.registry.outcomes(house.line.name)} == {"both+both"}
        assert not traces(list(files_under(tmp_path / "w")), [b"Signature=", b"MediaCache"])


def _write_burst(path: Path, *, seed: int) -> None:
    """Three seconds that no other call has."""
    burst = 0.2 * np.random.default_rng(seed).standard_normal((int(SECONDS * RATE), 2))
    soundfile.write(str(path), burst.astype(np.float32), RATE, subtype="PCM_16")


def test_a_client_needs_what_the_policy_uses_and_no_more(tmp_path: Path, days: Days) -> None:
    """Reading alone needs no right to change anything; what is lacking is known before it is needed."""
    lacking = ALL_PERMISSIONS - {"recording:recording:editRetention", "routing:queue:view"}
    with calling(tmp_path, entries_of(days, 1), days, "erase_at_source: recordings", permissions=lacking) as (house, _):
        (found,) = permissions_of(house.policy, house.sources)
        assert found.missing == ("recording:recording:editRetention",)
        assert found.lacks == ("recording:recording:editRetention", "routing:queue:view")
        plain = house.policy.model_copy(update={"sources": _without_erasing(house)})
        assert not any(
            word in code for code in needed_of(plain, "cloud") for word in ("edit", "add", "apply", "delete")
        )


def _without_erasing(house: House) -> dict[str, Any]:
    return {name: one.model_copy(update={"erase_at_source": "none"}) for name, one in house.policy.sources.items()}
