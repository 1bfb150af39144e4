"""A policy is right as a whole, or refused with the line and what was probably meant (SPEC 1.5, 16)."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from sottovoce.domain.finding import Fill
from sottovoce.errors import PolicyError
from sottovoce.policy.load import load_policy, parse_policy

PLAIN = """\
version: "1"
sources:
  calls:
    kind: folder
    path: in
lawful_basis:
  basis: consent
consent:
  wordings:
    - version: a
      effective: 2025-01-01
"""
NEXT = PLAIN.count("\n") + 1

GENESYS = """\
sources:
  cloud:
    kind: genesys
    region: eu_west_1
    client_id: env:ID
    client_secret: env:SECRET
lawful_basis:
  basis: consent
consent:
  wordings: [{version: a, effective: 2025-01-01}]
"""


def engine(**changes: str) -> str:
    """An external engine's section, in one line."""
    given = {"name": "verity", "url": "https://judge.example/", "secrets": "['env:A']", "media": "none"}
    members = given | {"removed": "true"} | changes
    return "compliance: {engine: {" + ", ".join(f"{key}: {value}" for key, value in members.items()) + "}}"


def refused(text: str) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text)
    assert caught.value.__cause__ is None
    assert str(caught.value).startswith(f"line {caught.value.line}: ")
    return caught.value


