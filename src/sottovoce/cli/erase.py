"""`sottovoce erase`: everything made from a conversation, a customer or a contributor, destroyed and certified.

Below it, what follows an erasure: models to decide upon, recipients to tell, and erasing again after a restore.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from sottovoce.cli.at_source import owed_table, show_sources
from sottovoce.cli.batch import write_whole
from sottovoce.cli.follow_up import as_facts, told
from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, facts, say, table
from sottovoce.custody.erasure import ARCHIVES, BACKUPS, FROZEN_KEY
from sottovoce.custody.erasure_report import ErasureReport
from sottovoce.custody.impact import ModelDecision
from sottovoce.custody.replay import ReplayReport
from sottovoce.custody.subject import ByContributor, ByConversation, ByCustomer, ByKeys, Subject
from sottovoce.errors import WorkspaceError
from sottovoce.sources.protocol import customer_token
from sottovoce.wiring.house import House

app = typer.Typer(help="Erase what was recorded of somebody, and follow it up.")
app.command("sources")(show_sources)

By = Annotated[
    str | None, typer.Option(help="Who asks: a pseudonymous id, such as dpo-1. By default whoever is signed in.")
]


@app.callback(invoke_without_command=True)
def erase(
    context: typer.Context,
    workspace: InWorkspace = HERE,
    *,
    conversation: Annotated[str | None, typer.Option(help="A conversation id.")] = None,
    customer: Annotated[
        Path | None,
        typer.Option(help="A file that holds the customer's number or reference; `-` reads it from standard input."),
    ] = None,
    contributor: Annotated[str | None, typer.Option(help="A contributor's opaque id.")] = None,
    recording: Annotated[list[str] | None, typer.Option(help="A recording's opaque key; may be given often.")] = None,
    by: By = None,
    why: Annotated[str, typer.Option(help="A code, such as GDPR_17.")] = "GDPR_17",
    certificate: Annotated[
        Path | None, typer.Option(help="Write the signed certificate here, and its ledger proof beside it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Shred the keys, delete the ciphertext, blank the records, sign a certificate. Asking again is safe."""
    if context.invoked_subcommand is not None:
        return
    if sum(map(bool, (conversation, customer, contributor, recording))) != 1:
        raise typer.BadParameter(
            "say whom to erase: --conversation, --customer, --contributor or --recording, one of them"
        )
    if customer is not None and str(customer) != "-" and not customer.is_file():
        raise typer.BadParameter(f"there is no file {customer.name} for --customer; `-` is standard input")
    if certificate is not None:
        _writable(certificate)
    house = house_at(workspace)
    subject = _subject(house, conversation, customer, contributor, recording)
    asked = by or house.actor
    report = house.eraser.erase(subject, requested_by=asked, why=why, at_source=True)
    _finish(house, report, certificate, by=asked, as_json=as_json)


