"""How long from an event to its verdict and to what follows, and that each thing follows once.

    python benchmarks/compliance.py [--calls 100] [--every 6] [--workers 2] [--copies 50]

A sandbox serves the sample calls under fresh ids; it, the intake and `sottovoce compliance run` are processes of their
own. Events of calls whose media are available come one at a time, so many seconds apart that the cores keep up; two
calls beforehand warm the models and are not counted. Times are the sandbox's own: when it sent an event, when its
media were first fetched, when something was written back; and the line's, from the media's first byte to the verdict.
In the end copies of two events come all at once, and nothing may change. Objective: 30 s at the 95th percentile.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from sottovoce.sandbox.catalog import Catalog
from sottovoce.testing.compliance_line import SECRET, furnish
from sottovoce.testing.house import PASSPHRASE

OBJECTIVE_S = 30.0
WARMING = 2
SENDERS = 5
POLL_S = 10.0
PATIENCE_S = 3600.0
ONCE_EACH = {"annotation": 1, "tag": 1, "work item": 1}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100, help="how many calls are judged and counted")
    parser.add_argument("--every", type=float, default=6.0, help="seconds from one event to the next")
    parser.add_argument("--workers", type=int, default=2, help="processes that judge")
    parser.add_argument("--copies", type=int, default=50, help="copies of two events, all at once, in the end")
    parser.add_argument("--seed", type=int, default=1, help="which calls, and in which order")
    chosen = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before; one event each {chosen.every:g} s")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        line = stack.enter_context(running(Path(folder), calls=chosen.calls, workers=chosen.workers))
        ids = line.conversations(chosen.calls + WARMING, seed=chosen.seed)
        line.send(ids[:WARMING])
        line.rest()
        warmed = len(line.verdicts())
        for conversation in ids[WARMING:]:
            line.send([conversation])
            time.sleep(chosen.every)
        line.rest()
        print(f"load {os.getloadavg()[0]:.1f} after")
        verdicts = line.verdicts()[warmed:]
        written = line.written()
        is_right = report(verdicts, written, ids[WARMING:])
        return 0 if is_right & storm(line, written, copies=chosen.copies) else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The three processes, by the addresses and commands anybody would use."""

    root: Path
    sandbox: str
    intake: str
    http: httpx.Client

    def conversations(self, count: int, *, seed: int) -> list[str]:
        shown = self.http.get(f"{self.sandbox}/sandbox/calls").json()["calls"]
        return random.Random(seed).sample([call["conversation"] for call in shown], count)

    def send(self, conversations: Sequence[str], *, copies: int = 1) -> dict[str, int]:
        order = {
            "url": self.intake,
            "kind": "recordingAvailable",
            "secret": SECRET,
            "conversations": list(conversations),
            "copies": copies,
            "shuffle": True,
        }
        return dict(self.http.post(f"{self.sandbox}/sandbox/events", json=order).json())

    def written(self) -> dict[str, Any]:
        return dict(self.http.get(f"{self.sandbox}/sandbox/written").json())

    def verdicts(self) -> list[dict[str, Any]]:
        return list(self._told("verdicts"))

    def rest(self) -> None:
        """Until nothing is due any more."""
        until = time.monotonic() + PATIENCE_S
        while self._is_busy():
            if time.monotonic() > until:
                raise SystemExit("the line does not come to rest")
            time.sleep(POLL_S)

    def _is_busy(self) -> bool:
        told = self._told("status")
        return any(told[what].get(state) for what in ("jobs", "steps") for state in ("ready", "taken", "sent"))

    def _told(self, what: str) -> Any:
        return json.loads(subprocess.check_output(command("compliance", what, "-w", str(self.root), "--json")))


@contextmanager
def running(folder: Path, *, calls: int, workers: int) -> Iterator[Line]:
    """Starts the sandbox, the intake and the workers; ends them."""
    os.environ["SOTTOVOCE_PASSPHRASE"] = PASSPHRASE
    ports = free_ports(3)
    copies = -(-(calls + WARMING) // len(Catalog().calls))
    served = ["--port", str(ports[0]), "--media-port", str(ports[1]), "--copies", str(copies), "--rate-limit", "100000"]
    with ExitStack() as stack:
        stack.enter_context(process("sandbox", *served))
        http = stack.enter_context(httpx.Client(trust_env=False, timeout=120))
        api_url = f"http://127.0.0.1:{ports[0]}"
        answering(http, f"{api_url}/sandbox/calls")
        root = folder / "workspace"
        furnish(
            root,
            api_url=api_url,
            media_host=f"127.0.0.1:{ports[1]}",
            client_id="sandbox-client",
            client_secret="sandbox-secret",  # noqa: S106 - the sandbox's well-known one
        )
        stack.enter_context(process("intake", "serve", "-w", str(root), "--port", str(ports[2])))
        intake = f"http://127.0.0.1:{ports[2]}"
        answering(http, f"{intake}/readyz")
        stack.enter_context(process("compliance", "run", "-w", str(root), "--workers", str(workers)))
        yield Line(root=root, sandbox=api_url, intake=f"{intake}/v1/events/recordings", http=http)


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "sottovoce", *words]


