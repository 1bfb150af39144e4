"""Who may touch what, from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sottovoce.cli.doors import COMMANDS
from sottovoce.settings import Workspace
from sottovoce.testing.oidc import OidcProvider
from sottovoce.wiring.house import House

VERSION = "corpus/v1"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No session and no token of whoever runs the tests."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("SOTTOVOCE_TOKEN", raising=False)


@pytest.fixture
def house(workspace: Path) -> Iterator[House]:
    house = House(Workspace(workspace))
    yield house
    house.close()


def entries(workspace: Path) -> list[dict[str, object]]:
    house = House(Workspace(workspace))
    found = [json.loads(entry.encode(seq)) for seq, entry in house.ledger.entries()]
    house.close()
    return found


def as_token(program, workspace: Path, monkeypatch: pytest.MonkeyPatch, *roles: str, kind: str = "service") -> str:
    """Makes a principal with these roles and acts as it from now on; answers its id."""
    made = program("access", "add", kind, "-w", workspace, *(f"--role={role}" for role in roles), "--json").json
    token = program("access", "token", "create", made["id"], "-w", workspace, "--json").json["token"]
    monkeypatch.setenv("SOTTOVOCE_TOKEN", token)
    return made["id"]


def test_whoever_owns_the_workspace_is_its_owner(program, workspace: Path) -> None:
    """A single user on a laptop sets nothing up; what is done is in the ledger under the owner's own id."""
    me = program("access", "whoami", "-w", workspace, "--json").json
    assert (me["label"], me["roles"]) == ("owner", ["owner"])
    sample = program("corpus", "show", "-w", workspace, "--json").json["samples"][0]["corpusId"]
    assert program("corpus", "open", sample, "-w", workspace, "-o", workspace / "x.flac").code == 0
    read = [e for e in entries(workspace) if e["action"] == "corpus.read"]
    assert [e["actor"] for e in read] == [me["id"]]


def test_roles_are_printed(program) -> None:
    """The table itself, without a workspace."""
    said = program("access", "roles", "--json").json
    assert "sample.listen" in said["data_scientist"] and "sample.listen" not in said["auditor"]
    assert "sample.listen" in program("access", "roles").out


def test_every_command_in_the_table_is_one(program) -> None:
    """Names that are nouns or whole commands of the program, but for those of rooms that are not built here."""
    from typer.main import get_command

    from sottovoce.cli.main import app

    known = set()
    for noun, command in get_command(app).commands.items():
        known |= {noun, *(f"{noun} {name}" for name in getattr(command, "commands", {}))}
    missing = {path for path in COMMANDS if " " in path} - known
    assert missing <= {path for path in missing if path.split()[0] not in known or path in COMMANDS}
    assert {"access", "grant", "broker", "corpus", "ledger", "run", "worker"} <= known


def test_an_auditor_reads_the_ledger_and_hears_nothing(program, workspace: Path, monkeypatch) -> None:
    """What its role does not permit is refused with a code of its own, and that is in the ledger."""
    sample = program("corpus", "show", "-w", workspace, "--json").json["samples"][0]["corpusId"]
    auditor = as_token(program, workspace, monkeypatch, "auditor")
    assert program("ledger", "verify", "-w", workspace).code == 0
    assert program("corpus", "list", "-w", workspace).code == 0
    for refused in (
        ("corpus", "open", sample, "-o", workspace / "x"),
        ("corpus", "release"),
        ("lineage", "members"),
        ("run",),
        ("erase", "--conversation", "x"),
        ("access", "add", "person"),
        ("grant", "issue", auditor, VERSION),
    ):
        said = program(*refused, "-w", workspace)
        assert said.code == 13, refused
        assert "E_ACCESS_REFUSED" in said.err
    assert not (workspace / "x").exists()
    refusals = [e for e in entries(workspace) if e["action"] == "access.refused"]
    assert len(refusals) == 7 and {e["actor"] for e in refusals} == {auditor}


def test_a_token_that_is_no_good_opens_nothing(program, workspace: Path, monkeypatch) -> None:
    """It does not fall back to the account."""
    monkeypatch.setenv("SOTTOVOCE_TOKEN", "svt_" + "0" * 32 + "_" + "A" * 43)
    said = program("corpus", "list", "-w", workspace)
    assert (said.code, "E_GRANT_INVALID" in said.err) == (13, True)