@pytest.mark.parametrize(
    ("added", "line", "said", "hint"),
    [
        ("redactoin: {}", 0, "`redactoin` is not a key of the policy", "did you mean `redaction`?"),
        ("Redaction: {}", 0, "`Redaction` is not a key", "did you mean `redaction`?"),
        ("zebra: {}", 0, "`zebra` is not a key of the policy", "known here: version, tenant"),
        ("redaction:\n  fill: tone\n  marginms: 250", 2, "not a key of `redaction`", "did you mean `margin_ms`?"),
        ("redaction:\n  margin-ms: 250", 1, "`margin-ms` is not a key", "did you mean `margin_ms`?"),
        ("redaction:\n  margin_ms: '250'", 1, "should be a whole number, and is text", "write a whole number"),
        ("redaction:\n  margin_ms: true", 1, "should be a whole number, and is true or false", "a whole number"),
        (
            "redaction:\n  margin_ms: 250.5",
            1,
            "should be a whole number, and is a number with a point",
            "a whole number",
        ),
        ("redaction:\n  margin_ms: 100", 1, "must be at least 200", "within the bounds"),
        ("redaction:\n  margin_ms: 9000", 1, "must be at most 2000", "within the bounds"),
        ("redaction:\n  margin_ms:", 1, "and is empty", "leave the key out for its default"),
        ("redaction:\n  crosstalk: 'yes'", 1, "should be true or false, and is text", "write true or false"),
        ("redaction:\n  default:\n    - pci\n    - NAMES", 3, "cannot be `NAMES`", "did you mean `NAME`?"),
        ("redaction:\n  default: [phii]", 1, "`redaction.default[0]` cannot be `phii`", "did you mean `phi`?"),
        ("redaction:\n  default: pci", 1, "should be a list, and is text", "write a list: [pci]"),
        ("redaction:\n  queues:\n    care: [IBANN]", 2, "`redaction.queues.care[0]`", "did you mean `IBAN`?"),
        ("redaction:\n  agent: full_number", 1, "cannot be `full_number`", "did you mean `full_numbers`?"),
        ("redaction:\n  agent: [pci, EMAILS]", 1, "`redaction.agent[1]` cannot be `EMAILS`", "did you mean `EMAIL`?"),
        ("redaction:\n  agent: 3", 1, "should be a list, and is a number", "write a list"),
        ("redaction:\n  fill: silense", 1, "`redaction.fill` cannot be `silense`", "did you mean `silence`?"),
        ("redaction: []", 0, "should be a mapping of keys to values, and is a list", "a mapping"),
        ("environment: prod", 0, "`environment` cannot be `prod`", "known here: development, production"),
        ("purpose: ai-training", 0, "`purpose` cannot be `ai-training`", "did you mean `ai_training`?"),
        ("tenant: No Good", 0, "`tenant` must be a short name", "a-z, 0-9 and hyphens"),
        ("tenant: 7", 0, "should be text in quotes, and is a number", 'write it in quotes: "7"'),
        ("tenant: no", 0, "should be text in quotes, and is true or false", 'in quotes: "false"'),
        ("corpus:\n  rate: 44100", 1, "`corpus.rate` cannot be this number", "known here: 8000, 16000"),
        ("corpus:\n  rate: '16000'", 1, "should be a number, and is text", "without quotes: 16000"),
        ("corpus:\n  format: flack", 1, "`corpus.format` cannot be `flack`", "did you mean `flac`?"),
        ("corpus:\n  splits: {trian: 1.0}", 1, "`trian` cannot be a name in `corpus.splits`", "did you mean `train`?"),
        ("corpus:\n  splits: {train: half}", 1, "should be a number, and is text", "write a number"),
        ("exclusions:\n  test_numbers: [2025550199]", 1, "`exclusions.test_numbers[0]` should be text", '"2025550199"'),
        ("exclusions:\n  min_seconds: -1", 1, "must be at least 0", "within the bounds"),
        ("exclusions:\n  max_secconds: 60", 1, "is not a key of `exclusions`", "did you mean `max_seconds`?"),
        ("selection:\n  target_hours: .inf", 1, "this is not a number", "a finite number"),
        ("selection:\n  stratify_by: [codecs]", 1, "cannot be `codecs`", "did you mean `codec`?"),
        (
            "selection:\n  minimum_shares:\n    - dimension: codec\n      valu: g711\n      share: 0.3",
            3,
            "`valu` is not a key of `selection.minimum_shares[0]`",
            "did you mean `value`?",
        ),
        (
            "selection:\n  minimum_shares:\n    - dimension: codec\n      share: 0.3",
            2,
            "`selection.minimum_shares[0].value` is missing",
            "add `value: …`",
        ),
        ("keys:\n  passphrase: hunter2", 1, "must say where the secret is, not what it is", "env:NAME or file:PATH"),
        ("anonymization:\n  metod: none", 1, "is not a key of `anonymization`", "did you mean `method`?"),
        ("retention:\n  corpus_day: 3", 1, "is not a key of `retention`", "did you mean `corpus_days`?"),
        ("storage: file:objects", 0, "should be a mapping of keys to values, and is text", "a mapping"),
        ("models:\n  transcriber: [tiny]", 1, "should be text in quotes, and is a list", "write text in quotes"),
    ],
)
def test_a_slip_names_its_line_and_what_was_meant(added: str, line: int, said: str, hint: str) -> None:
    """An unknown key or name, or a wrong type, is an error with its line and a suggestion."""
    error = refused(f"{PLAIN}{added}\n")
    assert error.line == NEXT + line
    assert said in str(error)
    assert hint in error.hint


