"""`sottovoce destinations` and `sottovoce deliveries`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sottovoce.cli import doctor
from sottovoce.delivery.parcel import CallFacts
from sottovoce.domain.recording import Sealed, SealedObject
from sottovoce.domain.sound import Role
from sottovoce.settings import Workspace
from sottovoce.wiring.house import House


def with_destination(workspace: Path, text: str = "kind: bucket, url: 'file:drop'") -> None:
    with (workspace / "policy.yaml").open("a") as policy:
        policy.write(f"delivery:\n  destinations:\n    vendor: {{{text}}}\n")
        policy.write("agreements: {destinations: {vendor: {zones: [us]}}}\nresidency: {sources: {calls: us}}\n")


def with_contract(program, workspace: Path, *expires: str) -> None:
    given = ("--reference", "DPA-1", "--signed", "2026-01-15", "--digest", "ab" * 32, *expires, "-w", workspace)
    assert program("agreements", "add", "vendor", "DPA", *given).code == 0


def deliver_one(workspace: Path) -> None:
    house = House(Workspace(workspace))
    key = house.registry.outcomes("corpus")[0].recording
    ref, _ = house.registry.recall(key)
    objects = tuple(
        SealedObject(kind=o.kind, channel=o.channel, location=o.location, digest=o.digest, size=o.size, rev=o.rev)
        for o in house.registry.objects(key)
    )
    sealed = Sealed(ref=ref, key_id="k", objects=objects, facts={}, predecessor="")
    facts = CallFacts(roles=(Role.AGENT, Role.CUSTOMER), ended_at=house.clock())
    house.deliveries.deliverer(purpose="analytics").deliver(sealed, facts, line="analytics", destination="vendor")
    house.close()


def test_destinations_are_listed_without_their_addresses(program, workspace):
    """Names, kinds and profiles; where they are stays in the policy."""
    with_destination(workspace)
    (row,) = program("destinations", "list", "-w", workspace, "--json").json
    assert row == {
        "name": "vendor",
        "kind": "bucket",
        "profile": "generic",
        "audio": "wav/pcm_16",
        "metadata": "json",
        "transcript": False,
        "confirmed_by": "digest",
    }
    assert "file:" not in program("destinations", "list", "-w", workspace).out


def test_without_destinations_the_lists_say_so(program, workspace):
    """Nothing is an answer."""
    assert "No destination" in program("destinations", "list", "-w", workspace).out
    assert "Nothing was handed over" in program("deliveries", "list", "-w", workspace).out


def test_a_check_does_the_real_thing_and_leaves_nothing(program, workspace):
    """Exit code 0 with every check said, and no canary behind."""
    with_destination(workspace)
    with_contract(program, workspace)
    said = program("destinations", "check", "vendor", "-w", workspace, "--json")
    assert said.code == 0
    assert [(c["check"], c["ok"]) for c in said.json] == [("canary", True), ("agreements", True)]
    assert not any(path.is_file() for path in (workspace / "drop").rglob("*"))


def test_a_destination_without_its_papers_is_not_in_order(program, workspace, monkeypatch):
    """The check and `doctor` both say what is wanting, and later how long it holds."""
    monkeypatch.setattr(doctor, "CHECKS", {"destinations": doctor.CHECKS["destinations"]})
    assert "none configured" in program("doctor", "-w", workspace).out
    with_destination(workspace)
    for asked in (("destinations", "check", "vendor"), ("doctor",)):
        said = program(*asked, "-w", workspace, "--json")
        assert said.code == 1
        assert "no DPA on file (PERSONAL)" in said.json[-1]["says"]
        assert "agreements check" in said.json[-1]["mend"]
    soon = (datetime.now(UTC) + timedelta(days=5)).date().isoformat()
    with_contract(program, workspace, "--expires", soon)
    (found,) = program("doctor", "-w", workspace, "--json").json
    assert (found["ok"], found["says"]) == (True, "vendor: canary, agreements")
    assert f"DPA on file through {soon}" in program("destinations", "check", "vendor", "-w", workspace, "--json").out


def test_a_destination_of_which_no_zone_is_known_is_given_nothing(program, workspace):
    """The check says where to name it."""
    with (workspace / "policy.yaml").open("a") as policy:
        policy.write("delivery: {destinations: {vendor: {kind: bucket, url: 'file:drop'}}}\n")
    said = program("destinations", "check", "vendor", "-w", workspace)
    assert said.code == 1
    assert "agreements.destinations" in said.out + said.err


def test_nothing_leaves_a_confined_zone(program, workspace):
    """Whatever is on file."""
    with_destination(workspace)
    policy = workspace / "policy.yaml"
    text = policy.read_text().replace("sources: {calls: us}", "sources: {calls: eu}, confined: [eu]")
    policy.write_text(text)
    with_contract(program, workspace)
    (*_, found) = program("destinations", "check", "vendor", "-w", workspace, "--json").json
    assert not found["ok"] and "nothing leaves eu" in found["says"]


def test_a_check_that_fails_says_what_mends_it(program, workspace):
    """Exit code 1; neither host nor key is shown."""
    host_key = "ssh-ed25519 AAAA"
    (workspace / "id").write_text("PLANTED-KEY")
    with_destination(
        workspace, f"kind: sftp, host: 127.0.0.1, port: 9, user: u, private_key: 'file:id', host_key: '{host_key}'"
    )
    said = program("destinations", "check", "vendor", "-w", workspace)
    assert said.code == 1
    assert "NOT OK" in said.out and "E_DELIVERY_UNAVAILABLE" in said.out
    assert "PLANTED" not in said.out


def test_a_check_of_nobody(program, workspace):
    """A policy error with the names there are."""
    with_destination(workspace)
    said = program("destinations", "check", "nobody", "-w", workspace)
    assert said.code == 3
    assert "vendor" in said.err


def test_a_delivery_of_which_something_is_known_is_not_settled(program, workspace):
    """Exit code 18, with what to look at."""
    with_destination(workspace)
    deliver_one(workspace)
    (row,) = program("deliveries", "list", "-w", workspace, "--json").json["deliveries"]
    said = program("deliveries", "settle", row["correlation"], "-w", workspace, "--lost")
    assert said.code == 18
    assert "deliveries list" in said.err


def test_receipts_are_listed_with_their_lag(program, workspace):
    """What was delivered, how it was confirmed, and how long after the call."""
    with_destination(workspace)
    deliver_one(workspace)
    said = program("deliveries", "list", "-w", workspace, "--json").json
    (row,) = said["deliveries"]
    receipt = row["receipt"]
    assert (row["state"], row["reason"], receipt["confirmed"]) == ("delivered", None, "read_back")
    assert len(receipt["digest"]) == 64
    assert set(said["lag_s"]) == {"p50", "p95"}
    assert said["objective_s"] == 900
    shown = program("deliveries", "list", "-w", workspace, "--destination", "vendor")
    assert receipt["correlation"] in shown.out and "P50" not in shown.err
    assert program("deliveries", "list", "-w", workspace, "--line", "corpus", "--json").json["deliveries"] == []
    assert program("ledger", "verify", "-w", workspace).code in {0, 17}
