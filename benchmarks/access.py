"""Access: what checking a grant costs, and how soon the watch finds a reader at a hundred times normal.

    .venv/bin/python benchmarks/access.py                 grants, and the watch on seeds held out (1000 and on)
    .venv/bin/python benchmarks/access.py --seeds 20      more of them

The check is parse, signature, Datalog and a look at the revocations in memory; the whole read adds the transaction
with the truth about revocations, counts, the watch and the ledger, on disk. The watch's parameters were chosen on
seeds 0 to 7 of `sottovoce.testing.traces`; what is printed here is of other seeds. A person works for 60 days, a job
for 30, and each is then stolen: at once at a hundred times its average, from normal to that within half an hour
(counted from where it gets there), and by night.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey

from sottovoce.access.alerts import Alerts
from sottovoce.access.biscuits import BiscuitTokens, attenuate
from sottovoce.access.bulk import BulkWatch
from sottovoce.access.gate import Asked, Gate
from sottovoce.access.grant_book import GrantBook, Wish
from sottovoce.access.grants import Ask, Count, Narrowing
from sottovoce.access.possession import Proofs, prove
from sottovoce.access.principals import Kind, Principals
from sottovoce.access.roles import Operation, Role
from sottovoce.access.root_keys import RootKeys
from sottovoce.access.watch import Baseline, Limits, Stream
from sottovoce.database.engine import open_engine
from sottovoce.database.migrate import upgrade
from sottovoce.domain.confidential import Confidential
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.signer import Ed25519Signer
from sottovoce.testing.access import target, unsealed
from sottovoce.testing.traces import DAY_S, JOBS, PEOPLE, START_S, Job, Person, attack, job_day, person_day

PERSON_DAYS, JOB_DAYS, RAMP_S = 60, 30, 1800
PLANNED = Limits(per_hour=None, per_day=None)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seeds", type=int, default=8)
    arguments.add_argument("--first-seed", type=int, default=1000)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure_grants(Path(folder))
    measure_watch(range(given.first_seed, given.first_seed + given.seeds))


def measure_grants(folder: Path) -> None:
    """Mint, check, prove, read."""
    clock = lambda: datetime.now(UTC)  # noqa: E731
    engine = open_engine("sqlite:registry.sqlite", base=folder)
    upgrade(engine)
    signer = Ed25519Signer(name="bench", key=Confidential(Ed25519PrivateKey.generate()))
    ledger = Ledger(engine=engine, signer=signer, origin="bench", clock=clock)
    numbers = itertools.count(1)
    ids = lambda: f"{next(numbers):032x}"  # noqa: E731
    people = Principals(engine=engine, ledger=ledger, clock=clock, ids=ids)
    roots = RootKeys.open(folder / "grants.key", clock=clock)
    tokens = BiscuitTokens(keys=roots)
    book = GrantBook(engine=engine, ledger=ledger, tokens=tokens, tenant="bench", clock=clock, ids=ids)
    gate = Gate(
        engine=engine,
        ledger=ledger,
        principals=people,
        grants=book,
        tokens=tokens,
        watch=BulkWatch(floor=20, factor=2.0, learning_days=7, per_hour=300, per_day=1000),
        alerts=Alerts(engine=engine, channels=[], clock=clock),
        tenant="bench",
        clock=clock,
        ids=ids,
        random=os.urandom,
    )
    owner = people.bootstrap("owner", provider="machine")
    job = people.create(Kind.TRAINING, by=owner.id if owner else None, roles=[Role.TRAINER])
    key = OKPKey.generate_key("Ed25519")
    wish = Wish(
        holder=job.id,
        operations=frozenset({Operation.CORPUS_DECRYPT, Operation.CORPUS_LIST}),
        prefix="corpus/v1",
        purpose="ai_training",
        recordings=10**6,
        lifetime=timedelta(hours=1),
        thumbprint=key.thumbprint(),
    )
    issued = book.issue(wish, by=job.id)
    narrowing = Narrowing(prefix="corpus/v1/train", recordings=10**5)
    less = attenuate(issued.token, narrowing, root=roots.public(issued.root_key))
    for block in range(10_000):
        book._revoked.add(f"{block:0128x}")  # noqa: SLF001 - a day's revocations in memory

    def check(token: Confidential[str]) -> None:
        presented = gate.present(token, thumbprint=key.thumbprint())
        ask = Ask(
            tenant="bench",
            purpose="ai_training",
            operation=Operation.CORPUS_DECRYPT,
            resource="corpus/v1/train/" + "a" * 32,
            at=clock(),
            counts=[Count()] * len(presented.opened.blocks),
            thumbprint=presented.thumbprint,
        )
        tokens.authorise(presented.opened, ask)

    reads = itertools.count()

    def read() -> None:
        presented = gate.present(issued.token, thumbprint=key.thumbprint())
        asked = Asked(
            principal=job.id,
            operation=Operation.CORPUS_DECRYPT,
            purpose="ai_training",
            source=Confidential("192.0.2.1"),
            grant=presented,
        )
        gate.admit(asked, [target(f"{next(reads):032x}")], seal=unsealed)

    proofs, url = Proofs(), "https://broker.example/v1/reads"

    def prove_and_check() -> None:
        proof = prove(key, method="POST", url=url, token=issued.token, at=clock())
        proofs.thumbprint(proof, method="POST", url=url, token=issued.token, at=clock())

    print("grants (median of runs, one thread)")
    said("mint", lambda: tokens.mint(issued.grant), 2000)
    said("check: parse, signature, Datalog, 10,000 revocations in memory", lambda: check(issued.token), 2000)
    said("check of one that was handed on", lambda: check(less), 2000)
    said("proof of possession: sign and check", prove_and_check, 500)
    said("whole read: check, counts, watch, revocation truth, ledger, durable commit", read, 300)
    print(f"  {'size of a grant, and of one handed on':<76} {len(issued.token.reveal())}, {len(less.reveal())} B")
    engine.dispose()


def said(what: str, act: Callable[[], object], runs: int) -> None:
    """The median over runs, in milliseconds."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    times.sort()
    print(f"  {what:<76} {times[len(times) // 2] * 1000:.3f} ms (p95 {times[int(len(times) * 0.95)] * 1000:.3f})")


