"""`sottovoce agreements`: what is on file with each destination, and what is wanting."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from sottovoce.agreements.agreement import Agreement
from sottovoce.agreements.paper import Paper
from sottovoce.agreements.review import Review, Reviewed
from sottovoce.agreements.tell import kinds_told
from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, facts, say, table
from sottovoce.domain.agreement import AgreementKind, DataClass, SccModule
from sottovoce.domain.zone import Zone
from sottovoce.errors import AgreementInvalid
from sottovoce.policy.model import Policy

app = typer.Typer(no_args_is_help=True, help="What is on file with each destination.")

By = Annotated[str | None, typer.Option(help="Who: a pseudonymous id. By default whoever is signed in.")]
_DAY = ["%Y-%m-%d"]


@app.command()
def add(
    destination: Annotated[str, typer.Argument(help="A name under `agreements.destinations` in the policy.")],
    kind: Annotated[AgreementKind, typer.Argument(help="What the paper is.", case_sensitive=False)],
    workspace: InWorkspace = HERE,
    *,
    reference: Annotated[str, typer.Option(help="Where to find it: a code, such as BAA-2026-1.")],
    signed: Annotated[datetime, typer.Option(formats=_DAY, help="The day it was signed.")],
    effective: Annotated[
        datetime | None, typer.Option(formats=_DAY, help="Its first day, or an attestation's own date; as signed.")
    ] = None,
    expires: Annotated[datetime | None, typer.Option(formats=_DAY, help="The last day it holds.")] = None,
    document: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The document: read for its SHA-256, not kept.")
    ] = None,
    digest: Annotated[str | None, typer.Option(help="Its SHA-256 in hex, where the document is elsewhere.")] = None,
    classes: Annotated[
        list[DataClass] | None, typer.Option("--class", case_sensitive=False, help="A class of data it names.")
    ] = None,
    module: Annotated[SccModule | None, typer.Option(help="SCC: the module.")] = None,
    from_: Annotated[list[Zone] | None, typer.Option("--from", help="Safeguards: a zone data leaves.")] = None,
    to: Annotated[list[Zone] | None, typer.Option("--to", help="Safeguards: a zone it may go to.")] = None,
    years: Annotated[int | None, typer.Option(help="RETENTION_TERMS: for how many years it keeps.")] = None,
    note: Annotated[list[str] | None, typer.Option(help="A code; may be given often.")] = None,
    renews: Annotated[str | None, typer.Option(help="The id of the paper that this one follows.")] = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Put a paper on file, or renew one. The document itself stays where it is; its SHA-256 is recorded."""
    house = house_at(workspace)
    _known(destination, house.policy)
    paper = Paper(
        destination=destination,
        kind=kind,
        reference=reference,
        digest=_digest(document, digest),
        signed=signed.date(),
        effective=(effective or signed).date(),
        expires=expires.date() if expires else None,
        classes=frozenset(classes or ()),
        module=module,
        from_zones=frozenset(from_ or ()),
        to_zones=frozenset(to or ()),
        retention_years=years,
        notes=tuple(note or ()),
    )
    register, who = house.agreements.register, by or house.actor
    made = register.renew(renews, paper, by=who) if renews else register.add(paper, by=who)
    house.ledger.checkpoint()
    _show("Renewed" if renews else "On file", made, as_json=as_json)


