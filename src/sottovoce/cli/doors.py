"""Which operation each command is, so that every command asks before it works. What is not named here, owners may.

A command that is None asks nothing: it opens no workspace, mends one that is broken, or asks at a finer grain itself.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from typer.core import TyperGroup

from sottovoce.access.roles import Operation
from sottovoce.domain.confidential import Confidential

_O = Operation

COMMANDS: Final[Mapping[str, Operation | None]] = {
    "init": None,
    "doctor": None,
    "demo": None,
    "sandbox": None,
    "redact": None,
    "transcribe": None,
    "anonymize": None,
    "conformance": None,
    "login": None,
    "logout": None,
    "submit": None,
    "witness": None,
    "access roles": None,
    "access whoami": None,
    "access resume": None,
    "policy check": None,
    "corpus open": None,
    "plan": _O.PIPELINE_PLAN,
    "policy": _O.PIPELINE_PLAN,
    "intake status": _O.PIPELINE_PLAN,
    "rules": _O.PIPELINE_PLAN,
    "cloud": _O.PIPELINE_PLAN,
    "compliance status": _O.PIPELINE_PLAN,
    "compliance verdicts": _O.PIPELINE_PLAN,
    "compliance": _O.PIPELINE_RUN,
    "run": _O.PIPELINE_RUN,
    "worker": _O.PIPELINE_RUN,
    "intake": _O.PIPELINE_RUN,
    "inbox": _O.PIPELINE_RUN,
    "contributor": _O.CONTRIBUTORS_MANAGE,
    "contributors": _O.CONTRIBUTORS_MANAGE,
    "destinations list": _O.PIPELINE_PLAN,
    "destinations": _O.PIPELINE_RUN,
    "deliveries list": _O.PIPELINE_PLAN,
    "deliveries": _O.PIPELINE_RUN,
    "corpus release": _O.CORPUS_RELEASE,
    "corpus stage": _O.CORPUS_RELEASE,
    "corpus verify": _O.CORPUS_VERIFY,
    "corpus export": _O.EXPORT_PLAIN,
    "corpus": _O.CORPUS_LIST,
    "ledger rotate-key": _O.KEYS_MANAGE,
    "ledger": _O.LEDGER_READ,
    "lineage": _O.LINEAGE_READ,
    "training": _O.TRAINING_REGISTER,
    "model": _O.TRAINING_REGISTER,
    "erase": _O.ERASE,
    "erasure": _O.ERASE,
    "hold": _O.HOLD,
    "retention": _O.RETENTION_APPLY,
    "evidence": _O.EVIDENCE_WRITE,
    "agreements list": _O.AGREEMENTS_READ,
    "agreements check": _O.AGREEMENTS_READ,
    "agreements": _O.AGREEMENTS_MANAGE,
    "keys": _O.KEYS_MANAGE,
    "access list": _O.ACCESS_READ,
    "access reviews": _O.ACCESS_READ,
    "access alerts": _O.ACCESS_READ,
    "access review": _O.ACCESS_READ,
    "access sign-off": _O.ACCESS_REVIEW,
    "access": _O.ACCESS_MANAGE,
    "grant list": _O.ACCESS_READ,
    "grant inspect": None,
    "grant attenuate": None,
    "grant rotate": _O.KEYS_MANAGE,
    "grant": _O.GRANT_ISSUE,
    "broker": _O.BROKER_SERVE,
}


def read_confidential(path: Path) -> Confidential[str]:
    """A file's text, or standard input's for `-`: what nobody should see on a command line."""
    text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    return Confidential(text.strip())


_running: list[str] = []


class AskingGroup(TyperGroup):
    """The program's own group: remembers which command runs, for whoever opens a workspace for it."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        inner = getattr(command, "commands", {})
        _running[:] = [part for part in (name, rest[0] if rest and rest[0] in inner else None) if part]
        return name, command, rest


def needed() -> Operation | None:
    """What the command that is running needs; None for nothing, and outside of any command."""
    return needs(" ".join(_running)) if _running else None


def needs(path: str) -> Operation | None:
    """What a command such as `corpus show` needs: by its whole name, by its noun, or an owner."""
    noun = path.partition(" ")[0]
    return COMMANDS[path] if path in COMMANDS else COMMANDS.get(noun, Operation.ADMINISTER)


def running() -> str:
    """The running command, such as `corpus show`; empty outside of any."""
    return " ".join(_running)


def ended() -> None:
    """No command runs any more."""
    _running.clear()
