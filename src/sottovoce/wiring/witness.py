"""A witness's folder, composed: `witness.key` and `name`, `logs` (a vkey a line), and `seen.sqlite`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sottovoce.errors import WorkspaceError
from sottovoce.ledger.cosignature import Ed25519Cosigner
from sottovoce.ledger.note import VerifierKey, valid_name
from sottovoce.ledger.signer import draw_key, read_key
from sottovoce.ledger.witness import Witness, WitnessMemory
from sottovoce.wiring.workspace import utc_now

_KEY, _NAME, _LOGS, _SEEN = "witness.key", "name", "logs", "seen.sqlite"


def create_witness(folder: Path, *, name: str) -> str:
    """A new witness in a folder; answers its vkey. Raises WorkspaceError where there is one, or the name is none."""
    if not valid_name(name) or len(name.encode()) > 255:
        raise WorkspaceError("a witness's name has no spaces and no plus", hint="such as witness.example/w1")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = draw_key(folder / _KEY)
    (folder / _NAME).write_text(name, encoding="utf-8")
    return str(Ed25519Cosigner(name=name, key=key).key)


def trust_log(folder: Path, vkey: str) -> tuple[str, ...]:
    """Adds a log's key; answers the logs trusted. Raises LedgerTampered for what is no vkey."""
    _named(folder)
    key = VerifierKey.parse(vkey.strip())
    known = _keys(folder)
    if key not in known:
        with (folder / _LOGS).open("a", encoding="utf-8") as file:
            file.write(f"{key}\n")
        known = [*known, key]
    return tuple(dict.fromkeys(each.name for each in known))


def open_witness(folder: Path, *, memory: Callable[[Path], WitnessMemory]) -> Witness:
    """The witness in a folder, with `memory` in a file there.

    Raises WorkspaceError where there is none, or its key is open to others.
    """
    cosigner = Ed25519Cosigner(name=_named(folder), key=read_key(folder / _KEY))
    logs: dict[str, list[VerifierKey]] = {}
    for key in _keys(folder):
        logs.setdefault(key.name, []).append(key)
    return Witness(cosigners=(cosigner,), logs=logs, memory=memory(folder / _SEEN), clock=utc_now)


def _keys(folder: Path) -> list[VerifierKey]:
    path = folder / _LOGS
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [VerifierKey.parse(line) for line in lines if line]


def _named(folder: Path) -> str:
    try:
        return (folder / _NAME).read_text(encoding="utf-8").strip()
    except OSError:
        raise WorkspaceError("there is no witness in that folder", hint="run `sottovoce witness init`") from None
