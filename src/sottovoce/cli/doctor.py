"""`sottovoce doctor`: is everything in order, and how is it mended if not?

Each check does the real thing once: it opens the ring, loads the models, writes and deletes a canary
object, reads the ledger through, asks each source for its token, opens each queue, tries each destination.
A check that is refused says what to do.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.markup import escape

from sottovoce.cli.destinations import checks_of
from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, bar, say, table
from sottovoce.domain.outcome import OutcomeStatus, Withheld
from sottovoce.domain.sound import Role, Sound
from sottovoce.errors import (
    DeliveryError,
    LedgerTampered,
    ModelError,
    ObjectMissing,
    SottovoceError,
    SourceRefused,
    WorkspaceError,
)
from sottovoce.kms.hygiene import harden_process, swap_in_use
from sottovoce.ledger.verifier import Found
from sottovoce.policy.key_services import AnyKeys, FileKeys
from sottovoce.redact.rules import rules_for
from sottovoce.sources.genesys.permissions import OPTIONAL
from sottovoce.wiring.house import House
from sottovoce.wiring.permissions import permissions_of

MIN_FREE_BYTES = 1 << 30
TOKEN_KEY = re.compile(rb"[0-9a-f]{64}\s*")
POLICY = "policy"
"""Without it nothing else can be asked."""

SAMPLED = 20
QUIET_RATE = 8000
CANARY = "doctor/canary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check's answer."""

    check: str
    ok: bool
    says: str
    mend: str = ""


