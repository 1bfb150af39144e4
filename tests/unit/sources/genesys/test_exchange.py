"""How one request is carried through, told as a conversation without any I/O."""

from __future__ import annotations

import pytest

from sottovoce.errors import SourceUnavailable
from sottovoce.sources.genesys.exchange import LOST, TRIES, Answer, Send, Wait, backoff_s, persist

SEND = Send(method="GET", path="/api/v2/routing/queues")


def talk(*answers: Answer) -> tuple[Answer, list[float]]:
    """Feeds the answers in order; gives back the last one and the waits between."""
    steps, waits, left = persist(SEND), [], list(answers)
    step = next(steps)
    try:
        while True:
            if isinstance(step, Wait):
                waits.append(step.seconds)
                step = steps.send(LOST)
            else:
                step = steps.send(left.pop(0))
    except StopIteration as done:
        return done.value, waits


def test_retry_after_is_honoured() -> None:
    """429 waits as long as it is told to, then asks again."""
    answer, waits = talk(Answer(status=429, retry_after_s=7.0), Answer(status=200))
    assert (answer.status, waits) == (200, [7.0])


@pytest.mark.parametrize(
    "passing", [LOST, Answer(status=500), Answer(status=502), Answer(status=503), Answer(status=504)]
)
def test_passing_failures_are_tried_again_with_growing_waits(passing: Answer) -> None:
    """Lost connections and server errors are tried again after 1, 2, 4 … seconds."""
    answer, waits = talk(passing, passing, passing, Answer(status=200))
    assert (answer.status, waits) == (200, [1.0, 2.0, 4.0])


def test_429_without_a_time_backs_off() -> None:
    """A 429 that does not say for how long is waited out like a server error."""
    assert talk(Answer(status=429), Answer(status=200))[1] == [1.0]


def test_patience_ends() -> None:
    """After the last try the source is unavailable, which a later run may mend."""
    with pytest.raises(SourceUnavailable) as ended:
        talk(*[Answer(status=503)] * TRIES)
    assert ended.value.retryable


def test_a_wait_beyond_three_minutes_is_not_sat_out() -> None:
    """Told to wait too long, the work is given back instead of blocking a worker."""
    with pytest.raises(SourceUnavailable, match="too long"):
        talk(Answer(status=429, retry_after_s=181.0))


@pytest.mark.parametrize("status", [200, 202, 301, 400, 401, 403, 404])
def test_other_answers_are_the_callers_to_judge(status: int) -> None:
    """Whatever is not passing is handed over at once."""
    assert talk(Answer(status=status)) == (Answer(status=status), [])


def test_waits_are_capped() -> None:
    """No single wait is longer than a minute."""
    assert backoff_s(30) == 60.0


def test_only_a_code_that_looks_like_one_is_repeated() -> None:
    """What a server calls a code is repeated in a hint only if it looks like one."""
    assert Answer(status=404, body={"code": "not.found"}).code == "not.found"
    assert Answer(status=404, body={"code": "caller +12025550142"}).code == ""
    assert Answer(status=404, body=[]).code == ""
