"""`sottovoce keys`: how epochs and keys stand, and what a custodian does with them.

No command prints a key, a recording or a caller: only epochs, states, counts and dates.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, facts, say, table
from sottovoce.errors import WorkspaceError
from sottovoce.kms.protocol import Destruction, KeyProvider, KeyState
from sottovoce.policy.key_services import AnyKeys, FileKeys
from sottovoce.policy.load import load_policy
from sottovoce.vault.key_tables import EpochState
from sottovoce.vault.key_values import EpochRoll, KeyMoves
from sottovoce.wiring.house import House
from sottovoce.wiring.key_providers import open_provider
from sottovoce.wiring.keys import EpochStanding, KeyStanding

app = typer.Typer(no_args_is_help=True, help="Epochs, rotation, migration and destruction of keys.")

Epoch = Annotated[str, typer.Argument(help="An epoch's name, such as 2026-11.0; `keys status` lists them.")]
PASSPHRASE: Final = FileKeys().passphrase


@app.command()
def status(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Every epoch with its provider key's state, and how many recordings' keys are active, frozen, shredded."""
    standing = house_at(workspace).custodian.standing()
    if as_json:
        answer(_standing(standing))
        return
    able = standing.capabilities
    facts(
        "Keys",
        {
            "provider": able.kms,
            "for production": able.production,
            "destroyed keys come back for": f"{able.destroyed_after.days} days",
            "an epoch can be destroyed alone": able.key_per_epoch,
            "recordings": {state.value: count for state, count in standing.recordings.items()},
        },
    )
    table(
        "Epochs",
        ("epoch", "state", "provider", "its key there", "recordings", "since", "until"),
        [tuple(_epoch(one, able.kms).values()) for one in standing.epochs],
    )


