"""`sottovoce init`: a workspace with policy, key ring, log key and databases."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, facts, say
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import WorkspaceError
from sottovoce.policy.key_services import FileKeys
from sottovoce.policy.load import load_policy, parse_policy
from sottovoce.policy.model import FolderSource
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
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Start from this policy instead of the commented default."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a workspace: policy, key ring, registry and ledger."""
    text = _text_of(policy) if policy else default_policy()
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
    facts("A workspace is ready", {name.replace("_", " "): value for name, value in made.items()})
    say(f"Next, in {workspace}: edit policy.yaml, then `sottovoce doctor`, `sottovoce plan`, `sottovoce run`.")


def _text_of(policy: Path) -> str:
    """Read strictly first, so that a wrong policy makes no workspace."""
    load_policy(policy)
    return policy.read_text(encoding="utf-8-sig")


def make_workspace(root: Path, *, text: str, generate: bool) -> House:
    """A new workspace, opened once so that its databases exist. What fails halfway leaves nothing behind."""
    if Workspace(root).exists:
        raise WorkspaceError(f"there is a workspace in {root} already", hint="use it, or name another folder")
    passphrase = _passphrase(text, generate=generate)
    if generate:
        text = text.replace(f"env:{PASSPHRASE_VARIABLE}", f"file:{PASSPHRASE_FILE}")
    with _whole_or_not(root):
        workspace = build_workspace(root, policy=text, passphrase=passphrase)
        if generate and passphrase is not None:
            _keep(workspace, passphrase)
        return _opened(house_at(root))


def _opened(house: House) -> House:
    house.registry.outcomes("corpus")
    house.keystore.epochs()
    house.ledger.checkpoint()
    for source in house.policy.sources.values():
        if isinstance(source, FolderSource) and not Path(source.path).is_absolute():
            (house.workspace.root / source.path).mkdir(parents=True, exist_ok=True)
    return house


@contextlib.contextmanager
def _whole_or_not(root: Path) -> Iterator[None]:
    """Takes back what was made inside the block when the block fails; what was there before stays."""
    there = root.exists()
    before = set(root.iterdir()) if there else set()
    try:
        yield
    except BaseException:
        for made in set(root.iterdir()) - before if root.exists() else ():
            shutil.rmtree(made) if made.is_dir() else made.unlink()
        if not there and root.exists():
            root.rmdir()
        raise


def _passphrase(text: str, *, generate: bool) -> Confidential[str] | None:
    """What a new key ring is to be opened with; None where the policy names a key service."""
    if not isinstance(parse_policy(text).policy.keys, FileKeys):
        if generate:
            raise WorkspaceError("the policy names a key service", hint="leave out --generate-passphrase")
        return None
    return _drawn() if generate else _given()


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
