"""Every check can fail: a thing broken turns the controls that rest on it red, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sottovoce.evidence import keeping, papers, treatment
from sottovoce.evidence.control import Check, Control, Judged, Result, judge, met, not_applicable, not_met
from sottovoce.evidence.facts import (
    AccessFacts,
    AgreementFacts,
    ConformanceFacts,
    CorpusFacts,
    ErasureFacts,
    Facts,
    KeyFacts,
    LedgerFacts,
    RecordingFacts,
    RetentionFacts,
    StoreFacts,
)
from sottovoce.evidence.frameworks import Framework, controls_of
from sottovoce.policy.load import parse_policy
from sottovoce.policy.model import NoticeTarget, OpenLineage, Policy, Storage

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
POLICY = """
sources: {calls: {kind: folder, path: calls}}
lawful_basis: {basis: consent}
consent: {wordings: [{version: w1, effective: 2025-01-01}]}
keys: {provider: aws-kms, region: eu-central-1}
"""

ACTIONS = {
    "recording.sealed": 10,
    "corpus.released": 2,
    "training.started": 1,
    "agreement.added": 7,
    "agreement.renewed": 2,
}
PAPERS = {papers.business_associates, papers.service_providers, papers.processors, papers.transfers}


def a_policy(**changes: Any) -> Policy:
    return parse_policy(POLICY).policy.model_copy(update=changes)


def healthy() -> Facts:
    """A workspace in which everything holds and everything has happened."""
    return Facts(
        at=NOW,
        tenant="test",
        policy=a_policy(),
        policy_digest="p" * 64,
        ledger=LedgerFacts(
            verdict="ok",
            size=100,
            signed=100,
            first_at=NOW - timedelta(days=400),
            last_at=NOW,
            actions=dict(ACTIONS),
            latest={"recording.sealed": 90},
            backwards=0,
            anchored=True,
            vkey="k",
        ),
        keys=KeyFacts(
            provider="aws-kms",
            epochs=3,
            current_epoch_days=10,
            oldest_carrying_days=70,
            erased=4,
            revived=0,
            unkeyed=0,
            held=1,
            held_unfrozen=0,
        ),
        store=StoreFacts(scheme="s3", present=30, looked_at=30, missing=0, changed=0, in_the_clear=0),
        retention=RetentionFacts(kept=30, overdue=0, conflicts=0, frozen=1, sweeps=9, last_sweep_days=1),
        erasure=ErasureFacts(
            erasures=2,
            recordings=4,
            refused=1,
            unfinished=0,
            slowest_days=3,
            bad_certificates=0,
            notices=2,
            notices_overdue=0,
            decisions=1,
            decisions_open=1,
            decisions_overdue=0,
            restored=False,
        ),
        recordings=RecordingFacts(
            known=20,
            sealed=10,
            withheld=5,
            unexplained=0,
            unadmitted=0,
            unverified=0,
            undisguised=0,
            removed_ms={"credit_debit_number": 9000, "credit_debit_cvv": 900},
            originals_with_authentication_data=0,
        ),
        corpus=CorpusFacts(
            versions=2,
            samples=18,
            erased_samples=2,
            labels={"anonymized": 2},
            attacked=2,
            runs=1,
            runs_presumed=0,
            models=1,
            forbidden_metadata=0,
        ),
        access=AccessFacts(principals=3, reads=12, refusals=1, alarms=0, last_review_days=20),
        agreements=AgreementFacts(
            destinations=2,
            strangers=0,
            papers=9,
            needed={"PERSONAL": 2, "HIPAA": 1, "PCI": 2, "transfer": 1, "required": 1},
            wanting={},
            expiring=1,
            waived=0,
        ),
        conformance=ConformanceFacts(calls=50, conforms=True, unit_leak_rate=0.0, over_redaction=0.02),
    )


CHECKS: list[Check] = [
    check
    for room in (keeping, papers, treatment)
    for name, check in sorted(vars(room).items())
    if callable(check) and getattr(check, "__module__", "") == room.__name__ and not name.startswith("_")
]

IN = {
    "ledger": LedgerFacts,
    "keys": KeyFacts,
    "store": StoreFacts,
    "retention": RetentionFacts,
    "erasure": ErasureFacts,
    "recordings": RecordingFacts,
    "corpus": CorpusFacts,
    "access": AccessFacts,
    "agreements": AgreementFacts,
    "conformance": ConformanceFacts,
}


def broken(part: str, **changes: Any) -> Facts:
    facts = healthy()
    return replace(facts, **{part: replace(getattr(facts, part), **changes)})


BREAKS: list[tuple[Facts, set[Check]]] = [
    (broken("retention", overdue=1), {keeping.schedule_enforced}),
    (broken("retention", conflicts=1), {keeping.schedule_enforced}),
    (broken("retention", last_sweep_days=9), {keeping.schedule_enforced}),
    (broken("retention", sweeps=0, last_sweep_days=None), {keeping.schedule_enforced}),
    (broken("keys", revived=1), {keeping.erased_unreadable}),
    (broken("erasure", restored=True), {keeping.erased_unreadable}),
    (broken("erasure", bad_certificates=1), {keeping.erased_unreadable, keeping.documents_kept}),
    (broken("erasure", unfinished=1), {keeping.erased_unreadable, keeping.erasure_answered}),
    (broken("erasure", slowest_days=31), {keeping.erasure_answered}),
    (broken("erasure", notices_overdue=1), {keeping.recipients_told}),
    (broken("erasure", decisions_overdue=1), {keeping.models_decided}),
    (broken("keys", unkeyed=1), {keeping.keys_apart}),
    (broken("store", in_the_clear=1), {keeping.keys_apart}),
    (broken("store", missing=1), {keeping.keys_apart}),
    (broken("store", changed=1), {keeping.keys_apart}),
    (broken("keys", oldest_carrying_days=732), {keeping.keys_rotated}),
    (broken("keys", held_unfrozen=1), {keeping.holds_frozen}),
    (
        broken("ledger", verdict="tampered leaf"),
        {keeping.ledger_whole, keeping.log_kept, keeping.documents_kept, treatment.reads_recorded},
    ),
    (broken("ledger", verdict="unsigned tail"), {keeping.ledger_whole}),
    (
        broken("ledger", actions=ACTIONS | {"recording.sealed": 9}),
        {keeping.log_complete},
    ),
    (
        broken("ledger", actions=ACTIONS | {"corpus.released": 1}),
        {keeping.log_complete},
    ),
    (broken("ledger", actions=ACTIONS | {"training.started": 0}), {treatment.uses_known}),
    (broken("ledger", backwards=1), {keeping.clocks_agree}),
    (broken("recordings", originals_with_authentication_data=1), {treatment.authentication_data_gone}),
    (
        broken("recordings", unverified=1),
        {
            treatment.authentication_data_gone,
            treatment.card_data_redacted,
            treatment.identifiers_redacted,
            treatment.fails_closed,
        },
    ),
    (broken("recordings", undisguised=1), {treatment.voices_disguised}),
    (broken("recordings", unadmitted=1), {treatment.lawfully_admitted}),
    (broken("recordings", unexplained=1), {treatment.fails_closed}),
    (broken("corpus", forbidden_metadata=1), {treatment.released_minimum}),
    (broken("access", last_review_days=91), {treatment.access_reviewed}),
    (broken("ledger", actions=ACTIONS | {"agreement.renewed": 1}), PAPERS),
    (broken("agreements", strangers=1), PAPERS),
    (broken("agreements", wanting={"HIPAA": 1}), {papers.business_associates}),
    (broken("agreements", wanting={"PCI": 1}), {papers.service_providers}),
    (broken("agreements", wanting={"PERSONAL": 1}), {papers.processors}),
    (broken("agreements", wanting={"SPECIAL_CATEGORY": 1}), {papers.processors}),
    (broken("agreements", wanting={"required": 1}), {papers.processors}),
    (broken("agreements", wanting={"transfer": 1}), {papers.transfers}),
    (broken("conformance", conforms=False), {treatment.recall_measured}),
]


def red(facts: Facts) -> set[Check]:
    return {check for check in CHECKS if check(facts).result is Result.NOT_MET}


def test_a_healthy_workspace_meets_what_software_can_see() -> None:
    """Only the written policies remain for a person."""
    left = {check for check in CHECKS if check(healthy()).result is not Result.MET}
    assert left == {keeping.documents_kept}


@pytest.mark.parametrize(("facts", "wanted"), BREAKS)
def test_breaking_one_thing_turns_its_checks_red_and_no_others(facts: Facts, wanted: set[Check]) -> None:
    """A check that cannot fail is a defect, and so is one that fails for another's reason."""
    assert red(facts) == wanted


