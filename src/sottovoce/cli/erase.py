"""`sottovoce erase`: everything made from a conversation or a customer, destroyed and certified."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from sottovoce.cli.batch import write_whole
from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, facts, say, table
from sottovoce.custody.erasure import ARCHIVES, BACKUPS
from sottovoce.custody.erasure_report import ErasureReport
from sottovoce.custody.subject import ByConversation, ByCustomer, Subject
from sottovoce.errors import WorkspaceError
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
    if (conversation is None) == (customer is None):
        raise typer.BadParameter("say whom to erase: --conversation ID or --customer FILE, one of them")
    if customer is not None and str(customer) != "-" and not customer.is_file():
        raise typer.BadParameter(f"there is no file {customer.name} for --customer; `-` is standard input")
    if certificate is not None:
        _writable(certificate)
    house = house_at(workspace)
    report = house.eraser.erase(_subject(house, conversation, customer), requested_by=by, why=why)
    house.ledger.checkpoint()
    if as_json:
        answer(describe(report))
    else:
        _show(report, certificate)
    if certificate is not None and report.certificate is not None:
        write_whole(certificate, report.certificate.encode())
    if not report.complete:
        raise typer.Exit(1)


def _writable(certificate: Path) -> None:
    """Known before anything is destroyed: what the certificate says can be said only once."""
    if certificate.is_dir() or not os.access(certificate.absolute().parent, os.W_OK):
        raise WorkspaceError(f"{certificate.name} cannot be written there", hint="name a file in a folder of yours")


def _subject(house: House, conversation: str | None, customer: Path | None) -> Subject:
    """A number never stands on the command line, where shells and process lists keep it."""
    if conversation is not None:
        return ByConversation(conversation_id=conversation)
    assert customer is not None  # noqa: S101 - one of the two is given
    said = sys.stdin.buffer.read() if str(customer) == "-" else customer.read_bytes()
    token = customer_token(house.tokenizer, said.decode("utf-8-sig", errors="replace").strip())
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


REMAINS: Final = {
    BACKUPS: "backups of the key store, until the next epoch (at most a month)",
    ARCHIVES: "the database server's own log and archives, until they age out",
}


def remaining(report: ErasureReport) -> str:
    """What lives on for a while, in words."""
    return "; ".join(REMAINS.get(code, code) for code in report.remains) or "nothing"


def _opening(report: ErasureReport) -> str | None:
    """What shows that the certificate is the subject's. It is kept nowhere, so it is handed out once."""
    return report.opening.reveal().hex() if report.opening is not None else None


def _show(report: ErasureReport, certificate: Path | None) -> None:
    if not report.recordings and not report.refused and not report.unreached:
        say("Nothing is kept of that subject: nothing was erased, and there is nothing to certify.")
        return
    facts(
        "Erased",
        {
            "recordings": len(report.recordings),
            "objects deleted": report.objects_deleted,
            "corpus samples": report.samples_erased,
            "corpus versions touched": report.versions,
            "ledger entries": report.ledger,
            "still elsewhere": remaining(report),
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