def doctor(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Check policy, keys, database, ledger, storage, models, disk, clock, sources, permissions, queues, destinations.

    Exit code 1 if any fails.
    """
    house = house_at(workspace)
    found = _ask_all(house, quiet=as_json)
    if as_json:
        answer([{"check": f.check, "ok": f.ok, "says": f.says, "mend": f.mend} for f in found])
    else:
        table("Doctor", ("check", "", "says"), [(f.check, "ok" if f.ok else "NOT OK", f.says) for f in found])
        _mend([one for one in found if not one.ok])
    if not all(f.ok for f in found):
        raise typer.Exit(1)


def _ask_all(house: House, *, quiet: bool) -> list[Finding]:
    found = []
    with bar(quiet=quiet) as progress:
        task = progress.add_task("checking", total=len(CHECKS))
        for name, check in CHECKS.items():
            progress.update(task, description=f"checking {name}")
            found.append(_asked(name, check, house))
            progress.advance(task)
            if name == POLICY and not found[-1].ok:
                break
        progress.update(task, description="checked")
    return found


def _asked(name: str, check: Callable[[House], str], house: House) -> Finding:
    try:
        return Finding(check=name, ok=True, says=check(house))
    except SottovoceError as error:
        return Finding(check=name, ok=False, says=f"{error.code}: {error}", mend=error.hint)
    except OSError as error:
        return Finding(check=name, ok=False, says=f"{error.strerror}", mend="check the disk and who may write there")
    except Exception as error:  # noqa: BLE001 - a check that fails unforeseen is not in order; its words may hold anything
        return Finding(check=name, ok=False, says=f"E_UNEXPECTED: {type(error).__name__}", mend="mend the others first")


def _mend(broken: Sequence[Finding]) -> None:
    """What to do, each once, with all the checks that ask for it."""
    asking: dict[str, list[str]] = {}
    for one in broken:
        asking.setdefault(one.mend or one.says, []).append(one.check)
    for mend, checks in asking.items():
        say(escape(f"• {', '.join(checks)}: {mend}"))


def _policy(house: House) -> str:
    return f"digest {house.loaded.digest[:16]}, environment {house.policy.environment}"


def _files(house: House) -> str:
    """Keys and policy are the owner's alone."""
    private = [house.workspace.log_key, house.workspace.token_key]
    if isinstance(house.policy.keys, FileKeys):
        private.insert(0, house.workspace.key_ring)
    for path in private:
        if not path.is_file():
            raise WorkspaceError(f"{path.name} is missing", hint="restore it from its backup: it cannot be made again")
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise WorkspaceError(f"{path.name} can be read by others", hint=f"chmod 600 {path.name}")
    if not TOKEN_KEY.fullmatch(house.workspace.token_key.read_bytes()):
        raise WorkspaceError("token.key is damaged", hint="restore it from its backup: it cannot be made again")
    return f"{len(private)} key files, readable by their owner only"


def _keys(house: House) -> str:
    """The provider answers, every living epoch's key is usable, and the newest wraps and unwraps."""
    health = house.custodian.examine()
    able, said = health.capabilities, [f"{health.epochs} living epochs" if health.epochs != 1 else "1 living epoch"]
    if not able.key_per_epoch:
        said.append("one standing key: backups of the key store live as long as it does")
    due = len(house.custodian.due())
    if due:
        said.append(f"{due} of earlier months, which `sottovoce keys roll` would end")
    if _beside(house.policy.keys):
        said.append("the passphrase lies beside the ring, which is for trials only")
    return "; ".join([able.kms, *said])


def _beside(keys: AnyKeys) -> bool:
    """Whether a copy of the workspace is a copy of the passphrase too."""
    if not isinstance(keys, FileKeys) or not keys.passphrase.startswith("file:"):
        return False
    return not Path(keys.passphrase.removeprefix("file:")).is_absolute()


def _memory(house: House) -> str:
    """Keys in memory stay out of core dumps, debuggers and plain swap."""
    process, swap = harden_process(), swap_in_use()
    if house.policy.environment == "production" and swap:
        raise WorkspaceError("keys may be written to swap in the clear", hint="encrypt swap, or `swapoff -a`")
    kept = "no core dumps" if process.no_cores else "core dumps cannot be forbidden here"
    closed = "closed to other processes" if process.not_dumpable else "open to debuggers of the same user"
    return f"{kept}, {closed}" + (", swap is not encrypted" if swap else "")


def _database(house: House) -> str:
    return f"{len(house.registry.outcomes(house.line.name))} outcomes on the {house.line.name} line"


def _ledger(house: House) -> str:
    verdict = house.ledger.verify()
    if verdict.found not in {Found.OK, Found.UNSIGNED_TAIL}:
        raise LedgerTampered(
            f"{verdict.found.value}", hint="run `sottovoce ledger verify` and keep a copy of everything"
        )
    return f"{verdict.size} entries, {verdict.signed} signed"


def _clock(house: House) -> str:
    """A ledger entry from the future means that the clock was set back, or was wrong before."""
    size = house.ledger.size()
    latest = max((entry.at for _, entry in house.ledger.entries(max(0, size - 1))), default=None)
    now = house.clock()
    if latest is not None and latest > now:
        raise WorkspaceError(
            "the clock is behind the last ledger entry", hint="set the clock, and check its time service"
        )
    return f"{now:%Y-%m-%d %H:%M} UTC"


def _storage(house: House) -> str:
    """Written, read back and deleted."""
    data = os.urandom(64)
    house.store.put(CANARY, data)
    kept = house.store.get(CANARY) == data
    house.store.delete(CANARY)
    if not kept:
        raise WorkspaceError("the store did not keep what it was given", hint="check storage.url and its rights")
    lost = _lost(house)
    if lost:
        raise ObjectMissing(f"{lost} sealed objects are not there", hint="check storage.url, or restore the objects")
    return f"{house.store.scheme}: a canary was written, read back and deleted"


def _lost(house: House) -> int:
    """How many objects of the latest sealed recordings are gone; a sample, because there may be millions."""
    sealed = [o for o in house.registry.outcomes(house.line.name) if o.status is OutcomeStatus.SEALED]
    kept = [one for o in sealed[-SAMPLED:] for one in house.registry.objects(o.recording) if not one.deleted]
    return sum(1 for one in kept if not house.store.exists(one.location))


def _disk(house: House) -> str:
    free = shutil.disk_usage(house.workspace.root).free
    if free < MIN_FREE_BYTES:
        raise WorkspaceError(
            f"{free >> 20} MiB are free", hint="free at least 1 GiB: SQLite and sealed objects need it"
        )
    return f"{free >> 30} GiB free"


def _models(house: House) -> str:
    heard = house.redactor.treat(_quiet(), rules_for(house.policy.redaction), language="en")
    if isinstance(heard, Withheld):
        raise ModelError(f"a second of silence was withheld: {heard.reason.value}", hint="install again")
    method = type(house.disguiser).__name__.lower()
    return f"transcriber {house.policy.models.transcriber}, its digest as pinned; detectors work, {method} loads"


def _quiet() -> Sound:
    import numpy as np

    return Sound(samples=np.zeros((1, QUIET_RATE), np.float32), rate=QUIET_RATE, roles=(Role.BOTH,))


def _sources(house: House) -> str:
    told = []
    for name, source in house.sources.items():
        count = sum(1 for _ in source.discover())
        told.append(f"{name}: {count} recordings")
    return ", ".join(told) or "none configured"


def _queues(house: House) -> str:
    """Each is opened and left as it is: no message is taken."""
    if not house.policy.intake.queues:
        return "none configured"
    for queue in house.queues:
        queue.open().close()
    return ", ".join(f"{queue.settings.name} ({queue.settings.kind})" for queue in house.queues)


def _permissions(house: House) -> str:
    """The least each client needs for what the policy uses, and what its token lacks of that."""
    told = []
    for each in permissions_of(house.policy, house.sources):
        if each.missing:
            hint = f"give the client's role {', '.join(each.missing)}, in every division that is read"
            raise SourceRefused(f"{each.source}'s client may not do what the policy wants", hint=hint)
        spared = "; ".join(f"without {one}: {OPTIONAL[one]}" for one in each.lacks or ())
        said = "the platform does not say what it has" if each.lacks is None else spared or "and has all of it"
        told.append(f"{each.source} needs {', '.join(each.needs)}; {said}")
    return ". ".join(told) or "no source that has any"


def _destinations(house: House) -> str:
    """Each as `destinations check` tries it, with all that is wanting anywhere."""
    found = {name: checks_of(house, name) for name in house.deliveries.settings}
    broken = [(name, one) for name, checks in found.items() for one in checks if not one.ok]
    if broken:
        mends = dict.fromkeys(one.mend for _, one in broken if one.mend)
        raise DeliveryError("; ".join(f"{name}: {one.name}: {one.says}" for name, one in broken), hint="; ".join(mends))
    return (
        "; ".join(f"{name}: {', '.join(one.name for one in checks)}" for name, checks in found.items())
        or "none configured"
    )


CHECKS: dict[str, Callable[[House], str]] = {
    POLICY: _policy,
    "key files": _files,
    "keys": _keys,
    "memory": _memory,
    "registry": _database,
    "ledger": _ledger,
    "clock": _clock,
    "storage": _storage,
    "disk": _disk,
    "models": _models,
    "permissions": _permissions,
    "sources": _sources,
    "queues": _queues,
    "destinations": _destinations,
}
