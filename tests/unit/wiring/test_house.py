"""The house: one workspace, composed from its policy, rooms built when first asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sottovoce.anonymize.disguise import Disguiser, Undisguised
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.entities import Entity
from sottovoce.domain.sound import Media, Role
from sottovoce.errors import KeyRefused, PolicyError, WorkspaceError
from sottovoce.ledger.verifier import Found
from sottovoce.policy.model import Anonymization, Policy
from sottovoce.sandbox.serve import Sandbox
from sottovoce.settings import Workspace
from sottovoce.sources.folder import FolderSource
from sottovoce.sources.genesys.source import GenesysSource
from sottovoce.sources.protocol import HmacTokenizer
from sottovoce.testing.calls import call_entry, write_calls
from sottovoce.testing.house import (
    PASSPHRASE,
    carry_all,
    make_test_workspace,
    quick_house,
    settle_all,
    write_policy,
    write_recordings,
)
from sottovoce.wiring.house import House
from sottovoce.wiring.rooms import compose_disguiser, compose_redactor, decode_media, noise_source, whisper
from sottovoce.wiring.sources import close_sources, compose_sources, kept_attributes
from sottovoce.wiring.workspace import build_workspace, origin_of

GENESYS = """
version: test-1
sources:
  genesys:
    kind: genesys
    api_url: {api_url}
    client_id: file:id
    client_secret: file:secret
    since: 2026-10-01
    media_hosts: ["{media_host}"]
    requests_per_minute: 3000
lawful_basis:
  basis: consent
consent:
  wordings: [{{version: w1, effective: 2025-01-01}}]
exclusions:
  queue_categories: [crisis]
keys:
  passphrase: file:passphrase
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_test_workspace(tmp_path / "w", count=1)


def test_a_house_needs_a_workspace(tmp_path):
    """Without a policy there is nothing to compose."""
    with pytest.raises(WorkspaceError) as refused:
        House(Workspace(tmp_path))
    assert "init" in refused.value.hint


def test_nothing_is_opened_before_it_is_asked_for(workspace):
    """A house that was only looked at has made no database and loaded no model; closing it is harmless."""
    house = House(workspace)
    assert house.policy.version == "test-1"
    house.close()
    assert not list(workspace.root.glob("*.sqlite"))
    assert {"transcriber", "redactor", "_database"}.isdisjoint(house.__dict__)


def test_a_closed_house_opens_again(workspace):
    """Databases and connections are let go and come back when they are needed."""
    house = quick_house(workspace)
    keys = settle_all(house)
    house.close()
    assert set(carry_all(house, keys).values()) == {"sealed"}
    house.close()
    house.close()
    assert len(house.registry.outcomes("corpus")) == 1
    house.close()


def test_rooms_are_one_each(workspace):
    """Ledger, registry and vault are the same however often they are asked for, and share the tenant's name."""
    house = quick_house(workspace)
    assert house.registry is house.registry
    assert (house.origin, house.ledger.origin) == ("sottovoce.ledger/default",) * 2
    house.warm()
    assert house.vault.epochs() == ()
    assert house.ledger.verify().found is Found.OK
    house.close()


def test_secrets_that_are_wrong_or_missing_are_named(workspace):
    """A wrong passphrase is refused, a missing one names its reference; neither is quoted."""
    (workspace.root / "passphrase").write_text("another passphrase altogether")
    with pytest.raises(KeyRefused) as wrong:
        _ = House(workspace).key_ring
    assert "altogether" not in str(wrong.value)
    (workspace.root / "passphrase").unlink()
    with pytest.raises(WorkspaceError, match="file:passphrase"):
        _ = House(workspace).key_ring


