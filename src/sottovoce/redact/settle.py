"""Cutting and listening until nothing is heard, at most three times (SPEC 7.6).

Every round is one pass over the recording: each tile is cut, held against its plan, and heard by the second ears.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import numpy as np

from sottovoce.domain.finding import Finding, RedactionPlan
from sottovoce.domain.outcome import Reason, Withheld
from sottovoce.domain.sound import Sound
from sottovoce.domain.spans import Span
from sottovoce.errors import RedactionError
from sottovoce.redact import evidence
from sottovoce.redact.asked import asked
from sottovoce.redact.echoes import echoes_on
from sottovoce.redact.ground import Ground
from sottovoce.redact.plan import plan_for
from sottovoce.redact.protocol import Ear, NoiseSource, Tape
from sottovoce.redact.rules import RedactionRules
from sottovoce.redact.sound import apply_plan
from sottovoce.redact.tiles import Tile, clipped, tiles
from sottovoce.redact.verify import inspect

RETRIES: Final = 2
LEAD_S: Final = 75.0
"""How much of the tile before an ear hears again: what it calls a digit depends on a card number a minute earlier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One tile, its plan in its own samples, and what is left of it."""

    tile: Tile
    plan: RedactionPlan
    redacted: Sound


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A plan after which nothing more was heard, and what cuts it the same way again."""

    tape: Tape
    plan: RedactionPlan
    ends: tuple[int, ...]
    rounds: int
    noise: np.random.Generator = field(repr=False)

    def parts(self) -> Iterator[Part]:
        """The redacted recording, as it was when it was listened to."""
        return cut(self.tape, self.ends, self.plan, self.noise)


def cut(tape: Tape, ends: tuple[int, ...], plan: RedactionPlan, noise: np.random.Generator) -> Iterator[Part]:
    """Every tile with its part of the plan applied; the same for the same generator, which stays as it is."""
    noise = deepcopy(noise)
    for tile in tiles(tape, ends):
        part = clipped(plan, tile.span)
        redacted = apply_plan(tile.sound, part, noise=noise)
        yield Part(tile=tile, plan=part, redacted=redacted)
        del tile, redacted


class Settler:
    """Finds the plan that holds."""

    def __init__(self, *, ears: tuple[Ear, ...], noise_source: NoiseSource) -> None:
        self._ears = ears
        self._noise_source = noise_source

    def settle(
        self, tape: Tape, ground: Ground, findings: tuple[Finding, ...], rules: RedactionRules, *, size: int
    ) -> Settled | Withheld:
        """What is still heard widens the plan, twice; then the recording is withheld."""
        residue: tuple[Finding, ...] = ()
        for rounds in range(1, RETRIES + 2):
            findings = (*findings, *residue)
            planned = asked(Reason.REDACTION_FAILED, partial(self._planned, tape, ground, findings, rules, size))
            if isinstance(planned, Withheld):
                return planned
            plan, ends = planned
            settled = Settled(tape=tape, plan=plan, ends=ends, rounds=rounds, noise=self._noise_source())
            again = self._listen(settled, rules)
            if isinstance(again, Withheld):
                return again
            if not again:
                return settled
            residue = again
        return Withheld(reason=Reason.RESIDUAL_FOUND, evidence=evidence.of_residue(residue, rounds=RETRIES + 1))

    def _planned(
        self, tape: Tape, ground: Ground, findings: tuple[Finding, ...], rules: RedactionRules, size: int
    ) -> tuple[RedactionPlan, tuple[int, ...]]:
        ends = [c.at for c in ground.cuts(size)]
        plan = plan_for(findings, rules=rules, ground=ground, echoes=partial(echoes_on, tape, ends))
        return plan, tuple(c.at for c in ground.cuts(size, avoid=[p.span for p in plan.spans]))

    def _listen(self, settled: Settled, rules: RedactionRules) -> tuple[Finding, ...] | Withheld:
        """What the second ears hear that the rules want gone and the plan does not hold."""
        heard: dict[Finding, None] = {}
        parts, before = settled.parts(), None
        while True:
            part = asked(Reason.REDACTION_FAILED, lambda: _checked(next(parts, None)))
            if part is None:
                break
            if isinstance(part, Withheld):
                return part
            tile = led_in(part.redacted, part.tile.start, before)
            found = asked(Reason.DETECTOR_FAILED, partial(self._hear, tile))
            if isinstance(found, Withheld):
                return found
            heard.update(dict.fromkeys(found))
            before = end_of(tile)
            del part, tile
        plan, roles = settled.plan, settled.tape.roles
        return tuple(f for f in heard if rules.wants_on(f, roles) and not _holds(plan, f))

    def _hear(self, tile: Tile) -> list[Finding]:
        return [found for ear in self._ears for found in moved(ear.find(tile.sound), tile)]


def led_in(sound: Sound, start: int, before: Sound | None) -> Tile:
    """A tile's sound with what was before it, for who must know what was said a minute ago."""
    if before is None:
        return Tile(start=start, sound=sound)
    samples = np.concatenate([before.samples, sound.samples], axis=1)
    lead = before.frames
    return Tile(start=start - lead, sound=Sound(samples=samples, rate=sound.rate, roles=sound.roles), lead=lead)


def end_of(tile: Tile) -> Sound:
    """The last 75 seconds of a tile, and nothing that keeps the rest of it in memory."""
    sound = tile.sound
    samples = sound.samples[:, max(0, sound.frames - round(LEAD_S * sound.rate)) :].copy()
    return Sound(samples=samples, rate=sound.rate, roles=sound.roles)


def moved(findings: tuple[Finding, ...], tile: Tile) -> Iterator[Finding]:
    """Findings of a tile, in samples of the recording."""
    for found in findings:
        span = Span(found.span.start + tile.start, found.span.end + tile.start)
        yield replace(found, span=span) if tile.start else found


def _checked(part: Part | None) -> Part | None:
    if part is not None and not inspect(part.tile.sound, part.redacted, part.plan).passes:
        raise RedactionError("the sound does not match its plan")
    return part


def _holds(plan: RedactionPlan, finding: Finding) -> bool:
    """Wholly inside a stretch that was inspected: the ear heard the fill."""
    return any(p.channel == finding.channel and p.span.contains(finding.span) for p in plan.spans)