def test_every_check_is_broken_somewhere() -> None:
    """No check is left that nothing turns red, but for those of addresses, shown below."""
    assert {check for _, wanted in BREAKS for check in wanted} == set(CHECKS) - {treatment.sent_encrypted}


@pytest.mark.parametrize(
    "policy",
    [
        a_policy(storage=Storage(url="s3://b/p", endpoint="http://store.example")),
        a_policy(openlineage=OpenLineage(url="http://marquez.example/api")),
        a_policy(
            erasure=a_policy().erasure.model_copy(
                update={"notices": {"v": NoticeTarget(kind="webhook", url="http://v.example", secret="env:S")}}
            )
        ),
    ],
)
def test_an_address_in_the_clear_is_red(policy: Policy) -> None:
    """By the policy's key, never by the address itself; one of this machine is no matter."""
    found = treatment.sent_encrypted(replace(healthy(), policy=policy))
    assert found.result is Result.NOT_MET
    assert "example" not in found.said
    local = a_policy(storage=Storage(url="s3://b/p", endpoint="http://127.0.0.1:9000"))
    assert treatment.sent_encrypted(replace(healthy(), policy=local)).result is Result.MET


@pytest.mark.parametrize("check", [treatment.card_data_redacted, treatment.identifiers_redacted])
def test_a_queue_that_keeps_something_is_red(check: Check) -> None:
    """What policy leaves in on one queue is said by the queue's name."""
    rules = a_policy().redaction.model_copy(update={"queues": {"billing": ("NAME",)}})
    found = check(replace(healthy(), policy=a_policy(redaction=rules)))
    assert found.result is Result.NOT_MET
    assert "billing" in found.said