@pytest.mark.parametrize(
    ("old", "new", "line", "said", "hint"),
    [
        ("kind: genesys", "kind: genesis", 3, "`sources.cloud.kind` cannot be `genesis`", "did you mean `genesys`?"),
        ("    kind: genesys\n", "", 2, "`sources.cloud.kind` is missing", "add `kind: genesys`"),
        ("region:", "regoin:", 4, "`regoin` is not a key of `sources.cloud`", "did you mean `region`?"),
        ("    region: eu_west_1\n", "", 2, "a Genesys source needs a region", "region: eu_west_1"),
        ("env:ID", "my-id", 5, "must say where the secret is", "env:NAME"),
        ("  cloud:", "  The Cloud:", 2, "`The Cloud` cannot be a name in `sources`", "a-z, 0-9 and hyphens"),
        ("region: eu_west_1", "customer_channel: 1", 4, "cannot be this number", 'in quotes: "1"'),
        ("region: eu_west_1", "region: x\n    since: yesterday", 5, "should be a date", "2025-01-31"),
        ("region: eu_west_1", "region: x\n    since: 2025-01-01 10:00:00", 5, "a time where a date", "2025-01-31"),
        (
            "region: eu_west_1",
            "region: x\n    since: 2025-02-01\n    until: 2025-02-01",
            6,
            "must be before",
            "first day",
        ),
        ("region: eu_west_1", "region: x\n    restore_archived: true", 5, "none is admitted", "ARCHIVED"),
        ("basis: consent", "basis: consnt", 8, "`lawful_basis.basis` cannot be `consnt`", "did you mean `consent`?"),
        ("lawful_basis:\n", "lawful_bases:\n", 7, "`lawful_bases` is not a key", "did you mean `lawful_basis`?"),
    ],
)
def test_a_slip_in_a_source_or_a_basis(old: str, new: str, line: int, said: str, hint: str) -> None:
    """The same holds inside sources, whose kind decides which keys there are."""
    error = refused(GENESYS.replace(old, new, 1))
    assert (error.line, said in str(error), hint in error.hint) == (line, True, True), (
        f"{error.line} {error} {error.hint}"
    )


@pytest.mark.parametrize(
    ("added", "line", "said"),
    [
        ("environment: production", 0, "the file key provider is not for production"),
        ("anonymization:\n  method: none", 1, "only by a waiver"),
        ("anonymization:\n  method: none\n  waiver_who: Ada", 1, "only by a waiver"),
        ("exclusions:\n  min_seconds: 300", 0, "`min_seconds` must be less than `max_seconds`"),
        ("exclusions:\n  min_seconds: 30\n  max_seconds: 20", 2, "`min_seconds` must be less than `max_seconds`"),
        ("corpus:\n  splits: {train: 0.8}", 1, "must sum to 1"),
        ("corpus:\n  splits: {train: 1.5, test: -0.5}", 1, "must sum to 1"),
        (
            "selection: {minimum_shares: [{dimension: codec, value: a, share: 0.6}, {dimension: codec, value: b, share: 0.6}]}",
            0,
            "`codec` come to more than 1",
        ),
        ("selection:\n  seed: 90071992547409930", 1, "too large"),
        ("storage:\n  url: ftp://x", 1, "this kind of storage"),
        ("storage:\n  url: s3://b\n  access_key: env:A", 0, "belong together"),
        ("database:\n  url: mysql://x", 1, "this kind of database"),
        ("database:\n  url: postgresql://me:hunter2@host/db", 1, "a password does not belong"),
        ("database:\n  url: postgresql://host/db?user=me&password=hunter2", 1, "a password does not belong"),
        ("database:\n  url: 'postgresql://[::1/db'", 1, "a password does not belong"),
        ("database:\n  keys_url: sqlite:registry.sqlite", 1, "a file of its own"),
    ],
)
def test_keys_that_contradict_each_other(added: str, line: int, said: str) -> None:
    """What one key demands of another is checked too, and the secret of a URL is not repeated."""
    error = refused(f"{PLAIN}{added}\n")
    assert (error.line, said in str(error)) == (NEXT + line, True), f"{error.line} {error}"
    assert error.hint
    assert "hunter2" not in f"{error}{error.hint}"


@pytest.mark.parametrize("missing", ["assessment", "assessed_on", "addresses_voice_reidentification"])
def test_legitimate_interest_needs_its_assessment(missing: str) -> None:
    """Legitimate interest states the assessment's id and date, and that it addresses the voice."""
    given = {"assessment": "LIA-7", "assessed_on": "2025-02-01", "addresses_voice_reidentification": "true"}
    written = "".join(f"  {name}: {value}\n" for name, value in given.items())
    text = PLAIN.replace("  basis: consent\n", f"  basis: legitimate_interest\n{written}")
    assert parse_policy(text).policy.lawful_basis.assessed_on == date(2025, 2, 1)
    error = refused(text.replace(f"  {missing}: {given[missing]}\n", ""))
    assert missing in str(error)
    assert error.line == 6


