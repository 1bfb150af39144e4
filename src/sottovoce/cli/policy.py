"""`sottovoce policy`: is the file right, and which rule decided what?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, facts, say, table
from sottovoce.errors import UnknownRecording
from sottovoce.policy.explain import describe
from sottovoce.policy.load import load_policy
from sottovoce.settings import Workspace
from sottovoce.wiring.house import House

app = typer.Typer(no_args_is_help=True, help="The policy file.")


@app.command()
def check(
    file: Annotated[Path | None, typer.Argument(help="A policy file; the workspace's by default.")] = None,
    workspace: InWorkspace = HERE,
    *,
    as_json: AsJson = False,
) -> None:
    """Read the policy strictly. Errors name the line and what was probably meant; exit code 3."""
    loaded = load_policy(file or Workspace(workspace).policy)
    if as_json:
        answer({"ok": True, "digest": loaded.digest, "version": loaded.policy.version})
        return
    for sentence in describe(loaded.policy):
        say(f"• {sentence}")
    say(f"digest {loaded.digest}")


@app.command()
def explain(
    recording: Annotated[str, typer.Argument(help="A conversation id, or a recording's opaque key.")],
    workspace: InWorkspace = HERE,
    *,
    as_json: AsJson = False,
) -> None:
    """Ask every rule about a recording and show which one decides, and how it ended."""
    house = house_at(workspace)
    keys = _keys(house, recording)
    shown = [_explained(house, key) for key in keys]
    if as_json:
        answer(shown)
        return
    for one in shown:
        rows = [(r["rule"], "passes" if r["passes"] else r["reason"], r["evidence"]) for r in one["rules"]]
        table(f"Recording {one['recording']}", ("rule", "answer", "evidence"), rows)
        facts("Ended", {"outcome": one["outcome"], "decided by": one["decided_by"]})


def _keys(house: House, recording: str) -> tuple[str, ...]:
    """The recordings of a conversation, or the one of that key. Raises UnknownRecording with what to do."""
    try:
        keys = house.registry.by_conversation(recording) or (recording,)
        house.registry.recall(keys[0])
    except UnknownRecording as error:
        raise UnknownRecording(
            str(error), hint="`sottovoce plan` reads what the sources have; then ask again"
        ) from None
    return tuple(keys)


def _explained(house: House, key: str) -> dict[str, Any]:
    _, metadata = house.registry.recall(key)
    answers = house.screener().explain(metadata)
    outcome = house.registry.outcome(house.line.name, key)
    asked = [a for a in answers if a.rule != "not_processed"]
    deciding = next((a.rule for a in asked if not a.passes), None)
    return {
        "recording": key,
        "policy": house.loaded.digest,
        "rules": [
            {
                "rule": a.rule,
                "passes": a.passes,
                "reason": a.reason,
                "evidence": ", ".join(f"{k}={v}" for k, v in a.evidence.items()),
            }
            for a in asked
        ],
        "decided_by": deciding or "every rule passes",
        "outcome": str(outcome.reason or outcome.status) if outcome else "none yet",
    }