def test_the_file_key_ring_is_for_development() -> None:
    """A person is told so; in production it is red."""
    file = parse_policy(POLICY.replace("keys: {provider: aws-kms, region: eu-central-1}", "")).policy
    assert keeping.keys_apart(replace(healthy(), policy=file)).result is Result.NEEDS_A_PERSON
    live = file.model_copy(update={"environment": "production"})
    assert keeping.keys_apart(replace(healthy(), policy=live)).result is Result.NOT_MET


def empty() -> Facts:
    """A workspace in which nothing has happened."""
    facts = healthy()

    def zeroed(part: str, **kept: Any) -> Any:
        value = getattr(facts, part)
        fields = {name: _nothing(getattr(value, name)) for name in value.__dataclass_fields__}
        return replace(value, **{**fields, **kept})

    parts: dict[str, Any] = {part: zeroed(part) for part in IN if part not in {"ledger", "conformance"}}
    ledger = zeroed("ledger", verdict="ok", first_at=None, last_at=None)
    return replace(facts, **parts, ledger=ledger, conformance=None)


def _nothing(value: Any) -> Any:
    match value:
        case bool():
            return False
        case int():
            return 0
        case dict():
            return {}
        case _:
            return value


def test_nothing_is_red_where_nothing_has_happened() -> None:
    """A new workspace has no failures: what does not apply yet says so."""
    facts = empty()
    facts = replace(
        facts,
        keys=replace(facts.keys, current_epoch_days=None, oldest_carrying_days=None),
        retention=replace(facts.retention, last_sweep_days=None),
        access=replace(facts.access, last_review_days=None),
        erasure=replace(facts.erasure, slowest_days=None),
    )
    assert red(facts) == set()
    results = {check(facts).result for check in CHECKS}
    assert Result.NOT_APPLICABLE in results
    assert Result.NEEDS_A_PERSON in results


def test_voices_without_a_measured_attack_need_an_expert() -> None:
    """Voice-transformed is not anonymized: somebody has to say so."""
    assert treatment.voices_disguised(broken("corpus", attacked=1)).result is Result.NEEDS_A_PERSON


def test_a_control_is_no_better_than_its_worst_check() -> None:
    """One thing not met is not made up for; what applies outranks what does not."""

    def control(*results: Result) -> Judged:
        makers: dict[Result, Callable[[], Any]] = {
            Result.MET: lambda: met("c", "s", {}),
            Result.NOT_MET: lambda: not_met("c", "s", {}),
            Result.NOT_APPLICABLE: lambda: not_applicable("c", "s"),
        }
        checks = tuple(lambda _, make=makers[each]: make() for each in results)
        return judge(Control(number="1", title="t", checks=checks), healthy())

    assert control(Result.MET, Result.NOT_MET).result is Result.NOT_MET
    assert control(Result.NOT_APPLICABLE, Result.MET).result is Result.MET
    assert control(Result.NOT_APPLICABLE).result is Result.NOT_APPLICABLE


@pytest.mark.parametrize("framework", list(Framework))
def test_every_framework_lists_its_controls_once(framework: Framework) -> None:
    """By number, each with a check; in a healthy workspace nothing of it is red, and something is met."""
    controls = controls_of(framework)
    assert len({each.number for each in controls}) == len(controls) >= 13
    results = [judge(each, healthy()).result for each in controls]
    assert Result.NOT_MET not in results
    assert results.count(Result.MET) >= len(results) // 2


@pytest.mark.parametrize("framework", list(Framework))
def test_each_framework_sees_a_broken_ledger(framework: Framework) -> None:
    """All four rest on the log: none stays green when it does not verify."""
    facts = broken("ledger", verdict="truncated")
    assert any(judge(each, facts).result is Result.NOT_MET for each in controls_of(framework))