@contextmanager
def process(*words: str) -> Iterator[None]:
    with subprocess.Popen(command(*words), stdout=subprocess.DEVNULL) as started:
        try:
            yield
        finally:
            started.terminate()


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def answering(http: httpx.Client, url: str) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            if http.get(url).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise SystemExit("a process does not start")


def report(verdicts: Sequence[Mapping[str, Any]], written: Mapping[str, Any], counted: Sequence[str]) -> bool:
    """Prints the times and the counts; whether each guilty call has each thing once."""
    took = {row["recording"]: float(row["secondsToVerdict"]) for row in verdicts}
    guilty = {row["recording"] for row in verdicts if row["verdict"] == "VIOLATION_DETECTED"}
    doubted = {row["recording"] for row in verdicts if row["verdict"] == "INCONCLUSIVE"}
    print(f"{len(took)} of {len(counted)} calls judged, {len(guilty)} with violations, {len(doubted)} left to a person")
    sent = {event["conversation"]: seconds(event["at"]) for event in reversed(written["events"])}
    began = {told["conversation"]: seconds(told["began"]) for told in reversed(written["downloads"])}
    wrote: dict[str, list[float]] = {}
    for told in written["written"]:
        wrote.setdefault(told["conversation"], []).append(seconds(told["at"]))
    flagged = [each for each in counted if each in wrote]
    show("media there to verdict, as the line says", list(took.values()))
    show("event sent to its media being fetched", [began[each] - sent[each] for each in counted if each in began])
    show("event sent to the first write-back", [min(wrote[each]) - sent[each] for each in flagged])
    show("event sent to the last write-back", [max(wrote[each]) - sent[each] for each in flagged])
    kinds = {each: kinds_of(written, each) for each in flagged}
    exact = sum(found == ONCE_EACH for found in kinds.values())
    print(f"{exact} of {len(guilty)} guilty calls have exactly one annotation, one tag and one work item")
    return len(took) == len(counted) and exact == len(guilty)


def storm(line: Line, before: Mapping[str, Any], *, copies: int) -> bool:
    """Sends copies of a guilty call's event and of another's, all at once; whether nothing changed."""
    guilty = next(told["conversation"] for told in before["written"] if told["kind"] == "annotation")
    other = next(event["conversation"] for event in before["events"] if event["conversation"] != guilty)
    judged = line.verdicts()
    with ThreadPoolExecutor(SENDERS) as pool:
        each = [copies // SENDERS] * SENDERS
        answers = list(pool.map(lambda count: line.send([guilty, other], copies=count), each))
    line.rest()
    statuses: Counter[str] = Counter()
    for counted in answers:
        statuses.update(counted)
    same = line.verdicts() == judged and line.written()["written"] == before["written"]
    told = ", ".join(f"{count} × {status}" for status, count in statuses.items())
    print(
        f"{copies} copies of each of two events at once, shuffled: {told}; nothing changed: {'yes' if same else 'NO'}"
    )
    return same


def kinds_of(written: Mapping[str, Any], conversation: str) -> dict[str, int]:
    return dict(Counter(told["kind"] for told in written["written"] if told["conversation"] == conversation))


def show(what: str, values: Sequence[float]) -> None:
    if len(values) < 2:
        print(f"{what:42s} too few calls")
        return
    cuts = statistics.quantiles(values, n=20, method="inclusive")
    p95 = cuts[18]
    verdict = "" if "verdict" not in what and "last" not in what else f"  objective {OBJECTIVE_S:g} s"
    print(f"{what:42s} P50 {cuts[9]:6.1f} s   P95 {p95:6.1f} s   max {max(values):6.1f} s{verdict}")


def seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


if __name__ == "__main__":
    sys.exit(main())
