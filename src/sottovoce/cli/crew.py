"""The processes that treat many files, and what becomes of a file that kills one.

As many files are under way as there are processes. When a process dies (a decoder crashes on hostile
media, the kernel takes its memory), each file that was under way is tried once more alone: the one
that kills again is reported by name, and nothing of it is left; the others are done after all.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from sottovoce.cli.batch import Item, Result, Work, partial_of, workers_for
from sottovoce.cli.output import bar
from sottovoce.errors import ProcessDied, SottovoceError

Prepare = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    """A process could not make itself ready; its error travels as its parts, so that the hint does too."""

    kind: type[SottovoceError]
    message: str
    hint: str


_refused: list[_Refusal] = []
"""In a process that could not make itself ready: why."""


def treat_all(
    work: Work,
    todo: Sequence[Item],
    *,
    prepare: Prepare,
    settings: tuple[Any, ...],
    workers: int | None,
    title: str,
    quiet: bool,
) -> list[Result]:
    """Every item treated, in the order given. `prepare(*settings)` runs once in each process.

    Raises what `prepare` raises, such as ModelError.
    """
    count = workers_for(workers, len(todo))
    with bar(quiet=quiet) as progress:
        task = progress.add_task(title, total=len(todo))
        crew = _Crew(work=work, prepare=prepare, settings=settings, advance=lambda: progress.advance(task))
        return crew.treat(todo, count)


class _Crew:
    def __init__(self, *, work: Work, prepare: Prepare, settings: tuple[Any, ...], advance: Callable[[], None]) -> None:
        self._work = work
        self._prepare = prepare
        self._settings = settings
        self._advance = advance
        self._results: dict[int, Result] = {}

    def treat(self, todo: Sequence[Item], count: int) -> list[Result]:
        left = dict(enumerate(todo))
        while left:
            suspects = self._together(left, count)
            for number in suspects:
                self._alone(number, todo[number])
            left = {number: item for number, item in left.items() if number not in self._results}
        return [self._results[number] for number in range(len(todo))]

    def _together(self, left: dict[int, Item], count: int) -> list[int]:
        """Until all is done, or a process died; then the numbers of what was under way."""
        waiting = list(left)
        with self._pool(count) as pool:
            under_way: dict[Future[Result | _Refusal], int] = {}
            while waiting or under_way:
                try:
                    while waiting and len(under_way) < count:
                        under_way[pool.submit(_worked, self._work, left[waiting[0]])] = waiting[0]
                        waiting.pop(0)
                    done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                    for future in done:
                        self._keep(under_way[future], future.result())
                        del under_way[future]
                except BrokenProcessPool:
                    return list(under_way.values())
        return []

    def _alone(self, number: int, item: Item) -> None:
        try:
            with self._pool(1) as pool:
                self._keep(number, pool.submit(_worked, self._work, item).result())
        except BrokenProcessPool:
            partial_of(item.target).unlink(missing_ok=True)
            self._keep(number, _died(item))

    def _pool(self, count: int) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(
            count, mp_context=context, initializer=_made_ready, initargs=(self._prepare, self._settings)
        )

    def _keep(self, number: int, answer: Result | _Refusal) -> None:
        if isinstance(answer, _Refusal):
            raise answer.kind(answer.message, hint=answer.hint)
        self._results[number] = answer
        self._advance()


def _made_ready(prepare: Prepare, settings: tuple[Any, ...]) -> None:
    """An initializer that raises breaks the pool and prints a traceback; this one keeps the refusal."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        prepare(*settings)
    except SottovoceError as error:
        _refused.append(_Refusal(kind=type(error), message=str(error), hint=error.hint))


def _worked(work: Work, item: Item) -> Result | _Refusal:
    return _refused[0] if _refused else work(item)


def _died(item: Item) -> Result:
    facts = {
        "message": "the process that treated it died, twice",
        "hint": "it may be hostile, or memory ran out; nothing was written for it",
    }
    return Result(source=str(item.source), target=str(item.target), reason=ProcessDied.code, facts=facts)
