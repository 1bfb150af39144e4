"""Documentation is held to the program: a reference that drifts is a defect."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from sottovoce.agreements.classes import HEALTH, PAYMENT
from sottovoce.agreements.needs import ELSEWHERE, NEEDS, SAFEGUARDS
from sottovoce.cli.main import app
from sottovoce.domain.entities import BUNDLES, Entity
from sottovoce.domain.outcome import Reason
from sottovoce.policy.keys import Key, policy_keys
from sottovoce.policy.template import default_policy

ROOT = Path(__file__).parents[2]
POLICY = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([a-z_.*]+)` \| (.+?) \| (.+) \|$", re.MULTILINE)
COMMAND = re.compile(r"^\s*(?:\.venv/bin/)?sottovoce +(.+)$", re.MULTILINE)


def rendered(key: Key) -> str:
    if key.required:
        return "required"
    value = list(key.default) if isinstance(key.default, tuple) else key.default
    return "none" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"


def test_every_key_of_the_policy_is_in_its_reference_with_its_default() -> None:
    """docs/policy.md has exactly the keys of the model, in its order, with their defaults."""
    written = [(path, default) for path, default, _ in ROW.findall(POLICY)]
    assert written == [(key.path, rendered(key)) for key in policy_keys()]


def test_every_entity_is_in_the_reference_with_its_bundles() -> None:
    """The catalogue's names and bundles are those of the program."""
    written = dict(re.findall(r"^\| `([A-Z_0-9]+)` \| (.+) \|$", POLICY, re.MULTILINE))
    assert written == {e.value: ", ".join(name for name in BUNDLES if e in BUNDLES[name]) for e in Entity}


def test_the_default_policy_mentions_no_key_there_is_not() -> None:
    """Also the keys that are only shown in comments are keys of the policy."""
    shown = re.sub(r"^( *)# (?=[ a-z_-]+:|  +- )", r"\1", default_policy(), flags=re.MULTILINE)
    sections = yaml.safe_load(shown)
    known = {key.path.split(".")[0] for key in policy_keys()}
    assert set(sections) <= known
    assert {"cloud", "recordings"} == set(sections["sources"])


PAGES = sorted(p.relative_to(ROOT).as_posix() for p in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")))
SOURCES = sorted(p.relative_to(ROOT).as_posix() for p in (ROOT / "src").rglob("*.py"))
SPOKEN = re.compile(r"`(?:\.venv/bin/)?sottovoce +([^`]+)`")


def shown(text: str) -> list[str]:
    """The command lines in a text's shell blocks, with their continuations, and in its sentences."""
    blocks = re.findall(r"```(?:sh|bash|shell|console)\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in COMMAND.findall(re.sub(r"\\\n\s*", " ", block).replace("$ ", ""))]
    return lines + [" ".join(line.split()) for line in SPOKEN.findall(text)]


def wrong(line: str) -> str:
    """What is wrong with a command line, by the program's own grammar; empty when nothing is."""
    command, words = get_command(app), re.split(r"[#|;&>]", line)[0].split()
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    options = {o for p in command.params for o in (*p.opts, *p.secondary_opts)} | {"--help"}
    unknown = {w.split("=")[0] for w in words if w.startswith("-") and len(w) > 1} - options
    names = "|" in line or "[" in line
    if hasattr(command, "commands") and words and not words[0].startswith("-") and not names:
        return f"{words[0]} is no command"
    return f"{', '.join(sorted(unknown))} is no option" if unknown else ""


@pytest.mark.parametrize("page", PAGES)
def test_every_command_a_page_shows_parses(page: str) -> None:
    """A command line, in a block or in a sentence, names a command of the program and options it has."""
    lines = shown((ROOT / page).read_text(encoding="utf-8"))
    assert {line: wrong(line) for line in lines if wrong(line)} == {}


def test_every_command_the_program_advises_parses() -> None:
    """Hints and docstrings send nobody to a command there is not."""
    lines = {line for source in SOURCES for line in SPOKEN.findall((ROOT / source).read_text(encoding="utf-8"))}
    assert {line: wrong(line) for line in lines if "{" not in line and wrong(line)} == {}


@pytest.mark.parametrize(
    ("line", "flaw"),
    [
        ("run --retry -w demo", ""),
        ("corpus show", ""),
        ("corpus burn", "burn is no command"),
        ("ledger verify --fast  # quickly", "--fast is no option"),
    ],
)
def test_a_wrong_command_line_would_be_found(line: str, flaw: str) -> None:
    """The check itself can fail."""
    assert wrong(line) == flaw


def test_pages_name_no_path_of_a_machine() -> None:
    """What is published says nothing about the machine it was written on."""
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "NOTICE"):
        found = re.search(r"(?<![\w.])/(work|root|home|tmp|Users)/", page.read_text(encoding="utf-8"))
        assert not found, page.name


def test_every_sample_call_is_described() -> None:
    """docs/sample-calls.md has exactly the scenarios there are."""
    calls = json.loads((ROOT / "src/sottovoce/sandbox/calls/calls.json").read_text(encoding="utf-8"))["calls"]
    page = (ROOT / "docs" / "sample-calls.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE) == [call["scenario"] for call in calls]


AGREEMENTS = (ROOT / "docs" / "agreements.md").read_text(encoding="utf-8")


def test_the_page_on_agreements_has_the_table_of_needs() -> None:
    """docs/agreements.md shows every need of every class, with the kinds, the rule and the law of the program."""
    written = re.findall(r"^\| ([A-Z_]+) \| ([A-Z_]+)[^|]*\| `([a-z.]+)` \| (.+) \|$", AGREEMENTS, re.MULTILINE)
    needs = [(data_class, need) for data_class, of in NEEDS.items() for need in of]
    assert written == [(c.value, "+".join(k.value for k in need.kinds), need.rule, need.law) for c, need in needs]


def test_the_page_on_agreements_has_every_safeguard_and_refusal() -> None:
    """Borders with a law of their own, what opens all others, and each reason of the gate."""
    written = re.findall(r"^\| (`[a-z]{2}`|elsewhere) \| ([A-Z, ]+[A-Z_, ]*) \| (.+) \|$", AGREEMENTS, re.MULTILINE)
    rows = {f"`{zone.value}`": each for zone, each in SAFEGUARDS.items()} | {"elsewhere": ELSEWHERE}
    assert written == [(name, ", ".join(k.value for k in each.kinds), each.law) for name, each in rows.items()]
    reasons = re.findall(r"^\| `([A-Z_]+)` \|", AGREEMENTS, re.MULTILINE)
    order = list(Reason)
    ours = order[order.index(Reason.ZONE_UNKNOWN) : order.index(Reason.RETENTION_TERMS_SHORT) + 1]
    assert reasons == [each.value for each in ours]
    for word in HEALTH | PAYMENT:
        assert re.search(rf"\b{word}\b", AGREEMENTS), word
