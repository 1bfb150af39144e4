"""The policy read back in sentences, and what its rules said of a recording (SPEC 1.5)."""

from __future__ import annotations

import pytest

from sottovoce.domain.outcome import Evidence, Reason
from sottovoce.policy.explain import READS, describe, explain, means
from sottovoce.policy.load import parse_policy
from sottovoce.policy.template import default_policy, demo_policy
from sottovoce.screening.screen import RuleAnswer, standard_rules

PLAIN = """\
sources:
  calls: {kind: folder, path: in}
lawful_basis:
  basis: consent
consent:
  wordings: [{version: a, effective: 2025-01-01}]
exclusions:
  test_numbers: ["+12025550199"]
"""


def said(rule: str, reason: Reason | None = None, **evidence: str | int) -> RuleAnswer:
    facts: Evidence = evidence
    return RuleAnswer(rule=rule, passes=reason is None, reason=reason, evidence=facts)


def test_every_rule_that_passes_is_told_with_its_line() -> None:
    """Each sentence names the rule, its evidence, and the line of the policy it stands on."""
    loaded = parse_policy(PLAIN)
    told = explain(loaded, [said("lawful_basis"), said("consent", participants=3), said("payment")])
    assert told[0] == "lawful_basis passes; by lawful_basis (line 3)."
    assert told[1] == "consent passes (participants 3); by consent (line 5), consent.wordings (line 6)."
    assert told[2] == "payment passes; by exclusions.payment_attribute (its default)."
    assert told[3].startswith("All 3 rules pass, so the recording may be used for AI training (policy 1, digest ")


def test_the_first_refusal_decides() -> None:
    """A later refusal is told, but the first one is what kept the recording out."""
    refusals = [said("test_number", Reason.TEST_NUMBER), said("legal_hold", Reason.LEGAL_HOLD)]
    told = explain(parse_policy(PLAIN), refusals)
    assert told[0] == "test_number refuses: a test number was dialled; by exclusions.test_numbers (line 8)."
    assert told[1].endswith("a rule of the program, which no policy can switch off.")
    assert told[2].startswith("The recording is kept out by test_number (TEST_NUMBER): a test number was dialled")


def test_every_rule_of_screening_is_known() -> None:
    """No rule that screening asks is without its keys here, and every key named is one of the policy's."""
    from sottovoce.policy.keys import known_at

    assert {rule.name for rule in standard_rules(today=lambda: pytest.fail("not asked"))} <= set(READS)
    for key in (key for keys in READS.values() for key in keys):
        *above, last = key.split(".")
        assert last in known_at(tuple(above))


def test_reasons_of_admission_have_words() -> None:
    """A reason is told in words; one of later rooms by its code."""
    assert means(Reason.CONSENT_BEFORE_WORDING).startswith("the call is from before the prompt")
    assert means(Reason.MEDIA_GONE) == "MEDIA_GONE"
    assert means(None) == "no reason was given"


def test_the_default_policy_reads_back() -> None:
    """What `init` writes is valid, careful, and says so."""
    told = "\n".join(describe(parse_policy(default_policy()).policy))
    assert "the folder recordings" in told
    assert "A yes counts from 2025-01-01 on" in told
    assert "silence is a no" in told
    assert "not called anonymous" in told


def test_the_default_policy_writes_the_defaults_out() -> None:
    """Apart from its source and wording, the commented policy is the same as leaving everything out."""
    bare = """\
sources:
  recordings: {kind: folder, path: recordings}
lawful_basis: {basis: consent}
consent:
  wordings: [{version: "2025-01", effective: 2025-01-01}]
"""
    assert parse_policy(default_policy()).digest == parse_policy(bare).digest


def test_the_demo_policy_is_over_the_sandbox() -> None:
    """The demo's policy takes its addresses and keeps its credentials by reference."""
    policy = parse_policy(demo_policy(api_url="http://127.0.0.1:8790", media_host="127.0.0.1:8791")).policy
    source = policy.sources["sandbox"]
    assert source.kind == "genesys"
    assert source.media_hosts == ("127.0.0.1:8791",)
    assert source.client_secret == "file:sandbox-secret"
    assert policy.consent.wordings[0].effective.isoformat() == "2025-01-01"


