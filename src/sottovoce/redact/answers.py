"""Answers that go whole, in a language whose digits no second ear knows (SPEC 6.2, 6.5).

In English a digit that the transcriber drops is heard by another ear, before and after redaction. Elsewhere one ear is
all there is, and what it writes for a digit may be any word. So the answer to a question for a card number, its expiry,
its CVV, a PIN or a bank account goes from where the question ends to where the asker speaks again, whatever was
understood of it; and when the asker's next words hold any of it, they go whole as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from sottovoce.domain.entities import BUNDLES, Entity
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import Transcript, Word

NAME: Final = "whole_answer"
OF_PAYMENT: Final = BUNDLES["pci"]
_EARLY_S: Final = 0.5
"""People answer before a question is over, and Whisper's words end late."""
_SPEAKS_WORDS: Final = 4
_SPEAKS_S: Final = 1.5
"""Less than this is "sí, le escucho" between two groups of a number: the answer goes on."""
_TURN_PAUSE_S: Final = 1.0
_READ_BACK_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Asked for `entity`: the answer is on `channel` from the sample `at` on.

    It lasts `seconds` where nobody can tell when the asker speaks again.
    """

    entity: Entity
    channel: int
    at: int
    seconds: float


class Questions(Protocol):
    """Knows what was asked in a heard call; raises DetectionError rather than answer in part."""

    def asked(self, sound: Sound, transcript: Transcript) -> tuple[Question, ...]: ...


def whole_answers(
    questions: Iterable[Question], heard: Transcript, roles: Sequence[Role], found: Sequence[Finding], *, frames: int
) -> tuple[Finding, ...]:
    """Findings for the answers to `questions`, and for read-backs that `found` something in."""
    turns = {c.channel: _turns(c.words, heard.rate) for c in heard.channels}
    out: dict[Finding, None] = {}
    for question in questions:
        if question.entity not in OF_PAYMENT or roles[question.channel] is Role.AGENT:
            continue
        start = max(0, question.at - round(_EARLY_S * heard.rate))
        asker = _asker(question.channel, roles)
        if asker is None:
            end = question.at + round(question.seconds * heard.rate)
        else:
            spoken = [t for t in turns[asker] if t.start >= question.at]
            end = spoken[0].start if spoken else frames
            out.update(dict.fromkeys(_read_back(question, asker, spoken[:1], found, heard.rate)))
        out[_finding(question.entity, question.channel, Span(start, max(start + 1, min(end, frames))))] = None
    return tuple(out)


def _asker(channel: int, roles: Sequence[Role]) -> int | None:
    """The agent of a call of two, whose own words end the answer; None where both may be on one channel."""
    others = [c for c, role in enumerate(roles) if c != channel and role is Role.AGENT]
    return others[0] if len(others) == 1 and roles[channel] is Role.CUSTOMER else None


def _turns(words: Iterable[Word], rate: int) -> list[Span]:
    """Stretches in which somebody says more than that he listens."""
    runs: list[list[Word]] = []
    for word in sorted(words, key=lambda w: w.span):
        if runs and word.span.start - runs[-1][-1].span.end <= _TURN_PAUSE_S * rate:
            runs[-1].append(word)
        else:
            runs.append([word])
    spans = [(len(run), Span(run[0].span.start, max(w.span.end for w in run))) for run in runs]
    return [span for count, span in spans if count >= _SPEAKS_WORDS and span.length >= _SPEAKS_S * rate]


def _read_back(
    question: Question, asker: int, turns: Sequence[Span], found: Sequence[Finding], rate: int
) -> Iterator[Finding]:
    for turn in turns:
        soon = turn.start - question.at <= _READ_BACK_S * rate
        if soon and any(f.channel == asker and f.entity in OF_PAYMENT and f.span.overlaps(turn) for f in found):
            yield _finding(question.entity, asker, turn)


def _finding(entity: Entity, channel: int, span: Span) -> Finding:
    return Finding(entity=entity, channel=channel, span=span, detector=NAME, score=1.0)
