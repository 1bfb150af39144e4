"""A plan applied to samples: the same length, and nothing outside the plan changed (SPEC 7.3)."""

from __future__ import annotations

import numpy as np

from sottovoce.domain.finding import RedactionPlan
from sottovoce.domain.sound import Sound
from sottovoce.domain.spans import Span
from sottovoce.errors import RedactionError
from sottovoce.redact.fills import fill, noise_profile


def apply_plan(sound: Sound, plan: RedactionPlan, *, noise: np.random.Generator) -> Sound:
    """A new sound with every planned stretch replaced. RedactionError when the plan is another sound's."""
    check_fits(sound, plan)
    samples = sound.samples.copy()
    for channel in range(sound.channels):
        spans = spans_of(plan, channel)
        profile = noise_profile(sound.samples[channel], spans)
        for span in spans:
            samples[channel, span.start : span.end] = fill(
                plan.fill, span.length, rate=sound.rate, profile=profile, noise=noise
            )
    return Sound(samples=samples, rate=sound.rate, roles=sound.roles)


def spans_of(plan: RedactionPlan, channel: int) -> tuple[Span, ...]:
    """The planned stretches of one channel, in order."""
    return tuple(p.span for p in plan.spans if p.channel == channel)


def check_fits(sound: Sound, plan: RedactionPlan) -> None:
    """RedactionError unless the plan was made for a sound of this rate, length and channels."""
    strange = any(p.channel not in range(sound.channels) or p.span.end > sound.frames for p in plan.spans)
    if plan.rate != sound.rate or plan.frames != sound.frames or strange:
        raise RedactionError("the plan was made for another sound", hint="make a plan from this recording")