def test_consent_needs_a_wording() -> None:
    """Consent without a prompt that names AI training is no basis."""
    error = refused(PLAIN.replace("    - version: a\n      effective: 2025-01-01\n", "    []\n"))
    assert "at least one wording" in str(error)
    assert error.line == 9


def test_wordings_have_versions_of_their_own() -> None:
    """Two wordings of one version could not be told apart in the ledger."""
    error = refused(PLAIN + "    - version: a\n      effective: 2025-06-01\n")
    assert "same version" in str(error)
    assert error.line == NEXT


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (PLAIN + "version: '2'\n", NEXT, "`version` is given twice"),
        (PLAIN + "redaction:\n  fill: tone\n  fill: noise\n", NEXT + 2, "`fill` is given twice"),
        (PLAIN + "redaction: &r\n  fill: tone\n", NEXT, "anchors and aliases"),
        (PLAIN + "redaction: *r\n", NEXT, "anchors and aliases"),
        (PLAIN + "redaction: {<<: {fill: tone}}\n", NEXT, "a key must be text"),
        (PLAIN + "1: x\n", NEXT, "a key must be text"),
        (PLAIN + "? [a]\n: x\n", NEXT, "a key must be text"),
        (PLAIN + "tenant: !!python/name:os.system x\n", NEXT, "this is not YAML"),
        (PLAIN + "tenant: !!binary aGk=\n", NEXT, "this kind of value"),
        (PLAIN + "tenant: 2025-13-45\n", NEXT, "this value cannot be read"),
        (PLAIN + "\tfill: tone\n", NEXT, "this is not YAML"),
        (PLAIN + "redaction: {fill: tone\n", NEXT, "this is not YAML"),
        (PLAIN + "---\nversion: '2'\n", NEXT, "this is not YAML"),
        (PLAIN + "storage: " + "[" * 30 + "]" * 30 + "\n", NEXT, "nested too deeply"),
        ("- a\n- b\n", 1, "a policy is a mapping"),
        ("", 1, "a policy is a mapping"),
    ],
)
def test_yaml_that_two_readers_could_understand_differently(text: str, line: int, said: str) -> None:
    """Duplicate keys, aliases, tags, several documents and what is no YAML are refused with their line."""
    error = refused(text)
    assert said in str(error)
    assert line <= (error.line or 0) <= line + 1


def test_a_policy_of_two_mebibytes_is_refused() -> None:
    """A file too large to be a policy is not parsed at all."""
    with pytest.raises(PolicyError, match="larger than 1 MiB"):
        parse_policy(PLAIN + "#" * (2 << 20))


def test_control_characters_are_refused() -> None:
    """A file that is no text is no policy."""
    with pytest.raises(PolicyError, match="not YAML"):
        parse_policy(PLAIN + "tenant: \x00\n")


def test_the_first_of_many_errors_is_told_and_the_rest_counted() -> None:
    """One error at a time, in the order of the file, and how many more there are."""
    error = refused(PLAIN + "redactoin: {}\ncorpsu: {}\n")
    assert "redactoin" in str(error)
    assert error.hint.endswith("; 1 more after this one")


def test_a_long_wrong_value_is_not_repeated() -> None:
    """A value longer than any name is not echoed: it may be anything."""
    error = refused(PLAIN + f"redaction:\n  fill: {'x' * 60}\n")
    assert "xxx" not in f"{error}{error.hint}"


def test_a_file_is_read_with_its_lines(tmp_path: Path) -> None:
    """A good policy comes with its digest and the line of every key that was given."""
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + PLAIN.encode())
    loaded = load_policy(path)
    assert loaded.policy.consent.wordings[0].effective == date(2025, 1, 1)
    assert loaded.policy.redaction.fill is Fill.SILENCE
    assert loaded.line_of("consent.wordings[0].effective") == 11
    assert loaded.line_of("redaction.fill") is None
    assert len(loaded.digest) == 64