@app.command()
def withdraw(
    paper: Annotated[str, typer.Argument(help="The paper's id.")],
    workspace: InWorkspace = HERE,
    *,
    why: Annotated[str, typer.Option(help="A code, such as TERMINATED.")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Say that a paper holds no more, from now on. It stays in the register."""
    house = house_at(workspace)
    ended = house.agreements.register.withdraw(paper, why=why, by=by or house.actor)
    house.ledger.checkpoint()
    _show("Withdrawn", ended, as_json=as_json)


@app.command("list")
def list_(
    workspace: InWorkspace = HERE,
    *,
    destination: Annotated[str | None, typer.Option(help="Of this destination only.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Those that were withdrawn or renewed too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Every paper on file."""
    papers = house_at(workspace).agreements.register.list(destination=destination, all_=every)
    if as_json:
        answer([_data(each) for each in papers])
        return
    if not papers:
        say("Nothing is on file; `sottovoce agreements add` records a paper.")
    columns = ("id", "destination", "kind", "reference", "first day", "last day", "covers")
    table("Agreements", columns, [_line(each) for each in papers])


@app.command()
def check(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """How everything stands that the policy needs on file. Exit code 1 when something is wanting."""
    house = house_at(workspace)
    found = house.agreements.review()
    if as_json:
        answer(_review(found))
    else:
        _show_review(found, house.policy)
    if found.wanting:
        raise typer.Exit(1)


def _known(destination: str, policy: Policy) -> None:
    if destination not in policy.agreements.destinations:
        named = ", ".join(policy.agreements.destinations) or "none yet"
        raise AgreementInvalid(
            "the policy does not name that destination", hint=f"`agreements.destinations` has: {named}"
        )


def _digest(document: Path | None, digest: str | None) -> str:
    if (document is None) == (digest is None):
        raise typer.BadParameter("give the document, or its digest, one of them")
    if document is None:
        return str(digest).lower()
    with document.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _show(title: str, paper: Agreement, *, as_json: bool) -> None:
    if as_json:
        answer(_data(paper))
    else:
        facts(title, {name: value for name, value in _data(paper).items() if value not in (None, [])})


def _data(paper: Agreement) -> dict[str, Any]:
    return {
        "id": paper.id,
        "destination": paper.destination,
        "kind": paper.kind.value,
        "reference": paper.reference,
        "digest": paper.digest,
        "signed": paper.signed.isoformat(),
        "effective": paper.effective.isoformat(),
        "expires": _day(paper.expires),
        "first_day": paper.first_day.isoformat(),
        "last_day": _day(paper.last_day),
        "classes": sorted(paper.classes),
        "module": paper.module.value if paper.module else None,
        "from": sorted(paper.from_zones),
        "to": sorted(paper.to_zones),
        "years": paper.retention_years,
        "notes": list(paper.notes),
        "by": paper.recorded_by,
        "recorded_at": paper.recorded_at.isoformat(),
        "superseded_by": paper.superseded_by,
        "withdrawn_at": paper.withdrawn_at.isoformat() if paper.withdrawn_at else None,
    }


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _line(paper: Agreement) -> tuple[object, ...]:
    ended = f"withdrawn {paper.withdrawn_at.astimezone(UTC):%Y-%m-%d}" if paper.withdrawn_at else paper.last_day or ""
    covers = [*sorted(paper.classes), *([f"{paper.retention_years} years"] if paper.retention_years else [])]
    if paper.from_zones:
        covers.append(f"{'+'.join(sorted(paper.from_zones))} to {'+'.join(sorted(paper.to_zones))}")
    return paper.id, paper.destination, paper.kind.value, paper.reference, paper.first_day, ended, ", ".join(covers)


def _review(found: Review) -> dict[str, Any]:
    return {
        "on": found.on.isoformat(),
        "wanting": len(found.wanting),
        "expiring": len(found.expiring),
        "needs": [_reviewed(row) for row in found.rows],
        "confined": [{"destination": name, "zone": zone.value} for name, zone in found.confined],
        "sources_without_zone": list(found.unplaced),
    }


def _reviewed(row: Reviewed) -> dict[str, Any]:
    standing = row.standing
    return {
        "destination": row.destination,
        "concern": row.concern,
        "rule": standing.need.rule,
        "kinds": [kind.value for kind in standing.need.kinds],
        "law": standing.need.law,
        "state": standing.state.value,
        "agreement": standing.paper.id if standing.paper else None,
        "last_day": _day(standing.last_day),
        "days_left": row.days_left,
    }


def _show_review(found: Review, policy: Policy) -> None:
    if not policy.agreements.destinations:
        say("The policy names no destination, so nothing may leave: see `agreements.destinations` in docs/policy.md.")
    columns = ("destination", "for", "needs", "stands", "last day", "law")
    table(f"Agreements on {found.on}", columns, [_row(row) for row in found.rows])
    for name, zone in found.confined:
        say(f"{name}: nothing leaves {zone.value} (`residency.confined`).")
    for name in found.unplaced:
        say(f"Source {name} states no zone: only recordings that name a known region may leave it.")
    if found.rows:
        say(f"{len(found.wanting)} wanting, {len(found.expiring)} soon to expire, of {len(found.rows)}.")


def _row(row: Reviewed) -> tuple[object, ...]:
    standing = row.standing
    left = "" if row.days_left is None or not standing.met else f" ({row.days_left} days)"
    last = "" if standing.last_day is None else f"{standing.last_day}{left}"
    return row.destination, row.concern, kinds_told(standing.need), standing.state.value, last, standing.need.law