def test_everything_in_one_postgresql(tmp_path, postgres):
    """With one URL in the policy registry, engine and keys live in PostgreSQL, and no SQLite file appears."""
    house = quick_house(make_test_workspace(tmp_path / "w", count=1, database=postgres))
    assert set(carry_all(house, settle_all(house)).values()) == {"sealed"}
    queue = house.queue()
    assert queue.unfinished() == 0
    queue.close()
    house.close()
    assert not list((tmp_path / "w").rglob("*.sqlite*"))


def test_embedded_databases_are_private_files_of_the_workspace(workspace):
    """SQLite files lie in the workspace, readable by their owner only."""
    house = quick_house(workspace)
    carry_all(house, settle_all(house))
    house.queue().close()
    house.close()
    files = {path.name: path.stat().st_mode & 0o777 for path in workspace.root.glob("*.sqlite")}
    assert files == dict.fromkeys(("registry.sqlite", "engine.sqlite", "keys.sqlite"), 0o600)


def test_rules_follow_the_queue(workspace):
    """The redaction rules are those policy gives the recording's queue."""
    policy = workspace.policy
    policy.write_text(policy.read_text() + "redaction:\n  default: [pci]\n  queues:\n    retail: [NAME]\n")
    house = quick_house(workspace)
    (metadata,) = house.sources["calls"].discover()
    assert house.rules(metadata).wants(Entity.NAME, Role.CUSTOMER)
    assert not house.rules(metadata).wants(Entity.PHONE, Role.CUSTOMER)
    house.close()


def test_the_corpus_rooms_read_what_was_sealed(workspace):
    """Releaser, versions and opener are composed over the same registry and vault."""
    house = quick_house(workspace)
    carry_all(house, settle_all(house))
    assert house.corpus.releaser is house.corpus.releaser
    assert house.corpus.versions is house.corpus.versions
    assert house.corpus.opener is house.corpus.opener
    assert house.today() == house.clock().date()
    house.close()


def test_the_quick_rooms_are_not_the_products(workspace):
    """The house itself composes the packaged transcriber and the real disguiser; quick rooms are for tests."""
    assert type(House(workspace).disguiser) is Disguiser
    assert type(quick_house(workspace).transcriber).__name__ == "OneWord"


# sources


def test_a_genesys_source_comes_from_the_policy(tmp_path):
    """Region or address, secrets by reference, hosts, period and queue categories: all from the policy."""
    now = datetime(2026, 10, 20, tzinfo=UTC)
    with Sandbox(write_calls(tmp_path / "calls", [call_entry(1)]), now=lambda: now) as sandbox:
        root = tmp_path / "w"
        root.mkdir()
        for name, value in {"passphrase": PASSPHRASE, "id": sandbox.client_id, "secret": sandbox.client_secret}.items():
            (root / name).write_text(value)
        text = GENESYS.format(api_url=sandbox.api_url, media_host=sandbox.media_host)
        house = House(build_workspace(root, policy=text, passphrase=Confidential(PASSPHRASE)))
        source = house.sources["genesys"]
        assert isinstance(source, GenesysSource)
        (found,) = source.discover()
        assert found.queue == "Orders"
        assert found.participants[0].attributes == {"aiTrainingConsent": "true"}
        assert set(source.fetch(found.ref, found).parts) == {"0", "1"}
        house.close()
        assert "sources" not in house.__dict__


def test_a_folder_source_lies_below_the_workspace(workspace):
    """A relative path is the workspace's; a source's name is its own in the policy."""
    house = House(workspace)
    assert [type(s) for s in house.sources.values()] == [FolderSource]
    (found,) = house.sources["calls"].discover()
    assert found.ref.source == "calls"
    close_sources(house.sources)


def test_only_attributes_of_the_policy_are_kept():
    """Consent, opt-out, withdrawal, payment and accent, of each line: what policy does not ask for is not kept."""
    policy = Policy.model_validate(
        {
            "sources": {"a": {"kind": "folder", "path": "a"}},
            "lawful_basis": {"basis": "consent"},
            "consent": {"consent_attribute": "mayTrain"},
        }
    )
    assert kept_attributes(policy) == {
        "mayTrain",
        "aiTrainingOptOut",
        "aiTrainingConsentWithdrawn",
        "analyticsConsent",
        "analyticsOptOut",
        "analyticsConsentWithdrawn",
        "paymentCaptured",
        "accentRegion",
    }


