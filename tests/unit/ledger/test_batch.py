"""Group commit and cadence: entries of many threads and processes, each durable, numbered and signed in time."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from sottovoce.errors import EntryRefused, LedgerUnavailable, SottovoceError
from sottovoce.ledger import batch
from sottovoce.ledger.batch import GroupCommit
from sottovoce.ledger.cadence import Cadence
from sottovoce.ledger.entry import Entry
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.verifier import Found

AnEntry = Callable[..., Entry]


class Book:
    """Records in memory, slowly enough that others gather; refuses and fails as told."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.entries: list[Entry] = []
        self.fails: BaseException | None = None
        self.started = threading.Event()
        self.hold = threading.Event()
        self.hold.set()

    def record(self, entries: Sequence[Entry]) -> tuple[int, ...]:
        self.started.set()
        self.hold.wait(5)
        if self.fails is not None:
            failure, self.fails = self.fails, None
            raise failure
        if any(entry.actor == "too-large" for entry in entries):
            raise EntryRefused("the entry is larger than 64 KiB")
        start = len(self.entries)
        self.entries += entries
        self.batches.append(len(entries))
        return tuple(range(start, start + len(entries)))


def gathered(group: GroupCommit, book: Book, calls: Sequence[Sequence[Entry]]) -> list[Any]:
    """What each call came to, the first of which leads alone while the others gather behind it."""
    book.hold.clear()
    with ThreadPoolExecutor(len(calls)) as pool:
        first = pool.submit(outcome, group, calls[0])
        book.started.wait(5)
        others = [pool.submit(outcome, group, each) for each in calls[1:]]
        while len(group._gathered) < len(others):
            time.sleep(0.001)
        book.hold.set()
        return [each.result(5) for each in (first, *others)]


def outcome(group: GroupCommit, entries: Sequence[Entry]) -> Any:
    try:
        return group.record(entries)
    except (SottovoceError, KeyboardInterrupt) as failure:
        return type(failure)


def test_who_gathers_commits_together(an_entry: AnEntry) -> None:
    """Behind a slow commit eight callers become one transaction; each gets the numbers of its own entries."""
    book = Book()
    group = GroupCommit(record=book.record)
    calls = [[an_entry(facts={"n": n, "i": i}) for i in range(1 + n % 3)] for n in range(9)]
    answers = gathered(group, book, calls)
    assert book.batches == [1, sum(map(len, calls[1:]))]
    for call, seqs in zip(calls, answers, strict=True):
        assert [book.entries[seq] for seq in seqs] == call
    assert group.record([]) == ()


def test_a_batch_has_a_limit(an_entry: AnEntry) -> None:
    """No transaction grows beyond the limit, but one call is never split."""
    book = Book()
    group = GroupCommit(record=book.record, most=3)
    answers = gathered(group, book, [[an_entry()], [an_entry()] * 2, [an_entry()] * 5, [an_entry()]])
    assert sorted(book.batches) == sorted([1, 2, 5, 1]) or sorted(book.batches) == sorted([1, 3, 5])
    assert sorted(seq for seqs in answers for seq in seqs) == list(range(9))


def test_an_entry_that_is_refused_keeps_out_no_other(an_entry: AnEntry) -> None:
    """Only the caller whose entry is at fault is told."""
    book = Book()
    answers = gathered(
        GroupCommit(record=book.record), book, [[an_entry()], [an_entry()], [an_entry(actor="too-large")]]
    )
    assert answers[2] is EntryRefused
    assert sorted([*answers[0], *answers[1]]) == [0, 1]


@pytest.mark.parametrize("failure", [LedgerUnavailable("full"), KeyboardInterrupt()])
def test_a_commit_that_fails_fails_every_caller_of_it(an_entry: AnEntry, failure: BaseException) -> None:
    """Nobody takes silence for success: not when the database fails, nor when the leader is interrupted."""
    book = Book()
    group = GroupCommit(record=book.record)
    book.fails = LedgerUnavailable("full")
    answers = gathered(group, book, [[an_entry()], [an_entry()], [an_entry()]])
    assert answers[0] is LedgerUnavailable
    assert sorted([*answers[1], *answers[2]]) == [0, 1]
    book.started.clear()
    book.fails = failure
    with pytest.raises(type(failure)):
        group.record([an_entry()])
    assert group.record([an_entry()]) == (2,)


def test_threads_on_a_real_ledger(ledger: Ledger, an_entry: AnEntry) -> None:
    """Sixteen threads append one entry at a time through one group: numbered without gaps, and verified."""
    group = GroupCommit(record=ledger.record)
    with ThreadPoolExecutor(16) as pool:
        seqs = list(pool.map(lambda n: group.record([an_entry(facts={"n": n})]), range(200)))
    assert sorted(seq for (seq,) in seqs) == list(range(200))
    assert dict(ledger.entries())[seqs[50][0]].facts == {"n": 50}
    ledger.checkpoint()
    assert ledger.verify().found is Found.OK


