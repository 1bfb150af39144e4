"""What a prompt makes sensitive: the answer, on the other channel or on a shared one (SPEC 6.3).

A window opens where a prompt ends and closes after its seconds, when the asker asks for something else, or
when an answer has been given. Inside it the detector fails closed: numbers count from two digits (four
for a card), and a short turn whose words the transcriber guessed goes whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sottovoce.detect.languages.language import Language
from sottovoce.detect.lexicon import BACKCHANNELS, MONTHS, listed
from sottovoce.detect.lines import Line, Turn
from sottovoce.detect.prompts import Answer, Prompt
from sottovoce.detect.protocol import HeardCall
from sottovoce.detect.runs import Group, groups_of
from sottovoce.detect.unheard import is_guessed
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Role
from sottovoce.domain.spans import Span

FEWEST_DIGITS: dict[Entity, int] = {Entity.CREDIT_DEBIT_NUMBER: 4, Entity.CREDIT_DEBIT_CVV: 2, Entity.PIN: 2}
FEWEST_OTHERWISE = 2
GUESSED_IN_WINDOW = 0.6
MOST_WORDS = 30
"""Words of an answer that go; a longer one has wandered off."""
TOLD_WORDS = 12
STALLS = listed(
    "hold hang on one second moment minute just let me get find look for my wallet purse glasses where did i put bear"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Where the answer to a prompt is looked for: on `line`, between the samples of `span`."""

    prompt: Prompt
    line: Line
    span: Span
    is_own: bool
    """The asker's own channel: a shared one, or the speaker announces the value himself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Finds the answers to prompts, and what speakers announce themselves."""

    keep_last_four: bool = True
    name: str = "asked"

    def find(self, call: HeardCall) -> tuple[Finding, ...]:
        groups = {line.channel: groups_of(line) for line in call.lines}
        found = [f for w in windows_of(call) for f in self._answers(w, groups[w.line.channel], call)]
        found += [f for line in call.lines for f in self._told(line)]
        return tuple(dict.fromkeys(found))

    def _answers(self, window: Window, groups: Sequence[Group], call: HeardCall) -> Iterator[Finding]:
        if window.prompt.answer is Answer.DIGITS:
            yield from self._numbers(window, groups, call)
        elif not window.is_own:
            yield from self._words(window)

    def _numbers(self, window: Window, groups: Sequence[Group], call: HeardCall) -> Iterator[Finding]:
        fewest = FEWEST_DIGITS.get(window.prompt.entity, FEWEST_OTHERWISE)
        said = [g for g in groups if window.span.start <= g.bare.start < window.span.end and g.amounts < g.pieces]
        if window.is_own and call.role(window.line.channel) is Role.AGENT:
            fewest = max(fewest, 3)
        for group in said:
            if len(group.digits) >= fewest and not self._is_kept(window, group):
                span = _with_months(group) if window.prompt.entity in _DATED else group.span
                yield self._finding(window, span, 0.9)
        if not window.is_own:
            turns = window.line.turns_within(window.span)
            for phrase in (p for turn in turns for p in window.line.phrases(turn)):
                if is_guessed(window.line, phrase, below=GUESSED_IN_WINDOW):
                    yield self._finding(window, phrase.span, 0.5)

    def _is_kept(self, window: Window, group: Group) -> bool:
        """A read-back of the last four digits, announced as such."""
        if not self.keep_last_four or len(group.digits) > 4:
            return False
        before = group.line.tokens[max(0, group.first - 6) : group.first]
        language = group.line.language
        said = " ".join(language.said(before))
        return bool(language.ending.search(said)) or (window.is_own and bool(language.last_four.search(said)))

    def _words(self, window: Window) -> Iterator[Finding]:
        left = MOST_WORDS
        for turn in window.line.turns_within(window.span):
            said = window.line.said(turn)
            content = [t for t in said if t.text not in BACKCHANNELS]
            if not content or all(t.text in STALLS or t.text in BACKCHANNELS for t in said):
                continue
            last = min(turn.last, turn.first + left)
            start = min(turn.span.start, said[0].span.start)
            end = turn.span.end if last == turn.last else window.line.tokens[last - 1].span.end
            yield self._finding(window, Span(start, max(start, end)), 0.8)
            left -= len(said)
            if left <= 0 or _is_complete(window, said[-1].ends_sentence, content):
                return

    def _told(self, line: Line) -> Iterator[Finding]:
        for turn in line.turns:
            text, starts = text_of(line, turn)
            for entity, pattern, _ in line.language.telling:
                for match in pattern.finditer(text):
                    first = turn.first + sum(s < match.end() for s in starts)
                    last = _told_end(line, turn, first, entity)
                    if first < last:
                        yield Finding(
                            entity=entity,
                            channel=line.channel,
                            span=line.voiced(first, last, reach_s=0.5),
                            detector=self.name,
                            score=0.8,
                        )

    def _finding(self, window: Window, span: Span, score: float) -> Finding:
        return Finding(
            entity=window.prompt.entity, channel=window.line.channel, span=span, detector=self.name, score=score
        )


