"""Where a workspace keeps its things, and how a secret named in the policy is read.

A workspace is one folder. The key ring, the log key and the token key are files of mode 0600; every
other secret comes by reference (`env:NAME`, `file:PATH`) and is never written here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import WorkspaceError

WORKSPACE_VARIABLE = "SOTTOVOCE_WORKSPACE"


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder `sottovoce init` makes."""

    root: Path

    @property
    def policy(self) -> Path:
        return self.root / "policy.yaml"

    @property
    def key_ring(self) -> Path:
        return self.root / "keys.ring"

    @property
    def log_key(self) -> Path:
        return self.root / "log.key"

    @property
    def token_key(self) -> Path:
        return self.root / "token.key"

    @property
    def grant_keys(self) -> Path:
        return self.root / "grants.key"

    @property
    def slots(self) -> Path:
        return self.root / "slots"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def exists(self) -> bool:
        return self.policy.is_file()

    def required(self) -> Workspace:
        """Itself, or WorkspaceError when `init` was never run here."""
        if not self.exists:
            raise WorkspaceError(
                f"no workspace in {self.root}", hint="run `sottovoce init`, or name one with --workspace"
            )
        return self


def resolve_secret(reference: str, *, base: Path | None = None) -> Confidential[str]:
    """The value behind `env:NAME` or `file:PATH` (relative paths under `base`), without its final newline.

    Raises WorkspaceError, naming the reference and never the value, when it is missing or empty.
    """
    kind, _, name = reference.partition(":")
    value = os.environ.get(name, "") if kind == "env" else _read(reference, name, base)
    if not value:
        raise WorkspaceError(f"the secret {reference} is missing or empty", hint=_hint(kind, name))
    return Confidential(value)


def _read(reference: str, name: str, base: Path | None) -> str:
    path = Path(name) if base is None else base / name
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        # A decoding error carries the bytes it could not read: here, the secret's.
        raise WorkspaceError(f"the secret {reference} cannot be read", hint=_hint("file", name)) from None


def _hint(kind: str, name: str) -> str:
    return f"export {name}=…" if kind == "env" else f"write the secret to {name}, mode 0600"