@app.command()
def resume(
    workspace: InWorkspace = HERE,
    *,
    by: By = None,
    certificate: Annotated[Path | None, typer.Option(help="Write the signed certificate here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Go on with erasures that were interrupted, or that a key service or store held up."""
    house = house_at(workspace)
    asked = by or house.actor
    _finish(house, house.eraser.resume(requested_by=asked), certificate, by=asked, as_json=as_json)


@app.command()
def replay(
    workspace: InWorkspace = HERE,
    *,
    notes: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="A folder of signed notes, beside the store's own."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """After a restore: erase again whatever the backup brought back."""
    house = house_at(workspace)
    custody = house.custody
    report = custody.replayer.replay(custody.notes.read_folder(notes) if notes else ())
    house.ledger.checkpoint()
    if as_json:
        answer(_replayed(report))
    else:
        facts("Held against the list of erasures", _replayed(report))
        if report.quiet:
            say("Nothing had come back.")
    if report.unreached:
        raise typer.Exit(1)


@app.command("list")
def list_(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Every erasure that was certified, and what each still waits for."""
    house = house_at(workspace)
    rows = [as_facts(row) for row in house.custody.erasures()]
    if as_json:
        answer(rows)
        return
    if not rows:
        say("Nothing was erased yet.")
    columns = ("id", "at", "why", "recordings", "refused", "to tell", "to decide")
    table("Erasures", columns, [tuple(row.values()) for row in rows])


@app.command()
def impact(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Training runs and models that saw erased data, and what was decided about each."""
    house = house_at(workspace)
    now = house.clock()
    rows = [
        {
            "node": each.node,
            "erasure": each.erasure,
            "recordings": each.recordings,
            "due": each.due.date().isoformat(),
            "decision": each.decision.value if each.decision else ("overdue" if each.overdue(now) else "waiting"),
            "why": each.why or "",
        }
        for each in house.custody.impacts.list()
    ]
    if as_json:
        answer(rows)
        return
    if not rows:
        say("No training run saw anything that was erased.")
    columns = ("run or model", "erasure", "recordings", "due", "decision", "why")
    table("Saw what was erased", columns, [tuple(row.values()) for row in rows])


@app.command()
def decide(
    node: Annotated[str, typer.Argument(help="A run or model as `impact` shows it, such as model:asr-7.")],
    decision: Annotated[ModelDecision, typer.Argument(help="What becomes of it.")],
    workspace: InWorkspace = HERE,
    *,
    why: Annotated[str, typer.Option(help="A code, such as NEXT_CYCLE or NOT_MEMORISED.")],
    by: By = None,
    erasure: Annotated[str | None, typer.Option(help="For this erasure only; by default for all that wait.")] = None,
    as_json: AsJson = False,
) -> None:
    """Record what becomes of a run or model that saw erased data."""
    house = house_at(workspace)
    taken = house.custody.impacts.decide(node, decision, why=why, by=by or house.actor, erasure=erasure)
    house.ledger.checkpoint()
    shown = {"node": node, "decision": decision.value, "why": why, "erasures": taken}
    if as_json:
        answer(shown)
    else:
        facts("Decided", shown)


@app.command()
def notices(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Recipients of what was erased, and whether they were told."""
    house = house_at(workspace)
    told(house.custody.notices.list(), house.clock(), as_json=as_json)


@app.command()
def notify(workspace: InWorkspace = HERE, *, by: By = None, as_json: AsJson = False) -> None:
    """Tell every recipient that is not told yet. Exit code 1 when one could not be."""
    house = house_at(workspace)
    sent = house.custody.notices.send(by=by or house.actor)
    house.ledger.checkpoint()
    told(house.custody.notices.list(), house.clock(), as_json=as_json)
    if any(each.code for each in sent):
        raise typer.Exit(1)


@app.command()
def acknowledge(
    notice: Annotated[str, typer.Argument(help="The notice's id.")],
    workspace: InWorkspace = HERE,
    *,
    reference: Annotated[str, typer.Option(help="The recipient's own code for it.")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Record that a recipient confirmed."""
    house = house_at(workspace)
    house.custody.notices.acknowledge(notice, reference=reference, by=by or house.actor)
    house.ledger.checkpoint()
    told([each for each in house.custody.notices.list() if each.id == notice], house.clock(), as_json=as_json)


def _finish(house: House, report: ErasureReport, certificate: Path | None, *, by: str, as_json: bool) -> None:
    """Asks sources for what they still owe, signs the ledger, tells the collector, shows the report, writes proofs."""
    owed = house.custody.sources.pursue(by=by)
    house.ledger.checkpoint()
    house.custody.tell_quietly()
    if as_json:
        answer(describe(report))
    else:
        _show(report, certificate)
        owed_table(owed)
    if certificate is not None and report.certificate is not None and report.certified is not None:
        write_whole(certificate, report.certificate.encode())
        proof = certificate.with_name(f"{certificate.name}.tlog-proof")
        write_whole(proof, house.ledger.prove(report.certified).encode())
    if not report.complete:
        raise typer.Exit(1)


def _replayed(report: ReplayReport) -> dict[str, object]:
    return {
        "erasures on the list": report.erasures,
        "recordings on the list": report.listed,
        "recordings that had come back": len(report.revived),
        "keys that had come back": report.keys_revived,
        "objects deleted": report.objects_deleted,
        "tombstones put": report.tombstones,
        "certificates restored": report.certificates,
        "out of reach": len(report.unreached),
    }


def _writable(certificate: Path) -> None:
    """Known before anything is destroyed: what the certificate says can be said only once."""
    if certificate.is_dir() or not os.access(certificate.absolute().parent, os.W_OK):
        raise WorkspaceError(f"{certificate.name} cannot be written there", hint="name a file in a folder of yours")


def _subject(
    house: House,
    conversation: str | None,
    customer: Path | None,
    contributor: str | None,
    recording: list[str] | None,
) -> Subject:
    """A number never stands on the command line, where shells and process lists keep it."""
    if conversation is not None:
        return ByConversation(conversation_id=conversation)
    if contributor is not None:
        return ByContributor(contributor=contributor)
    if recording:
        return ByKeys(keys=tuple(recording), label="asked")
    assert customer is not None  # noqa: S101 - one of them is given
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
        "corpus_copies": list(report.copies),
        "recipients": [
            {"destination": r.destination, "deliveries": r.deliveries, "notice": r.notice} for r in report.recipients
        ],
        "at_source": dict(report.at_source),
        "impacts": [{"node": i.node, "recordings": i.recordings, "due": i.due.isoformat()} for i in report.impacts],
        "unreached": [{"recording": u.recording, "node": u.node, "code": u.code} for u in report.unreached],
        "remains": list(report.remains),
        "ledger_entries": list(report.ledger),
        "certified": report.certified,
        "traces_gone": report.traces_gone,
        "complete": report.complete,
        "certificate": report.certificate,
        "opening": _opening(report),
    }


REMAINS: Final = {
    BACKUPS: "backups of the key store, until its epoch is rolled (`sottovoce keys roll`)",
    FROZEN_KEY: "the key of held recordings, until the hold is lifted",
    "CERTIFICATE_NOT_COPIED": "no copy of the certificate beside the list of erasures: keep this one",
    ARCHIVES: "the database server's own log and archives, until they age out",
}


def remaining(report: ErasureReport) -> str:
    """What lives on for a while, in words."""
    return "; ".join(REMAINS.get(code, code) for code in report.remains) or "nothing"


def _numbers(ledger: tuple[int, ...]) -> object:
    """All of a few, and the ends of many."""
    return ledger if len(ledger) <= _FEW else f"{len(ledger)}, from {ledger[0]} to {ledger[-1]}"


_FEW: Final = 12


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
            "ledger entries": _numbers(report.ledger),
            "still elsewhere": remaining(report),
            "at the source": ", ".join(f"{n} {state}" for state, n in report.at_source.items()) or "not asked",
            "certificate": certificate or "kept in the registry",
            "opening, for the subject alone": _opening(report) or "none",
        },
    )
    if report.refused:
        table(
            "Kept by law", ("recording", "reason", "since"), [(r.recording, r.reason, r.since) for r in report.refused]
        )
        say(
            f"Their keys are frozen; the corpus copy of {len(report.copies)} of them went. The rest goes with the hold."
        )
    table(
        "To be told (`sottovoce erase notify`)",
        ("destination", "deliveries", "notice"),
        [(r.destination, r.deliveries, r.notice) for r in report.recipients],
    )
    table(
        "To be decided upon (`sottovoce erase decide`)",
        ("run or model", "recordings it saw", "by"),
        [(i.node, i.recordings, i.due.date()) for i in report.impacts],
    )
    if report.unreached:
        table("Out of reach", ("recording", "what", "code"), [(u.recording, u.node, u.code) for u in report.unreached])