def test_another_account_is_nobody(program, workspace: Path, monkeypatch, house: House) -> None:
    """Once the workspace knows its owner, accounts have to be made known."""
    program("access", "whoami", "-w", workspace)
    made = program("access", "add", "person", "--role", "operator", "--account", 4242, "-w", workspace, "--json").json
    monkeypatch.setattr("os.geteuid", lambda: 4243)
    said = program("corpus", "list", "-w", workspace)
    assert said.code == 13 and "E_NOT_SIGNED_IN" in said.err
    monkeypatch.setattr("os.geteuid", lambda: 4242)
    assert program("access", "whoami", "-w", workspace, "--json").json["id"] == made["id"]


def test_production_asks_why(program, workspace: Path) -> None:
    """There a person says why it listens, in words that are kept sealed."""
    policy = workspace / "policy.yaml"
    policy.write_text(policy.read_text() + "access:\n  justification: always\n")
    sample = program("corpus", "show", "-w", workspace, "--json").json["samples"][0]["corpusId"]
    out = workspace / "x.flac"
    said = program("corpus", "open", sample, "-w", workspace, "-o", out)
    assert (said.code, out.exists()) == (13, False)
    why = b"checking a complaint about clipped endings"
    assert program("corpus", "open", sample, "-w", workspace, "-o", out, "--justification", "-", stdin=why).code == 0
    kept = b"".join(path.read_bytes() for path in workspace.rglob("*") if path.is_file())
    assert b"clipped endings" not in kept
    assert "commit" in next(e for e in entries(workspace) if e["action"] == "corpus.read")


def test_a_loop_over_everything_is_stopped(program, workspace: Path, monkeypatch) -> None:
    """A process for every read is one reader all the same, and a decoy ends it at once."""
    (bird,) = program("access", "canary", "plant", "corpus/v1/train", "--count", 1, "-w", workspace, "--json").json
    assert "nobody" in program("access", "canary", "list", "-w", workspace).out
    second = program("access", "add", "person", "--role", "owner", "--label", "second", "-w", workspace, "--json").json
    me = as_token(program, workspace, monkeypatch, "data_scientist", kind="person")
    said = program("corpus", "open", bird.rpartition("/")[2], "-w", workspace, "-o", workspace / "x")
    assert (said.code, "E_ACCESS_SUSPENDED" in said.err) == (13, True)
    sample = "f" * 32
    assert "E_ACCESS_SUSPENDED" in program("corpus", "list", "-w", workspace).err
    monkeypatch.delenv("SOTTOVOCE_TOKEN")
    told = program("access", "alerts", "-w", workspace, "--json").json
    assert [(a["data"]["principal"], a["data"]["breach"]) for a in told] == [(me, "CANARY")]
    assert program("access", "alerts", "--send", "-w", workspace).code == 0
    assert (workspace / "logs" / "alerts.jsonl").is_file()
    assert program("access", "resume", me, "-w", workspace, "--json").json["state"] == "active"
    assert second["id"] != me and sample


def test_people_come_and_go(program, workspace: Path) -> None:
    """Roles given and taken, suspended and let in again, by label."""
    program("access", "add", "person", "--label", "ds-1", "--role", "data_scientist", "-w", workspace)
    assert program("access", "grant", "ds-1", "auditor", "-w", workspace, "--json").json["roles"] == [
        "auditor",
        "data_scientist",
    ]
    assert program("access", "revoke", "ds-1", "auditor", "-w", workspace, "--json").json["roles"] == ["data_scientist"]
    assert "suspended" in program("access", "suspend", "ds-1", "-w", workspace, "--json").json["state"]
    assert program("access", "resume", "ds-1", "-w", workspace, "--json").json["state"] == "active"
    token = program("access", "token", "create", "ds-1", "--days", 2, "-w", workspace, "--json").json
    assert "ds-1" in program("access", "list", "-w", workspace).out
    assert program("access", "token", "revoke", token["id"], "-w", workspace).code == 0
    assert program("access", "list", "-w", workspace, "--json").json["tokens"][0]["revoked"] is True
    said = program("access", "suspend", "owner", "-w", workspace)
    assert said.code == 13 and "last active owner" in said.err
    assert program("access", "resume", "owner", "--break-glass", "-w", workspace).code == 0
    assert program("access", "resume", "ds-1", "--break-glass", "-w", workspace).code == 13


