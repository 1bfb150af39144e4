"""The ledger, composed: its keys, anchors and witnesses as the policy names them, and its change of keys.

The current log key is `log.key`; `log.vkeys` holds the public halves of those before it, each after the size of the
ledger at which it was retired. A change of keys draws `log.key.next`, writes the change into the ledger, has both
keys sign it, and only then puts the new key in the old one's place, which destroys the old one. Killed at any point,
it is finished by doing it again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import SottovoceError, WorkspaceError
from sottovoce.ledger import collect
from sottovoce.ledger.anchor import Anchor, Anchors, FolderAnchor
from sottovoce.ledger.cadence import Cadence
from sottovoce.ledger.collect import WitnessAt, Witnesses
from sottovoce.ledger.cosignature import WitnessKey
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.note import Signer, VerifierKey
from sottovoce.ledger.s3_anchor import S3Anchor, s3_client
from sottovoce.ledger.signer import create_log_key, load_log_key
from sottovoce.ledger.signing import RetiredKey
from sottovoce.policy import ledger as policies
from sottovoce.policy.model import Policy
from sottovoce.settings import Workspace, resolve_secret

_log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


def compose_ledger(
    engine: Engine, *, signer: Signer, origin: str, policy: Policy, workspace: Workspace, clock: Clock
) -> Ledger:
    """The workspace's ledger. Nothing is reached over a network until a checkpoint is signed or verified."""
    wanted = policy.ledger
    anchors = [_anchor(each, workspace.root, clock) for each in wanted.anchors]
    witnesses = [WitnessAt(url=each.url, key=WitnessKey.parse(each.vkey)) for each in wanted.witnesses]
    return Ledger(
        engine=engine,
        signer=signer,
        origin=origin,
        clock=clock,
        anchor=Anchors(of=anchors, needed=wanted.anchors_needed),
        retired=retired_keys(workspace),
        witnesses=Witnesses(of=witnesses, post=collect.post, needed=wanted.witnesses_needed) if witnesses else None,
    )


def cadence(ledger: Ledger, policy: Policy) -> Cadence:
    """How often the policy wants checkpoints."""
    wanted = policy.ledger
    return Cadence(ledger=ledger, entries=wanted.checkpoint_entries, seconds=wanted.checkpoint_seconds)


def tell_unsigned(failure: SottovoceError) -> None:
    """A checkpoint that could not be signed, cosigned or anchored, as a line in the log."""
    _log.warning("no checkpoint was signed: %s", failure.code)


def retired_keys(workspace: Workspace) -> tuple[RetiredKey, ...]:
    """The keys before the current one; raises WorkspaceError where their file is damaged."""
    path = _vkeys(workspace)
    if not path.is_file():
        return ()
    lines = [line.partition(" ") for line in path.read_text(encoding="utf-8").splitlines() if line]
    if not all(size.isdecimal() for size, _, _ in lines):
        raise WorkspaceError("log.vkeys is damaged", hint="restore it from its backup: `size vkey`, a line each")
    return tuple(RetiredKey(key=VerifierKey.parse(vkey), size=int(size)) for size, _, vkey in lines)


def rotate_log_key(ledger: Ledger, *, workspace: Workspace, actor: str) -> tuple[str, str]:
    """Replaces the log key: (the old vkey, the new one). Open the ledger again afterwards.

    Raises what signing raises; the old key then stays.
    """
    current, following = workspace.log_key, workspace.root / "log.key.next"
    if following.exists():
        signer = load_log_key(following, name=ledger.origin)
    else:
        signer = create_log_key(following, name=ledger.origin)
    old = ledger.vkey
    retired = ledger.rotate(signer, actor=actor)
    _write_vkeys(workspace, [*retired_keys(workspace), retired])
    following.replace(current)
    _sync(workspace.root)
    return old, signer.vkey


def _anchor(wanted: policies.Anchor, root: Path, clock: Clock) -> Anchor:
    if isinstance(wanted, policies.FolderAnchor):
        return FolderAnchor(folder=root / wanted.path)
    client = s3_client(
        region=wanted.region,
        endpoint=wanted.endpoint,
        access_key=_secret(wanted.access_key, root),
        secret_key=_secret(wanted.secret_key, root),
    )
    return S3Anchor(
        client=client, bucket=wanted.bucket, prefix=wanted.prefix, retain_days=wanted.retain_days, clock=clock
    )


def _secret(reference: str | None, root: Path) -> Confidential[str] | None:
    return resolve_secret(reference, base=root) if reference else None


def _vkeys(workspace: Workspace) -> Path:
    return workspace.root / "log.vkeys"


def _write_vkeys(workspace: Workspace, keys: Sequence[RetiredKey]) -> None:
    """Each key once, with the size up to which it counts: the whole file, or as it was."""
    sizes: dict[str, int] = {}
    for each in keys:
        sizes[str(each.key)] = max(each.size, sizes.get(str(each.key), 0))
    path = _vkeys(workspace)
    whole = path.with_suffix(".vkeys.new")
    with whole.open("w", encoding="utf-8") as file:
        file.writelines(f"{size} {vkey}\n" for vkey, size in sizes.items())
        file.flush()
        os.fsync(file.fileno())
    whole.replace(path)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