@pytest.mark.parametrize(
    ("added", "sentence"),
    [
        ("purpose: analytics", "used for speech analytics on the ground of consent"),
        ("purpose: compliance", "used for compliance checks"),
        ("redaction: {fill: tone, agent: same}", "from the agent's: the same. The place is filled with a tone"),
        (
            "redaction: {fill: noise, agent: [pci, NAME]}",
            "from the agent's: pci or NAME. The place is filled with the call's",
        ),
        ("redaction: {keep_last_four: false}", "from the agent's: the same"),
        ("redaction: {crosstalk: false}", "Crosstalk of a removed passage in the other channel stays."),
        ("redaction: {queues: {care: [phi]}}", "In the queue or category care: phi instead."),
        ("anonymization: {method: none, waiver_who: Ada, waiver_why: a trial}", "waived by Ada: a trial."),
        ("selection: {stratify_by: [], target_hours: 2}", "Up to 2 hours are chosen, without strata"),
        (
            "agreements: {destinations: {verint: {zones: [eu, us], classes: [PCI], requires: [OTHER]}}}",
            "verint (eu or us) may be given recordings of PERSONAL or PCI, with what each needs on file; OTHER beside.",
        ),
        (
            "agreements: {destinations: {v: {zones: [eu], waivers: [{kind: DPA, who: Ada, why: ours, until: 2027-01-01}]}}}",
            "There, DPA is not asked for until 2027-01-01, waived by Ada: ours.",
        ),
        ("agreements: {classes: {Health Line: [HIPAA, PCI]}}", "The queue or category Health Line is HIPAA and PCI."),
        ("residency: {confined: [in, eu]}", "Nothing leaves in or eu."),
        ("selection: {minimum_shares: [{dimension: codec, value: g711, share: 0.3}]}", "at least 30% codec g711"),
    ],
)
def test_choices_are_told(added: str, sentence: str) -> None:
    """Every choice that changes what happens to a recording is in the description."""
    assert sentence in "\n".join(describe(parse_policy(PLAIN + added + "\n").policy))


@pytest.mark.parametrize(
    ("basis", "sentence"),
    [
        ("{basis: contract}", "on the ground of a contract"),
        (
            "{basis: legitimate_interest, assessment: LIA-7, assessed_on: 2025-02-01, addresses_voice_reidentification: true}",
            "legitimate interest (assessment LIA-7 of 2025-02-01)",
        ),
    ],
)
def test_other_grounds_are_told(basis: str, sentence: str) -> None:
    """The ground and its assessment are named."""
    told = "\n".join(describe(parse_policy(PLAIN.replace("\n  basis: consent", f" {basis}")).policy))
    assert sentence in told
    assert "Consent is the attribute" not in told


def test_a_cloud_source_is_told() -> None:
    """A Genesys source by its region; exclusions that are empty as none."""
    cloud = "{kind: genesys, region: eu_west_1, client_id: env:A, client_secret: env:B}"
    text = PLAIN.replace("{kind: folder, path: in}", cloud) + "  queue_categories: []\n  queues_allowed: [a, b, c]\n"
    told = "\n".join(describe(parse_policy(text).policy))
    assert "Genesys Cloud (eu_west_1)" in told
    assert "no queue, 1 test number" in told
    assert "Only queues a, b or c are taken." in told


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("erase_at_source: recordings", "An erasure also asks for the deletion of the recordings at cloud."),
        ("erase_at_source: gdpr_request", "files a GDPR request about a customer"),
        ("protect_at_source: true", "A legal hold also protects the conversation"),
        ("source_days: 400", "keeps longer than 400 days is deleted there when that is asked for."),
    ],
)
def test_what_is_done_to_the_source_itself_is_told(key: str, sentence: str) -> None:
    """By default it is nothing, and then nothing is said."""
    source = "kind: genesys\n    region: eu_west_1\n    client_id: env:A\n    client_secret: env:B"
    text = "sources:\n  cloud:\n    {}\n{}lawful_basis:\n  basis: legitimate_interest\n  assessment: a\n"
    text += "  assessed_on: 2025-01-31\n  addresses_voice_reidentification: true\n"
    plain = describe(parse_policy(text.format(source, "")).policy)
    told = describe(parse_policy(text.format(source, f"    {key}\n")).policy)
    (more,) = set(told) - set(plain)
    assert sentence in more


def test_the_analytics_line_is_told_where_it_is_open() -> None:
    """Its ground, its bounds, where to, and what becomes of voices and sound; nothing while it is closed."""
    opened = """
analytics:
  lawful_basis: {basis: contract}
  anonymization: {method: none, waiver_who: board, waiver_why: tone is judged}
  destinations: [vendor]
delivery:
  destinations: {vendor: {kind: bucket, url: "file:drop"}}
"""
    told = "\n".join(describe(parse_policy(PLAIN + opened).policy))
    assert "For analytics, on the ground of contract, calls of 60 to 14400 seconds go redacted to vendor" in told
    assert "deleted here once everybody has it. Voices are left as they are, waived by board" in told
    assert "For analytics" not in "\n".join(describe(parse_policy(PLAIN + "\n").policy))
