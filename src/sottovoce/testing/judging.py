"""The compliance line without the durable engine: what is in the outbox is worked off on this thread, in order."""

from __future__ import annotations

from typing import Final

from sottovoce.compliance.docket import LINE
from sottovoce.compliance.task import JudgingTask
from sottovoce.intake.outbox import Outbox
from sottovoce.pipeline.protocol import Again

MOST_ROUNDS: Final = 1000


def settle(outbox: Outbox, task: JudgingTask, *, again: bool = False) -> dict[str, Again]:
    """Carries what is ready, and what that brings; who asked for another try, which `again` gives them once."""
    waiting: dict[str, Again] = {}
    subjects = [due.subject for due in outbox.under_way()] if again else []
    for _ in range(MOST_ROUNDS):
        ready = outbox.ready(limit=MOST_ROUNDS)
        outbox.handed(ready)
        subjects += [due.subject for due in ready]
        if not subjects:
            return waiting
        answers = {subject: task.carry(LINE, subject) for subject in subjects}
        waiting |= {subject: answer for subject, answer in answers.items() if isinstance(answer, Again)}
        subjects = []
    raise AssertionError("the outbox does not come to an end")
