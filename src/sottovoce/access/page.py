"""The access review as a page to print and sign: no script, nothing fetched, readable in the dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from sottovoce.access.review import Review

_STYLE: Final = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;"
    "padding:0 1rem}table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{text-align:left;padding:.4rem "
    ".6rem;border-bottom:1px solid #8886}code{font-size:.85em;overflow-wrap:anywhere}"
)


def review_page(review: Review) -> str:
    """HTML, whole."""
    holdings = [
        (
            h.label or h.principal,
            h.kind,
            h.state,
            ", ".join(h.roles),
            "never" if h.last_used_days is None else f"{h.last_used_days} days ago",
            f"{len(h.operations_used)} used, {h.operations_unused} not",
            h.tokens,
            h.grants,
        )
        for h in review.holdings
    ]
    remarks = [(r.mark, r.principal, r.about, r.detail) for r in review.remarks]
    heads = ("who", "kind", "state", "roles", "last used", "operations", "tokens", "grants")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Access review</title>'
        f"<style>{_STYLE}</style></head><body><h1>Access review</h1>"
        f"<p>Made {review.at:%Y-%m-%d %H:%M} UTC by <code>{escape(review.by)}</code>, over {review.days} days. "
        f"Review <code>{escape(review.id)}</code>, digest <code>{escape(review.digest)}</code>.</p>"
        f"<h2>Who holds what</h2>{_table(heads, holdings)}"
        f"<h2>Remarks</h2>{_table(('finding', 'who', 'about', ''), remarks) if remarks else '<p>None.</p>'}"
        f"<p>{len(review.stale())} of them are taken back when this review is signed off.</p></body></html>"
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
