"""Judging a call while it is still being read (SPEC 14.4).

Sound comes in blocks; every `step` a window is heard, joined to what was heard before in the middle of their overlap,
searched with the last minute as context, and judged. A number that lies across two windows is found because the
search sees both. Nothing but the last minute of sound is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from sottovoce.compliance.judge import Heard, Violation, judge
from sottovoce.compliance.phrases import Said
from sottovoce.compliance.rules import Rule
from sottovoce.compliance.tape import Block, Tape
from sottovoce.detect.tokens import tokens_of
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.spans import Span, merged
from sottovoce.domain.transcript import ChannelTranscript, Segment, Transcript, Word

WINDOW_S: Final = 30.0
OVERLAP_S: Final = 5.0
CONTEXT_S: Final = 60.0
SAME_S: Final = 2.0
"""Two claims of one rule on one channel closer than this are one violation."""


class Hears(Protocol):
    def transcribe(self, sound: Sound, *, language: str | None) -> Transcript: ...


class Finds(Protocol):
    def find(self, sound: Sound, transcript: Transcript) -> tuple[Finding, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCall:
    """A call that is being read: blocks of (frames, channels), and what is known of it beforehand."""

    blocks: Iterable[Block] = field(repr=False)
    rate: int
    roles: Sequence[Role]
    language: str | None = None
    consent_flag: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What one more window brought. `tape` holds the last minute of sound, `findings` all that was found so far."""

    until_s: float
    is_whole: bool
    violations: tuple[Violation, ...]
    findings: tuple[Finding, ...] = field(repr=False)
    tape: Tape = field(repr=False)


class Listener:
    """Hears, finds and judges window by window. Whatever its parts raise is the caller's to withhold on."""

    def __init__(
        self,
        *,
        transcriber: Hears,
        finder: Finds,
        window_s: float = WINDOW_S,
        overlap_s: float = OVERLAP_S,
        context_s: float = CONTEXT_S,
    ) -> None:
        if not 0 < overlap_s < window_s <= context_s:
            raise ValueError("a window is longer than its overlap and no longer than its context")
        self._transcriber = transcriber
        self._finder = finder
        self._window_s = window_s
        self._overlap_s = overlap_s
        self._context_s = context_s

    def listen(self, call: LiveCall, rules: Sequence[Rule]) -> Iterator[Progress]:
        """One Progress a window, the last of them with `is_whole`."""
        window, overlap = round(self._window_s * call.rate), round(self._overlap_s * call.rate)
        state = _State(call, rules, kept=round((self._context_s + self._window_s) * call.rate))
        at = 0
        for block in call.blocks:
            state.tape.add(block)
            while state.tape.end - at > window:
                yield self._hear(state, at, at + window, joint=at + window - overlap // 2)
                at += window - overlap
        yield self._hear(state, at, state.tape.end, joint=None)

    def _hear(self, state: _State, start: int, end: int, *, joint: int | None) -> Progress:
        if end > start:
            sound = state.tape.cut(start, end)
            heard = self._transcriber.transcribe(sound, language=state.call.language)
            state.join(heard, offset=start, until=end if joint is None else joint, is_last=joint is None)
            self._search(state)
        violations = state.judged(is_whole=joint is None)
        return Progress(
            until_s=state.until / state.call.rate,
            is_whole=joint is None,
            violations=violations,
            findings=tuple(state.findings),
            tape=state.tape,
        )

    def _search(self, state: _State) -> None:
        start = max(state.tape.start, state.until - round(self._context_s * state.call.rate))
        sound = state.tape.cut(start, state.until)
        for finding in self._finder.find(sound, state.context(start)):
            span = Span(finding.span.start + start, finding.span.end + start)
            state.learn(replace(finding, span=span))


class _State:
    """All that is known of the call so far."""

    def __init__(self, call: LiveCall, rules: Sequence[Rule], *, kept: int) -> None:
        self.call = call
        self.tape = Tape(rate=call.rate, roles=call.roles, kept=kept)
        self.until = 0
        self.findings: list[Finding] = []
        self._rules = rules
        self._claimed: list[Violation] = []
        self._channels = {channel: _Channel() for channel in range(len(call.roles))}
        self._first: Transcript | None = None

    def join(self, heard: Transcript, *, offset: int, until: int, is_last: bool) -> None:
        """Takes over the words that begin between where the last window was joined and `until`."""
        self._first = self._first or heard
        for channel in heard.channels:
            known = self._channels[channel.channel]
            region = Span(self.until, max(self.until, until))
            known.words += [
                replace(word, span=Span(word.span.start + offset, word.span.end + offset))
                for word in channel.words
                if self.until <= word.span.start + offset and (is_last or word.span.start + offset < until)
            ]
            known.speech += _within(channel.speech, offset, region)
            known.unheard += _within(channel.unheard, offset, region)
        self.until = until

    def context(self, start: int) -> Transcript:
        """What was heard from `start` on, in times counted from there."""
        assert self._first is not None  # noqa: S101 - a window was joined before
        whole = Span(0, self.until - start)
        channels = []
        for number, known in self._channels.items():
            words = tuple(
                replace(word, span=Span(word.span.start - start, max(word.span.start, word.span.end) - start))
                for word in known.words
                if word.span.start >= start
            )
            channels.append(
                ChannelTranscript(
                    channel=number,
                    segments=(Segment(span=whole, words=words),) if words else (),
                    speech=merged(_within(known.speech, -start, whole)),
                    unheard=merged(_within(known.unheard, -start, whole)),
                )
            )
        return replace(self._first, channels=tuple(channels))

    def learn(self, finding: Finding) -> None:
        """A finding, or more of one that was known."""
        for i, known in enumerate(self.findings):
            if (known.entity, known.channel) == (finding.entity, finding.channel) and known.span.overlaps(finding.span):
                span = Span(min(known.span.start, finding.span.start), max(known.span.end, finding.span.end))
                self.findings[i] = replace(known, span=span, score=max(known.score, finding.score))
                return
        self.findings.append(finding)

    def judged(self, *, is_whole: bool) -> tuple[Violation, ...]:
        """What is a violation now and was not claimed before."""
        heard = Heard(
            words={number: said_of(known.words) for number, known in self._channels.items()},
            findings=self.findings,
            roles=self.call.roles,
            rate=self.call.rate,
            until=self.until,
            is_whole=is_whole,
            consent_flag=self.call.consent_flag,
        )
        new = [v for v in judge(self._rules, heard) if not any(self._same(v, known) for known in self._claimed)]
        self._claimed += new
        return tuple(new)

    def _same(self, a: Violation, b: Violation) -> bool:
        slack = round(SAME_S * self.call.rate)
        near = a.span.start <= b.span.end + slack and b.span.start <= a.span.end + slack
        return near and (a.rule, a.type, a.channel) == (b.rule, b.type, b.channel)


@dataclass(slots=True)
class _Channel:
    words: list[Word] = field(default_factory=list, repr=False)
    speech: list[Span] = field(default_factory=list)
    unheard: list[Span] = field(default_factory=list)


def said_of(words: Sequence[Word]) -> list[Said]:
    """The transcriber's words as the rules read them: lower-case, bare of punctuation."""
    return [Said(text=t.text, span=t.span, probability=t.probability) for t in tokens_of(words)]


def _within(spans: Sequence[Span], offset: int, region: Span) -> list[Span]:
    """The parts of spans, moved by `offset`, that lie in the region."""
    moved = [(max(span.start + offset, region.start), min(span.end + offset, region.end)) for span in spans]
    return [Span(start, end) for start, end in moved if end > start]
