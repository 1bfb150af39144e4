"""`sottovoce erase`: everything made from a conversation or a customer, destroyed and certified."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, facts, say, table
from sottovoce.custody.erasure_report import ErasureReport
from sottovoce.custody.subject import ByConversation, ByCustomer, Subject
from sottovoce.errors import WorkspaceError
from sottovoce.settings import Workspace
from sottovoce.sources.protocol import customer_token
from sottovoce.wiring.house import House


def erase(
    workspace: InWorkspace = HERE,
    *,
    conversation: Annotated[str | None, typer.Option(help="A conversation id.")] = None,
    customer: Annotated[
        Path | None,
        typer.Option(help="A file that holds the customer's number or reference; `-` reads it from standard input."),
    ] = None,
    by: Annotated[str, typer.Option(help="Who asks: a pseudonymous id, such as dpo-1.")] = "operator",
    why: Annotated[str, typer.Option(help="A code, such as GDPR_17.")] = "GDPR_17",
    certificate: Annotated[Path | None, typer.Option(help="Write the signed certificate here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Shred the keys, delete the ciphertext, blank the records, sign a certificate. Asking again is safe."""
    house = House(Workspace(workspace))
    report = house.eraser.erase(_subject(house, conversation, customer), requested_by=by, why=why)
    house.ledger.checkpoint()
    if certificate is not None and report.certificate is not None:
        certificate.write_text(report.certificate, encoding="utf-8")
    if as_json:
        answer(describe(report))
        return
    _show(report, certificate)


def _subject(house: House, conversation: str | None, customer: Path | None) -> Subject:
    """A number never stands on the command line, where shells and process lists keep it."""
    if (conversation is None) == (customer is None):
        raise WorkspaceError("say whom to erase", hint="give --conversation ID or --customer FILE, one of them")
    if conversation is not None:
        return ByConversation(conversation_id=conversation)
    assert customer is not None  # noqa: S101 - one of the two is given
    said = typer.get_text_stream("stdin").read() if str(customer) == "-" else customer.read_text(encoding="utf-8")
    token = customer_token(house.tokenizer, said.strip())
    if token is None:
        raise WorkspaceError("that is no customer's number", hint="the file holds one number or reference")
    return ByCustomer(token=token)


def describe(report: ErasureReport) -> dict[str, object]:
    return {
        "id": report.id,
        "at": report.at.isoformat(),
        "recordings": list(report.recordings),
        "objects_deleted": report.objects_deleted,
        "samples_erased": report.samples_erased,
        "versions": list(report.versions),
        "refused": [
            {"recording": r.recording, "reason": r.reason, "since": r.since.isoformat()} for r in report.refused
        ],
        "unreached": [{"recording": u.recording, "node": u.node, "code": u.code} for u in report.unreached],
        "remains": list(report.remains),
        "ledger_entries": list(report.ledger),
        "traces_gone": report.traces_gone,
        "complete": report.complete,
        "certificate": report.certificate,
        "opening": _opening(report),
    }


def _opening(report: ErasureReport) -> str | None:
    """What shows that the certificate is the subject's. It is kept nowhere, so it is handed out once."""
    return report.opening.reveal().hex() if report.opening is not None else None


def _show(report: ErasureReport, certificate: Path | None) -> None:
    if not report.recordings and not report.refused and not report.unreached:
        say("Nothing is kept of that subject.")
        return
    facts(
        "Erased",
        {
            "recordings": len(report.recordings),
            "objects deleted": report.objects_deleted,
            "corpus samples": report.samples_erased,
            "corpus versions touched": ", ".join(report.versions) or "none",
            "ledger entries": ", ".join(map(str, report.ledger)),
            "still in older backups": ", ".join(report.remains) or "nothing",
            "certificate": certificate or "kept in the registry",
            "opening, for the subject alone": _opening(report) or "none",
        },
    )
    if report.refused:
        table(
            "Kept by law", ("recording", "reason", "since"), [(r.recording, r.reason, r.since) for r in report.refused]
        )
    if report.unreached:
        table("Out of reach", ("recording", "what", "code"), [(u.recording, u.node, u.code) for u in report.unreached])
