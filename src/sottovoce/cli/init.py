"""`sottovoce init`: a workspace with policy, key ring, log key and databases."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, facts, say
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import WorkspaceError
from sottovoce.policy.template import default_policy
from sottovoce.settings import Workspace
from sottovoce.wiring.house import House
from sottovoce.wiring.workspace import build_workspace

PASSPHRASE_VARIABLE = "SOTTOVOCE_PASSPHRASE"  # noqa: S105 - the name of a variable
PASSPHRASE_FILE = "passphrase"  # noqa: S105 - the name of a file


def init(
    workspace: InWorkspace = HERE,
    *,
    generate_passphrase: Annotated[
        bool, typer.Option(help="Draw a passphrase and keep it in the workspace: for trials only.")
    ] = False,
    policy: Annotated[
        Path | None, typer.Option(help="Start from this policy instead of the commented default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a workspace: policy, key ring, registry and ledger."""
    text = policy.read_text(encoding="utf-8") if policy else default_policy()
    house = make_workspace(workspace, text=text, generate=generate_passphrase)
    made = {
        "workspace": str(workspace),
        "policy": str(house.workspace.policy),
        "policy_digest": house.loaded.digest,
        "ledger_key": house.ledger.vkey,
    }
    if as_json:
        answer(made)
        return
    facts("A workspace is ready", made)
    say("Next: edit the policy, then `sottovoce doctor`, `sottovoce plan`, `sottovoce run`.")


def make_workspace(root: Path, *, text: str, generate: bool) -> House:
    """A new workspace, opened once so that its databases exist and its ledger has a first checkpoint."""
    passphrase = _drawn() if generate else _given()
    if generate:
        text = text.replace(f"env:{PASSPHRASE_VARIABLE}", f"file:{PASSPHRASE_FILE}")
    workspace = build_workspace(root, policy=text, passphrase=passphrase)
    if generate:
        _keep(workspace, passphrase)
    house = House(workspace)
    house.registry.outcomes("corpus")
    house.keystore.epochs()
    house.ledger.checkpoint()
    return house


def _drawn() -> Confidential[str]:
    return Confidential(secrets.token_urlsafe(32))


def _given() -> Confidential[str]:
    """From the environment, or asked for twice on a terminal; never on the command line, where others see it."""
    value = os.environ.get(PASSPHRASE_VARIABLE, "")
    if not value and os.isatty(0):
        value = typer.prompt("Passphrase for the key ring", hide_input=True, confirmation_prompt=True)
    if not value:
        raise WorkspaceError(
            "the key ring needs a passphrase",
            hint=f"export {PASSPHRASE_VARIABLE}=…, or use --generate-passphrase for a trial",
        )
    return Confidential(value)


def _keep(workspace: Workspace, passphrase: Confidential[str]) -> None:
    path = workspace.root / PASSPHRASE_FILE
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(passphrase.reveal())