def test_a_missing_file_and_one_that_is_no_text(tmp_path: Path) -> None:
    """Neither is a policy, and the error says which it is."""
    with pytest.raises(PolicyError, match="cannot be read"):
        load_policy(tmp_path / "policy.yaml")
    (tmp_path / "policy.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PolicyError, match="not UTF-8"):
        load_policy(tmp_path / "policy.yaml")


def test_the_digest_is_of_values_and_nothing_else() -> None:
    """Comments, order and defaults written out leave the digest; any value changes it."""
    plain = parse_policy(PLAIN).digest
    assert parse_policy("# why\n" + PLAIN + "redaction: {fill: silence, margin_ms: 200}\n").digest == plain
    assert parse_policy(PLAIN.replace('version: "1"\n', "") + 'version: "1"\n').digest == plain
    assert parse_policy(PLAIN.replace("2025-01-01", "2025-01-02")).digest != plain
    assert parse_policy(PLAIN + "redaction: {margin_ms: 201}\n").digest != plain


def test_the_digest_of_a_known_policy_stays() -> None:
    """Ledger entries of today are compared with digests of tomorrow: the form is fixed."""
    assert parse_policy(PLAIN).digest == "e1212234350ccc3c0d1a3e964519a75f0620da0c7e05c9f79e9b2e35f33cdf9a"


def test_a_later_key_counts_where_it_says_something() -> None:
    """A key the first release did not have leaves the digest at its default, and changes it at any other value."""
    plain = parse_policy(PLAIN).digest
    assert parse_policy(PLAIN + "retention: {map_days: 365}\nerasure: {retrain_days: 92}\n").digest == plain
    assert parse_policy(PLAIN + "retention: {map_days: 364}\n").digest != plain
    assert parse_policy(PLAIN + "erasure: {retrain_days: 30}\n").digest != plain
    assert parse_policy(PLAIN + "retention: {duties: [{name: HIPAA}]}\n").digest != plain


def test_an_engine_needs_little_and_changes_the_digest() -> None:
    """A name, an address and a secret, and sound or what was removed; none of it leaves the policy as it was."""
    loaded = parse_policy(PLAIN + engine() + "\n")
    found = loaded.policy.compliance.engine
    assert found is not None
    assert (found.answers_later, found.timeout_s, found.answer_within_s) == (False, 30, 3600)
    assert loaded.digest != parse_policy(PLAIN).digest


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("retention: {duties: [{name: MIFID_II, years: 9}]}", "MIFID_II does not ask for 9 years"),
        ("retention: {duties: [{name: PCI_DSS, years: 1}]}", "PCI_DSS does not ask for 1 years"),
        ("erasure: {notices: {verint: {kind: webhook, url: 'https://a.example/n'}}}", "a webhook needs"),
        (
            "erasure: {notices: {verint: {kind: webhook, url: 'http://a.example/n', secret: 'env:A'}}}",
            "a webhook needs",
        ),
        ("openlineage: {url: 'http://a.example/api'}", "names no place"),
        ("openlineage: {url: 'file:'}", "names no place"),
        (engine(url="http://judge.example/"), "an engine is spoken to over https"),
        (engine(url="https://me:pw@judge.example/"), "an engine is spoken to over https"),
        (engine(media="url"), "needs an address to fetch sound from"),
        (engine(media="url", media_url="http://intake.example"), "needs an address to fetch sound from"),
        (engine(removed="false"), "an engine without sound has nothing to judge by"),
        (engine(secrets="[]"), "compliance.engine.secrets"),
        (engine(name="Verity 4111111"), "compliance.engine.name"),
        (engine(url_ttl_s="901"), "compliance.engine.url_ttl_s"),
    ],
)
def test_duties_and_addresses_hold_together(given: str, says: str) -> None:
    """A duty's years are those its law allows, and nothing is sent where anyone could read it."""
    with pytest.raises(PolicyError, match=says):
        parse_policy(PLAIN + given + "\n")