_DATED = frozenset({Entity.DATE_OF_BIRTH, Entity.CREDIT_DEBIT_EXPIRY})
_NAME_WORDS = 4


def windows_of(call: HeardCall) -> Iterator[Window]:
    """Every window any prompt opens, on the other channels and on the asker's own."""
    for line in call.lines:
        asked = [a for turn in line.turns for a in _asked_in(line, turn)]
        for k, (prompt, last) in enumerate(asked):
            start = line.tokens[last - 1].span.end
            end = start + call.samples(prompt.window_s)
            if k + 1 < len(asked):
                end = min(end, max(start, line.tokens[asked[k + 1][1] - 1].span.start + call.samples(0.5)))
            yield Window(
                prompt=prompt, line=line, span=Span(start, end), is_own=call.role(line.channel) is not Role.BOTH
            )
            for other in call.lines:
                if other.channel != line.channel:
                    yield Window(prompt=prompt, line=other, span=Span(start, end), is_own=False)


def _asked_in(line: Line, turn: Turn) -> list[tuple[Prompt, int]]:
    """Prompts a turn holds, each with the token after its last, in order; the first pattern at a place wins."""
    text, starts = text_of(line, turn)
    taken: list[tuple[int, int]] = []
    asked = []
    for prompt in line.language.prompts:
        for match in prompt.pattern.finditer(text):
            if any(a < match.end() and match.start() < b for a, b in taken):
                continue
            if prompt.is_sure or _is_requested(line.language, text, match.start(), match.end()):
                taken.append(match.span())
                asked.append((prompt, turn.first + sum(s < match.end() for s in starts)))
    return sorted(asked, key=lambda a: a[1])


def _is_requested(language: Language, text: str, start: int, end: int) -> bool:
    return bool(language.request.search(text[max(0, start - 60) : end + 30]))


def text_of(line: Line, turn: Turn) -> tuple[str, list[int]]:
    """A turn as one string of tokens, and where each begins in it."""
    starts, at = [], 0
    texts = line.language.said(line.said(turn))
    for text in texts:
        starts.append(at)
        at += len(text) + 1
    return " ".join(texts), starts


def _is_complete(window: Window, ends_sentence: bool, content: Sequence[object]) -> bool:
    return ends_sentence and len(content) >= (4 if window.prompt.entity is Entity.ADDRESS else 1)


def _with_months(group: Group) -> Span:
    """The group, and the month's name beside it."""
    first, last = group.first, group.last
    for i in range(max(0, first - 4), first):
        if group.line.tokens[i].text in MONTHS:
            first = i
            break
    for i in range(last, min(len(group.line.tokens), last + 3)):
        if group.line.tokens[i].text in MONTHS:
            last = i + 1
    return group.line.voiced(first, last)


def _told_end(line: Line, turn: Turn, first: int, entity: Entity) -> int:
    limit = min(turn.last, first + (_NAME_WORDS if entity is Entity.NAME else TOLD_WORDS))
    for i in range(first, limit):
        token = line.tokens[i]
        if entity is Entity.NAME and token.text in {"and", "i", "calling", "from", "but", "so", "i'm", "my"}:
            return i
        if token.ends_sentence and entity is not Entity.EMAIL:
            return i + 1
    return limit
