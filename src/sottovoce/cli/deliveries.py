"""`sottovoce deliveries`: what was handed over, and what was not."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, facts, say, span, table
from sottovoce.delivery.book import Gist
from sottovoce.delivery.receipts import ParcelRow, ParcelState, lag_summary
from sottovoce.domain.outcome import Withheld

app = typer.Typer(no_args_is_help=True, help="What was handed over, with receipts.")


@app.command("list")
def list_(
    workspace: InWorkspace = HERE,
    *,
    destination: Annotated[str | None, typer.Option(help="Only what went there.")] = None,
    line: Annotated[str | None, typer.Option(help="Only of this line.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many, the latest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Receipts and what is under way or withheld, the latest first, with the lag from the end of the call."""
    house = house_at(workspace)
    rows = house.deliveries.book.rows(line=line, destination=destination, limit=limit)
    lag = lag_summary(row.receipt for row in rows if row.receipt)
    objective_s = 60 * house.policy.delivery.objective_minutes
    if as_json:
        answer({"deliveries": [_as_json(row) for row in rows], "lag_s": dict(lag), "objective_s": objective_s})
        return
    if not rows:
        say("Nothing was handed over yet.")
        return
    columns = ("correlation", "destination", "state", "confirmed", "at", "lag", "format", "speech")
    table("Deliveries", columns, [_cells(row) for row in rows])
    if lag:
        facts("From the end of the call", {**{k: span(v) for k, v in lag.items()}, "objective": span(objective_s)})


@app.command()
def settle(
    correlation: Annotated[str, typer.Argument(help="The delivery's correlation id.")],
    workspace: InWorkspace = HERE,
    *,
    arrived: Annotated[bool, typer.Option("--arrived/--lost", help="What the vendor said when you asked them.")],
    as_json: AsJson = False,
) -> None:
    """Say what became of a delivery of which nobody could tell: it has its receipt, or it is delivered again."""
    house = house_at(workspace)
    gist = Gist(purpose=house.policy.purpose.value, policy=house.loaded.digest, ended_at=None)
    ended = house.deliveries.book.settle(correlation, arrived=arrived, gist=gist)
    house.ledger.checkpoint()
    state = ended.reason.value if isinstance(ended, Withheld) else ParcelState.DELIVERED.value
    answer({"correlation": correlation, "state": state}) if as_json else facts("Settled", {correlation: state})


def _cells(row: ParcelRow) -> tuple[object, ...]:
    receipt = row.receipt
    if receipt is None:
        state = row.reason.value if row.reason else f"{row.state.value} ({row.attempts})"
        return (row.correlation, row.destination, state, row.error or "", f"{row.began_at:%Y-%m-%d %H:%M}", "", "", "")
    speech = f"{receipt.active_permille / 10:.0f} %{' LOW' if receipt.is_quiet else ''}"
    lag = "" if receipt.lag_s is None else span(receipt.lag_s)
    at = f"{receipt.at:%Y-%m-%d %H:%M}"
    return (
        receipt.correlation, row.destination, row.state.value, receipt.confirmed.value, at, lag, receipt.format, speech,
    )  # fmt: skip


def _as_json(row: ParcelRow) -> dict[str, Any]:
    receipt = row.receipt
    return {
        "id": row.id,
        "line": row.line,
        "recording": row.recording,
        "destination": row.destination,
        "correlation": row.correlation,
        "state": row.state.value,
        "attempts": row.attempts,
        "began_at": row.began_at.isoformat(),
        "reason": row.reason.value if row.reason else None,
        "error": row.error,
        "receipt": {**asdict(receipt), "at": receipt.at.isoformat()} if receipt else None,
    }
