"""Making a workspace: policy, key ring, log key, token key."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import WorkspaceError
from sottovoce.kms.file_keyring import FileKeyRing
from sottovoce.ledger.signer import create_log_key
from sottovoce.policy.key_services import FileKeys
from sottovoce.policy.load import parse_policy
from sottovoce.settings import Workspace

TOKEN_KEY_BYTES = 32


def utc_now() -> datetime:
    return datetime.now(UTC)


def origin_of(tenant: str) -> str:
    """The name of a tenant's ledger, and of the key that signs it."""
    return f"sottovoce.ledger/{tenant}"


def build_workspace(root: Path, *, policy: str, passphrase: Confidential[str] | None) -> Workspace:
    """A new workspace: policy, key ring, log key, token key. Raises WorkspaceError where there is one.

    A policy that is wrong raises PolicyError before anything is made. The passphrase opens the key ring
    and is not kept; a policy that names a key service needs neither.
    """
    workspace = Workspace(root)
    if workspace.exists:
        raise WorkspaceError(f"there is a workspace in {root} already", hint="use it, or name another folder")
    loaded = parse_policy(policy)
    on_file = isinstance(loaded.policy.keys, FileKeys)
    if on_file and passphrase is None:
        raise WorkspaceError("the key ring needs a passphrase", hint="give one, or name a key service in the policy")
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    if on_file and passphrase is not None:
        FileKeyRing.create(workspace.key_ring, passphrase, clock=utc_now, environment=loaded.policy.environment)
    create_log_key(workspace.log_key, name=origin_of(loaded.policy.tenant))
    _write_private(workspace.token_key, secrets.token_hex(TOKEN_KEY_BYTES))
    _write_private(workspace.policy, policy)
    return workspace


def _write_private(path: Path, text: str) -> None:
    """A new file only its owner may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
