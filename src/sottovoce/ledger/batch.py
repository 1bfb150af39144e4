"""Group commit: entries of many threads, committed together by whichever comes first.

A commit costs the same for one entry as for a thousand. The first caller becomes the leader and commits whatever has
gathered; of those who come meanwhile the first leads next, and the others sleep until they are committed. Each caller
returns when its own entries are durable, with their numbers, or with the error that kept them out.

For entries without rows of their own; what has an effect beside it commits in that effect's transaction
(`Ledger.append`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sottovoce.errors import EntryRefused, LedgerUnavailable, SottovoceError
from sottovoce.ledger.entry import Entry

Record = Callable[[Sequence[Entry]], tuple[int, ...]]

MOST = 1000
"""Entries in one transaction: beyond this a commit costs little beside the entries themselves."""


@dataclass(slots=True, eq=False)
class _Waiting:
    entries: Sequence[Entry]
    seqs: tuple[int, ...] | None = None
    error: SottovoceError | None = None
    leads: bool = False
    woken: threading.Event = field(default_factory=threading.Event)


class GroupCommit:
    """Gathers calls of many threads; `record` is `Ledger.record`."""

    def __init__(self, *, record: Record, most: int = MOST) -> None:
        self._record = record
        self._most = most
        self._gathered: list[_Waiting] = []
        self._led = False
        self._mutex = threading.Lock()

    def record(self, entries: Sequence[Entry]) -> tuple[int, ...]:
        """The entries' numbers, when they are durable; raises what kept them out, and then none of them is in."""
        if not entries:
            return ()
        mine = _Waiting(entries)
        with self._mutex:
            self._gathered.append(mine)
            mine.leads, self._led = not self._led, True
        if not mine.leads:
            self._wait(mine)
        if mine.leads:
            self._lead()
        if mine.error is not None:
            raise mine.error
        assert mine.seqs is not None  # noqa: S101 - woken means committed, failed or leading
        return mine.seqs

    def _wait(self, mine: _Waiting) -> None:
        try:
            mine.woken.wait()
        except BaseException:
            # Interrupted: what nobody has taken up yet is withdrawn, and a lead just handed over goes on.
            with self._mutex:
                if mine in self._gathered:
                    self._gathered.remove(mine)
                    if mine.leads:
                        self._hand_on()
            raise

    def _lead(self) -> None:
        """Commits what has gathered, one's own entries first, and hands the lead to the first who came meanwhile."""
        try:
            with self._mutex:
                batch = [self._gathered.pop(0)]
                count = len(batch[0].entries)
                while self._gathered and count + len(self._gathered[0].entries) <= self._most:
                    count += len(self._gathered[0].entries)
                    batch.append(self._gathered.pop(0))
            self._commit(batch)
        finally:
            with self._mutex:
                self._hand_on()

    def _hand_on(self) -> None:
        if self._gathered:
            self._gathered[0].leads = True
            self._gathered[0].woken.set()
        else:
            self._led = False

    def _commit(self, batch: Sequence[_Waiting]) -> None:
        try:
            seqs = iter(self._record([entry for waiting in batch for entry in waiting.entries]))
            for waiting in batch:
                waiting.seqs = tuple(next(seqs) for _ in waiting.entries)
        except EntryRefused as error:
            # One entry of the batch is at fault, and its caller alone is told.
            _fail(batch, error)
            if len(batch) > 1:
                for waiting in batch:
                    waiting.error = None
                    self._commit([waiting])
        except SottovoceError as error:
            _fail(batch, error)
        except BaseException:
            # The others must not take silence for success: an interrupted leader fails them all.
            _fail(batch, LedgerUnavailable("the transaction of these entries was given up"))
            raise
        finally:
            for waiting in batch:
                waiting.woken.set()


def _fail(batch: Sequence[_Waiting], error: SottovoceError) -> None:
    for waiting in batch:
        waiting.error = error
