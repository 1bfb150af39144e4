"""An evidence pack as one HTML file to read and print: no scripts, no fonts, nothing fetched.

Every result is a word as well as a colour, so that it reads the same printed in black, in the dark, and aloud.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from sottovoce.evidence.control import Figure, Finding, Judged, Result
from sottovoce.evidence.pack import Pack, proof_name, proofs_of

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --quiet: #5a6675; --paper: #fbfaf7; --rule: #dcd8cf;
  --met: #1f6f4a; --not: #a32020; --person: #8a5a00; --na: #5a6675; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e6e1; --quiet: #a3adba; --paper: #14181e; --rule: #2d3540;
  --met: #6fcf9f; --not: #ff9b94; --person: #f2c46d; --na: #a3adba; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.05rem; margin: 0; flex: 1 1 20rem; }
p { margin: .25rem 0; }
a { color: inherit; }
.quiet { color: var(--quiet); }
code { font: .85em ui-monospace, monospace; overflow-wrap: anywhere; }
ul.counts { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; list-style: none; margin: 1.25rem 0 2rem; padding: 0; }
ul.counts b { font-size: 1.4rem; font-variant-numeric: tabular-nums; margin-right: .3rem; }
section { border-top: 1px solid var(--rule); padding: 1rem 0; break-inside: avoid; }
header.c { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline; }
.number { font-weight: 600; min-width: 9rem; font-variant-numeric: tabular-nums; }
.mark { font-weight: 600; border: 1px solid; border-radius: .25rem; padding: 0 .4rem; white-space: nowrap; }
.met { color: var(--met); } .not-met { color: var(--not); }
.needs-a-person { color: var(--person); } .not-applicable { color: var(--na); }
article { margin: .6rem 0 0 1rem; padding-left: .75rem; border-left: 2px solid var(--rule); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; margin: .4rem 0; font-size: .92rem; }
dt { color: var(--quiet); } dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; } dd { margin: 0 0 .3rem; } article { margin-left: 0; } }
@media print { body { max-width: none; padding: 0; background: #fff; color: #000; font-size: 10pt; }
  a { color: inherit; text-decoration: none; } }
"""

_WORDS = {
    Result.MET: "met",
    Result.NOT_MET: "not met",
    Result.NEEDS_A_PERSON: "needs a person",
    Result.NOT_APPLICABLE: "not applicable",
}


def page(pack: Pack) -> str:
    """The whole document."""
    title = f"Evidence: {pack.title}"
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            *_opening(pack),
            _counts(pack),
            "<main>",
            *(_control(each, pack.facts.ledger.latest) for each in pack.controls),
            "</main>",
            *_closing(pack),
            "</body></html>",
            "",
        )
    )


def _opening(pack: Pack) -> list[str]:
    facts = pack.facts
    return [
        f"<p>{facts.at:%d %B %Y, %H:%M} UTC · tenant {escape(facts.tenant)}</p>",
        _quiet(
            f"Policy {escape(facts.policy.version)}, digest <code>{escape(facts.policy_digest)}</code>. Ledger: "
            f"{escape(facts.ledger.verdict)}, {facts.ledger.size} entries, {facts.ledger.signed} of them signed."
        ),
        _quiet(
            "Every result below was computed from the workspace on this date. What software cannot see is marked so, "
            "and names what a person attaches."
        ),
    ]


def _counts(pack: Pack) -> str:
    items = (
        f'<li class="{_class(result)}"><b>{pack.counts[result.value]}</b>{word}</li>' for result, word in _WORDS.items()
    )
    return f'<ul class="counts" aria-label="Results">{"".join(items)}</ul>'


def _control(each: Judged, latest: Mapping[str, int]) -> str:
    return (
        f'<section><header class="c"><span class="number">{escape(each.control.number)}</span>'
        f"<h2>{escape(each.control.title)}</h2>{_mark(each.result)}</header>"
        f"{''.join(_finding(found, latest, several=len(each.findings) > 1) for found in each.findings)}</section>"
    )


def _finding(found: Finding, latest: Mapping[str, int], *, several: bool) -> str:
    proofs = "".join(f' <a href="{proof_name(seq)}"><code>entry {seq}</code></a>' for seq in proofs_of(found, latest))
    return (
        f"<article><p>{_mark(found.result) + ' ' if several else ''}{escape(found.said)}</p>"
        f"{_quiet(f'Checked: {escape(found.checked)}.')}{_figures(found.figures)}"
        f"{_quiet(f'Proved by:{proofs}') if proofs else ''}</article>"
    )


def _figures(figures: Mapping[str, Figure]) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(_said(value))}</dd>" for name, value in figures.items())
    return f"<dl>{rows}</dl>" if rows else ""


def _closing(pack: Pack) -> list[str]:
    key = escape(pack.facts.ledger.vkey)
    return [
        "<section><h2>Checking this pack offline</h2>",
        _quiet(
            "Python and <code>cryptography</code> are all it takes; the key is published by the operator apart from "
            "this pack."
        ),
        f"<p><code>python verifier.py proofs/N.tlog-proof --vkey '{key}'</code></p>",
        _quiet("<code>SHA256SUMS.note</code> is a signed note over the SHA-256 of every file here."),
        "</section>",
    ]


def _quiet(html: str) -> str:
    return f'<p class="quiet">{html}</p>'


def _mark(result: Result) -> str:
    return f'<span class="mark {_class(result)}">{_WORDS[result]}</span>'


def _class(result: Result) -> str:
    return result.value.replace(" ", "-")


def _said(value: Figure) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case _:
            return str(value)
