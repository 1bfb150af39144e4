"""The demographics of a version as one HTML file: no scripts, no fonts, nothing fetched.

Bars are SVG drawn from the counts, each with its numbers in words beside it, so that the page reads the
same to a screen reader, on a phone, in the dark, and printed.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from sottovoce.corpus.demographics import Bar, Demographics, Distribution, Imbalance

WIDTH = 360
ROW = 34
BAR = 10
LABEL = 30
"""Letters of a value that fit beside its numbers on a phone."""

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --quiet: #5a6675; --paper: #fbfaf7; --rule: #dcd8cf;
  --bar: #2f6f8f; --track: #ece8df; --warn: #9a3412; --warnpaper: #fdf0e6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e6e1; --quiet: #a3adba; --paper: #14181e;
  --rule: #2d3540; --bar: #74b4d4; --track: #232a33; --warn: #fdba74; --warnpaper: #2b1d12; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 74rem; padding: 1.5rem 1rem 3rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 0 0 .5rem; }
p { margin: 0 0 1rem; color: var(--quiet); max-width: 44rem; }
ul.flags { margin: 0 0 1.5rem; padding: .75rem 1rem .75rem 2rem; background: var(--warnpaper); color: var(--warn);
  border-left: 4px solid var(--warn); }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: 1.25rem 2rem; }
section { border-top: 1px solid var(--rule); padding-top: .75rem; }
svg { display: block; width: 100%; height: auto; }
text { font: 12px system-ui, sans-serif; fill: var(--ink); }
text.n { fill: var(--quiet); text-anchor: end; }
rect.t { fill: var(--track); } rect.b { fill: var(--bar); }
"""


def page(counted: Demographics) -> str:
    """The whole document."""
    title = f"Demographics of {counted.version}"
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            _summary(counted),
            _flags(counted.imbalances),
            "<main>",
            *(_section(each) for each in counted.distributions),
            "</main></body></html>",
            "",
        )
    )


def _summary(counted: Demographics) -> str:
    return (
        f"<p>{counted.samples} samples, {_hours(counted.hours)}, {counted.mean_s:.1f} s on average. "
        f"Voices: {escape(counted.label)}. Shares are of hours.</p>"
    )


def _flags(imbalances: Iterable[Imbalance]) -> str:
    lines = [
        f"<li>{escape(each.dimension.replace('_', ' '))} {escape(each.value)}: "
        f"{each.found:.0%} of the hours, at least {each.wanted:.0%} wanted</li>"
        for each in imbalances
    ]
    if not lines:
        return "<p>Every minimum share of the policy is met.</p>"
    return f'<ul class="flags" aria-label="Imbalances">{"".join(lines)}</ul>'


def _section(each: Distribution) -> str:
    heading = f"<section><h2>{escape(each.title)}</h2>"
    if not each.bars:
        return f"{heading}<p>No samples.</p></section>"
    rows = "".join(_row(bar, number) for number, bar in enumerate(each.bars))
    told = "; ".join(f"{bar.value} {bar.share:.0%}" for bar in each.bars)
    return (
        f'{heading}<svg role="img" viewBox="0 0 {WIDTH} {ROW * len(each.bars)}" '
        f'aria-label="{escape(each.title)}: {escape(told)}">{rows}</svg></section>'
    )


def _row(bar: Bar, number: int) -> str:
    top = ROW * number
    long = max(1.0, WIDTH * bar.share)
    numbers = f"{bar.share:.0%} · {_hours(bar.hours)} · {bar.samples}"
    return (
        f'<text x="0" y="{top + 13}">{escape(_short(bar.value))}</text>'
        f'<text class="n" x="{WIDTH}" y="{top + 13}">{numbers}</text>'
        f'<rect class="t" x="0" y="{top + 18}" width="{WIDTH}" height="{BAR}" rx="2"/>'
        f'<rect class="b" x="0" y="{top + 18}" width="{long:.1f}" height="{BAR}" rx="2"/>'
    )


def _short(value: str) -> str:
    """Cut to what fits; the whole value is in the figure's label."""
    return value if len(value) <= LABEL else f"{value[: LABEL - 1]}…"


def _hours(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.1f} min"