def measure_watch(seeds: range) -> None:
    """Ordinary days first, then thefts."""
    requests: dict[str, int] = defaultdict(int)
    alarms: dict[str, int] = defaultdict(int)
    found: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    began = time.perf_counter()
    for seed in seeds:
        for reader in (*PEOPLE, *JOBS):
            one(reader, seed, requests, alarms, found)
    took = time.perf_counter() - began
    people, jobs = (sum(requests[r.name] for r in group) for group in (PEOPLE, JOBS))
    wrong = sum(alarms[r.name] for r in PEOPLE), sum(alarms[r.name] for r in JOBS)
    print(f"\nthe watch, seeds {seeds.start} to {seeds.stop - 1} ({took / (people + jobs) * 1e6:.0f} µs a request)")
    print(f"  {'requests of people, and false alarms':<50} {people:,}: {wrong[0]}, {rate(wrong[0], people)}")
    print(f"  {'requests of training jobs, and false alarms':<50} {jobs:,}: {wrong[1]}, {rate(wrong[1], jobs)}")
    print(f"  {'all':<50} {people + jobs:,}: {sum(wrong)}, {rate(sum(wrong), people + jobs)}")
    print("  thefts at 100 times normal (recordings taken and seconds until suspended: median, most)")
    missed = 0
    for (way, name), ends in sorted(found.items()):
        late = [end for end in ends if end[0] > 25 and end[1] > 60]
        missed += len(late)
        counts, times = sorted(e[0] for e in ends), sorted(e[1] for e in ends)
        middle = len(ends) // 2
        print(
            f"    {way:<10} {name:<11} {counts[middle]:>6} {counts[-1]:>6} recordings {times[middle]:>8.1f} "
            f"{times[-1]:>8.1f} s, beyond 25 recordings and 60 s: {len(late)} of {len(ends)}"
        )
    total = sum(map(len, found.values()))
    print(f"  within 25 recordings or 60 s: {total - missed} of {total}")


def one(
    reader: Person | Job,
    seed: int,
    requests: dict[str, int],
    alarms: dict[str, int],
    found: dict[tuple[str, str], list[tuple[int, float]]],
) -> None:
    """One reader's ordinary days, then its theft in three ways."""
    draw = random.Random(f"{seed}{reader.name}")
    person = isinstance(reader, Person)
    limits, plan = (Limits(), None) if isinstance(reader, Person) else (PLANNED, reader.per_minute)
    stream = Stream(limits=limits, baseline=Baseline())
    days = PERSON_DAYS if person else JOB_DAYS
    for day in range(days):
        reads = person_day(reader, day, draw) if isinstance(reader, Person) else job_day(reader, day, draw)
        for at, name in reads:
            requests[reader.name] += 1
            if stream.observe(name, at, per_minute=plan) is not None:
                alarms[reader.name] += 1
                stream = Stream(limits=limits, baseline=stream.baseline)
    for way, ramp, hour in (("at once", 0, 11), ("slowly", RAMP_S, 11), ("by night", 0, 2)):
        start = START_S + days * DAY_S + hour * 3600
        copy = Stream(limits=limits, baseline=Baseline.of_json(stream.baseline.as_json()))
        stolen = attack(reader.per_second, start, draw, ramp_s=ramp)
        found[way, reader.name].append(stopped(copy, stolen, start + ramp, plan))


def stopped(stream: Stream, stolen: Iterator[tuple[float, str]], full: float, plan: int | None) -> tuple[int, float]:
    """How many recordings it had, and for how long, from where it reads at a hundred times normal."""
    taken = 0
    for at, name in stolen:
        if stream.observe(name, at, per_minute=plan) is not None:
            return taken, max(0.0, at - full)
        taken += at >= full
    return taken, float("inf")


def rate(alarms: int, requests: int) -> str:
    return f"{alarms / requests * 100_000:.2f} in 100,000"


if __name__ == "__main__":
    main()