@app.command()
def rotate(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Wrap every epoch's key under a new key of the same provider. Recordings and objects stay as they are."""
    house = house_at(workspace)
    _tell_moves("Rotated", house.custodian.rotate(), as_json=as_json)
    house.ledger.checkpoint()


@app.command()
def migrate(
    workspace: InWorkspace = HERE,
    *,
    before: Annotated[
        Path | None,
        typer.Option("--from", exists=True, dir_okay=False, help="The policy as it was; by default the file key ring."),
    ] = None,
    passphrase: Annotated[
        str, typer.Option(help="Where the file key ring's passphrase is: env:NAME or file:PATH.")
    ] = PASSPHRASE,
    as_json: AsJson = False,
) -> None:
    """Move every epoch to the provider the policy names now, and destroy the old provider's keys.

    Recordings and objects stay as they are. Asking again after an interruption moves the rest.
    """
    house = house_at(workspace)
    keys = load_policy(before).policy.keys if before else _ring_of(passphrase)
    _tell_moves("Migrated", house.custodian.migrate(_old_provider(house, keys)), as_json=as_json)
    house.ledger.checkpoint()


@app.command()
def roll(
    epochs: Annotated[
        list[str] | None, typer.Argument(help="Epochs; by default every one of an earlier month.")
    ] = None,
    workspace: InWorkspace = HERE,
    *,
    as_json: AsJson = False,
) -> None:
    """Move what an epoch still carries to this month's, and destroy it: older backups of the key store die with it."""
    house = house_at(workspace)
    rolls = [house.custodian.roll(name) for name in epochs or house.custodian.due()]
    house.ledger.checkpoint()
    if as_json:
        answer([_roll(one) for one in rolls])
        return
    if not rolls:
        say("No epoch of an earlier month is left; this month's is rolled by its name.")
    for one in rolls:
        facts(f"Rolled {one.old}", _told_roll(one))


@app.command("destroy-epoch")
def destroy_epoch(
    epoch: Epoch,
    workspace: InWorkspace = HERE,
    *,
    confirm: Annotated[str | None, typer.Option(help="The epoch's name once more, where nobody can be asked.")] = None,
    by: Annotated[str, typer.Option(help="Who: a pseudonymous id, such as dpo-1.")] = "operator",
    as_json: AsJson = False,
) -> None:
    """Erase every recording of an epoch, with certificate, and destroy its key. Legal holds are kept."""
    house = house_at(workspace)
    count = len(house.keystore.recordings_under(epoch))
    _confirmed(epoch, count, confirm)
    done = house.custodian.destroy_epoch(epoch, by=by)
    house.ledger.checkpoint()
    shown = {
        "epoch": epoch,
        "erased": len(done.erasure.recordings),
        "held": len(done.erasure.refused),
        "out of reach": len(done.erasure.unreached),
        "erasure": done.erasure.id,
        **_told_roll(done.roll),
    }
    if as_json:
        answer({name.replace(" ", "_"): value for name, value in shown.items()})
    else:
        facts("Destroyed", shown)
    if not done.erasure.complete:
        raise typer.Exit(1)


def _confirmed(epoch: str, count: int, confirm: str | None) -> None:
    """What cannot be taken back is said twice."""
    said = confirm
    if said is None and os.isatty(0):
        said = typer.prompt(f"This erases {count} recordings for good. The epoch's name again")
    if said != epoch:
        raise WorkspaceError(
            f"{count} recordings would be erased, and that was not confirmed", hint=f"give --confirm {epoch}"
        )


def _ring_of(passphrase: str) -> FileKeys:
    if not passphrase.startswith(("env:", "file:")):
        raise typer.BadParameter("--passphrase says where it is, not what it is: env:NAME or file:PATH")
    return FileKeys(passphrase=passphrase)


def _old_provider(house: House, keys: AnyKeys) -> KeyProvider:
    """The provider to come from. Also in production the file ring may be left: it is only not to be used there."""
    return open_provider(keys, workspace=house.workspace, environment="development", clock=house.clock)


def _tell_moves(title: str, moves: KeyMoves, *, as_json: bool) -> None:
    shown = {
        "epochs": len(moves.moved),
        "provider_keys_destroyed": len(moves.destroyed),
        "final": _last_day(moves.destroyed),
        "provider_keys_kept": len(moves.kept),
        "traces_gone": moves.traces_gone,
    }
    if as_json:
        answer({**shown, "moved": [m.epoch for m in moves.moved]})
        return
    facts(title, {name.replace("_", " "): value for name, value in shown.items()})
    if moves.kept:
        say("The key service would not destroy some keys that wrap nothing any more: ask again with the right to.")


def _last_day(destroyed: Sequence[Destruction]) -> str | None:
    """When the last of them is gone for good."""
    return max((f"{d.final_at:%Y-%m-%d}" for d in destroyed), default=None)


def _roll(one: EpochRoll) -> dict[str, Any]:
    return {"epoch": one.old, **{name.replace(" ", "_"): value for name, value in _told_roll(one).items()}}


def _told_roll(one: EpochRoll) -> dict[str, Any]:
    gone = one.destruction
    return {
        "survivors under": one.new,
        "rewrapped": one.rewrapped,
        "older backups dead": "never: the provider has one standing key" if gone is None else _from(gone),
        "traces gone": one.traces_gone,
    }


def _from(gone: Destruction) -> str:
    """From when no older backup of the key store opens anything: at once, but the service could still relent."""
    if gone.state is KeyState.DESTROYED:
        return "now"
    return f"now, for good from {gone.final_at:%Y-%m-%d}"


def _standing(standing: KeyStanding) -> dict[str, Any]:
    able = standing.capabilities
    return {
        "provider": able.kms,
        "production": able.production,
        "destroyed_after_days": able.destroyed_after.days,
        "key_per_epoch": able.key_per_epoch,
        "recordings": {state.value: count for state, count in standing.recordings.items()},
        "epochs": [_epoch(one, able.kms) for one in standing.epochs],
    }


def _epoch(one: EpochStanding, kms: str) -> dict[str, Any]:
    epoch = one.epoch
    unknown = "not known there" if epoch.kms == kms else "under another provider"
    return {
        "epoch": epoch.name,
        "state": epoch.state.value,
        "provider": epoch.kms,
        "provider_key": one.provider_state.value if one.provider_state else unknown,
        "recordings": epoch.recordings,
        "since": _day(epoch.created_ms),
        "until": _day(epoch.ended_ms) if epoch.state is EpochState.DESTROYED else "",
    }


def _day(ms: int | None) -> str:
    return "" if ms is None else f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d}"
