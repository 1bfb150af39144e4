"""The compliance line's work as the durable engine's task: a recording judged, then what follows from it (SPEC 14.4-6).

Judging and each step that follows can be tried again from the start and change nothing that was done. What has to wait
(a medium on its way, a service that fails) is answered with Again, so that the engine keeps the time and no worker
sleeps on it. A recording that kills whoever reads it is a dead letter.
"""

from __future__ import annotations

from typing import Final, Protocol

from sottovoce.compliance.docket import LINE
from sottovoce.compliance.examine import Examiner
from sottovoce.compliance.remedy import Remediator
from sottovoce.errors import RecordingErased, SottovoceError
from sottovoce.intake.desk import DEAD, DONE
from sottovoce.intake.outbox import Due, Outbox
from sottovoce.pipeline.job import Job
from sottovoce.pipeline.protocol import Again
from sottovoce.pipeline.refs import as_step_error

QUEUE: Final = LINE
"""The engine's queue of this line."""


class JudgingCloser:
    """Ends what the engine gave up. Raises StepError only."""

    def __init__(self, *, outbox: Outbox) -> None:
        self._outbox = outbox

    def close(self, line: str, key: str, code: str) -> str:  # noqa: ARG002 - there is one line here, and the engine tells
        """What could not be judged at all waits as a dead letter until a person asks for it again."""
        try:
            self._outbox.bury(key)
        except SottovoceError as error:
            raise as_step_error(error) from None
        return DEAD


class JudgingTask(JudgingCloser):
    """Raises StepError only."""

    def __init__(self, *, outbox: Outbox, examiner: Examiner, remediator: Remediator) -> None:
        super().__init__(outbox=outbox)
        self._examiner = examiner
        self._remediator = remediator

    def carry(self, line: str, key: str) -> str | Again:  # noqa: ARG002 - the engine says which line it is
        try:
            waits = self._judge(key) or self._remediator.follow(key)
        except RecordingErased:
            waits = None
        except SottovoceError as error:
            if error.retryable:
                return Again()
            raise as_step_error(error) from None
        except Exception as error:  # noqa: BLE001 - a surprise may quote what it failed on; its code goes on alone
            raise as_step_error(error) from None
        if waits is not None:
            return waits
        self._outbox.finish(key)
        return DONE

    def _judge(self, key: str) -> Again | None:
        job = self._outbox.job(key)
        return None if job is None else self._examiner.examine(job)


class Hearts(Protocol):
    """Who is alive, as the registry keeps it."""

    def silent_executors(self, *, seconds: float) -> tuple[str, ...]: ...

    def bury(self, executor: str) -> None: ...


class JudgingRows:
    """What the engine's keeper asks of this line: whether a job is over, and which generation is the current one."""

    def __init__(self, *, outbox: Outbox, hearts: Hearts) -> None:
        self._outbox = outbox
        self._hearts = hearts

    def silent_executors(self, *, seconds: float) -> tuple[str, ...]:
        return self._hearts.silent_executors(seconds=seconds)

    def bury(self, executor: str) -> None:
        self._hearts.bury(executor)

    def outcome(self, line: str, key: str) -> bool | None:  # noqa: ARG002 - there is one line here
        return self._outbox.is_over(key) or None

    def generation(self, line: str, key: str) -> int:  # noqa: ARG002
        return self._outbox.generation(key)

    def recall(self, key: str) -> str:
        return key


def engine_job(due: Due) -> Job:
    return Job(line=LINE, key=due.subject, generation=due.generation)
