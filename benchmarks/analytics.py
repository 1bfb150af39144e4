"""Calls from the sandbox to three vendors that fail in every way: what became of each, how late, what spilled.

    python benchmarks/analytics.py [--copies 10] [--workers 2]

Each copy is 21 calls. Vendors are servers on loopback: object storage behind an assumed role, HTTPS ingestion, SFTP;
they answer 5xx, reset, are slow, say 200 and keep nothing or something else, and let credentials end in the middle.
The lag is counted from when this began, because the sample calls are of other years.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from typer.testing import CliRunner

from sottovoce.cli.main import app
from sottovoce.delivery.receipts import ParcelState
from sottovoce.domain.percentiles import percentiles
from sottovoce.pipeline.lines import ANALYTICS
from sottovoce.testing.analytics_line import NAMES, AnalyticsLine, analytics_line
from sottovoce.wiring.house import House


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copies", type=int, default=10, help="how often the 21 sample calls are served")
    parser.add_argument("--workers", type=int, default=2, help="processes that carry")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, analytics_line(Path(folder), copies=chosen.copies) as line:
        began, clock = datetime.now(UTC), time.monotonic()
        told = run(line, workers=chosen.workers)
        took = time.monotonic() - clock
        house = House(line.workspace, line=ANALYTICS)
        report(line, house, told, began=began, took=took)
        house.close()


def run(line: AnalyticsLine, *, workers: int) -> dict[str, object]:
    command = ["run", "--line", "analytics", "--workers", str(workers), "--json", "-w", str(line.workspace.root)]
    ended = CliRunner().invoke(app, command)
    if ended.exit_code:
        raise SystemExit(ended.output)
    return dict(json.loads(ended.stdout))


def report(line: AnalyticsLine, house: House, told: dict[str, object], *, began: datetime, took: float) -> None:
    rows, sounds = house.deliveries.book.rows(line="analytics"), line.sounds()
    print(f"{told['seen']} calls seen, {told['by_status']}, withheld by {told['by_reason']}; {took:.0f} s")
    for name in NAMES:
        own = [row for row in rows if row.destination == name]
        kept = {hashlib.sha256(data).hexdigest() for data in sounds[name].values()}
        matching = sum(row.receipt is not None and row.receipt.digest in kept for row in own)
        states = dict(Counter(row.reason.value if row.reason else row.state.value for row in own))
        print(f"{name:10s} {states}; {matching} with a matching digest; {len(kept)} sounds there")
    lags = percentiles((row.receipt.at - began).total_seconds() for row in rows if row.receipt is not None)
    print("from the beginning to a delivery: " + ", ".join(f"{name.upper()} {s:.0f} s" for name, s in lags.items()))
    waiting = sum(row.state is ParcelState.PLACING for row in rows)
    verdict = house.ledger.verify().found.value
    print(f"{waiting} still waiting; spilled: {line.spilled() or 'nothing'}; ledger {verdict}")


if __name__ == "__main__":
    main()