APPEND = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sottovoce.database.engine import open_engine
from sottovoce.domain.confidential import Confidential
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.signer import Ed25519Signer
url, base, name, actor = sys.argv[1:]
clock = lambda: datetime.now(UTC)
signer = Ed25519Signer(name=name, key=Confidential(Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)))
ledger = Ledger(engine=open_engine(url, base=Path(base)), signer=signer, origin=name, clock=clock)
for number in range(30):
    ledger.record([Entry(at=clock(), actor=actor, action=Action.OBJECT_READ, facts={"n": number})] * (1 + number % 3))
    if number % 10 == 9:
        ledger.checkpoint()
"""


def test_several_processes_append_to_one_ledger(
    ledger: Ledger, engine: Engine, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Three processes append and sign at once, on SQLite and on PostgreSQL: no gap, no fork, each one's order kept."""
    on_sqlite = engine.dialect.name == "sqlite"
    url = "sqlite:registry.sqlite" if on_sqlite else request.getfixturevalue("postgres")
    actors = [f"process-{name}" for name in "abc"]
    commands = [[sys.executable, "-c", APPEND, url, str(tmp_path), ledger.origin, actor] for actor in actors]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE) for command in commands]
    for process in running:
        assert process.communicate(timeout=60)[1] == b""
        assert process.returncode == 0
    entries = list(ledger.entries())
    assert [seq for seq, _ in entries] == list(range(180))
    for actor in actors:
        said = [entry.facts["n"] for _, entry in entries if entry.actor == actor]
        assert said == [number for number in range(30) for _ in range(1 + number % 3)]
    ledger.checkpoint()
    assert ledger.verify().found is Found.OK


def test_a_checkpoint_is_due_after_entries_or_seconds(ledger: Ledger, an_entry: AnEntry, clock: Any) -> None:
    """So many unsigned entries, or any unsigned for so long; nothing new is never due, and a clock set back is."""
    cadence = Cadence(ledger=ledger, entries=3, seconds=60)
    assert cadence.keep() is None
    ledger.record([an_entry()])
    assert cadence.keep() is not None
    ledger.record([an_entry(), an_entry()])
    assert cadence.keep() is None
    ledger.record([an_entry()])
    assert cadence.keep() is not None
    ledger.record([an_entry()])
    clock.pass_(59)
    assert cadence.keep() is None
    clock.pass_(1)
    assert cadence.keep() is not None
    ledger.record([an_entry()])
    clock.pass_(-3600)
    assert cadence.keep() is not None
    assert ledger.verify().found is Found.OK


def test_the_cadence_is_kept_in_a_thread(ledger: Ledger, an_entry: AnEntry) -> None:
    """What is appended meanwhile is signed when the block ends at the latest, and failures are told."""
    failures: list[SottovoceError] = []
    with Cadence(ledger=ledger, entries=1000, seconds=0.01).keeping(on_failure=failures.append):
        ledger.record([an_entry()])
    assert ledger.unsigned()[0] == 0

    class Failing:
        def unsigned(self) -> tuple[int, float]:
            raise LedgerUnavailable("full")

    with Cadence(ledger=Failing(), entries=1, seconds=0.01).keeping(on_failure=failures.append):  # type: ignore[arg-type]
        pass
    assert [failure.code for failure in failures] == ["E_LEDGER_UNAVAILABLE"]


def test_entries_keep_their_order_where_the_clock_goes_back(ledger: Ledger, an_entry: AnEntry, clock: Any) -> None:
    """Order is by number, not by time: entries from before and after a clock was set back both stand, and verify."""
    for _ in range(3):
        ledger.record([an_entry(at=clock())])
        ledger.checkpoint()
        clock.pass_(-86_400)
    times = [entry.at for _, entry in ledger.entries()]
    assert times == sorted(times, reverse=True)
    assert ledger.verify().found is Found.OK


class Impatient(threading.Event):
    """Somebody presses Ctrl-C the moment it is their turn."""

    def wait(self, timeout: float | None = None) -> bool:
        super().wait(timeout)
        raise KeyboardInterrupt


def test_one_who_is_interrupted_while_waiting_holds_up_nobody(
    an_entry: AnEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who gives up before being committed is withdrawn, and a lead that just reached them goes on to the next."""
    book = Book()
    group = GroupCommit(record=book.record, most=1)
    book.hold.clear()

    def waiting(entries: Sequence[Entry]) -> batch._Waiting:
        made = honest(entries)
        made.woken = Impatient() if entries[0].actor == "impatient" else made.woken
        return made

    honest = batch._Waiting
    monkeypatch.setattr(batch, "_Waiting", waiting)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(outcome, group, [an_entry()])
        book.started.wait(5)
        second = pool.submit(outcome, group, [an_entry(actor="impatient")])
        while not group._gathered:
            time.sleep(0.001)
        third = pool.submit(outcome, group, [an_entry()])
        while len(group._gathered) < 2:
            time.sleep(0.001)
        book.hold.set()
        assert (first.result(5), second.result(5), third.result(5)) == ((0,), KeyboardInterrupt, (1,))
    assert group.record([an_entry()]) == (2,)
    assert [entry.actor for entry in book.entries] == ["svc-worker"] * 3