def test_a_source_without_its_secret_is_refused(tmp_path):
    """A secret that is missing is named by its reference."""
    source = {"kind": "genesys", "region": "eu_west_1", "client_id": "file:id", "client_secret": "file:secret"}
    policy = Policy.model_validate({"sources": {"a": source}, "lawful_basis": {"basis": "consent"}})
    tokenizer = HmacTokenizer(key=Confidential(b"k" * 32))
    with pytest.raises(WorkspaceError, match="file:id"):
        compose_sources(policy, root=tmp_path, tokenizer=tokenizer)
    (tmp_path / "id").write_text("id")
    (tmp_path / "secret").write_text("secret")
    close_sources(compose_sources(policy, root=tmp_path, tokenizer=tokenizer))


# rooms


def test_policy_may_waive_the_disguise_by_name():
    """Without a method voices pass under a waiver that says who and why."""
    waived = compose_disguiser(Anonymization(method="none", waiver_who="dpo", waiver_why="internal test"))
    assert isinstance(waived, Undisguised)
    assert isinstance(compose_disguiser(), Disguiser)
    assert isinstance(compose_disguiser(Anonymization()), Disguiser)


def test_noise_is_never_the_same():
    """Each generator is seeded anew from the system's entropy."""
    assert noise_source().integers(1 << 62) != noise_source().integers(1 << 62)


def test_media_are_decoded_under_the_default_caps(tmp_path):
    """Two channels come back as two rows at the file's rate."""
    write_recordings(tmp_path, 1)
    data = (tmp_path / "call-0000.wav").read_bytes()
    sound, form = decode_media(Media(parts={"S": Confidential(data)}, roles={"S": (Role.AGENT, Role.CUSTOMER)}))
    assert (sound.channels, sound.rate, form.container) == (2, 8000, "WAV")


def test_the_packaged_rooms_are_composed():
    """The packaged transcriber, every detector, and a second ear behind them."""
    redactor = compose_redactor(whisper())
    assert type(redactor).__name__ == "Redactor"


# workspace


def test_a_new_workspace_is_private_and_never_made_twice(tmp_path):
    """Policy and keys are files of their owner, and a second `init` touches nothing."""
    root = tmp_path / "w"
    workspace = build_workspace(root, policy=write_policy(), passphrase=Confidential(PASSPHRASE))
    modes = {path.name: path.stat().st_mode & 0o777 for path in root.iterdir() if path.is_file()}
    assert set(modes.values()) == {0o600}
    before = workspace.token_key.read_bytes()
    with pytest.raises(WorkspaceError, match="already"):
        build_workspace(root, policy=write_policy(), passphrase=Confidential(PASSPHRASE))
    assert workspace.token_key.read_bytes() == before
    assert PASSPHRASE.encode() not in b"".join(p.read_bytes() for p in root.iterdir() if p.is_file())


def test_a_wrong_policy_or_passphrase_makes_no_workspace(tmp_path):
    """What is refused leaves nothing that would be taken for a workspace, and the next try is as the first."""
    root, good = tmp_path / "w", Confidential(PASSPHRASE)
    with pytest.raises(PolicyError):
        build_workspace(root, policy="sauces: {}\n", passphrase=good)
    with pytest.raises(KeyRefused):
        build_workspace(root, policy=write_policy(), passphrase=Confidential("short"))
    assert build_workspace(root, policy=write_policy(), passphrase=good).exists


def test_a_ledger_is_named_after_its_tenant():
    """Two tenants' ledgers cannot be taken for each other."""
    assert origin_of("north") != origin_of("south")
