"""Group commit: whatever arrives while one transaction is written goes into the next one together.

Under load a commit's cost is shared by all that wait for it; a single event pays for its own. Nobody is answered
before the commit. What cannot be taken on at once is refused, not queued without end.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from sottovoce.errors import IntakeBusy, SottovoceError
from sottovoce.intake.batch import Arrival, Receipt
from sottovoce.intake.desk import Desk

MOST_WAITING: Final = 10_000
BATCH: Final = 128


class Clerk:
    """One for each process and event loop; its transactions run in one thread, one after the other."""

    def __init__(self, *, desk: Desk, most_waiting: int = MOST_WAITING, batch: int = BATCH) -> None:
        self._desk = desk
        self._most = most_waiting
        self._batch = batch
        self._waiting: list[tuple[Arrival, asyncio.Future[Receipt]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="intake")

    async def accept(self, arrival: Arrival) -> Receipt:
        """The receipt, once it is durable. Raises IntakeBusy, LedgerUnavailable: then nothing was kept."""
        if len(self._waiting) >= self._most:
            raise IntakeBusy("too many events wait to be written", hint="send it again later")
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrival, future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        return await future

    async def close(self) -> None:
        """Waits for what is being written; the thread ends."""
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)
        self._thread.shutdown(wait=True)

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                taken, self._waiting = self._waiting[: self._batch], self._waiting[self._batch :]
                arrivals = [arrival for arrival, _ in taken]
                try:
                    receipts = await loop.run_in_executor(self._thread, self._desk.accept, arrivals)
                except SottovoceError as error:
                    _fail([future for _, future in taken], error)
                else:
                    for (_, future), receipt in zip(taken, receipts, strict=True):
                        if not future.done():
                            future.set_result(receipt)
        finally:
            self._writing = None


def _fail(futures: list[asyncio.Future[Receipt]], error: SottovoceError) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(type(error)(str(error), hint=error.hint))