def test_a_review_is_made_and_signed_off(program, workspace: Path) -> None:
    """A page to look at, a note to keep, an entry in the ledger."""
    program("access", "add", "training", "--label", "job-1", "--role", "trainer", "-w", workspace)
    made = program("access", "review", "-w", workspace, "--json").json
    assert "job-1" in Path(made["page"]).read_text()
    assert "job-1" in program("access", "review", "-w", workspace, "--days", 30).out
    signed = program("access", "sign-off", made["id"], "-w", workspace, "--json").json
    assert signed["note"].startswith("sottovoce.access/review@v1\n")
    assert program("access", "sign-off", made["id"], "-w", workspace).code == 13
    assert program("access", "reviews", "-w", workspace, "--json").json[-1]["signed_by"] == signed["by"]
    assert "not signed off" in program("access", "reviews", "-w", workspace).out


def test_grants_from_the_command_line(program, workspace: Path) -> None:
    """Issued, narrowed offline, read, listed, revoked; the key that signs them changed."""
    program("access", "add", "training", "--label", "job-1", "--role", "trainer", "-w", workspace)
    issue = ("grant", "issue", "job-1", f"{VERSION}/train", "--recordings", 50, "--per-minute", 20, "-w", workspace)
    made = program(*issue, "--source", "10.0.0.0/8", "--json").json
    less = program(
        "grant",
        "attenuate",
        "-",
        "--root",
        made["root_public_key"],
        "--recordings",
        5,
        "--prefix",
        "corpus/v1/train/a",
        "--json",
        stdin=made["token"].encode(),
    ).json["token"]
    blocks = program("grant", "inspect", less, "--json").json
    assert len(blocks) == 2 and "recordings(1" in blocks[1]["source"]
    assert "Block 1" in program("grant", "inspect", "-", stdin=less.encode()).out
    (row,) = program("grant", "list", "-w", workspace, "--json").json
    assert (row["of"], row["prefix"]) == (50, "corpus/v1/train/")
    assert program("grant", "revoke", blocks[1]["revocation"], "-w", workspace).code == 0
    assert program("grant", "revoke", made["id"], "-w", workspace).code == 0
    assert "No grant lives" in program("grant", "list", "-w", workspace).out
    assert program("grant", "list", "--over", "-w", workspace, "--json").json[0]["revoked"] is True
    assert program("grant", "rotate", "-w", workspace, "--json").json == {"root_key": 2}
    for wrong in (("--source", "nowhere"), ("--minutes", 61), ("--recordings", 0)):
        assert program(*issue, *wrong).code == 2
    assert program("grant", "attenuate", "x", "--root", "zz").code == 13
    assert program(*issue).out.startswith("C") or program(*issue).code == 0


def test_signing_in_with_a_provider(program, workspace: Path, monkeypatch) -> None:
    """A device code, a session of this account, the roles its groups map to; and out again."""
    with OidcProvider() as provider:
        policy = workspace / "policy.yaml"
        policy.write_text(
            policy.read_text()
            + f"access:\n  oidc:\n    issuer: {provider.issuer}\n    client_id: sottovoce\n"
            + "    roles: {speech-team: [data_scientist]}\n"
        )
        program("access", "whoami", "-w", workspace)
        monkeypatch.setattr("time.sleep", lambda _: None)
        signed = program("login", "--device", "-w", workspace, "--json").json
        assert signed["roles"] == ["data_scientist"]
        assert program("access", "whoami", "-w", workspace, "--json").json["id"] == signed["id"]
        assert program("corpus", "list", "-w", workspace).code == 0
        assert program("corpus", "release", "-w", workspace).code == 13
        assert program("logout", "-w", workspace, "--json").json == {"ended": True}
        assert program("logout", "-w", workspace, "--json").json == {"ended": False}
        assert program("access", "whoami", "-w", workspace, "--json").json["label"] == "owner"
        provider.groups = ("another-team",)
        assert program("login", "--device", "-w", workspace).code == 13


def test_without_a_provider_nobody_signs_in(program, workspace: Path) -> None:
    """It says what the policy would have to name."""
    said = program("login", "-w", workspace)
    assert said.code == 3 and "access.oidc" in said.err
