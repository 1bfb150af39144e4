"""What is said of a paper when it is recorded, and what such a paper cannot be without.

The document stays where contracts are kept: what is recorded is its SHA-256, its dates, and what it covers. Everything
is a code, a date or a digest, because it goes into the ledger.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from sottovoce.domain.agreement import AgreementKind, DataClass, SccModule
from sottovoce.domain.zone import Zone
from sottovoce.errors import AgreementInvalid
from sottovoce.ledger.entry import is_code

SAFEGUARD: Final = frozenset(
    {
        AgreementKind.ADEQUACY,
        AgreementKind.SCC,
        AgreementKind.IDTA,
        AgreementKind.BCR,
        AgreementKind.DEROGATION,
        AgreementKind.TRANSFER_TERMS,
    }
)
"""Kinds that carry data over a border."""

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_LONGEST: Final = 64
"""Characters of a reference, or of all notes; a ledger's fact and the columns have room for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """`reference` and `notes` are codes, `digest` the SHA-256 of the document in lower-case hex."""

    destination: str
    kind: AgreementKind
    reference: str
    digest: str
    signed: date
    effective: date
    expires: date | None = None
    """The last day it holds; None for one without an end."""
    classes: frozenset[DataClass] = frozenset()
    """The classes of data the document names."""
    module: SccModule | None = None
    from_zones: frozenset[Zone] = frozenset()
    to_zones: frozenset[Zone] = frozenset()
    """With `from_zones`, the moves it covers: from each of those to each of these."""
    retention_years: int | None = None
    notes: tuple[str, ...] = ()

    def covers(self, origin: Zone, target: Zone) -> bool:
        return origin in self.from_zones and target in self.to_zones


def check_paper(paper: Paper, *, today: date) -> None:
    """Raises AgreementInvalid, with everything that is wrong, unless the paper can be what it is said to be."""
    wrong = tuple(_wrong(paper, today))
    if wrong:
        raise AgreementInvalid(f"this {paper.kind.value} cannot be recorded: {'; '.join(wrong)}", hint=_HINT)


_HINT: Final = "`sottovoce agreements add --help` says what each kind needs"


def _wrong(paper: Paper, today: date) -> Iterator[str]:
    if not _SHA256.fullmatch(paper.digest):
        yield "its digest is not a SHA-256 in 64 hexadecimal digits"
    notes = "+".join(paper.notes)
    if not all(is_code(code) and len(code) <= _LONGEST for code in (paper.destination, paper.reference, notes or "0")):
        yield f"its names are not codes of at most {_LONGEST} characters and six digits together, such as BAA-2026-1"
    if paper.signed > today:
        yield "it is not signed yet"
    if paper.expires is not None and paper.expires < max(paper.signed, paper.effective):
        yield "it expires before it holds"
    yield from _wrong_for_kind(paper)


def _wrong_for_kind(paper: Paper) -> Iterator[str]:
    safeguard, kept = paper.kind in SAFEGUARD, paper.kind is AgreementKind.RETENTION_TERMS
    if safeguard != bool(paper.from_zones and paper.to_zones) or bool(paper.from_zones) != bool(paper.to_zones):
        yield "a safeguard says from which zones to which it carries, and nothing else does"
    if (paper.kind is AgreementKind.SCC) != (paper.module is not None):
        yield "standard contractual clauses state their module, and nothing else has one"
    if kept != (paper.retention_years is not None) or (kept and (paper.retention_years or 0) < 1):
        yield "retention terms say for how many years, and nothing else does"
    if paper.kind is AgreementKind.DEROGATION and paper.expires is None:
        yield "a derogation is an exception, and has an end"
